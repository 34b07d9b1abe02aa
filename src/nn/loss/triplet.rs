//! The triplet loss with one mined positive and negative for each anchor.

use burn::tensor::Tensor;

use super::mining::{Incomplete, Mined, NegativeMining, PositiveMining};
use super::multi_similarity::smaller_is_nearer;
use super::{Embedded, Loss, Needs};
use crate::artifact::Distance;
use crate::base::check;
use crate::nn::layer::Cx;
use crate::nn::ops;
use crate::params;

params! {
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
    pub struct Triplet {
        /// How near two embeddings are; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Cosine => smaller_is_nearer(),
        /// Which positive of an anchor counts.
        #[aka("positive_mining_strategy", "positives", "type_of_positives")]
        positive_mining: PositiveMining = PositiveMining::Hard,
        /// Which negative of an anchor counts.
        #[aka("negative_mining_strategy", "negatives", "mining", "type_of_triplets")]
        negative_mining: NegativeMining = NegativeMining::SemiHard,
        /// How much farther than the positive the negative must be; if it is left out, farther is always better.
        #[aka("alpha", "gap")]
        margin: Option<f64> = None => check::not_negative().optional(),
        /// What a row without a positive or without a negative counts.
        #[since = 2]
        #[aka("empty", "missing", "rows_without_pairs")]
        incomplete: Incomplete = Incomplete::Zero,
    }
}

impl Loss for Triplet {
    fn distance(&self) -> Distance {
        self.distance
    }

    fn needs(&self) -> Needs {
        Needs { positive_pairs: true, negative_pairs: true, ..Needs::default() }
    }

    fn rows(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Option<Tensor<1>> {
        Some(self.per_example(batch))
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        ops::mean(self.per_example(batch))
    }
}

impl Triplet {
    /// The loss of each row, `[batch]`.
    pub(super) fn per_example(&self, batch: &Embedded<'_>) -> Tensor<1> {
        let distance = batch.distances(self.distance); // [batch, references]
        let mined =
            Mined::new(&distance, batch.pairs(), &self.positive_mining, &self.negative_mining, &self.incomplete);
        mined.loss_of(mined.positive.clone() - mined.negative.clone(), self.margin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::golden;
    use crate::nn::loss::tfs_tests::{self, Off};

    /// The 21 cases that differ, in 188 rows: those where a row has no positive (`singleton`, one row each) or no negative
    /// (`one-class`). TensorFlow Similarity multiplies by masks, so such a row's farthest distance comes out as its smallest
    /// less 1e-6, and its nearest as its largest plus 1e-6: neither is a pair's. Here the row counts 0.
    #[test]
    fn values_and_gradients_are_tensorflow_similaritys() {
        let seen = tfs_tests::per_example(golden::file!("loss_triplet"), Triplet::per_example);
        assert_eq!(seen, Off { cases: 65, differing: 21, rows: 188 });
    }
}
