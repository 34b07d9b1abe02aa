//! Independent draws, uniform on each scale (Bergstra and Bengio 2012, "Random Search for Hyper-Parameter Optimization").

use rand::RngExt;

use super::super::space::{Point, Space};
use simpipe_base::seed::Seed;

/// A draw that hangs on its number alone.
pub(super) fn ask(space: &Space, number: u64, attempt: u64, seed: Seed) -> Point {
    let mut rng = seed.rng("random", &[number, attempt]);
    space.point(|_, domain| domain.at(rng.random::<f64>()))
}
