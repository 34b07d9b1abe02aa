//! The triplet margin loss.

use burn::tensor::Tensor;

use super::host::{Grid, Slope};
use super::nearness::{farness, farness_of_references};
use super::per_anchor::PerAnchor;
use super::reducer::{ReducerSpec, of_triplets};
use super::{Embedded, Loss, Needs};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Triplet margin loss (Schroff et al., 2015, arXiv:1503.03832): `max(d(a, p) - d(a, n) + margin, 0)` of each triplet of
    /// an anchor, a positive and a negative, as pytorch-metric-learning has it.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number. Takes the memory of the distances, not of the
    /// triplets.
    pub struct TripletMargin {
        /// How near two embeddings are, at unit length; the index follows it.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Euclidean,
        /// How far the negative is to be beyond the positive.
        margin: f64 = 0.05 => check::finite(),
        /// Whether the negative is compared with the positive where that is nearer to it than the anchor.
        swap: bool = false,
        /// Whether `log(1 + exp(x))` takes the place of `max(x, 0)`.
        #[aka("smooth", "soft")]
        smooth_loss: bool = false,
        /// Triplets drawn of each anchor where no miner chooses them: `"all"`, or a number.
        triplets_per_anchor: PerAnchor = PerAnchor::All,
        /// How the triplets' losses become one number.
        #[aka("reduction")]
        reducer: ReducerSpec = ReducerSpec::AvgNonZero => of_triplets(),
    }
}

impl Loss for TripletMargin {
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

    fn forward(&self, batch: &Embedded<'_>, cx: &mut Cx<'_>) -> Tensor<1> {
        let of_pairs = if self.swap { farness_of_references } else { farness };
        let far = of_pairs(batch, self.distance);
        let grid = Grid::of(&far);
        let mut slope = Slope::of(&grid);
        let mut taken = self.reducer.one_by_one(batch.labels);
        batch.triplets(self.triplets_per_anchor.count(), cx.rng("triplets")).for_each(|anchor, positive, negative| {
            // Where the negative is looked at from.
            let swaps = self.swap && grid.at(positive, negative) < grid.at(anchor, negative);
            let from = if swaps { positive } else { anchor };
            let violation = f64::from(grid.at(anchor, positive)) - f64::from(grid.at(from, negative)) + self.margin;
            let (loss, rise) = if self.smooth_loss { soft(violation) } else { hard(violation) };
            let weight = rise * taken.take(anchor, loss);
            slope.add(anchor, positive, weight);
            slope.add(from, negative, -weight);
        });
        let scale = self.reducer.scale(&taken, 0.0);
        slope.into_loss(far, taken.sum * scale, scale)
    }
}

/// `max(x, 0)` and its slope.
pub(super) fn hard(x: f64) -> (f64, f64) {
    if x > 0.0 { (x, 1.0) } else { (0.0, 0.0) }
}

/// `log(1 + exp(x))` and its slope.
fn soft(x: f64) -> (f64, f64) {
    (x.max(0.0) + (-x.abs()).exp().ln_1p(), (1.0 + (-x).exp()).recip())
}
