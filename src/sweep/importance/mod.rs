//! Which parameters matter: functional analysis of variance over a random forest (Hutter, Hoos and Leyton-Brown 2014, "An
//! Efficient Approach for Assessing Hyperparameter Importance").
//!
//! A forest f is grown on the trials; over points that are drawn evenly from the space it has the variance
//!
//! ```text
//! V = Var f(x),    V_i = Var_{x_i} E[f(x) | x_i],    share of i = V_i / V
//! ```
//!
//! What no parameter has alone, 1 - sum V_i / V, are interactions. The `V_i` are exact, from the boxes of the leaves, and V
//! comes from a Sobol sequence. Other than in the paper, where the shares of single trees are averaged, it is the mean of all
//! trees that is taken apart: that is the function whose errors [`Importance::r2`] counts, and the disagreement of trees is
//! no interaction.

mod anova;
mod forest;
mod tree;

use forest::Forest;
use tree::{Axis, Data};

use super::space::{Domain, Point, Space};
use simpipe_base::seed::Seed;

/// Trials below which no importance is computed: what a forest of fewer says hangs on which ones they are.
pub const LEAST_TRIALS: usize = 15;
/// Of more trials, some in equal steps are taken: a forest of all would say the same and take minutes.
const MOST_TRIALS: usize = 4000;

/// How much of an objective's variation each parameter explains.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// Trials that the forest was grown on.
    pub trials: usize,
    /// How well it predicts trials that a tree has not seen: `1 - sum (y - f)^2 / sum (y - mean)^2`, out of bag. Near 0 or
    /// below, the shares say nothing.
    pub r2: f64,
    /// Of each dimension, in their order.
    pub shares: Vec<f64>,
    /// What only several dimensions together explain.
    pub interactions: f64,
}

/// Why there is no importance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoImportance {
    /// Too few trials.
    #[error("{found} finished trials lie in the space, and at least {LEAST_TRIALS} are needed")]
    TooFew {
        /// Those that have a value.
        found: usize,
    },
    /// The space has no dimension.
    #[error("nothing varies")]
    NoDimension,
    /// Nothing is to be explained.
    #[error("all trials have the same value")]
    Equal,
    /// The parameters explain nothing.
    #[error("no parameter tells good trials from bad ones")]
    NoSplit,
}

/// The importance of each dimension for a value. Where a dimension does not apply, its place is drawn at random: it can't
/// explain anything there. What is no finite number is left out.
///
/// # Errors
/// If there is nothing that an importance could be told from.
pub fn importance(space: &Space, points: &[(&Point, f64)], seed: Seed) -> Result<Importance, NoImportance> {
    let finite: Vec<(&Point, f64)> = points.iter().copied().filter(|(_, value)| value.is_finite()).collect();
    if space.dimensions().is_empty() {
        return Err(NoImportance::NoDimension);
    }
    if finite.len() < LEAST_TRIALS {
        return Err(NoImportance::TooFew { found: finite.len() });
    }
    let chosen: Vec<(&Point, f64)> = finite.iter().copied().step_by(finite.len().div_ceil(MOST_TRIALS)).collect();
    let values: Vec<f64> = chosen.iter().map(|(_, value)| *value).collect();
    let data = Data {
        axes: space.dimensions().iter().map(|dimension| axis(&dimension.domain)).collect(),
        rows: chosen.iter().enumerate().map(|(row, (point, _))| coordinates(space, point, row, seed)).collect(),
        values: standardised(&values).ok_or(NoImportance::Equal)?,
    };
    let forest = Forest::grow(&data, seed);
    let whole = anova::variance(&forest, &data.axes, seed);
    let own: Vec<f64> = (0..data.axes.len()).map(|axis| anova::main_effect(&forest, &data.axes, axis)).collect();
    let explained: f64 = own.iter().sum();
    // The first is an estimate, and a sum of parts is never more than the whole.
    let whole = whole.max(explained);
    // Values have the variance 1: below that, a forest of single leaves differs in its last digits.
    if whole < 1e-12 {
        return Err(NoImportance::NoSplit);
    }
    Ok(Importance {
        trials: data.rows.len(),
        r2: forest.r2(&data),
        shares: own.iter().map(|own| own / whole).collect(),
        interactions: 1.0 - explained / whole,
    })
}

const fn axis(domain: &Domain) -> Axis {
    match domain {
        Domain::Choice { items } => Axis::Items(*items),
        Domain::Real { .. } | Domain::Integer { .. } => Axis::Ordered,
    }
}

/// A point as the forest sees it: shares of scales, positions of items.
fn coordinates(space: &Space, point: &Point, row: usize, seed: Seed) -> Vec<f64> {
    use rand::RngExt as _;
    let mut random = seed.rng("where it does not apply", &[row as u64]);
    let mut coordinate = |domain: &Domain, value: Option<super::Value>| match (domain, value) {
        (_, Some(super::Value::Item(item))) => item as f64,
        (domain, Some(value)) => domain.share(value),
        (Domain::Choice { items }, None) => random.random_range(0..*items) as f64,
        (_, None) => random.random_range(0.0..1.0),
    };
    let values = point.0.iter().copied().chain(std::iter::repeat(None));
    space.dimensions().iter().zip(values).map(|(dimension, value)| coordinate(&dimension.domain, value)).collect()
}

/// Values of mean 0 and deviation 1, whatever their size; `None` where they are all the same.
fn standardised(values: &[f64]) -> Option<Vec<f64>> {
    let unit = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    if unit == 0.0 {
        return None;
    }
    let count = values.len() as f64;
    let scaled: Vec<f64> = values.iter().map(|value| value / unit).collect();
    let mean = scaled.iter().sum::<f64>() / count;
    let deviation = (scaled.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    // Below that, differences are those of the last digits.
    (deviation > 1e-13).then(|| scaled.iter().map(|value| (value - mean) / deviation).collect())
}

#[cfg(test)]
mod tests;
