//! Max-pool (kernel = stride, valid) and global max-pool, with the place of each maximum for the backward. The first of equal values wins.
use crate::shape::PoolShape;
use crate::simd::Simd;
use rayon::prelude::*;

/// Of input row `r` (counted over all images): the offset of its windows in the output, and the position in the window of its first
/// column; `None` if it belongs to no window.
pub(crate) fn window_position(shape: &PoolShape, r: usize) -> Option<(usize, usize)> {
    let ([oh, ow], k) = (shape.out(), shape.k);
    let (image, row) = (r / shape.h, r % shape.h);
    (row / k < oh && ow > 0).then(|| ((image * oh + row / k) * ow * shape.c, row % k * k))
}

fn check(shape: &PoolShape, x: usize, y: usize, arg: usize) {
    assert!((1..=15).contains(&shape.k), "window {}", shape.k);
    assert!(x == shape.x_len() && y == shape.y_len() && arg == y, "lengths");
}

/// `y = max over each k x k window`: `x` `[n, h, w, c]`, `y` and `arg` `[n, h/k, w/k, c]` (overwritten); `arg` is the position in the
/// window, row * k + column.
///
/// # Panics
/// If a length does not match, or `k` is 0 or above 15.
pub fn max_pool_forward(shape: &PoolShape, x: &[f32], y: &mut [f32], arg: &mut [u8]) {
    check(shape, x.len(), y.len(), arg.len());
    let ([oh, ow], c) = (shape.out(), shape.c);
    if y.is_empty() {
        return;
    }
    y.par_chunks_mut(ow * c).zip(arg.par_chunks_mut(ow * c)).enumerate().for_each(|(r, (y, arg))| {
        let at = ((r / oh) * shape.h + r % oh * shape.k) * shape.w * c;
        pool_row(shape, &x[at..], &[], y, arg);
    });
}

simd_fn! {
    /// One row of windows: the largest of `x` and its position; where `scale` (if not empty) is negative the smallest, where it is zero
    /// the first.
    [] fn pool_row[][](shape: &PoolShape, x: &[f32], scale: &[f32], best: &mut [f32], arg: &mut [u8]) = pool_row_impl;
}

#[inline(always)]
fn pool_row_impl<S: Simd>(s: S, shape: &PoolShape, x: &[f32], scale: &[f32], best: &mut [f32], arg: &mut [u8]) {
    if scale.is_empty() {
        windows::<S, false>(s, shape, x, scale, best, arg)
    } else {
        windows::<S, true>(s, shape, x, scale, best, arg)
    }
}

#[inline(always)]
fn windows<S: Simd, const SCALED: bool>(
    _: S,
    shape: &PoolShape,
    x: &[f32],
    scale: &[f32],
    best: &mut [f32],
    arg: &mut [u8],
) {
    let (c, k) = (shape.c, shape.k);
    for (o, (to, arg)) in best.chunks_exact_mut(c).zip(arg.chunks_exact_mut(c)).enumerate() {
        let mut at = 0;
        while at < c {
            // Whole groups of 32 channels in registers, the rest one by one.
            let width = if c - at >= 32 { 32 } else { 1 };
            let (mut best, mut place) = ([0.0f32; 32], [0u32; 32]);
            let mut sign = [1.0f32; 32];
            if SCALED {
                sign[..width].copy_from_slice(&scale[at..at + width]);
            }
            let corner = o * k * c + at;
            if width == 32 {
                best.copy_from_slice(&x[corner..corner + 32]);
                for t in 1..k * k {
                    let from = corner + ((t / k) * shape.w + t % k) * c;
                    let x: &[f32; 32] = x[from..from + 32].try_into().expect("32 values");
                    for i in 0..32 {
                        let better = if SCALED { (x[i] - best[i]) * sign[i] > 0.0 } else { x[i] > best[i] };
                        best[i] = if better { x[i] } else { best[i] };
                        place[i] = if better { t as u32 } else { place[i] };
                    }
                }
            } else {
                best[0] = x[corner];
                for t in 1..k * k {
                    let v = x[corner + ((t / k) * shape.w + t % k) * c];
                    if if SCALED { (v - best[0]) * sign[0] > 0.0 } else { v > best[0] } {
                        (best[0], place[0]) = (v, t as u32);
                    }
                }
            }
            to[at..at + width].copy_from_slice(&best[..width]);
            for (a, p) in arg[at..at + width].iter_mut().zip(place) {
                *a = p as u8;
            }
            at += width;
        }
    }
}

/// The gradient of [`max_pool_forward`]: `dy` and `arg` `[n, h/k, w/k, c]`, `dx` `[n, h, w, c]` (overwritten).
///
/// # Panics
/// If a length does not match.
pub fn max_pool_backward(shape: &PoolShape, dy: &[f32], arg: &[u8], dx: &mut [f32]) {
    check(shape, dx.len(), dy.len(), arg.len());
    if dx.is_empty() {
        return;
    }
    dx.par_chunks_mut(shape.w * shape.c).enumerate().for_each(|(r, dx)| match window_position(shape, r) {
        Some((at, first)) => unrow(shape, &dy[at..], &arg[at..], first, dx),
        None => dx.fill(0.0),
    });
}

simd_fn! {
    [] fn unrow[][](shape: &PoolShape, dy: &[f32], arg: &[u8], first: usize, dx: &mut [f32]) = unrow_impl;
}

#[inline(always)]
fn unrow_impl<S: Simd>(_: S, shape: &PoolShape, dy: &[f32], arg: &[u8], first: usize, dx: &mut [f32]) {
    let (c, k, ow) = (shape.c, shape.k, shape.out()[1]);
    for (col, dx) in dx.chunks_exact_mut(c).enumerate() {
        if col / k >= ow {
            dx.fill(0.0);
            continue;
        }
        let (at, t) = (col / k * c, (first + col % k) as u8);
        let (dy, arg) = (&dy[at..at + c], &arg[at..at + c]);
        for i in 0..c {
            dx[i] = if arg[i] == t { dy[i] } else { 0.0 };
        }
    }
}

/// `y = max over the pixels`: `x` `[n, pixels, c]`, `y` and `arg` (the pixel) `[n, c]` (overwritten).
///
/// # Panics
/// If a length does not match, or there are no pixels.
pub fn global_max_pool_forward(pixels: usize, c: usize, x: &[f32], y: &mut [f32], arg: &mut [u32]) {
    assert!(
        pixels > 0 && x.len() == y.len() * pixels && arg.len() == y.len() && y.len().is_multiple_of(c.max(1)),
        "lengths"
    );
    if y.is_empty() {
        return;
    }
    y.par_chunks_mut(c)
        .zip(arg.par_chunks_mut(c))
        .zip(x.par_chunks(pixels * c))
        .for_each(|((y, arg), x)| image(x, y, arg));
}

simd_fn! {
    [] fn image[][](x: &[f32], y: &mut [f32], arg: &mut [u32]) = image_impl;
}

#[inline(always)]
fn image_impl<S: Simd>(_: S, x: &[f32], y: &mut [f32], arg: &mut [u32]) {
    let c = y.len();
    let arg = &mut arg[..c];
    y.copy_from_slice(&x[..c]);
    arg.fill(0);
    for (t, x) in x.chunks_exact(c).enumerate().skip(1) {
        for i in 0..c {
            let better = x[i] > y[i];
            y[i] = if better { x[i] } else { y[i] };
            arg[i] = if better { t as u32 } else { arg[i] };
        }
    }
}

/// The gradient of [`global_max_pool_forward`]: `dy` and `arg` `[n, c]`, `dx` `[n, pixels, c]` (overwritten).
///
/// # Panics
/// If a length does not match.
pub fn global_max_pool_backward(pixels: usize, c: usize, dy: &[f32], arg: &[u32], dx: &mut [f32]) {
    assert!(dx.len() == dy.len() * pixels && arg.len() == dy.len() && dy.len().is_multiple_of(c.max(1)), "lengths");
    if dx.is_empty() {
        return;
    }
    dx.par_chunks_mut(pixels * c).zip(dy.par_chunks(c).zip(arg.par_chunks(c))).for_each(|(dx, (dy, arg))| {
        dx.fill(0.0);
        for i in 0..c {
            dx[arg[i] as usize * c + i] = dy[i];
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{self, Rng, in_pool};

    #[test]
    fn max_pools_match() {
        let mut rng = Rng::new(7);
        for _ in 0..80 {
            let k = 1 + rng.below(5);
            let s =
                PoolShape { n: 1 + rng.below(4), h: 1 + rng.below(14), w: 1 + rng.below(14), c: 1 + rng.below(70), k };
            // Few different values, so that ties occur.
            let x: Vec<f32> = rng.normal(s.x_len()).iter().map(|v| v.round()).collect();
            let dy = rng.normal(s.y_len());
            let run = || {
                let (mut y, mut arg, mut dx) =
                    (vec![f32::NAN; s.y_len()], vec![99; s.y_len()], vec![f32::NAN; x.len()]);
                max_pool_forward(&s, &x, &mut y, &mut arg);
                max_pool_backward(&s, &dy, &arg, &mut dx);
                (y, arg, dx)
            };
            let got = in_pool(2, run);
            assert!(got == in_pool(1, run) && got == in_pool(3, run));
            let wide: Vec<f64> = x.iter().map(|v| f64::from(*v)).collect();
            let (y, places) = reference::max_pool(&s, &wide);
            assert_eq!(got.0.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(), y);
            assert_eq!(got.1, places.iter().map(|p| *p as u8).collect::<Vec<_>>());
            assert_eq!(got.2, reference::max_unpool(&s, &dy, &places));

            let pixels = s.h * s.w;
            let (mut y, mut arg, mut dx) = (vec![0.0; s.n * s.c], vec![99; s.n * s.c], vec![f32::NAN; x.len()]);
            global_max_pool_forward(pixels, s.c, &x, &mut y, &mut arg);
            let g = rng.normal(y.len());
            global_max_pool_backward(pixels, s.c, &g, &arg, &mut dx);
            for i in 0..y.len() {
                let (n, c) = (i / s.c, i % s.c);
                let all: Vec<f32> = (0..pixels).map(|p| x[(n * pixels + p) * s.c + c]).collect();
                let best = all.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                assert_eq!((y[i], arg[i] as usize), (best, all.iter().position(|v| *v == best).unwrap()));
                for p in 0..pixels {
                    assert_eq!(dx[(n * pixels + p) * s.c + c], if p == arg[i] as usize { g[i] } else { 0.0 });
                }
            }
        }
    }
}
