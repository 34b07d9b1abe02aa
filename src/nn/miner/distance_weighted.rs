//! The distance weighted miner.

use rand_chacha::ChaCha8Rng;

use super::{Mined, Miner, index};
use crate::layer::unit;
use crate::loss::{Around, Embedded, Grid, farness};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Distance weighted miner (Wu et al., 2017, arXiv:1706.07567): negatives are drawn evenly over their euclidean
    /// distances at unit length, by the inverse of how many points of a sphere of `n` dimensions are that far,
    /// `d^(2 - n) (1 - d^2 / 4)^((3 - n) / 2)`. Each anchor has as many triplets as references of its class, the positives
    /// drawn evenly. Gives triplets; an anchor whose negatives are all too far gives none.
    pub struct DistanceWeighted {
        /// Nearer negatives are drawn as often as those at this distance.
        cutoff: f64 = 0.5 => check::positive(),
        /// Negatives as far or farther are never drawn.
        nonzero_loss_cutoff: f64 = 1.4 => check::positive(),
    }
}

impl Miner for DistanceWeighted {
    fn misfit(&self) -> Option<(&'static str, String)> {
        let message = || "`cutoff` must be below `nonzero-loss-cutoff`, or no negative is ever drawn".to_owned();
        (self.cutoff >= self.nonzero_loss_cutoff).then(|| ("cutoff", message()))
    }

    fn mine(&self, batch: &Embedded<'_>, rng: &mut ChaCha8Rng) -> Mined {
        let grid = Grid::of(&farness(batch, Distance::Euclidean));
        let dim = batch.embeddings.dims()[1];
        let mut list = Vec::new();
        for (anchor, Around { positives, negatives }) in (0_u32..).zip(batch.around_rows()) {
            let far = grid.row(anchor as usize);
            let reach = self.cumulated(negatives.iter().map(|negative| f64::from(far[*negative as usize])), dim);
            let Some(&whole) = reach.last().filter(|whole| **whole > 0.0 && !positives.is_empty()) else { continue };
            for _ in 0..=positives.len() {
                let positive = positives[index(rng, positives.len())];
                let drawn = unit(rng) * whole;
                let at = reach.partition_point(|reach| *reach <= drawn).min(reach.len() - 1);
                list.push([anchor, positive, negatives[at]]);
            }
        }
        Mined::triplets(list)
    }
}

impl DistanceWeighted {
    /// The running sum of the negatives' weights, of which the largest is 1.
    #[expect(clippy::cast_precision_loss, reason = "embeddings have far fewer than 2^52 numbers")]
    fn cumulated(&self, distances: impl Iterator<Item = f64>, dim: usize) -> Vec<f64> {
        let log_weight = |far: f64| {
            let at = far.max(self.cutoff);
            let weight = (2.0 - dim as f64) * at.ln() - (dim as f64 - 3.0) / 2.0 * (1.0 - at * at / 4.0).ln();
            (weight.is_finite() && at < self.nonzero_loss_cutoff).then_some(weight)
        };
        let weights: Vec<Option<f64>> = distances.map(log_weight).collect();
        let largest = weights.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        let mut add = |weight: Option<f64>| {
            sum += weight.map_or(0.0, |weight| (weight - largest).exp());
            sum
        };
        weights.into_iter().map(&mut add).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::param;

    #[test]
    fn weights_are_the_inverse_of_the_density() {
        let miner = param::defaults::<DistanceWeighted>();
        let density = |d: f64| d.powi(6) * (1.0 - d * d / 4.0).powf(2.5); // 8 dimensions
        let weights = miner.cumulated([0.3, 0.7, 1.1, 1.39, 1.41, 2.0].into_iter(), 8);
        let expected = [0.5, 0.7, 1.1, 1.39].map(|d| density(0.5) / density(d));
        for (at, expected) in expected.into_iter().enumerate() {
            let found = weights[at] - if at > 0 { weights[at - 1] } else { 0.0 };
            assert!((found - expected).abs() < 1e-12, "{at}: {found} {expected}");
        }
        assert_eq!(weights[3..], [weights[3]; 3]);
        assert_eq!(miner.cumulated([1.5, 2.0].into_iter(), 8), [0.0, 0.0]);
    }
}
