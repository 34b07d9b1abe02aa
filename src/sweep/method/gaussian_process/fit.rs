//! The kernel that the values speak for: the maximum of likelihood times prior over lengths, scale and noise.
//!
//! The priors are those of Optuna 4's `GPSampler`: they keep lengths finite and noise small where there are few points.

use super::super::numeric::minimise;
use super::process::{Kernel, Process};

/// The least noise, a share of the values' variance.
const LEAST_NOISE: f64 = 1e-6;
/// Bounds of the logarithms of all that is fitted.
const BOUNDS: (f64, f64) = (-16.0, 10.0);

/// The process of points and standardised values with the kernel that fits best.
pub(super) fn fit(points: Vec<Vec<f64>>, values: Vec<f64>, ordered: Vec<bool>) -> Process {
    let dimensions = ordered.len();
    let objective = |parameters: &[f64]| against(parameters, &points, &values, &ordered);
    // Lengths of the whole range, and of a fifth of it: the likelihood can have a maximum near either.
    let starts = [0.0, 3.2].map(|precision| {
        let mut start = vec![precision; dimensions];
        start.extend([0.0, (1e-2f64).ln()]);
        start
    });
    let fitted = starts.iter().map(|start| minimise(&objective, start, BOUNDS, 100));
    let best = fitted.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(parameters, _)| parameters);
    let kernel = kernel(&best.unwrap_or_else(|| starts[0].clone()), &ordered);
    let noisier = |times: f64| {
        let kernel = Kernel { noise: kernel.noise * times + 1e-8 * times * kernel.scale, ..kernel.clone() };
        Process::new(kernel, points.clone(), values.clone())
    };
    // Equal points at little noise may not factor; more noise always does.
    let factored = [0.0, 1.0, 1e2, 1e4, 1e6, 1e8].into_iter().find_map(|times| {
        if times == 0.0 { Process::new(kernel.clone(), points.clone(), values.clone()) } else { noisier(times) }
    });
    factored.unwrap_or_else(|| {
        let plain = Kernel { precision: vec![1.0; dimensions], scale: 1.0, noise: 1.0, ordered: ordered.clone() };
        Process::new(plain, points, values).expect("a correlation plus the identity is positive definite")
    })
}

fn kernel(parameters: &[f64], ordered: &[bool]) -> Kernel {
    let (precision, rest) = parameters.split_at(ordered.len());
    Kernel {
        precision: precision.iter().map(|ln| ln.exp()).collect(),
        scale: rest[0].exp(),
        noise: rest[1].exp() + LEAST_NOISE,
        ordered: ordered.to_vec(),
    }
}

/// Minus the logarithm of likelihood and prior, and its slope in the logarithms of the parameters.
fn against(parameters: &[f64], points: &[Vec<f64>], values: &[f64], ordered: &[bool]) -> (f64, Vec<f64>) {
    let kernel = kernel(parameters, ordered);
    let Some(process) = Process::new(kernel.clone(), points.to_vec(), values.to_vec()) else {
        return (f64::INFINITY, vec![0.0; parameters.len()]);
    };
    let dimensions = ordered.len();
    let slopes = process.likelihood_slope();
    let mut gradient = vec![0.0; parameters.len()];
    for (row, of_row) in slopes.iter().enumerate() {
        for (column, slope) in of_row.iter().enumerate() {
            let (a, b) = (&points[row], &points[column]);
            let distance = kernel.distance(a, b);
            let by_distance = slope * kernel.slope(distance);
            for at in 0..dimensions {
                gradient[at] += by_distance * kernel.precision[at] * kernel.square(at, a[at], b[at]);
            }
            gradient[dimensions] += slope * kernel.covariance(distance);
            if row == column {
                gradient[dimensions + 1] += slope * (kernel.noise - LEAST_NOISE);
            }
        }
    }
    let (prior, prior_slope) = prior(&kernel);
    let sum = |(likelihood, prior): (f64, f64)| -(likelihood + prior);
    let gradient = gradient.into_iter().zip(prior_slope).map(sum).collect();
    (-(process.ln_likelihood() + prior), gradient)
}

/// Inverse squared lengths near 1, scale by a gamma distribution (2, 1), noise by one (1.1, 30).
fn prior(kernel: &Kernel) -> (f64, Vec<f64>) {
    let of_length: f64 = kernel.precision.iter().map(|p| -(0.1 / p + 0.1 * p)).sum();
    let noise = kernel.noise;
    let value = of_length + kernel.scale.ln() - kernel.scale + 0.1 * noise.ln() - 30.0 * noise;
    let free = noise - LEAST_NOISE;
    let slope = kernel.precision.iter().map(|p| 0.1 / p - 0.1 * p);
    (value, slope.chain([1.0 - kernel.scale, (0.1 / noise - 30.0) * free]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> (Vec<Vec<f64>>, Vec<f64>) {
        let points: Vec<Vec<f64>> = (0..16).map(|at| vec![f64::from(at % 4) / 3.0, f64::from(at / 4) / 3.0]).collect();
        let values = points.iter().map(|point| (5.0 * point[0]).sin()).collect();
        (points, values)
    }

    #[test]
    fn the_slope_is_a_difference() {
        let (points, values) = grid();
        let at = [0.7, -0.4, 0.2, -3.0];
        let (_, slope) = against(&at, &points, &values, &[true, true]);
        for parameter in 0..4 {
            let moved = |step: f64| {
                let mut parameters = at;
                parameters[parameter] += step;
                against(&parameters, &points, &values, &[true, true]).0
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slope[parameter] - difference).abs() < 1e-4 * difference.abs().max(1.0), "{parameter}");
        }
    }

    #[test]
    fn a_dimension_without_effect_gets_a_long_length() {
        let (points, values) = grid();
        let kernel = fit(points, values, vec![true, true]).kernel;
        assert!(kernel.precision[0] > 10.0 * kernel.precision[1], "{kernel:?}");
        assert!(kernel.noise < 1e-2, "{kernel:?}");
    }

    #[test]
    fn the_same_point_many_times_is_fitted_all_the_same() {
        let process = fit(vec![vec![0.5]; 12], vec![0.0; 12], vec![true]);
        assert!(process.expected(&[0.1]).mean.abs() < 1e-9);
    }
}
