//! A Gaussian process over the points, and the point that most improvement is expected of (Jones et al. 1998; in the
//! logarithm as in Ament et al. 2023, "Unexpected Improvements to Expected Improvement").
//!
//! Points under way are believed to give what the process expects of them (the Kriging believer, Ginsbourger et al. 2010),
//! so that several asked for at once lie apart. Several objectives become one by weights that change from point to point
//! (ParEGO, Knowles 2006).

mod acquisition;
mod fit;
mod process;

use rand::RngExt;

use self::acquisition::propose;
use super::super::history::History;
use super::super::space::{Point, Space};
use super::sobol;
use simpipe_base::seed::Seed;

/// Points of the Sobol sequence before there is a model.
const START: usize = 10;

/// The next point.
pub(super) fn ask(space: &Space, history: &History, number: u64, attempt: u64, seed: Seed) -> Point {
    if history.finished.len() < START || attempt > 2 {
        return sobol::ask(space, number, attempt, seed);
    }
    // What does not apply lies in the middle: equal for all such points.
    let coordinates =
        |point: &Point| -> Vec<f64> { space.shares(point).into_iter().map(|share| share.unwrap_or(0.5)).collect() };
    let seen: Vec<Vec<f64>> = history.finished.iter().map(|finished| coordinates(&finished.point)).collect();
    let ordered = space.dimensions().iter().map(|dimension| dimension.domain.is_ordered()).collect();
    let mut process = fit::fit(seen, standardised(&single(history, number, seed)), ordered);
    for running in &history.running {
        process.believe(coordinates(running));
    }
    let mut rng = seed.rng("gaussian-process", &[number, attempt]);
    space.at(&propose(&process, space, &mut rng))
}

/// One value a point: the objective, or for several the largest of the weighted ones plus a little of their sum
/// (augmented Chebyshev), each scaled to [0, 1] first.
fn single(history: &History, number: u64, seed: Seed) -> Vec<f64> {
    let objectives = history.finished.first().map_or(1, |finished| finished.values.len());
    if objectives == 1 {
        return history.finished.iter().map(|finished| finished.values[0]).collect();
    }
    let mut rng = seed.rng("weights of objectives", &[number]);
    let drawn: Vec<f64> = (0..objectives).map(|_| -rng.random::<f64>().max(1e-12).ln()).collect();
    let sum: f64 = drawn.iter().sum();
    let range = |at: usize| {
        let values = history.finished.iter().map(|finished| finished.values[at]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let ranges: Vec<(f64, f64)> = (0..objectives).map(range).collect();
    let weighted = |values: &[f64]| -> Vec<f64> {
        let scaled = |at: usize| (values[at] - ranges[at].0) / (ranges[at].1 - ranges[at].0).max(f64::MIN_POSITIVE);
        (0..objectives).map(|at| drawn[at] / sum * scaled(at)).collect()
    };
    let chebyshev = |values: &[f64]| {
        let weighted = weighted(values);
        weighted.iter().copied().fold(f64::NEG_INFINITY, f64::max) + 0.05 * weighted.iter().sum::<f64>()
    };
    history.finished.iter().map(|finished| chebyshev(&finished.values)).collect()
}

/// Mean 0 and variance 1; all 0 where all are equal.
fn standardised(values: &[f64]) -> Vec<f64> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let deviation = variance.sqrt();
    let scaled = |value: &f64| if deviation > 0.0 { (value - mean) / deviation } else { 0.0 };
    values.iter().map(scaled).collect()
}
