//! The normalised temperature-scaled cross entropy loss.

use burn::tensor::{Tensor, activation};

use super::log_sum::{LOG_OF_NOTHING, log_sum_exp_counted};
use super::nearness::similarity;
use super::reducer::{ReducerSpec, of_pairs};
use super::{Embedded, Loss, Needs, zero};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Normalised temperature-scaled cross entropy, or InfoNCE (Sohn, 2016; Chen et al., 2020, arXiv:2002.05709): of each
    /// positive pair `-log(exp(s / T) / (exp(s / T) + sum exp(s_n / T)))`, over the negatives of its anchor. Distances count
    /// with a minus as similarities.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct NtXent {
        /// How near two embeddings are, at unit length; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Cosine,
        /// `T`: the lower, the more the nearest negative counts.
        temperature: f64 = 0.07 => check::positive(),
        /// How the pairs' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::Mean => of_pairs(),
    }
}

impl Loss for NtXent {
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
        let negatives = log_sum_exp_counted(near.clone(), pairs.negative.clone(), LOG_OF_NOTHING); // [batch, 1]
        let losses = activation::softplus(negatives - near, 1.0);
        self.reducer.reduce(losses, pairs.positive.clone(), batch.labels)
    }
}
