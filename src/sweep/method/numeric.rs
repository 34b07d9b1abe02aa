//! Normal distributions and a minimiser: what the models of a sweep calculate with.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// ln(sqrt(2 pi)).
pub(super) const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_7;

/// The standard normal density.
pub(super) fn density(z: f64) -> f64 {
    (-0.5 * z * z - LN_SQRT_2PI).exp()
}

/// The standard normal distribution function.
pub(super) fn cumulative(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// Its logarithm, exact also far below 0.
pub(super) fn ln_cumulative(z: f64) -> f64 {
    if z < -5.0 { (0.5 * erfcx(-z * FRAC_1_SQRT_2)).ln() - 0.5 * z * z } else { cumulative(z).ln() }
}

/// exp(x^2) erfc(x) for x > 0: finite where erfc is not.
pub(super) fn erfcx(x: f64) -> f64 {
    if x < 10.0 {
        return (x * x).exp() * libm::erfc(x);
    }
    // The asymptotic series; its sixth term is below 1e-9 from 10 on.
    let square = 1.0 / (2.0 * x * x);
    let series = 1.0 - square * (1.0 - 3.0 * square * (1.0 - 5.0 * square * (1.0 - 7.0 * square)));
    series / (x * PI.sqrt())
}

/// The probability that a normal of mean `mean` and deviation `deviation` lies in [`from`, `to`].
pub(super) fn mass(mean: f64, deviation: f64, from: f64, to: f64) -> f64 {
    let (a, b) = ((from - mean) / deviation, (to - mean) / deviation);
    // From the side of the smaller tail, where differences keep their digits.
    let mass = if a > 0.0 { cumulative(-a) - cumulative(-b) } else { cumulative(b) - cumulative(a) };
    mass.max(f64::MIN_POSITIVE)
}

/// The value below which a share `share` of a normal that is cut to [`from`, `to`] lies, by bisection.
pub(super) fn truncated_quantile(share: f64, mean: f64, deviation: f64, from: f64, to: f64) -> f64 {
    let whole = mass(mean, deviation, from, to);
    let (mut low, mut high) = (from, to);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if mass(mean, deviation, from, middle) < share * whole { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// ln(sum of exp).
pub(super) fn ln_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + terms.map(|term| (term - most).exp()).sum::<f64>().ln()
}

/// A function that gives its value and its gradient.
pub(super) type Sloped<'a> = dyn Fn(&[f64]) -> (f64, Vec<f64>) + 'a;

/// Where a function is least within a box, from `start` on: limited-memory BFGS with projection on the box (Nocedal and
/// Wright, Numerical Optimization, algorithm 7.5). `f` gives the value and the gradient.
pub(super) fn minimise(f: &Sloped<'_>, start: &[f64], (low, high): (f64, f64), steps: usize) -> (Vec<f64>, f64) {
    let mut x: Vec<f64> = start.iter().map(|x| x.clamp(low, high)).collect();
    let (mut value, mut gradient) = f(&x);
    let mut pairs: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    for _ in 0..steps {
        let free: Vec<bool> =
            x.iter().zip(&gradient).map(|(x, g)| !(*x <= low && *g > 0.0 || *x >= high && *g < 0.0)).collect();
        let steepest: Vec<f64> = masked(&gradient, &free).iter().map(|g| -g).collect();
        if steepest.iter().all(|g| g.abs() < 1e-7) {
            break;
        }
        let mut direction = masked(&two_loops(&steepest, &pairs), &free);
        if dot(&direction, &gradient) >= 0.0 {
            pairs.clear();
            direction.clone_from(&steepest);
        }
        let longest = if pairs.is_empty() { 1.0 / norm(&direction).max(1.0) } else { 1.0 };
        let Some((to, new_value, new_gradient)) =
            line_search(f, &x, value, &gradient, &direction, longest, (low, high))
        else {
            if pairs.is_empty() {
                break;
            }
            pairs.clear();
            continue;
        };
        let step: Vec<f64> = to.iter().zip(&x).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = new_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let gained = value - new_value;
        if dot(&step, &change) > 1e-12 * dot(&change, &change) {
            pairs.push((step, change));
            if pairs.len() > 8 {
                pairs.remove(0);
            }
        }
        (x, value, gradient) = (to, new_value, new_gradient);
        if gained < 1e-10 * value.abs().max(1.0) {
            break;
        }
    }
    (x, value)
}

/// A step that lowers the value by a ten-thousandth of what the slope promises (Armijo's rule).
fn line_search(
    f: &Sloped<'_>,
    x: &[f64],
    value: f64,
    gradient: &[f64],
    direction: &[f64],
    longest: f64,
    (low, high): (f64, f64),
) -> Option<(Vec<f64>, f64, Vec<f64>)> {
    let mut length = longest;
    for _ in 0..25 {
        let to: Vec<f64> = x.iter().zip(direction).map(|(x, d)| (x + length * d).clamp(low, high)).collect();
        let promised: f64 = gradient.iter().zip(to.iter().zip(x)).map(|(g, (to, x))| g * (to - x)).sum();
        let (new_value, new_gradient) = f(&to);
        if new_value.is_finite() && promised < 0.0 && new_value <= value + 1e-4 * promised {
            return Some((to, new_value, new_gradient));
        }
        length *= 0.4;
    }
    None
}

/// The inverse Hessian that the pairs of steps and changes of gradient stand for, times a vector.
fn two_loops(vector: &[f64], pairs: &[(Vec<f64>, Vec<f64>)]) -> Vec<f64> {
    let mut q = vector.to_vec();
    let mut factors = Vec::with_capacity(pairs.len());
    for (step, change) in pairs.iter().rev() {
        let factor = dot(step, &q) / dot(step, change);
        add(&mut q, -factor, change);
        factors.push(factor);
    }
    if let Some((step, change)) = pairs.last() {
        let scale = dot(step, change) / dot(change, change);
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for ((step, change), factor) in pairs.iter().zip(factors.iter().rev()) {
        let other = dot(change, &q) / dot(step, change);
        add(&mut q, factor - other, step);
    }
    q
}

fn masked(vector: &[f64], free: &[bool]) -> Vec<f64> {
    vector.iter().zip(free).map(|(x, free)| if *free { *x } else { 0.0 }).collect()
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn add(to: &mut [f64], factor: f64, vector: &[f64]) {
    to.iter_mut().zip(vector).for_each(|(to, x)| *to += factor * x);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_scipy() {
        // scipy.special: log_ndtr(-30), log_ndtr(-6), erfcx(12), ndtr(1.5).
        for (value, expected) in [
            (ln_cumulative(-30.0), -454.321_243_956_343_27),
            (ln_cumulative(-6.0), -20.736_768_949_974_71),
            (erfcx(12.0), 0.046_854_221_014_893_76),
            (cumulative(1.5), 0.933_192_798_731_141_9),
        ] {
            assert!((value - expected).abs() < 1e-9 * expected.abs(), "{value} {expected}");
        }
    }

    #[test]
    fn quantiles_of_a_cut_normal_invert_its_mass() {
        for (share, mean, deviation) in [(0.1, 0.5, 0.2), (0.5, 3.0, 0.3), (0.99, -2.0, 0.5)] {
            let at = truncated_quantile(share, mean, deviation, 0.0, 1.0);
            let found = mass(mean, deviation, 0.0, at) / mass(mean, deviation, 0.0, 1.0);
            assert!((found - share).abs() < 1e-6 && (0.0..=1.0).contains(&at), "{share} {found}");
        }
    }

    #[test]
    fn the_valley_of_rosenbrock_is_followed_to_its_end() {
        let f = |x: &[f64]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            (a * a + 100.0 * b * b, vec![-2.0 * a - 400.0 * x[0] * b, 200.0 * b])
        };
        let (x, value) = minimise(&f, &[-1.2, 1.0], (-2.0, 2.0), 200);
        assert!(value < 1e-8 && (x[0] - 1.0).abs() < 1e-3, "{x:?} {value}");
        // Where the box ends before, the best is on its edge.
        let (x, _) = minimise(&f, &[-1.2, -1.0], (-2.0, 0.5), 200);
        assert!((x[0] - 0.5).abs() < 0.3 && x.iter().all(|x| *x <= 0.5), "{x:?}");
    }
}
