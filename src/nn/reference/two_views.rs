//! Losses of two views of every example.

use burn::tensor::Device;

use super::names::{self, Library};
use super::trial::{Trial, halves, stacked};
use super::{matrix, tensor, values};
use crate::loss::{LossSpec, SimSiam};
use simpipe_base::golden::{Case, CaseError, Comparison, field, number, numbers};

/// The mean and the gradients by both views.
pub(super) fn views(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let loss = names::loss(Library::TensorflowSimilarity, "", case)?;
    let both = stacked(&matrix(case, "za")?, &matrix(case, "zb")?)?;
    if let LossSpec::SimSiam(loss) = &loss {
        return predicted(loss, case, to);
    }
    // The reference's Barlow adds a constant that trains nothing.
    let constant = match (&loss, case.params.get("margin")) {
        (LossSpec::Barlow(_), Some(margin)) => number(margin)?,
        _ => 0.0,
    };
    let labels = examples(both.shape[0])?;
    let outcome = Trial::of_labels(loss, both.shape[1], &labels).step(&both, &labels, 2)?;
    to.list("mean", [f64::from(outcome.value) + constant], field(&case.expected, "mean")?)?;
    let (first, second) = halves(&outcome.gradient);
    to.list("grad_a", first.iter().copied(), field(&case.expected, "grad_a")?)?;
    to.list("grad_b", second.iter().copied(), field(&case.expected, "grad_b")?)?;
    let rows = numbers(field(&case.expected, "value")?)?;
    match outcome.rows.filter(|_| rows.len() > 1) {
        Some(found) => to.list("value", found, field(&case.expected, "value")?),
        None => Ok(()),
    }
}

/// SimSiam's loss of what was predicted: the reference's has no predictor of its own.
fn predicted(loss: &SimSiam, case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let device = Device::flex().autodiff();
    let projected = tensor::<2>(&matrix(case, "za")?, &device);
    let predicted = tensor::<2>(&matrix(case, "zb")?, &device).require_grad();
    let rows = loss.per_example(projected, predicted.clone());
    let mean = rows.clone().mean();
    to.list("value", values(rows), field(&case.expected, "value")?)?;
    to.list("mean", values(mean.clone()), field(&case.expected, "mean")?)?;
    let gradient = predicted.grad(&mean.backward()).map_or_else(Vec::new, values);
    to.list("grad_b", gradient, field(&case.expected, "grad_b")?)
}

/// The ranking loss, of which the reference adds every row's diagonal to every row: a matrix, whose mean is ours.
pub(super) fn ranking(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let loss = names::loss(Library::TensorflowSimilarity, "MultiNegativesRankLoss", case)?;
    let both = stacked(&matrix(case, "query")?, &matrix(case, "key")?)?;
    let labels = examples(both.shape[0])?;
    let outcome = Trial::of_labels(loss, both.shape[1], &labels).step(&both, &labels, 2)?;
    let all = numbers(field(&case.expected, "per_example")?)?;
    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 pairs")]
    let mean = all.iter().sum::<f64>() / all.len().max(1) as f64;
    to.value("mean", outcome.value.into(), mean);
    Ok(())
}

/// Every example as a class of its own, view after view.
fn examples(rows: usize) -> Result<Vec<i32>, CaseError> {
    let count = i32::try_from(rows / 2).map_err(|_| CaseError::malformed("too many rows"))?;
    Ok((0..count).chain(0..count).collect())
}
