//! The pair margin miner.

use rand_chacha::ChaCha8Rng;

use super::{Mined, Miner};
use crate::loss::{Around, Embedded, Grid, farness, margin_of};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Pair margin miner: positive pairs farther than one margin, negative pairs nearer than another.
    pub struct PairMargin {
        /// How near two embeddings are, at unit length.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Euclidean,
        /// Positive pairs beyond it are chosen. With the inner product: those below it.
        #[aka("positive_margin")]
        pos_margin: f64 = 0.2 => check::finite(),
        /// Negative pairs within it are chosen. With the inner product: those above it.
        #[aka("negative_margin")]
        neg_margin: f64 = 0.8 => check::finite(),
    }
}

impl Miner for PairMargin {
    fn mine(&self, batch: &Embedded<'_>, _: &mut ChaCha8Rng) -> Mined {
        let grid = Grid::of(&farness(batch, self.distance));
        let beyond = margin_of(self.distance, self.pos_margin);
        let within = margin_of(self.distance, self.neg_margin);
        let (mut positive, mut negative) = (Vec::new(), Vec::new());
        for (row, Around { positives, negatives }) in (0_u32..).zip(batch.around_rows()) {
            let far = |column: &u32| f64::from(grid.at(row as usize, *column as usize));
            positive.extend(positives.iter().filter(|column| far(column) > beyond).map(|column| [row, *column]));
            negative.extend(negatives.iter().filter(|column| far(column) < within).map(|column| [row, *column]));
        }
        Mined::pairs(positive, negative)
    }
}
