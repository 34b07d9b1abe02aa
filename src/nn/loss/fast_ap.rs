//! The FastAP loss.

use burn::tensor::{Tensor, activation};

use super::reducer::{ReducerSpec, of_pairs};
use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// FastAP (Cakir et al., 2019): one less the average precision of each anchor, by histograms of its squared euclidean
    /// distances at unit length. With the positives `h+` of a bin, all positives `H+` and all rows `H` up to it, that is
    /// `sum h+ H+ / H` by the number of positives. A distance counts in the two bins next to it, linearly. Anchors without
    /// positives do not count. What a miner chooses weighs the anchors.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct FastAp {
        /// Bins from 0 to the largest distance, 4.
        #[aka("bins", "n_bins")]
        num_bins: usize = 10 => check::between(1, 4096),
        /// How the anchors' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::Mean => of_pairs(),
    }
}

impl Loss for FastAp {
    fn distance(&self) -> Distance {
        Distance::SquaredEuclidean
    }

    fn needs(&self) -> Needs {
        Needs::pairs()
    }

    fn takes_miner(&self) -> bool {
        true
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        const LARGEST: f64 = 4.0; // of two directions, opposite ones
        let masks = batch.pairs();
        let (positive, negative) = (masks.positive.clone().float(), masks.negative.clone().float());
        let count = positive.clone().sum_dim(1); // [batch, 1]
        let far = batch.unit_distances(Distance::SquaredEuclidean);
        #[expect(clippy::cast_precision_loss, reason = "a number of bins")]
        let width = LARGEST / self.num_bins as f64;
        let nothing = || Tensor::<2>::zeros(count.dims(), &far.device());
        let (mut positives_so_far, mut all_so_far, mut precision) = (nothing(), nothing(), nothing());
        for bin in 0..=self.num_bins {
            #[expect(clippy::cast_precision_loss, reason = "a number of bins")]
            let offset = far.clone().sub_scalar(bin as f64 * width).abs().div_scalar(width);
            let share = activation::relu(offset.neg().add_scalar(1.0)); // [batch, references]
            let positives = (share.clone() * positive.clone()).sum_dim(1);
            positives_so_far = positives_so_far + positives.clone();
            all_so_far = all_so_far + positives.clone() + (share * negative.clone()).sum_dim(1);
            let product = positives * positives_so_far.clone();
            let empty = product.clone().lower_equal_scalar(0.0);
            precision = precision + (product / all_so_far.clone().mask_fill(empty.clone(), 1.0)).mask_fill(empty, 0.0);
        }
        let average = precision / count.clone().clamp_min(1.0);
        let losses = average.neg().add_scalar(1.0) * batch.row_weights();
        self.reducer.reduce(losses, count.greater_scalar(0.0).float(), batch.labels)
    }
}
