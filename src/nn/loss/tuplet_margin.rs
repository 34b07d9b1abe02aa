//! The tuplet margin loss.

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
    /// Tuplet margin loss (Yu and Tao, 2019): of each positive pair at the angle `a`
    /// `log(1 + sum exp(scale (cos a_n - cos(a - margin))))`, over the negatives of its anchor.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct TupletMargin {
        /// How much less than its own the angle of a positive counts, in degrees.
        margin: f64 = 5.73 => check::between(0.0, 90.0),
        /// How hard the hardest negatives count.
        scale: f64 = 64.0 => check::positive(),
        /// How the pairs' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::Mean => of_pairs(),
    }
}

/// Below it the square of a sine has no gradient: the root would have an infinite one at 0.
const SMALLEST_SQUARE: f64 = 1e-12;

impl Loss for TupletMargin {
    fn distance(&self) -> Distance {
        Distance::Cosine
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
        let cosine = similarity(batch, Distance::Cosine);
        let sine = cosine.clone().square().neg().add_scalar(1.0).clamp_min(SMALLEST_SQUARE).sqrt();
        let (sine_of_margin, cosine_of_margin) = self.margin.to_radians().sin_cos();
        let positives = cosine.clone().mul_scalar(cosine_of_margin) + sine.mul_scalar(sine_of_margin);
        let negatives = log_sum_exp_counted(cosine.mul_scalar(self.scale), pairs.negative.clone(), LOG_OF_NOTHING);
        let losses = activation::softplus(negatives - positives.mul_scalar(self.scale), 1.0);
        self.reducer.reduce(losses, pairs.positive.clone(), batch.labels)
    }
}
