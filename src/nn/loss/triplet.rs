//! The triplet loss with one mined positive and negative for each anchor.

use burn::tensor::Tensor;

use super::Embedded;
use super::mining::{Mined, loss_of_mined_triplets};

loss_of_mined_triplets! {
    /// Triplet loss (Schroff et al., 2015, arXiv:1503.03832), with the mining of TensorFlow Similarity: each row is an anchor
    /// with one positive at distance `dp` and one negative at distance `dn`, and its loss is
    ///
    /// `max(0, dp - dn + margin)`, or `log(1 + exp(dp - dn))` without a margin (Hermans et al., 2017, arXiv:1703.07737).
    ///
    /// The batch's loss is the mean over *all* its rows. A row without a positive or without a negative counts 0, unless
    /// `incomplete` says otherwise: TensorFlow Similarity takes a distance of the row's own that means nothing. Positives
    /// that are equally far share the gradient.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings and `batch` labels become `[batch]` losses, 0 or more.
    Triplet
}

impl Triplet {
    /// How much farther the negative of each anchor is than its positive, negated: `[batch, 1]`.
    fn gap(&self, mined: &Mined, _: &Embedded<'_>) -> Tensor<2> {
        mined.positive.clone() - mined.negative.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::loss::tfs_tests::{self, Off};

    /// The 21 cases that differ, in 188 rows: those where a row has no positive (`singleton`, one row each) or no negative
    /// (`one-class`). TensorFlow Similarity multiplies by masks, so such a row's farthest distance comes out as its smallest
    /// less 1e-6, and its nearest as its largest plus 1e-6: neither is a pair's. Here the row counts 0.
    #[test]
    fn values_and_gradients_are_tensorflow_similaritys() {
        let seen = tfs_tests::per_example(golden::file!("loss_triplet"), Triplet::per_example);
        assert_eq!(seen, Off { cases: 65, differing: 21, rows: 188 });
    }
}
