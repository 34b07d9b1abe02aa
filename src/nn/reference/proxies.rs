//! Losses with learned weights.

use super::matrix;
use super::names::{self, Library};
use super::trial::Trial;
use crate::base::golden::{Array, Case, CaseError, Comparison, field, object, value};

/// Value, gradient and gradient by the weights, whose start the case gives.
pub(super) fn evaluate(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let loss = names::loss(Library::PytorchMetricLearning, "", case)?;
    let embeddings = matrix(case, "embeddings")?;
    let labels: Vec<i32> = value(&case.input, "labels")?;
    let theirs = object(&case.input, "weights")?;
    let Some((name, start)) = theirs.iter().next().filter(|_| theirs.len() == 1) else {
        return Err(CaseError::unknown("more than one tensor of weights, or none"));
    };
    let start = Array::read(start, 2)?;
    let dim = embeddings.shape[1];
    let of_one_class: usize = Trial::new(loss.clone(), dim, vec![0]).weights().0.values().map(|one| one.1.len()).sum();
    let classes = i32::try_from(start.values.len() / of_one_class.max(1)).unwrap_or(i32::MAX);
    if labels.iter().any(|label| !(0..classes).contains(label)) {
        return Err(CaseError::malformed(format!("a label that is none of {classes} classes")));
    }
    let mut trial = Trial::new(loss, dim, (0..classes).collect());
    let mut weights = trial.weights();
    let Some((path, own)) = weights.0.iter_mut().next() else {
        return Err(CaseError::unknown("weights of a loss that learns none"));
    };
    let path = path.clone();
    *own = (start.shape, start.values);
    trial.set(&weights)?;
    let outcome = trial.step(&embeddings, &labels, 1)?;
    to.list("value", [outcome.value], field(&case.expected, "value")?)?;
    to.list("gradient", outcome.gradient, field(&case.expected, "gradient")?)?;
    let expected = field(field(&case.expected, "weight_gradients")?, name)?;
    let found = outcome.weight_gradients.get(&path).cloned().unwrap_or_default();
    to.list("weight gradient", found, expected)
}
