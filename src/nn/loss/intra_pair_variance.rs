//! The intra-pair variance loss.

use burn::tensor::{Tensor, activation};

use super::nearness::{is_similarity, similarity};
use super::reducer::{ReducerSpec, of_pairs};
use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use crate::ops;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Intra-pair variance loss (Yu and Tao, 2019): positive pairs are drawn to their mean similarity `m` and negative ones
    /// to theirs, `max((1 - pos-eps) m - s, 0)^2` and `max(s - (1 + neg-eps) m, 0)^2`, reduced apart and added. With a
    /// distance it is `max(d - (1 + pos-eps) m, 0)^2` and `max((1 - neg-eps) m - d, 0)^2`. Goes beside another loss.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct IntraPairVariance {
        /// How near two embeddings are, at unit length; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Cosine,
        /// How far positives may be from their mean, as a share of it.
        #[aka("positive_epsilon")]
        pos_eps: f64 = 0.01 => check::finite(),
        /// How far negatives may be from their mean, as a share of it.
        #[aka("negative_epsilon")]
        neg_eps: f64 = 0.01 => check::finite(),
        /// How the pairs' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::Mean => of_pairs(),
    }
}

impl Loss for IntraPairVariance {
    fn distance(&self) -> Distance {
        self.distance
    }

    fn needs(&self) -> Needs {
        Needs::pairs()
    }

    fn takes_miner(&self) -> bool {
        true
    }

    fn stands_alone(&self) -> bool {
        false
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        let pairs = batch.pair_counts();
        let near = similarity(batch, self.distance);
        // Of a negated distance the share of the mean is taken off on the other side.
        let sign = if is_similarity(self.distance) { 1.0 } else { -1.0 };
        let mean = |counts: &Tensor<2>| {
            let sum = ops::sum(near.clone() * counts.clone()) / ops::sum(counts.clone()).clamp_min(1.0);
            sum.reshape([1, 1])
        };
        let wanted = mean(&pairs.positive).mul_scalar(1.0 - sign * self.pos_eps);
        let pull = activation::relu(wanted - near.clone()).square();
        let wanted = mean(&pairs.negative).mul_scalar(1.0 + sign * self.neg_eps);
        let push = activation::relu(near.clone() - wanted).square();
        self.reducer.reduce(pull, pairs.positive.clone(), batch.labels)
            + self.reducer.reduce(push, pairs.negative.clone(), batch.labels)
    }
}
