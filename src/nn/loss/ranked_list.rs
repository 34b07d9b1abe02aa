//! The ranked list loss.

use burn::tensor::{Bool, Tensor};

use super::multi_similarity::smaller_is_nearer;
use super::reducer::{ReducerSpec, of_pairs};
use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Ranked list loss (Wang et al., 2019, arXiv:1903.03238): of each row the weighted mean of `d - (alpha - margin)` over
    /// its positives beyond `alpha - margin`, and that of `alpha - d` over its negatives within `alpha`. It finds its pairs
    /// itself. The weights are `exp(tp (d - alpha + margin))` and `exp(tn (alpha - d))`; each sum of weights has `0.00001`
    /// added for every row of the batch.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct RankedList {
        /// How near two embeddings are, at unit length; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Euclidean => smaller_is_nearer(),
        /// How much nearer than negatives positives are to be.
        margin: f64 = 0.4 => check::finite(),
        /// How much more the nearest negatives count.
        tn: f64 = 10.0 => check::not_negative(),
        /// The share of the negatives in the loss.
        imbalance: f64 = 0.5 => check::between(0.0, 1.0),
        /// How far negatives are to be; `1 + margin / 2` if it is left out.
        alpha: Option<f64> = None => check::finite().optional(),
        /// How much more the farthest positives count.
        tp: f64 = 0.0 => check::not_negative(),
        /// How the rows' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::Mean => of_pairs(),
    }
}

/// Added to each weight in the sum of the weights.
const PER_ROW: f64 = 1e-5;

impl Loss for RankedList {
    fn distance(&self) -> Distance {
        self.distance
    }

    fn needs(&self) -> Needs {
        Needs::pairs()
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        let pairs = batch.pairs();
        let far = batch.unit_distances(self.distance);
        let alpha = self.alpha.unwrap_or(1.0 + self.margin / 2.0);
        // A pair at the distance 0 has no direction to go, and no weight.
        let apart = far.clone().greater_scalar(0.0);
        let beyond = far.clone().sub_scalar(alpha - self.margin);
        let chosen = beyond.clone().greater_scalar(0.0).bool_and(apart.clone()).bool_and(pairs.positive.clone());
        let positives = weighted_mean(beyond, chosen, self.tp);
        let within = far.neg().add_scalar(alpha);
        let chosen = within.clone().greater_scalar(0.0).bool_and(apart).bool_and(pairs.negative.clone());
        let negatives = weighted_mean(within, chosen, self.tn);
        let losses = positives.mul_scalar(1.0 - self.imbalance) + negatives.mul_scalar(self.imbalance);
        // It finds its pairs itself: what a miner of another term has found is of no account.
        let once = Tensor::ones(losses.dims(), &losses.device());
        self.reducer.reduce(losses, once, batch.labels)
    }
}

/// The mean of each row's chosen entries, weighted by `exp(temperature x)`: `[rows, 1]`, 0 without any.
fn weighted_mean(x: Tensor<2>, chosen: Tensor<2, Bool>, temperature: f64) -> Tensor<2> {
    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
    let columns = x.dims()[1] as f64;
    let skipped = chosen.bool_not();
    let scaled = x.clone().mul_scalar(temperature);
    // All weights are divided by the largest one, which changes no mean.
    let largest = scaled.clone().detach().mask_fill(skipped.clone(), 0.0).max_dim(1).clamp_min(0.0);
    let weights = (scaled - largest.clone()).mask_fill(skipped.clone(), 0.0).exp().mask_fill(skipped, 0.0);
    let added = largest.neg().exp().mul_scalar(PER_ROW * columns);
    (weights.clone() * x).sum_dim(1) / (weights.sum_dim(1) + added)
}
