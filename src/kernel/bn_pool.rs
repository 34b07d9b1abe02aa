//! Batch normalisation and max-pool in one pass: the normalised map is never written.
use crate::batch_norm::{BatchNormGrads, NormSlopes, batch_norm_slopes};
use crate::pool::{pool_row, window_position};
use crate::shape::PoolShape;
use crate::simd::Simd;
use crate::stats::BatchStats;
use rayon::prelude::*;

/// `y = max_pool(batch_norm(x))` with kernel and stride `k`, valid padding; `stats` as for [`crate::batch_norm_forward`].
///
/// `x`: `[n, h, w, c]`; `gamma`, `beta`: `[c]`; overwritten, each `[n, h/k, w/k, c]`: `y`; `picked`, the value of `x` at the maximum;
/// `arg`, its position in the window (row * k + column). The first of equal values wins.
///
/// # Panics
/// If a length does not match, or `k` is 0 or above 15.
pub fn batch_norm_max_pool_forward(
    shape: &PoolShape,
    x: &[f32],
    stats: &BatchStats,
    gamma: &[f32],
    beta: &[f32],
    eps: f32,
    y: &mut [f32],
    picked: &mut [f32],
    arg: &mut [u8],
) {
    let c = shape.c;
    assert!((1..=15).contains(&shape.k), "window {}", shape.k);
    assert!(x.len() == shape.x_len() && gamma.len() == c && beta.len() == c && stats.mean.len() == c, "lengths");
    assert!(y.len() == shape.y_len() && picked.len() == y.len() && arg.len() == y.len(), "lengths");
    let scale = stats.scale(gamma, eps);
    let [oh, ow] = shape.out();
    if y.is_empty() {
        return;
    }
    let row = ow * c;
    y.par_chunks_mut(row).zip(picked.par_chunks_mut(row)).zip(arg.par_chunks_mut(row)).enumerate().for_each(
        |(r, ((y, picked), arg))| {
            let at = ((r / oh) * shape.h + r % oh * shape.k) * shape.w * c;
            pool_row(shape, &x[at..], &scale, picked, arg);
            for ((y, p), _) in y.chunks_exact_mut(c).zip(picked.chunks_exact(c)).zip(0..ow) {
                for i in 0..c {
                    y[i] = (p[i] - stats.mean[i]) * scale[i] + beta[i];
                }
            }
        },
    );
}

/// `y = max over each window of x * scale + offset`, for inference; shapes as in [`batch_norm_max_pool_forward`].
pub(crate) fn affine_max_pool(shape: &PoolShape, x: &[f32], scale: &[f32], offset: &[f32], y: &mut [f32]) {
    let ([oh, ow], c) = (shape.out(), shape.c);
    if y.is_empty() {
        return;
    }
    y.par_chunks_mut(ow * c).enumerate().for_each(|(r, y)| {
        let mut arg = vec![0u8; y.len()];
        let at = ((r / oh) * shape.h + r % oh * shape.k) * shape.w * c;
        pool_row(shape, &x[at..], scale, y, &mut arg);
        for y in y.chunks_exact_mut(c) {
            for i in 0..c {
                y[i] = y[i] * scale[i] + offset[i];
            }
        }
    });
}

/// The gradients of [`batch_norm_max_pool_forward`] for `dy`: `[n, h/k, w/k, c]`; `picked` and `arg` are what it gave.
///
/// # Panics
/// If a length does not match.
pub fn batch_norm_max_pool_backward(
    shape: &PoolShape,
    x: &[f32],
    stats: &BatchStats,
    gamma: &[f32],
    eps: f32,
    picked: &[f32],
    arg: &[u8],
    dy: &[f32],
    grads: BatchNormGrads<'_>,
) {
    let c = shape.c;
    let BatchNormGrads { dx, dgamma, dbeta } = grads;
    assert!(x.len() == shape.x_len() && dx.len() == x.len() && stats.mean.len() == c && gamma.len() == c, "lengths");
    assert!(dy.len() == shape.y_len() && picked.len() == dy.len() && arg.len() == dy.len(), "lengths");
    assert!(dgamma.len() == c && dbeta.len() == c, "lengths");
    let k = batch_norm_slopes(picked, stats, gamma, eps, dy, dgamma, dbeta);
    spread(shape, x, &k, arg, dy, dx);
}

/// The gradient of the input given the slopes.
pub fn spread(shape: &PoolShape, x: &[f32], k: &NormSlopes, arg: &[u8], dy: &[f32], dx: &mut [f32]) {
    let c = shape.c;
    if x.is_empty() {
        return;
    }
    let row = shape.w * c;
    dx.par_chunks_mut(row).zip(x.par_chunks(row)).with_min_len(4).enumerate().for_each(|(r, (dx, x))| {
        let windows = window_position(shape, r);
        let (arg, dy, first) = match windows {
            Some((at, first)) => (&arg[at..], &dy[at..], first),
            None => (&arg[..0], &dy[..0], 0),
        };
        unpool_row(shape, x, &k.mean, [&k.scale, &k.offset, &k.slope], arg, dy, first, dx);
    });
}

simd_fn! {
    /// One input row; `first` is the position in the window of its first column, `arg` and `dy` start at its windows (empty: it has none).
    [] fn unpool_row[][](
        shape: &PoolShape, x: &[f32], mean: &[f32], slopes: [&[f32]; 3], arg: &[u8], dy: &[f32], first: usize, dx: &mut [f32],
    ) = unpool_row_impl;
}

#[inline(always)]
fn unpool_row_impl<S: Simd>(
    _: S,
    shape: &PoolShape,
    x: &[f32],
    mean: &[f32],
    slopes: [&[f32]; 3],
    arg: &[u8],
    dy: &[f32],
    first: usize,
    dx: &mut [f32],
) {
    let (c, k, ow) = (shape.c, shape.k, shape.out()[1]);
    let [scale, offset, slope] = slopes.map(|s| &s[..c]);
    let mean = &mean[..c];
    for (col, (dx, x)) in dx.chunks_exact_mut(c).zip(x.chunks_exact(c)).enumerate() {
        if arg.is_empty() || col / k >= ow {
            for i in 0..c {
                dx[i] = offset[i] + (x[i] - mean[i]) * slope[i];
            }
            continue;
        }
        let (at, t) = (col / k * c, (first + col % k) as u8);
        let (arg, dy) = (&arg[at..at + c], &dy[at..at + c]);
        for i in 0..c {
            let g = if arg[i] == t { dy[i] * scale[i] } else { 0.0 };
            dx[i] = g + (offset[i] + (x[i] - mean[i]) * slope[i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{self, Rng, error, in_pool};
    use crate::stats::batch_stats;

    #[test]
    fn batch_norm_max_pool_matches_f64() {
        let mut rng = Rng::new(6);
        for _ in 0..60 {
            let k = 1 + rng.below(4);
            let s =
                PoolShape { n: 1 + rng.below(4), h: k + rng.below(12), w: k + rng.below(12), c: 1 + rng.below(140), k };
            let (x, gamma, beta) = (rng.normal(s.x_len()), rng.normal(s.c), rng.normal(s.c));
            let dy = rng.normal(s.y_len());
            let run = || {
                let (mut y, mut picked, mut arg) =
                    (vec![f32::NAN; s.y_len()], vec![f32::NAN; s.y_len()], vec![99; s.y_len()]);
                let stats = batch_stats(&x, s.c);
                batch_norm_max_pool_forward(&s, &x, &stats, &gamma, &beta, 1e-3, &mut y, &mut picked, &mut arg);
                let (mut dx, mut dgamma, mut dbeta) = (vec![f32::NAN; x.len()], gamma.clone(), beta.clone());
                let grads = BatchNormGrads { dx: &mut dx, dgamma: &mut dgamma, dbeta: &mut dbeta };
                batch_norm_max_pool_backward(&s, &x, &stats, &gamma, 1e-3, &picked, &arg, &dy, grads);
                (y, arg, dx, dgamma, dbeta)
            };
            let got = in_pool(2, run);
            assert!(got == in_pool(1, run) && got == in_pool(3, run), "bytes differ");
            let (y, arg, dx, dgamma, dbeta) = got;
            let forward = reference::batch_norm(&x, &gamma, &beta, 1e-3, &vec![0.0; x.len()]);
            let (pooled, places) = reference::max_pool(&s, &forward.y);
            assert!(error(&y, &pooled) < 1e-4);
            assert_eq!(arg, places.iter().map(|p| *p as u8).collect::<Vec<_>>());
            let spread = reference::max_unpool(&s, &dy, &places);
            let want = reference::batch_norm(&x, &gamma, &beta, 1e-3, &spread);
            let rows = (s.x_len() / s.c) as f64;
            if rows > 1.0 {
                assert!(
                    error(&dx, &want.dx) < 1e-4
                        && error(&dgamma, &want.dgamma) < 1e-4
                        && error(&dbeta, &want.dbeta) < 1e-4,
                    "{s:?}"
                );
            }
        }
    }
}
