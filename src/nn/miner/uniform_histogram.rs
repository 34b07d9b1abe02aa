//! The uniform histogram miner.

use rand_chacha::ChaCha8Rng;

use super::{Mined, Miner, index};
use crate::loss::{Embedded, Grid, farness};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Uniform histogram miner: the distances of all positive pairs, from the least to the largest, are cut into equal bins,
    /// and so many pairs are drawn of each bin that has some, with repetition; negative pairs likewise. Gives pairs.
    pub struct UniformHistogram {
        /// How near two embeddings are, at unit length.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Euclidean,
        /// Bins of each kind of pair.
        #[aka("bins", "n_bins")]
        num_bins: usize = 100 => check::between(1, 65_536),
        /// Positive pairs drawn of a bin.
        pos_per_bin: usize = 10 => check::between(1, 65_536),
        /// Negative pairs drawn of a bin.
        neg_per_bin: usize = 10 => check::between(1, 65_536),
    }
}

impl Miner for UniformHistogram {
    fn mine(&self, batch: &Embedded<'_>, rng: &mut ChaCha8Rng) -> Mined {
        let grid = Grid::of(&farness(batch, self.distance));
        let (mut positive, mut negative) = (Vec::new(), Vec::new());
        for (row, around) in (0_u32..).zip(batch.around_rows()) {
            let far = grid.row(row as usize);
            positive.extend(around.positives.iter().map(|column| (far[*column as usize], [row, *column])));
            negative.extend(around.negatives.iter().map(|column| (far[*column as usize], [row, *column])));
        }
        let positive = self.drawn(&positive, self.pos_per_bin, rng);
        Mined::pairs(positive, self.drawn(&negative, self.neg_per_bin, rng))
    }
}

impl UniformHistogram {
    /// So many pairs of every bin. Distances that are no numbers are left out.
    fn drawn(&self, pairs: &[(f32, [u32; 2])], per_bin: usize, rng: &mut ChaCha8Rng) -> Vec<[u32; 2]> {
        let finite = || pairs.iter().filter(|(far, _)| far.is_finite());
        let least = finite().map(|pair| f64::from(pair.0)).fold(f64::INFINITY, f64::min);
        let largest = finite().map(|pair| f64::from(pair.0)).fold(f64::NEG_INFINITY, f64::max);
        let mut bins = vec![Vec::new(); self.num_bins];
        for (far, pair) in finite() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                clippy::cast_sign_loss,
                reason = "a share of the number of bins, from 0"
            )]
            let bin = ((f64::from(*far) - least) / (largest - least) * self.num_bins as f64) as usize;
            bins[bin.min(self.num_bins - 1)].push(*pair);
        }
        let filled = bins.iter().filter(|bin| !bin.is_empty());
        filled.flat_map(|bin| (0..per_bin).map(|_| bin[index(rng, bin.len())]).collect::<Vec<_>>()).collect()
    }
}
