//! The PN loss: the triplet loss with the negative kept from the positive too.

use burn::tensor::{Bool, Tensor};

use super::distances::pairwise;
use super::mining::{Incomplete, Mined, NegativeMining, PositiveMining, only_first};
use super::multi_similarity::smaller_is_nearer;
use super::{Embedded, Loss, Needs};
use crate::artifact::Distance;
use crate::base::check;
use crate::nn::layer::Cx;
use crate::nn::ops;
use crate::params;

params! {
    /// PN loss (Taha et al., 2020, arXiv:1904.12689, "Boosting standard classification architectures through a ranking
    /// regularizer"), as TensorFlow Similarity has it: `triplet` with
    ///
    /// `dn = min(d(anchor, negative), d(positive, negative))`
    ///
    /// in place of the anchor's own distance, so that the negative is kept from both. Mining, margin, mean and incomplete rows are those
    /// of `triplet`; of positives or negatives that are equally far, the first is the one that is compared.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings and `batch` labels become `[batch]` losses, 0 or more.
    pub struct Pn {
        /// How near two embeddings are; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Cosine => smaller_is_nearer(),
        /// Which positive of an anchor counts.
        #[aka("positive_mining_strategy", "positives")]
        positive_mining: PositiveMining = PositiveMining::Hard,
        /// Which negative of an anchor counts.
        #[aka("negative_mining_strategy", "negatives", "mining")]
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

impl Loss for Pn {
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

impl Pn {
    /// The loss of each row, `[batch]`.
    pub(super) fn per_example(&self, batch: &Embedded<'_>) -> Tensor<1> {
        let distance = batch.distances(self.distance); // [batch, references]
        let mined =
            Mined::new(&distance, batch.pairs(), &self.positive_mining, &self.negative_mining, &self.incomplete);
        let references = batch.references();
        let chosen = |mask: &Tensor<2, Bool>| ops::product(only_first(mask).float(), references.clone()); // [batch, dim]
        let [positive, negative] = [&mined.positives, &mined.negatives].map(chosen);
        // Between each positive and its negative: what stands on the diagonal of all pairs.
        let between = pairwise(self.distance, positive, negative);
        let rows = between.dims()[0];
        let other = Tensor::<2, Bool>::diag_mask([rows, rows], 0, &between.device());
        let between = between.mask_fill(other, 0.0).sum_dim(1); // [batch, 1]
        let nearer = between.clone().lower_equal(mined.negative.clone());
        let nearest = mined.negative.clone().mask_where(nearer, between);
        mined.loss_of(mined.positive.clone() - nearest, self.margin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::golden;
    use crate::nn::loss::tfs_tests::{self, Off};

    /// As in `triplet`, rows without a positive or without a negative differ: 177 in 21 cases.
    #[test]
    fn values_and_gradients_are_tensorflow_similaritys() {
        let seen = tfs_tests::per_example(golden::file!("loss_pn"), Pn::per_example);
        assert_eq!(seen, Off { cases: 60, differing: 21, rows: 177 });
    }
}
