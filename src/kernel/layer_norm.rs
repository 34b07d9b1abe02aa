//! Layer normalisation of rows, for inference: mean, variance and result of a row while it lies in the cache.
use crate::simd::Simd;
use rayon::prelude::*;

/// Values that a task looks at, about.
const BLOCK: usize = 16 * 1024;

/// `y = gamma (x - mean) / sqrt(variance + epsilon) + beta` of every row `[c]`, with its own mean and biased variance.
///
/// `x` and `y`: `[rows, c]`, `gamma` and `beta`: `[c]`.
///
/// # Panics
/// If a length does not match.
pub fn layer_norm(x: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32, y: &mut [f32]) {
    let c = gamma.len();
    assert!(x.len() == y.len() && beta.len() == c && (c == 0 || x.len().is_multiple_of(c)), "lengths");
    if y.is_empty() {
        return;
    }
    let block = (BLOCK / c).max(1) * c;
    y.par_chunks_mut(block).zip(x.par_chunks(block)).for_each(|(y, x)| rows(x, gamma, beta, epsilon, y));
}

simd_fn! {
    [] fn rows[][](x: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32, y: &mut [f32]) = rows_impl;
}

#[inline(always)]
fn rows_impl<S: Simd>(_: S, x: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32, y: &mut [f32]) {
    let c = gamma.len();
    let beta = &beta[..c];
    for (x, y) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)) {
        let mean = sum(x, |v| v) / c as f32;
        let variance = sum(x, |v| (v - mean) * (v - mean)) / c as f32;
        let factor = 1.0 / (variance + epsilon).sqrt();
        let (x, y) = (&x[..c], &mut y[..c]);
        (0..c).for_each(|i| y[i] = (x[i] - mean) * factor * gamma[i] + beta[i]);
    }
}

/// Sixteen sums side by side, so that all instruction sets take them in one order.
#[inline(always)]
fn sum(x: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0f32; 16];
    let (blocks, rest) = x.as_chunks::<16>();
    for block in blocks {
        (0..16).for_each(|i| sums[i] += of(block[i]));
    }
    rest.iter().zip(&mut sums).for_each(|(v, sum)| *sum += of(*v));
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{Rng, error, in_pool};

    #[test]
    fn rows_are_those_of_f64() {
        let mut rng = Rng::new(4);
        for (rows, c) in [(1, 1), (3, 5), (7, 16), (50, 33), (200, 384), (0, 4)] {
            // Far from zero, where a variance from squares alone would lose its digits.
            let x: Vec<f32> = rng.normal(rows * c).iter().map(|v| v + 100.0).collect();
            let (gamma, beta) = (rng.normal(c), rng.normal(c));
            let run = || {
                let mut y = vec![f32::NAN; x.len()];
                layer_norm(&x, &gamma, &beta, 1e-3, &mut y);
                y
            };
            let y = in_pool(2, run);
            assert!(in_pool(1, run) == y && in_pool(3, run) == y);
            let mut wanted = Vec::new();
            for row in x.chunks(c) {
                let mean = row.iter().map(|v| f64::from(*v)).sum::<f64>() / c as f64;
                let variance = row.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / c as f64;
                let of = |(i, v): (usize, &f32)| {
                    f64::from(gamma[i]) * (f64::from(*v) - mean) / (variance + 1e-3).sqrt() + f64::from(beta[i])
                };
                wanted.extend(row.iter().enumerate().map(of));
            }
            assert!(error(&y, &wanted) < 2e-5, "{rows} x {c}: {}", error(&y, &wanted));
        }
    }
}
