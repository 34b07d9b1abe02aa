//! The tree-structured Parzen estimator: draws from where good points lie, and takes the draw where good ones are most
//! likely against all others (Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization"; multivariate as in
//! Falkner et al. 2018, BOHB; the constants are those of Optuna 4's `TPESampler`).
//!
//! Points under way count as bad (the constant liar), so that several asked for at once lie apart.

mod parzen;

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;

use self::parzen::Parzen;
use super::super::history::History;
use super::super::space::{Condition, Dimension, Point, Space, Value};
use super::random;
use simpipe_base::seed::Seed;

/// Points drawn before there is a model.
const START: usize = 10;
/// Draws from the good points, of which the likeliest is taken.
const CANDIDATES: usize = 24;

/// The next point.
pub(super) fn ask(space: &Space, history: &History, number: u64, attempt: u64, seed: Seed) -> Point {
    if history.finished.len() < START {
        return random::ask(space, number, attempt, seed);
    }
    let (good, bad) = split(history);
    let mut rng = seed.rng("tpe", &[number, attempt]);
    let mut chosen: BTreeMap<usize, Value> = BTreeMap::new();
    // Dimensions under one condition are drawn together; those of a choice after the choice itself.
    for (when, members) in groups(space) {
        if when.is_none_or(|when| chosen.get(&when.dimension) == Some(&Value::Item(when.item))) {
            draw_group(space, &members, (&good, &bad), &mut rng, &mut chosen);
        }
    }
    space.point(|at, _| chosen[&at])
}

/// The good tenth of the finished points (at most 25), and the rest with those under way; each in the order of
/// completion, for newer ones weigh more.
fn split(history: &History) -> (Vec<&Point>, Vec<&Point>) {
    let count = history.finished.len().div_ceil(10).min(25);
    let mut is_good = vec![false; history.finished.len()];
    for at in history.best_first().into_iter().take(count) {
        is_good[at] = true;
    }
    let of = |good: bool| {
        let kept = history.finished.iter().zip(&is_good).filter(move |(_, is_good)| **is_good == good);
        kept.map(|(finished, _)| &finished.point)
    };
    (of(true).collect(), of(false).chain(&history.running).chain(&history.failed).collect())
}

/// The dimensions by the condition that they apply under, roots first, in an order that has each choice before what hangs
/// on it.
fn groups(space: &Space) -> Vec<(Option<Condition>, Vec<usize>)> {
    let mut groups: Vec<(Option<Condition>, Vec<usize>)> = Vec::new();
    for (at, dimension) in space.dimensions().iter().enumerate() {
        match groups.iter_mut().find(|(when, _)| *when == dimension.when) {
            Some((_, members)) => members.push(at),
            None => groups.push((dimension.when, vec![at])),
        }
    }
    // A group may stand before the choice of another root dimension: roots go first, the others keep their order.
    groups.sort_by_key(|(when, _)| when.is_some());
    groups
}

fn draw_group(
    space: &Space,
    members: &[usize],
    (good, bad): (&[&Point], &[&Point]),
    rng: &mut ChaCha8Rng,
    chosen: &mut BTreeMap<usize, Value>,
) {
    let dimensions: Vec<&Dimension> = members.iter().map(|at| &space.dimensions()[*at]).collect();
    let seen = |points: &[&Point]| -> Vec<Vec<Value>> {
        points.iter().filter_map(|point| members.iter().map(|at| point.0[*at]).collect()).collect()
    };
    let (good, bad) = (Parzen::new(&dimensions, &seen(good)), Parzen::new(&dimensions, &seen(bad)));
    let candidates: Vec<Vec<Value>> = (0..CANDIDATES).map(|_| good.draw(rng)).collect();
    let gain = |values: &Vec<Value>| good.ln_density(values) - bad.ln_density(values);
    // The first of equals, so that the result hangs on the draws alone.
    let mut best: Option<(f64, Vec<Value>)> = None;
    for values in candidates {
        let gain = gain(&values);
        if best.as_ref().is_none_or(|(most, _)| gain > *most) {
            best = Some((gain, values));
        }
    }
    let values = best.map(|(_, values)| values).unwrap_or_default();
    chosen.extend(members.iter().copied().zip(values));
}
