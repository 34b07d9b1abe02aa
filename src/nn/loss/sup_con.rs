//! The supervised contrastive loss.

use burn::tensor::Tensor;

use super::log_sum::log_sum_exp_counted;
use super::nearness::similarity;
use super::reducer::{ReducerSpec, of_pairs};
use super::{Embedded, Loss, Needs, zero};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Supervised contrastive loss (Khosla et al., 2020, arXiv:2004.11362): of each anchor the mean over its positives of
    /// `-log(exp(s / T) / sum exp(s_j / T))`, the sum over its positives and negatives; 0 of an anchor without positives.
    /// Distances count with a minus as similarities.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct SupCon {
        /// How near two embeddings are, at unit length; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Cosine,
        /// `T`: the lower, the more the nearest negative counts.
        temperature: f64 = 0.1 => check::positive(),
        /// How the anchors' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::AvgNonZero => of_pairs(),
    }
}

impl Loss for SupCon {
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
        let pairs = batch.pair_counts();
        if !pairs.both() {
            return zero(batch);
        }
        let near = similarity(batch, self.distance).div_scalar(self.temperature);
        let positive = pairs.positive.clone().clamp_max(1.0);
        let negative = pairs.negative.clone().clamp_max(1.0);
        let all = log_sum_exp_counted(near.clone(), positive.clone() + negative, 0.0); // [batch, 1]
        let count = positive.clone().sum_dim(1).clamp_min(1.0);
        let losses = ((all - near) * positive).sum_dim(1) / count;
        self.reducer.reduce_rows(losses, batch)
    }
}
