//! What losses that tell classes apart share: cosines to the classes' learned directions, margins on the own class, and
//! the cross-entropy behind them.

use burn::tensor::{Tensor, activation};

use super::Embedded;
use crate::ops;

/// Squared lengths below this count as this much, where the root has no gradient.
const SMALLEST_SQUARE: f64 = 1e-24;

/// The cosine of every row to every learned direction.
///
/// # Shapes
/// `directions`: `[dim, n]`, of any length; returns `[batch, n]`.
pub(super) fn cosines(batch: &Embedded<'_>, directions: Tensor<2>) -> Tensor<2> {
    let directions = ops::l2_normalize(directions.transpose()); // [n, dim]
    ops::product(batch.directions(), directions.transpose())
}

/// The length of every row, `[rows, dim]` to `[rows, 1]`; a row of zeros has a gradient of 0.
pub(super) fn lengths(rows: Tensor<2>) -> Tensor<2> {
    rows.square().sum_dim(1).clamp_min(SMALLEST_SQUARE).sqrt()
}

/// The logits with `margin` in place of those of each row's own class. Rows of a class that is not trained on stay.
///
/// # Shapes
/// `logits` and the result: `[batch, classes]`; `margin` is asked for `[batch, 1]`.
pub(super) fn with_margin(
    batch: &Embedded<'_>,
    logits: Tensor<2>,
    margin: impl FnOnce(Tensor<2>) -> Tensor<2>,
) -> Tensor<2> {
    let own_class = batch.one_hot();
    let own = (logits.clone() * own_class.clone()).sum_dim(1); // [batch, 1]
    logits + own_class * (margin(own.clone()) - own)
}

/// The mean over all rows of `-sum_c q_c log softmax(logits)_c`; `q` is 1 for the row's own class, of which `smoothing`
/// is spread over all classes (Szegedy et al., 2016, arXiv:1512.00567). A row of a class that is not trained on has a
/// loss of 0.
///
/// # Shapes
/// `logits`: `[batch, classes]`; returns `[1]`.
pub(super) fn cross_entropy(batch: &Embedded<'_>, logits: Tensor<2>, smoothing: f64) -> Tensor<1> {
    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
    let rows = batch.labels.len() as f64;
    summed_cross_entropy(batch, logits, smoothing).div_scalar(rows)
}

/// The sum over all rows that [`cross_entropy`] takes the mean of.
pub(super) fn summed_cross_entropy(batch: &Embedded<'_>, logits: Tensor<2>, smoothing: f64) -> Tensor<1> {
    let likelihood = activation::log_softmax(logits, 1) * smoothed(batch.one_hot(), smoothing);
    ops::sum(likelihood).neg()
}

/// What each row should be taken for: `[batch, classes]`.
fn smoothed(one_hot: Tensor<2>, smoothing: f64) -> Tensor<2> {
    if smoothing == 0.0 {
        return one_hot;
    }
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 classes")]
    let classes = one_hot.dims()[1] as f64;
    let known = one_hot.clone().sum_dim(1); // [batch, 1]
    one_hot.mul_scalar(1.0 - smoothing) + known.mul_scalar(smoothing / classes)
}
