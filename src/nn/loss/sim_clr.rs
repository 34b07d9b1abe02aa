//! The `SimCLR` loss of two views.

use burn::tensor::{Bool, Tensor};

use super::log_sum::log_sum_exp_of_rows;
use super::two_views::{self, diagonal, off_diagonal};
use super::{Embedded, Loss, Needs, zero};
use crate::layer::Cx;
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// SimCLR's NT-Xent (Chen et al., 2020, arXiv:2002.05709): the other view of an example is to be found among all other rows
    /// of the batch. With rows `a` and `b` of the two views at unit length, the similarity `s = x.y / T`, and the sums over all
    /// rows of both views but the row itself, the loss of an example is
    ///
    /// `log(sum exp(s(a, .))) - s(a, b) + log(sum exp(s(b, .))) - s(b, a)`
    ///
    /// the sum over its two rows, as TensorFlow Similarity has it (the paper halves it). The batch's loss is the mean over its
    /// examples. No label is looked at: `views = 2` says which rows belong together.
    ///
    /// # Shapes
    ///
    /// `[2 examples, dim]` embeddings, view after view, become `[examples]` losses, 0 or more.
    ///
    /// # Example
    ///
    /// ```toml
    /// { simclr = { temperature = 0.1 } }
    /// views = 2
    /// ```
    pub struct SimClr {
        /// `T`: the lower, the more the nearest wrong row counts; the paper takes 0.1 to 0.5.
        #[aka("tau", "T", "temp")]
        temperature: f64 = 0.05 => check::positive(),
    }
}

impl Loss for SimClr {
    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn needs(&self) -> Needs {
        Needs { two_views: true, ..Needs::default() }
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        match two_views::of(batch, 1) {
            Some([a, b]) => ops::mean(self.per_example(a, b)),
            None => zero(batch),
        }
    }
}

impl SimClr {
    /// The loss of each example, `[examples]`, from its two views.
    fn per_example(&self, a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
        let (a, b) = (ops::l2_normalize(a), ops::l2_normalize(b));
        (self.contrast(&a, &b) + self.contrast(&b, &a)).squeeze_dim(1)
    }

    /// The loss of the rows of `a` alone, `[examples, 1]`.
    fn contrast(&self, a: &Tensor<2>, b: &Tensor<2>) -> Tensor<2> {
        let similarity = |to: &Tensor<2>| ops::product(a.clone(), to.clone().transpose()).div_scalar(self.temperature);
        let across = similarity(b);
        let itself: Tensor<2, Bool> = off_diagonal(a.dims()[0], a).bool_not();
        let within = similarity(a).mask_fill(itself, f32::NEG_INFINITY);
        log_sum_exp_of_rows(Tensor::cat(vec![across.clone(), within], 1)) - diagonal(&across)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::two_views::tests::two_views;

    #[test]
    fn values_and_gradients_are_tensorflow_similaritys() {
        two_views("SimCLRLoss", 2, |_| (), SimClr::per_example);
    }
}
