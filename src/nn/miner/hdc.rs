//! The miner of hard-aware deeply cascaded embedding.

use rand_chacha::ChaCha8Rng;

use super::{Mined, Miner};
use crate::loss::{Embedded, Grid, farness};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// The miner of hard-aware deeply cascaded embedding (Yuan et al., 2017, arXiv:1611.05720): the farthest share of all
    /// positive pairs of the batch, and the nearest share of all negative ones, of equally far ones the first. Gives pairs.
    pub struct Hdc {
        /// How near two embeddings are, at unit length.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Euclidean,
        /// The share of the pairs that is chosen, rounded up.
        #[aka("share", "fraction")]
        filter_percentage: f64 = 0.5 => check::between(0.0, 1.0),
    }
}

impl Miner for Hdc {
    fn mine(&self, batch: &Embedded<'_>, _: &mut ChaCha8Rng) -> Mined {
        let grid = Grid::of(&farness(batch, self.distance));
        let (mut positive, mut negative) = (Vec::new(), Vec::new());
        for (row, around) in (0_u32..).zip(batch.around_rows()) {
            let far = grid.row(row as usize);
            positive.extend(around.positives.iter().map(|column| (-far[*column as usize], [row, *column])));
            negative.extend(around.negatives.iter().map(|column| (far[*column as usize], [row, *column])));
        }
        Mined::pairs(self.hardest(positive), self.hardest(negative))
    }
}

impl Hdc {
    /// The share of the pairs with the lowest numbers.
    fn hardest(&self, mut pairs: Vec<(f32, [u32; 2])>) -> Vec<[u32; 2]> {
        pairs.sort_by(|one, other| one.0.total_cmp(&other.0));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a share of a number of pairs is one, too"
        )]
        let count = (self.filter_percentage * pairs.len() as f64).ceil() as usize;
        pairs.into_iter().take(count).map(|(_, pair)| pair).collect()
    }
}
