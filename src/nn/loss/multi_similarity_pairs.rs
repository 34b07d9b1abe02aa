//! The multi-similarity loss of pytorch-metric-learning.

use burn::tensor::Tensor;

use super::log_sum::log_one_plus_sum_exp_counted;
use super::nearness::{is_similarity, similarity};
use super::reducer::{ReducerSpec, of_pairs};
use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Multi-similarity loss (Wang et al., 2019, arXiv:1904.06627) of the pairs that a miner chooses, else of all, as
    /// pytorch-metric-learning has it. Of each anchor, with the similarity `s`,
    ///
    /// `log(1 + sum_P exp(alpha (base - s))) / alpha + log(1 + sum_N exp(beta (s - base))) / beta`
    ///
    /// Distances count with a minus as similarities, and so does `base` then.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct MultiSimilarityPairs {
        /// How near two embeddings are, at unit length; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Cosine,
        /// Weight of the positives.
        alpha: f64 = 2.0 => check::positive(),
        /// Weight of the negatives.
        beta: f64 = 50.0 => check::positive(),
        /// The similarity, or distance, in the middle between positives and negatives.
        #[aka("lambda", "lmda", "shift")]
        base: f64 = 0.5 => check::finite(),
        /// How the anchors' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::Mean => of_pairs(),
    }
}

impl Loss for MultiSimilarityPairs {
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
        let base = if is_similarity(self.distance) { self.base } else { -self.base };
        let beyond = similarity(batch, self.distance).sub_scalar(base);
        let pull = beyond.clone().mul_scalar(-self.alpha);
        let pull = log_one_plus_sum_exp_counted(pull, pairs.positive.clone().clamp_max(1.0)).div_scalar(self.alpha);
        let push = beyond.mul_scalar(self.beta);
        let push = log_one_plus_sum_exp_counted(push, pairs.negative.clone().clamp_max(1.0)).div_scalar(self.beta);
        self.reducer.reduce_rows(pull + push, batch)
    }
}
