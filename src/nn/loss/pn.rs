//! The PN loss: the triplet loss with the negative kept from the positive too.

use burn::tensor::{Bool, Tensor};

use super::Embedded;
use super::distances::pairwise;
use super::mining::{Mined, loss_of_mined_triplets, only_first};
use crate::ops;

loss_of_mined_triplets! {
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
    Pn
}

impl Pn {
    /// How much farther the negative of each anchor is from it, or from its positive, than these are from each other, negated:
    /// `[batch, 1]`.
    fn gap(&self, mined: &Mined, batch: &Embedded<'_>) -> Tensor<2> {
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
        mined.positive.clone() - nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::loss::tfs_tests::{self, Off};

    /// As in `triplet`, rows without a positive or without a negative differ: 177 in 21 cases.
    #[test]
    fn values_and_gradients_are_tensorflow_similaritys() {
        let seen = tfs_tests::per_example(golden::file!("loss_pn"), Pn::per_example);
        assert_eq!(seen, Off { cases: 60, differing: 21, rows: 177 });
    }
}
