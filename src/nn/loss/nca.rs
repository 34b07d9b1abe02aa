//! The loss of neighbourhood components analysis.

use burn::tensor::Tensor;

use super::log_sum::log_sum_exp_counted;
use super::nearness::similarity;
use super::reducer::{ReducerSpec, of_pairs};
use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Neighbourhood components analysis (Goldberger et al., 2004): of each row `-log` of the probability that a neighbour,
    /// drawn by `softmax(softmax-scale s)` among all others, is of its class. Rows without a positive do not count. Distances
    /// count with a minus as similarities. What a miner chooses weighs the rows.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct Nca {
        /// How near two embeddings are, at unit length; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::SquaredEuclidean,
        /// What similarities are multiplied by: the higher, the more the nearest neighbour counts.
        #[aka("scale")]
        softmax_scale: f64 = 1.0 => check::positive(),
        /// How the rows' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::Mean => of_pairs(),
    }
}

impl Loss for Nca {
    fn distance(&self) -> Distance {
        self.distance
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
        let masks = batch.pairs();
        let (positive, negative) = (masks.positive.clone().float(), masks.negative.clone().float());
        let near = similarity(batch, self.distance).mul_scalar(self.softmax_scale);
        let all = log_sum_exp_counted(near.clone(), positive.clone() + negative, 0.0);
        let losses = (all - log_sum_exp_counted(near, positive.clone(), 0.0)) * batch.row_weights();
        let counts = positive.sum_dim(1).greater_scalar(0.0).float();
        self.reducer.reduce(losses, counts, batch.labels)
    }
}
