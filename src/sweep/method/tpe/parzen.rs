//! A density over several dimensions made of one kernel a seen point and one wide kernel for all that was not seen.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::super::super::space::{Dimension, Domain, Value};
use super::super::numeric::{density, ln_sum_exp, mass, truncated_quantile};

/// A mixture of products of one kernel a dimension.
pub(super) struct Parzen<'a> {
    dimensions: Vec<&'a Dimension>,
    /// Of each kernel; the last is the prior's.
    weights: Vec<f64>,
    /// The kernels of each dimension.
    kernels: Vec<Kernels>,
}

enum Kernels {
    /// Normals cut to the scale.
    Normal { means: Vec<f64>, deviations: Vec<f64> },
    /// The probability of each item, a row a kernel.
    Items(Vec<Vec<f64>>),
}

impl<'a> Parzen<'a> {
    /// The density of what was seen, oldest first.
    pub(super) fn new(dimensions: &[&'a Dimension], seen: &[Vec<Value>]) -> Self {
        let weights = weights(seen.len());
        let kernels = (0..dimensions.len()).map(|at| {
            let values: Vec<Value> = seen.iter().map(|values| values[at]).collect();
            Kernels::new(&dimensions[at].domain, &values, dimensions.len())
        });
        Self { kernels: kernels.collect(), dimensions: dimensions.to_vec(), weights }
    }

    /// A draw from one of the kernels.
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<Value> {
        let kernel = pick(&self.weights, rng.random());
        let drawn = self.kernels.iter().zip(&self.dimensions).map(|(kernels, dimension)| {
            let (domain, share) = (&dimension.domain, rng.random::<f64>());
            match kernels {
                Kernels::Items(rows) => Value::Item(pick(&rows[kernel], share)),
                Kernels::Normal { means, deviations } => {
                    let (low, high) = domain.scale();
                    if high <= low {
                        return domain.at(0.5);
                    }
                    let at = truncated_quantile(share, means[kernel], deviations[kernel], low, high);
                    domain.at((at - low) / (high - low))
                }
            }
        });
        drawn.collect()
    }

    /// The logarithm of the density of a point (of the mass, where values are whole or items).
    pub(super) fn ln_density(&self, values: &[Value]) -> f64 {
        let of_kernel = |kernel: usize| {
            let product = self.kernels.iter().zip(&self.dimensions).zip(values);
            let sum: f64 = product.map(|((kernels, of), value)| kernels.ln_density(kernel, &of.domain, *value)).sum();
            self.weights[kernel].ln() + sum
        };
        ln_sum_exp((0..self.weights.len()).map(of_kernel))
    }
}

/// The newest 25 weigh 1, older ones less, down to one over their number; the prior weighs 1; all together 1.
fn weights(seen: usize) -> Vec<f64> {
    let old = seen.saturating_sub(25);
    let ramp = |at: usize| {
        let first = 1.0 / seen as f64;
        if old > 1 { first + (1.0 - first) * at as f64 / (old - 1) as f64 } else { first }
    };
    let mut weights: Vec<f64> = (0..seen).map(|at| if at < old { ramp(at) } else { 1.0 }).chain([1.0]).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights
}

impl Kernels {
    fn new(domain: &Domain, seen: &[Value], dimensions: usize) -> Self {
        if let Domain::Choice { items } = *domain {
            return Self::Items(item_rows(items, seen));
        }
        let (low, high) = domain.scale();
        let range = (high - low).max(f64::MIN_POSITIVE);
        // Scott's rule for that many dimensions, and never narrower than the seen points can fill.
        let rule = 0.2 * (seen.len().max(1) as f64).powf(-1.0 / (dimensions as f64 + 4.0)) * range;
        let least = range / (seen.len() as f64 + 2.0).min(100.0);
        let mut means: Vec<f64> = seen.iter().map(|value| low + domain.share(*value) * (high - low)).collect();
        let mut deviations = vec![rule.clamp(least, range); seen.len()];
        means.push(f64::midpoint(low, high));
        deviations.push(range);
        Self::Normal { means, deviations }
    }

    fn ln_density(&self, kernel: usize, domain: &Domain, value: Value) -> f64 {
        let (low, high) = domain.scale();
        match (self, value) {
            (Self::Items(rows), Value::Item(item)) => rows[kernel][item].ln(),
            (Self::Normal { .. }, _) if high <= low => 0.0,
            (Self::Normal { means, deviations }, _) => {
                let (mean, deviation) = (means[kernel], deviations[kernel]);
                let whole = mass(mean, deviation, low, high).ln();
                let at = low + domain.share(value) * (high - low);
                let part = match value {
                    Value::Integer(number) => {
                        let edge = |number: f64| if domain.is_log() { number.ln() } else { number };
                        mass(mean, deviation, edge(number as f64 - 0.5), edge(number as f64 + 0.5)).ln()
                    }
                    _ => density((at - mean) / deviation).max(f64::MIN_POSITIVE).ln() - deviation.ln(),
                };
                part - whole
            }
            (Self::Items(_), _) => f64::NEG_INFINITY,
        }
    }
}

/// Each seen item has one count more than the others, which share one; the prior's row is even.
fn item_rows(items: usize, seen: &[Value]) -> Vec<Vec<f64>> {
    let kernels = seen.len() as f64 + 1.0;
    let row = |item: Option<usize>| {
        let mut row = vec![1.0 / kernels; items];
        if let Some(item) = item {
            row[item] += 1.0;
        }
        let sum: f64 = row.iter().sum();
        row.into_iter().map(|share| share / sum).collect()
    };
    let of = |value: &Value| row(if let Value::Item(item) = value { Some(*item) } else { None });
    seen.iter().map(of).chain([row(None)]).collect()
}

/// The position that a share in [0, 1) falls on.
fn pick(shares: &[f64], share: f64) -> usize {
    let mut sum = 0.0;
    for (at, of) in shares.iter().enumerate() {
        sum += of;
        if share < sum {
            return at;
        }
    }
    shares.len() - 1
}

#[cfg(test)]
mod tests {
    use super::super::super::super::space::tests::dimension;
    use super::*;
    use simpipe_base::seed::Seed;

    #[test]
    fn densities_of_whole_numbers_and_items_add_up_to_one() {
        for (domain, all) in [
            (Domain::Integer { low: 1, high: 9, log: true }, (1..10).map(Value::Integer).collect::<Vec<_>>()),
            (Domain::Choice { items: 4 }, (0..4).map(Value::Item).collect()),
        ] {
            let dimension = dimension("x", domain);
            let seen = [vec![all[2]], vec![all[2]], vec![all[0]]];
            let parzen = Parzen::new(&[&dimension], &seen);
            let density = |value: &Value| parzen.ln_density(&[*value]).exp();
            let sum: f64 = all.iter().map(density).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{sum}");
            assert!(density(&all[2]) > density(&all[3]), "seen more often");
        }
    }

    #[test]
    fn the_density_of_real_numbers_integrates_to_one_and_draws_follow_it() {
        let dimension = dimension("x", Domain::Real { low: 0.0, high: 2.0, log: false });
        let seen = [vec![Value::Real(0.1)], vec![Value::Real(1.9)]];
        let parzen = Parzen::new(&[&dimension], &seen);
        let cells = 2000;
        let width = 2.0 / f64::from(cells);
        let at = |cell: i32| parzen.ln_density(&[Value::Real((f64::from(cell) + 0.5) * width)]).exp() * width;
        assert!(((0..cells).map(at).sum::<f64>() - 1.0).abs() < 1e-4);
        let mut rng = Seed::of_stage(1, "test", None).rng("draws", &[]);
        let low = (0..4000).filter(|_| matches!(parzen.draw(&mut rng)[0], Value::Real(x) if x < 0.5)).count();
        let expected: f64 = (0..cells / 4).map(at).sum();
        assert!((low as f64 / 4000.0 - expected).abs() < 0.03, "{low} {expected}");
    }

    #[test]
    fn old_points_weigh_less() {
        let weights = weights(40);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(weights[0] < weights[10] && weights[15] == weights[40] && weights[14] <= weights[15]);
    }
}
