//! The method for who names none.

use super::super::history::History;
use super::super::space::{Point, Space};
use super::{gaussian_process, sobol, tpe};
use simpipe_base::seed::Seed;

/// Points of the Sobol sequence before a model is asked.
const START: usize = 10;
/// A Gaussian process costs n^3 and needs an order: it is asked up to these.
const MOST_TRIALS: usize = 100;
const MOST_DIMENSIONS: usize = 6;

/// A spread start, then a Gaussian process where it is known to be strong (few ordered parameters, few trials), else the
/// Parzen estimator.
pub(super) fn ask(space: &Space, history: &History, number: u64, attempt: u64, seed: Seed) -> Point {
    let ordered = space.is_flat() && space.dimensions().iter().all(|dimension| dimension.domain.is_ordered());
    if history.finished.len() < START.min(2 * space.dimensions().len() + 2) {
        sobol::ask(space, number, attempt, seed)
    } else if ordered && space.dimensions().len() <= MOST_DIMENSIONS && history.finished.len() <= MOST_TRIALS {
        gaussian_process::ask(space, history, number, attempt, seed)
    } else {
        tpe::ask(space, history, number, attempt, seed)
    }
}
