//! Several steps of every rule against numbers of an independent program in `f64`:
//! `tests/fixtures/golden/generate/optimizers.py`.

use burn::tensor::{Device, Tensor};

use super::{Optimizer, Rule, Tick};
use crate::golden::{self, Golden};
use crate::parameters::Updated;
use simpipe_base::param;

/// Makes the steps of every case of this rule.
pub(super) fn assert_steps(name: &str) {
    let golden = Golden::read(golden::file!("optimizers"));
    let of_rule =
        |case: &&golden::Case| case.params["optimizer"].as_object().is_some_and(|rule| rule.contains_key(name));
    let cases: Vec<_> = golden.cases.iter().filter(of_rule).collect();
    assert!(!cases.is_empty(), "no case of `{name}`");
    let device = Device::flex();
    for (at, case) in cases.into_iter().enumerate() {
        let optimizer: Optimizer = param::from_json(&case.params["optimizer"]).unwrap();
        let shape: Vec<usize> = serde_json::from_value(case.input["shape"].clone()).unwrap();
        let path = case.input["path"].as_str().unwrap();
        let of = Updated { path, shape: &shape, rate_factor: 1.0, group: None };
        let flat = |json: &serde_json::Value| Tensor::<1>::from_floats(&golden::floats(json)[..], &device);
        let rule: &dyn Rule = optimizer.as_dyn();
        let mut value = flat(&case.input["value"]);
        let mut slots: Vec<Tensor<1>> = rule.slots(&of).iter().map(|_| value.zeros_like()).collect();
        let schedule = golden::numbers(&case.input["schedule"]);
        let gradients = case.input["gradients"].as_array().unwrap();
        for (step, (gradient, schedule)) in gradients.iter().zip(schedule).enumerate() {
            let tick = Tick { step: step as u64 + 1, schedule, factor: 1.0 };
            value = rule.update(tick, &of, value, flat(gradient), &mut slots);
            let found = value.to_data().try_into_vec::<f32>().unwrap();
            let what = format!("case {at} of `{name}`, step {step}");
            golden::assert_close(&found, &case.expected["values"][step], golden.tolerance, &what);
        }
    }
}
