//! Rules of training: how weights and learning rates change.

use burn::tensor::{Device, Tensor};
use serde_json::{Map, Value as Json, json};

use super::{read, same_length, values};
use crate::optim::{Optimizer, Tick};
use crate::parameters::Updated;
use crate::schedule::Schedule;
use simpipe_base::golden::{Case, CaseError, Comparison, field, fields, items, number, numbers, text, value};
use simpipe_base::param;

/// The value of one weight after each step of Keras' Adam.
pub(super) fn adam(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let params: Map<String, Json> =
        fields(&case.params)?.iter().map(|(name, value)| (param::kebab(name), value.clone())).collect();
    let adam: Optimizer = read(&json!({ "adam": params }))?;
    let start = flat(field(&case.input, "value")?)?;
    let shape = [start.dims()[0]];
    let of = Updated { path: "weight", shape: &shape, rate_factor: 1.0, group: None };
    let steps = items(&case.expected, "steps")?.iter();
    let steps = steps.map(|step| Ok((1.0, field(step, "gradient")?, field(step, "value")?)));
    updated(&adam, &of, start, steps, to)
}

/// The value of one weight after each step of an optimiser as a spec writes it, at scheduled rates.
pub(super) fn optimizer(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let optimizer: Optimizer = read(field(&case.params, "optimizer")?)?;
    let shape: Vec<usize> = value(&case.input, "shape")?;
    let start = flat(field(&case.input, "value")?)?;
    let size = shape.iter().try_fold(1_usize, |size, side| size.checked_mul(*side));
    same_length("numbers of `shape` and `value`", size.unwrap_or(usize::MAX), start.dims()[0])?;
    let of = Updated { path: text(&case.input, "path")?, shape: &shape, rate_factor: 1.0, group: None };
    let (schedule, gradients) = (numbers(field(&case.input, "schedule")?)?, items(&case.input, "gradients")?);
    let expected = items(&case.expected, "values")?;
    same_length("steps of `schedule` and `gradients`", schedule.len(), gradients.len())?;
    same_length("steps of `gradients` and `values`", gradients.len(), expected.len())?;
    let steps = schedule.into_iter().zip(gradients).zip(expected);
    let steps = steps.map(|((schedule, gradient), expected)| Ok((schedule, gradient, expected)));
    updated(&optimizer, &of, start, steps, to)
}

/// Makes steps, each with what the schedule gives, a gradient and the value expected behind it.
fn updated<'a>(
    optimizer: &Optimizer,
    of: &Updated<'_>,
    start: Tensor<1>,
    steps: impl Iterator<Item = Result<(f64, &'a Json, &'a Json), CaseError>>,
    to: &mut Comparison,
) -> Result<(), CaseError> {
    let rule = optimizer.as_dyn();
    let mut slots: Vec<Tensor<1>> = rule.slots(of).iter().map(|_| start.zeros_like()).collect();
    let mut value = start;
    for (step, given) in (1..).zip(steps) {
        let (schedule, gradient, expected) = given?;
        let gradient = flat(gradient)?;
        same_length("gradients and weights", gradient.dims()[0], value.dims()[0])?;
        value = rule.update(Tick { step, schedule, factor: 1.0 }, of, value, gradient, &mut slots);
        to.list(&format!("step {step}"), values(value.clone()), expected)?;
    }
    Ok(())
}

/// The numbers of a weight, or of its gradient.
fn flat(json: &Json) -> Result<Tensor<1>, CaseError> {
    #[expect(clippy::cast_possible_truncation, reason = "the references computed in f32")]
    let values: Vec<f32> = numbers(json)?.into_iter().map(|number| number as f32).collect();
    if values.is_empty() {
        return Err(CaseError::malformed("weights without a number"));
    }
    Ok(Tensor::from_floats(&values[..], &Device::flex()))
}

/// The learning rate at given steps.
pub(super) fn warmup_cosine(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let peak = number(field(&case.params, "max_learning_rate")?)?;
    let total: u64 = value(&case.params, "total_steps")?;
    let given = |name: &str| case.params.get(name).cloned().unwrap_or_else(|| 0.into());
    let params = json!({ "warmup-steps": given("warmup_steps"), "floor": given("alpha") });
    let schedule: Schedule = read(&json!({ "warmup-cosine": params }))?;
    let steps: Vec<u64> = value(&case.input, "steps")?;
    let rates = steps.iter().map(|step| peak * schedule.as_dyn().factor(*step, total));
    to.list("learning_rate", rates, field(&case.expected, "learning_rate")?)
}
