//! The angular miner.

use rand_chacha::ChaCha8Rng;

use super::{Mined, Miner};
use crate::loss::{Around, Embedded, Grid, farness_of_references};
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Angular miner (Wang et al., 2017, arXiv:1708.01682): triplets in which the angle `atan(|a - p| / (2 |n - c|))` is
    /// larger than the given one, with `c = (a + p) / 2` and all embeddings at unit length. Gives triplets.
    pub struct Angular {
        /// In degrees.
        #[aka("alpha")]
        angle: f64 = 20.0 => check::between(0.0, 90.0),
    }
}

impl Miner for Angular {
    fn mine(&self, batch: &Embedded<'_>, _: &mut ChaCha8Rng) -> Mined {
        let squares = Grid::of(&farness_of_references(batch, Distance::SquaredEuclidean));
        let angle = self.angle.to_radians();
        let mut list = Vec::new();
        for (anchor, Around { positives, negatives }) in (0_u32..).zip(batch.around_rows()) {
            let of_anchor = squares.row(anchor as usize);
            for positive in positives {
                let (of_positive, side) = (squares.row(positive as usize), f64::from(of_anchor[positive as usize]));
                let is_wide = |negative: &u32| {
                    // The median of a triangle by its sides (Apollonius).
                    let sides = f64::from(of_anchor[*negative as usize]) + f64::from(of_positive[*negative as usize]);
                    let median = (sides / 2.0 - side / 4.0).max(0.0);
                    side.sqrt().atan2(2.0 * median.sqrt()) > angle
                };
                list.extend(negatives.iter().filter(|n| is_wide(n)).map(|negative| [anchor, positive, *negative]));
            }
        }
        Mined::triplets(list)
    }
}
