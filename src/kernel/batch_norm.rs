//! Batch normalisation in training: forward with the batch's own statistics, and backward.
use crate::scratch::{Scratch, round16};
use crate::simd::Simd;
use crate::stats::{BatchStats, block_rows, ordered_sum, products};
use rayon::prelude::*;

/// Where the gradients of a batch normalisation go; all are overwritten.
#[derive(Debug)]
pub struct BatchNormGrads<'a> {
    /// Of the input, `[rows, c]`.
    pub dx: &'a mut [f32],
    /// Of the scale, `[c]`.
    pub dgamma: &'a mut [f32],
    /// Of the offset, `[c]`.
    pub dbeta: &'a mut [f32],
}

/// `y = (x - mean) / sqrt(var + eps) * gamma + beta` with the batch's statistics, from [`crate::batch_stats`] or the convolution.
///
/// `x`, `y`: `[rows, c]` (rows: images times pixels), `gamma`, `beta`: `[c]`. `y` is overwritten.
///
/// # Panics
/// If a length does not match.
pub fn batch_norm_forward(x: &[f32], stats: &BatchStats, gamma: &[f32], beta: &[f32], eps: f32, y: &mut [f32]) {
    let c = gamma.len();
    assert!(
        c > 0 && beta.len() == c && stats.mean.len() == c && y.len() == x.len() && x.len().is_multiple_of(c),
        "lengths"
    );
    let scale = stats.scale(gamma, eps);
    let block = block_rows(c) * c;
    y.par_chunks_mut(block).zip(x.par_chunks(block)).for_each(|(y, x)| affine(x, &stats.mean, &scale, beta, y));
}

simd_fn! {
    /// `y = (x - mean) * scale + offset`, row by row.
    [] fn affine[][](x: &[f32], mean: &[f32], scale: &[f32], offset: &[f32], y: &mut [f32]) = affine_impl;
}

#[inline(always)]
fn affine_impl<S: Simd>(_: S, x: &[f32], mean: &[f32], scale: &[f32], offset: &[f32], y: &mut [f32]) {
    let c = mean.len();
    let (scale, offset) = (&scale[..c], &offset[..c]);
    for (y, x) in y.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
        for i in 0..c {
            y[i] = (x[i] - mean[i]) * scale[i] + offset[i];
        }
    }
}

/// The gradient of a batch normalisation's input as a linear map: `dx = dy * scale + offset + (x - mean) * slope`.
#[derive(Clone, Debug, PartialEq)]
pub struct NormSlopes {
    /// `[c]` each, padded with zeros to whole groups of 16.
    pub(crate) mean: Vec<f32>,
    pub(crate) scale: Vec<f32>,
    pub(crate) offset: Vec<f32>,
    pub(crate) slope: Vec<f32>,
    pub(crate) c: usize,
    /// A relu behind the normalisation: `dy` counts as zero where it gave zero.
    pub(crate) relu: Option<ReluMask>,
}

/// Where a relu behind a normalisation passes its gradient on: where `(x - mean) * scale + offset`, in just this order, is above zero.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReluMask {
    /// `[c]` each, padded with zeros to whole groups of 16.
    pub(crate) scale: Vec<f32>,
    pub(crate) offset: Vec<f32>,
}

/// First half of [`batch_norm_backward`]: the gradients of scale and offset (`[c]`, overwritten), and what the input's gradient needs.
///
/// `x` and `dy`: `[rows, c]`; with a max-pool behind the normalisation the picked values and the gradients of the maxima suffice, since
/// `dy` is zero elsewhere.
///
/// # Panics
/// If a length does not match.
pub fn batch_norm_slopes(
    x: &[f32],
    stats: &BatchStats,
    gamma: &[f32],
    eps: f32,
    dy: &[f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
) -> NormSlopes {
    let c = gamma.len();
    assert!(
        c > 0 && stats.mean.len() == c && stats.var.len() == c && dy.len() == x.len() && x.len().is_multiple_of(c),
        "lengths"
    );
    assert!(dgamma.len() == c && dbeta.len() == c, "lengths");
    let block = block_rows(c) * c;
    let mut sums = Scratch::zeros(x.len().div_ceil(block) * 2 * c);
    sums.par_chunks_mut(2 * c)
        .zip(x.par_chunks(block).zip(dy.par_chunks(block)))
        .for_each(|(to, (x, g))| products(x, g, &stats.mean, to));
    slopes_of(&sums, stats, gamma, eps, dgamma, dbeta)
}

/// The slopes, and the gradients of scale and offset, from the sums of blocks as [`products`] leaves them.
pub(crate) fn slopes_of(
    sums: &[f32],
    stats: &BatchStats,
    gamma: &[f32],
    eps: f32,
    dgamma: &mut [f32],
    dbeta: &mut [f32],
) -> NormSlopes {
    let c = gamma.len();
    let sums = ordered_sum(sums, 2 * c);
    let n = stats.rows.max(1) as f64;
    let zero = vec![0.0; round16(c)];
    let mut out =
        NormSlopes { mean: zero.clone(), scale: zero.clone(), offset: zero.clone(), slope: zero, c, relu: None };
    out.mean[..c].copy_from_slice(&stats.mean);
    for ch in 0..c {
        let r = 1.0 / (f64::from(stats.var[ch]) + f64::from(eps)).sqrt();
        let a = f64::from(gamma[ch]) * r;
        dbeta[ch] = sums[ch] as f32;
        dgamma[ch] = (sums[c + ch] * r) as f32;
        out.scale[ch] = a as f32;
        out.offset[ch] = (-a * sums[ch] / n) as f32;
        out.slope[ch] = (-a * r * r * sums[c + ch] / n) as f32;
    }
    out
}

/// The gradients of [`batch_norm_forward`] for `dy`: `[rows, c]`, with the same statistics.
///
/// # Panics
/// If a length does not match.
pub fn batch_norm_backward(
    x: &[f32],
    stats: &BatchStats,
    gamma: &[f32],
    eps: f32,
    dy: &[f32],
    grads: BatchNormGrads<'_>,
) {
    let BatchNormGrads { dx, dgamma, dbeta } = grads;
    assert!(stats.rows * gamma.len() == x.len() && dx.len() == x.len(), "lengths");
    let k = batch_norm_slopes(x, stats, gamma, eps, dy, dgamma, dbeta);
    batch_norm_gradient(x, &k, dy, dx);
}

/// Second half of [`batch_norm_backward`]: the gradient of the input (`[rows, c]`, overwritten) by the slopes for `dy`.
///
/// # Panics
/// If a length does not match.
pub fn batch_norm_gradient(x: &[f32], k: &NormSlopes, dy: &[f32], dx: &mut [f32]) {
    assert!(x.len().is_multiple_of(k.c) && dy.len() == x.len() && dx.len() == x.len(), "lengths");
    let block = block_rows(k.c) * k.c;
    let parts = dx.par_chunks_mut(block).zip(x.par_chunks(block).zip(dy.par_chunks(block)));
    parts.for_each(|(dx, (x, g))| batch_norm_rows(x, k, g, dx));
}

/// The same of some rows, by this thread.
pub(crate) fn batch_norm_rows(x: &[f32], k: &NormSlopes, dy: &[f32], dx: &mut [f32]) {
    let mean = &k.mean[..k.c];
    match &k.relu {
        None => gradient(x, dy, mean, &k.scale, &k.offset, &k.slope, dx),
        Some(mask) => masked_gradient(x, dy, mean, [&k.scale, &k.offset, &k.slope], mask, dx),
    }
}

simd_fn! {
    /// As [`gradient`] where the mask lets `g` through; where it does not, as if `g` were zero.
    [] fn masked_gradient[][](x: &[f32], g: &[f32], mean: &[f32], slopes: [&[f32]; 3], mask: &ReluMask, dx: &mut [f32]) = masked_gradient_impl;
}

#[inline(always)]
fn masked_gradient_impl<S: Simd>(
    _: S,
    x: &[f32],
    g: &[f32],
    mean: &[f32],
    slopes: [&[f32]; 3],
    mask: &ReluMask,
    dx: &mut [f32],
) {
    let c = mean.len();
    let [scale, offset, slope] = slopes.map(|s| &s[..c]);
    let (mask_scale, mask_offset) = (&mask.scale[..c], &mask.offset[..c]);
    for ((dx, x), g) in dx.chunks_exact_mut(c).zip(x.chunks_exact(c)).zip(g.chunks_exact(c)) {
        for i in 0..c {
            let d = x[i] - mean[i];
            let g = if d * mask_scale[i] + mask_offset[i] > 0.0 { g[i] } else { 0.0 };
            dx[i] = g * scale[i] + (offset[i] + d * slope[i]);
        }
    }
}

simd_fn! {
    /// `dx = g * scale + offset + (x - mean) * slope`, row by row.
    [] fn gradient[][](x: &[f32], g: &[f32], mean: &[f32], scale: &[f32], offset: &[f32], slope: &[f32], dx: &mut [f32]) = gradient_impl;
}

#[inline(always)]
fn gradient_impl<S: Simd>(
    _: S,
    x: &[f32],
    g: &[f32],
    mean: &[f32],
    scale: &[f32],
    offset: &[f32],
    slope: &[f32],
    dx: &mut [f32],
) {
    let c = mean.len();
    let (scale, offset, slope) = (&scale[..c], &offset[..c], &slope[..c]);
    for ((dx, x), g) in dx.chunks_exact_mut(c).zip(x.chunks_exact(c)).zip(g.chunks_exact(c)) {
        for i in 0..c {
            dx[i] = g[i] * scale[i] + (offset[i] + (x[i] - mean[i]) * slope[i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{self, Rng, error, in_pool};
    use crate::stats::batch_stats;

    #[test]
    fn batch_norm_matches_f64() {
        let mut rng = Rng::new(5);
        let mut worst = [0.0f64; 6];
        for i in 0..60 {
            let (rows, c) = (1 + rng.below(if i % 4 == 0 { 3000 } else { 40 }), 1 + rng.below(140));
            let shift = if i % 3 == 0 { 50.0 } else { 0.5 };
            let x: Vec<f32> = rng.normal(rows * c).iter().map(|v| v * 2.0 + shift).collect();
            let (gamma, beta, dy) = (rng.normal(c), rng.normal(c), rng.normal(rows * c));
            let run = || {
                let mut y = vec![f32::NAN; x.len()];
                let stats = batch_stats(&x, c);
                batch_norm_forward(&x, &stats, &gamma, &beta, 1e-3, &mut y);
                let (mut dx, mut dgamma, mut dbeta) = (y.clone(), gamma.clone(), beta.clone());
                batch_norm_backward(
                    &x,
                    &stats,
                    &gamma,
                    1e-3,
                    &dy,
                    BatchNormGrads { dx: &mut dx, dgamma: &mut dgamma, dbeta: &mut dbeta },
                );
                (y, stats, dx, dgamma, dbeta)
            };
            let got = in_pool(2, run);
            assert!(got == in_pool(1, run) && got == in_pool(3, run), "bytes differ");
            let (y, stats, dx, dgamma, dbeta) = got;
            let want = reference::batch_norm(&x, &gamma, &beta, 1e-3, &dy);
            // Where the rows hardly differ the gradient is a small difference of large terms: measured against those.
            let terms = gamma.iter().fold(0.0f64, |m, g| m.max(f64::from(g.abs())))
                / stats.var.iter().fold(f64::MAX, |m, v| m.min(f64::from(*v))).max(1e-3).sqrt();
            let largest = want.dx.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            let e = [
                error(&stats.mean, &want.mean),
                error(&stats.var, &want.var),
                error(&y, &want.y),
                error(&dx, &want.dx) * largest / largest.max(terms),
                error(&dgamma, &want.dgamma),
                error(&dbeta, &want.dbeta),
            ];
            let limit = if rows == 1 { [1e-4, 1.0, 1e-4, 1e-4, f64::MAX, 1e-4] } else { [1e-4; 6] };
            assert!(e.iter().zip(limit).all(|(e, l)| *e < l), "{e:?} rows {rows} c {c}");
            if rows > 1 {
                worst.iter_mut().zip(e).for_each(|(w, e)| *w = w.max(e));
            }
        }
        println!("batch-norm worst error (mean, var, y, dx, dgamma, dbeta): {worst:?}");
    }
}
