//! Losses with learned weights.

use super::matrix;
use super::names::{self, Library};
use super::trial::Trial;
use crate::loss::LossSpec;
use simpipe_base::golden::{Array, Case, CaseError, Comparison, field, object, value};

/// Files hold a few.
const MOST_CLASSES: i32 = 1 << 20;

/// Value, gradient and gradient by the weights, whose start the case gives.
pub(super) fn evaluate(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let loss = names::loss(Library::PytorchMetricLearning, "", case)?;
    let embeddings = matrix(case, "embeddings")?;
    let labels: Vec<i32> = value(&case.input, "labels")?;
    let theirs = object(&case.input, "weights")?;
    let Some((name, start)) = theirs.iter().next().filter(|_| theirs.len() == 1) else {
        return Err(CaseError::unknown("more than one tensor of weights, or none"));
    };
    let start = Array::any(start)?;
    let dim = embeddings.shape[1];
    // How much each class has of the weights, of which some losses have a set for all.
    let [of_one, of_two] = [1, 2].map(|classes| size(&loss, dim, classes));
    let of_a_class = of_two.saturating_sub(of_one);
    let classes = match start.values.len().checked_div(of_a_class) {
        Some(classes) => i32::try_from(classes).unwrap_or(i32::MAX),
        None => labels.iter().max().map_or(1, |most| most.saturating_add(1)),
    };
    if classes > MOST_CLASSES || labels.iter().any(|label| !(0..classes).contains(label)) {
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

/// How many numbers the loss learns for so many classes.
fn size(loss: &LossSpec, dim: usize, classes: i32) -> usize {
    Trial::new(loss.clone(), dim, (0..classes).collect()).weights().0.values().map(|one| one.1.len()).sum()
}
