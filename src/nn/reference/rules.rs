//! Rules of training: how weights and learning rates change.

use burn::tensor::{Device, Tensor};
use serde_json::{Map, Value as Json, json};

use super::{read, same_length, values};
use crate::base::golden::{Case, CaseError, Comparison, field, fields, items, number, numbers, value};
use crate::base::param;
use crate::nn::optim::{Optimizer, Tick};
use crate::nn::parameters::Updated;
use crate::nn::schedule::Schedule;

/// The value of one weight after each step.
pub(super) fn adam(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let params: Map<String, Json> =
        fields(&case.params)?.iter().map(|(name, value)| (param::kebab(name), value.clone())).collect();
    let adam: Optimizer = read(&json!({ "adam": params }))?;
    let rule = adam.as_dyn();
    let device = Device::flex();
    let flat = |json: &Json| -> Result<Tensor<1>, CaseError> {
        #[expect(clippy::cast_possible_truncation, reason = "the references computed in f32")]
        let values: Vec<f32> = numbers(json)?.into_iter().map(|number| number as f32).collect();
        if values.is_empty() {
            return Err(CaseError::malformed("weights without a number"));
        }
        Ok(Tensor::from_floats(&values[..], &device))
    };
    let mut value = flat(field(&case.input, "value")?)?;
    let shape = [value.dims()[0]];
    let of = Updated { path: "weight", shape: &shape, rate_factor: 1.0, group: None };
    let mut slots: Vec<Tensor<1>> = rule.slots(&of).iter().map(|_| value.zeros_like()).collect();
    for (step, expected) in (1..).zip(items(&case.expected, "steps")?) {
        let gradient = flat(field(expected, "gradient")?)?;
        same_length("gradients and weights", gradient.dims()[0], value.dims()[0])?;
        value = rule.update(Tick { step, schedule: 1.0, factor: 1.0 }, &of, value, gradient, &mut slots);
        to.list(&format!("step {step}"), values(value.clone()), field(expected, "value")?)?;
    }
    Ok(())
}

/// The learning rate at given steps.
pub(super) fn warmup_cosine(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let peak = number(field(&case.params, "max_learning_rate")?)?;
    let total: u64 = value(&case.params, "total_steps")?;
    let (warmup, floor) = (field(&case.params, "warmup_steps")?, field(&case.params, "alpha")?);
    let schedule: Schedule = read(&json!({ "warmup-cosine": { "warmup-steps": warmup, "floor": floor } }))?;
    let steps: Vec<u64> = value(&case.input, "steps")?;
    let rates = steps.iter().map(|step| peak * schedule.as_dyn().factor(*step, total));
    to.list("learning_rate", rates, field(&case.expected, "learning_rate")?)
}
