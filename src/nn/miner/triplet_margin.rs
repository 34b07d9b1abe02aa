//! The triplet margin miner.

use rand_chacha::ChaCha8Rng;

use super::{Mined, Miner};
use crate::loss::{Around, Embedded, Grid, farness};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::{choice, params};

choice! {
    /// Which triplets are chosen.
    pub enum TypeOfTriplets {
        /// Those whose negative is not farther than the positive by the margin.
        "all" => All,
        /// Those triplets whose negative is not farther than the positive.
        "hard" => Hard,
        /// Those triplets whose negative is farther than the positive, but not by the margin.
        "semihard" => Semihard,
        /// Those whose negative is farther than the positive by more than the margin.
        "easy" => Easy,
    }
}

params! {
    /// Triplet margin miner (Schroff et al., 2015, arXiv:1503.03832): triplets by `d(a, n) - d(a, p)`. Gives triplets; of more
    /// than 16,777,216 of a batch it keeps so many, evenly spread over all.
    pub struct TripletMargin {
        /// How near two embeddings are, at unit length.
        #[aka("metric", "distance_metric", "similarity", "dist", "metric_type")]
        distance: Distance = Distance::Euclidean,
        /// How far the negative is to be beyond the positive.
        margin: f64 = 0.2 => check::finite(),
        /// Which triplets are chosen.
        #[aka("triplets", "kind", "mining")]
        type_of_triplets: TypeOfTriplets = TypeOfTriplets::All,
    }
}

/// Triplets that are kept of a batch: 200 MB of indices.
const MOST: u64 = 1 << 24;

impl Miner for TripletMargin {
    fn mine(&self, batch: &Embedded<'_>, _: &mut ChaCha8Rng) -> Mined {
        let grid = Grid::of(&farness(batch, self.distance));
        let rows = batch.around_rows();
        let mut count = 0_u64;
        self.for_each(&grid, &rows, |_| count += 1);
        let (mut number, mut list) = (0, Vec::new());
        self.for_each(&grid, &rows, |triplet| {
            if is_kept(number, count, MOST) {
                list.push(triplet);
            }
            number += 1;
        });
        Mined::triplets(list)
    }
}

impl TripletMargin {
    fn for_each(&self, grid: &Grid, rows: &[Around], mut each: impl FnMut([u32; 3])) {
        for (anchor, Around { positives, negatives }) in (0_u32..).zip(rows) {
            let far = grid.row(anchor as usize);
            for positive in positives {
                for negative in negatives {
                    if self.chooses(f64::from(far[*negative as usize] - far[*positive as usize])) {
                        each([anchor, *positive, *negative]);
                    }
                }
            }
        }
    }

    /// Whether a triplet is chosen whose negative is so much beyond its positive.
    fn chooses(&self, beyond: f64) -> bool {
        match self.type_of_triplets {
            TypeOfTriplets::All => beyond <= self.margin,
            TypeOfTriplets::Hard => beyond <= self.margin && beyond <= 0.0,
            TypeOfTriplets::Semihard => beyond <= self.margin && beyond > 0.0,
            TypeOfTriplets::Easy => beyond > self.margin,
        }
    }
}

/// Whether of `count` things the one of this number is among `most` evenly spread ones.
const fn is_kept(number: u64, count: u64, most: u64) -> bool {
    count <= most || (number + 1) * most / count > number * most / count
}

#[cfg(test)]
mod tests {
    use super::is_kept;

    #[test]
    fn too_many_are_thinned_evenly() {
        let kept = |count, most| (0..count).filter(|number| is_kept(*number, count, most)).collect::<Vec<u64>>();
        assert_eq!(kept(3, 5), [0, 1, 2]);
        assert_eq!(kept(10, 5), [1, 3, 5, 7, 9]);
        assert_eq!(kept(7, 3), [2, 4, 6]);
    }
}
