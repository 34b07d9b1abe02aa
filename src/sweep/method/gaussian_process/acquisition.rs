//! Where most improvement over the best so far is expected.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::super::super::space::{Domain, Space};
use super::super::numeric::{LN_SQRT_2PI, cumulative, density, erfcx, ln_cumulative, minimise};
use super::super::sobol::shares;
use super::process::Process;

/// Points of a Sobol sequence that are looked at, and how many of the best are followed uphill.
const LOOKED_AT: u64 = 1024;
const FOLLOWED: usize = 8;

/// The shares of the point that most improvement is expected of.
pub(super) fn propose(process: &Process, space: &Space, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let dimensions = space.dimensions();
    let best = process.values.iter().copied().fold(f64::INFINITY, f64::min);
    let against = |point: &[f64]| {
        let (value, slope) = ln_improvement(process, point, best);
        (-value, slope.into_iter().map(|slope| -slope).collect())
    };
    let scramble = rng.random::<u64>();
    let mut starts: Vec<Vec<f64>> =
        (0..LOOKED_AT).map(|number| shares(number, dimensions.len().min(256), scramble)).collect();
    // Near the best point the hill is narrow: some starts lie there.
    if let Some(best) = process.values.iter().position(|value| *value == best) {
        for _ in 0..64 {
            let near = |x: &f64| (x + 0.1 * (rng.random::<f64>() - 0.5)).clamp(0.0, 1.0);
            starts.push(process.points[best].iter().map(near).collect());
        }
        starts.push(process.points[best].clone());
    }
    let mut looked: Vec<(f64, Vec<f64>)> =
        starts.into_iter().map(|start| (against(&snapped(space, start.clone())).0, start)).collect();
    looked.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let followed = looked.into_iter().take(FOLLOWED).map(|(_, start)| {
        let (to, _) = minimise(&against, &snapped(space, start), (0.0, 1.0), 60);
        // Whole numbers end where their value is.
        let to = snapped(space, to);
        (against(&to).0, to)
    });
    let best = followed.min_by(|(a, _), (b, _)| a.total_cmp(b));
    best.map_or_else(|| vec![0.5; dimensions.len()], |(_, point)| point)
}

/// Coordinates moved to those of the values that they stand for, but for real numbers.
fn snapped(space: &Space, mut shares: Vec<f64>) -> Vec<f64> {
    for (share, dimension) in shares.iter_mut().zip(space.dimensions()) {
        if !matches!(dimension.domain, Domain::Real { .. }) {
            *share = dimension.domain.share(dimension.domain.at(*share));
        }
    }
    shares
}

/// The logarithm of the expected improvement below `best`, and its slopes.
fn ln_improvement(process: &Process, point: &[f64], best: f64) -> (f64, Vec<f64>) {
    let expected = process.expected(point);
    let deviation = expected.variance.sqrt();
    let z = (best - expected.mean) / deviation;
    let ln_h = ln_h(z);
    // EI = deviation h(z): its slope in the mean is -P(z), in the deviation p(z), both over EI here.
    let by_mean = -(ln_cumulative(z) - ln_h).exp() / deviation;
    let by_deviation = (-0.5 * z * z - LN_SQRT_2PI - ln_h).exp() / deviation;
    let slope = |(mean, variance): (&f64, &f64)| by_mean * mean + by_deviation * variance / (2.0 * deviation);
    (deviation.ln() + ln_h, expected.mean_slope.iter().zip(&expected.variance_slope).map(slope).collect())
}

/// ln(p(z) + z P(z)), exact also far below 0 (Ament et al. 2023, equation 9).
fn ln_h(z: f64) -> f64 {
    if z > -1.0 {
        return (density(z) + z * cumulative(z)).ln();
    }
    if z < -1e4 {
        // 1 - |z| sqrt(pi / 2) erfcx(|z| / sqrt 2) is 1 / z^2 there.
        return -0.5 * z * z - LN_SQRT_2PI - 2.0 * (-z).ln();
    }
    let tail = -z * (std::f64::consts::PI / 2.0).sqrt() * erfcx(-z * std::f64::consts::FRAC_1_SQRT_2);
    // Close to 1 from about 100 on, where digits of the difference are lost: the series takes over.
    let rest = if z < -60.0 { 1.0 / (z * z) - 3.0 / z.powi(4) } else { 1.0 - tail };
    -0.5 * z * z - LN_SQRT_2PI + rest.ln()
}

#[cfg(test)]
mod tests {
    use super::super::process::tests::example;
    use super::*;

    #[test]
    fn improvements_are_those_of_a_thousand_digits() {
        // mpmath: log(npdf(z) + z ncdf(z)) with 2,000 digits.
        for (z, expected) in [
            (2.0, 0.697_383_545_788_228),
            (0.0, -0.918_938_533_204_672_7),
            (-3.0, -7.869_686_059_603_029),
            (-20.0, -206.917_838_509_425_1),
            (-70.0, -2_459.416_540_826_469),
            (-500.0, -125_013.348_166_729_88),
        ] {
            let found = ln_h(z);
            assert!((found - expected).abs() < 1e-9 * f64::max(1.0, expected.abs()), "{z}: {found} {expected}");
        }
    }

    #[test]
    fn it_has_no_steps_where_formulas_change() {
        for edge in [-1.0, -60.0, -1e4, -5.0 * std::f64::consts::SQRT_2] {
            let (below, above) = (ln_h(edge - 1e-9 * edge.abs()), ln_h(edge + 1e-9 * edge.abs()));
            assert!((below - above).abs() < 1e-6 * below.abs().max(1.0), "{edge}: {below} {above}");
        }
    }

    #[test]
    fn slopes_are_differences() {
        let process = example();
        for at in [[0.35, 0.6], [0.81, 0.31], [0.1, 0.9]] {
            let (_, slope) = ln_improvement(&process, &at, -1.0);
            for dimension in 0..2 {
                let moved = |step: f64| {
                    let mut point = at;
                    point[dimension] += step;
                    ln_improvement(&process, &point, -1.0).0
                };
                let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                assert!((slope[dimension] - difference).abs() < 1e-3 * difference.abs().max(1.0), "{at:?} {slope:?}");
            }
        }
    }
}
