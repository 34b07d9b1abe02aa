//! The multi-similarity miner.

use rand_chacha::ChaCha8Rng;

use super::{Mined, Miner};
use crate::loss::{Around, Embedded, Grid, farness};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Multi-similarity miner (Wang et al., 2019, arXiv:1904.06627): of an anchor's positives those farther than its nearest
    /// negative less epsilon, of its negatives those nearer than its farthest positive and epsilon. Gives pairs; an anchor
    /// without a positive keeps no negative, and the other way round.
    pub struct MultiSimilarity {
        /// How near two embeddings are, at unit length.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Cosine,
        /// The margin.
        #[aka("eps", "margin")]
        epsilon: f64 = 0.1 => check::finite(),
    }
}

impl Miner for MultiSimilarity {
    fn mine(&self, batch: &Embedded<'_>, _: &mut ChaCha8Rng) -> Mined {
        let far = Grid::of(&farness(batch, self.distance));
        let (mut positive, mut negative) = (Vec::new(), Vec::new());
        for (row, Around { positives, negatives }) in (0_u32..).zip(batch.around_rows()) {
            let far = |column: &u32| f64::from(far.at(row as usize, *column as usize));
            let nearest = negatives.iter().map(far).fold(f64::INFINITY, f64::min);
            let farthest = positives.iter().map(far).fold(f64::NEG_INFINITY, f64::max);
            let hard = positives.iter().filter(|column| far(column) + self.epsilon > nearest);
            positive.extend(hard.map(|column| [row, *column]));
            let hard = negatives.iter().filter(|column| far(column) - self.epsilon < farthest);
            negative.extend(hard.map(|column| [row, *column]));
        }
        Mined::pairs(positive, negative)
    }
}
