//! The soft nearest neighbour loss.

use burn::tensor::Tensor;

use super::multi_similarity::smaller_is_nearer;
use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Soft nearest neighbour loss (Frosst, Papernot and Hinton, 2019, arXiv:1902.01889): how likely a neighbour drawn by
    /// distance is of the anchor's own class. With the distance `d` and a temperature `T` the loss of a row is
    ///
    /// `-log(1e-9 + sum_P exp(-d / T) / sum_others exp(-d / T))`
    ///
    /// and the batch's loss is the mean over *all* its rows; one without a positive or without a negative counts 0. The sums
    /// are taken from each row's nearest on, so that rows far from all others have a loss too.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings and `batch` labels become `[batch]` losses, 0 to about 20.7.
    pub struct SoftNearestNeighbor {
        /// How near two embeddings are; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::SquaredEuclidean => smaller_is_nearer(),
        /// `T`: the lower, the more the nearest neighbours alone count.
        #[aka("tau", "T", "temp")]
        temperature: f64 = 1.0 => check::positive(),
    }
}

/// Bounds the loss of a row whose positives are hopelessly far.
const SMALLEST_SHARE: f64 = 1e-9;

impl Loss for SoftNearestNeighbor {
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

impl SoftNearestNeighbor {
    /// The loss of each row, `[batch]`.
    pub(super) fn per_example(&self, batch: &Embedded<'_>) -> Tensor<1> {
        let pairs = batch.pairs();
        let (positive, negative) = (pairs.positive.clone(), pairs.negative.clone());
        let complete = positive.clone().any_dim(1).bool_and(negative.clone().any_dim(1)); // [batch, 1]
        let other = positive.clone().bool_or(negative);
        let near = batch.distances(self.distance).div_scalar(-self.temperature);
        let near = near.mask_fill(other.bool_not(), f32::NEG_INFINITY); // [batch, references]
        // A row without others has no nearest one.
        let nearest = near.clone().detach().max_dim(1).clamp_min(f32::MIN);
        let weight = (near - nearest).exp();
        let all = weight.clone().sum_dim(1).mask_fill(complete.clone().bool_not(), 1.0);
        let share = weight.mask_fill(positive.bool_not(), 0.0).sum_dim(1) / all;
        let loss = share.add_scalar(SMALLEST_SHARE).log().neg();
        loss.mask_fill(complete.bool_not(), 0.0).squeeze_dim(1)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::golden;
    use crate::loss::tfs_tests::{self, Off};
    use simpipe_base::param;

    #[test]
    fn values_and_gradients_are_tensorflow_similaritys() {
        let file = golden::file!("loss_soft_nearest_neighbor");
        let seen = tfs_tests::per_example(file, SoftNearestNeighbor::per_example);
        assert_eq!(seen, Off { cases: 15, differing: 0, rows: 0 });
    }

    #[test]
    fn rows_too_far_for_an_exponential_have_a_loss() {
        // Squared distances 1e6 to the positive and 4e6 to the negative: exp of neither is a number above 0.
        let rows = Tensor::<2>::from_data([[0.0], [1e3], [-2e3]], &Device::flex());
        let loss = param::defaults::<SoftNearestNeighbor>().per_example(&Embedded::new(rows, &[0, 0, 1], &[]));
        assert_eq!(loss.into_data().try_into_vec::<f32>().unwrap(), [0.0; 3]);
    }
}
