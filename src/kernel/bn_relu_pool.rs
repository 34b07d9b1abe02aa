//! Batch normalisation, relu and max-pool in one pass: neither the normalised map nor what the relu makes of it is ever written.
//!
//! Every value is that of the operations one by one, bit for bit: windows are compared by their normalised values, and the sums of the
//! way back are taken in the order of [`batch_norm_slopes`](crate::batch_norm_slopes) on a whole map.
use crate::batch_norm::{NormSlopes, slopes_of};
use crate::bn_tail::Norm;
use crate::scratch::Scratch;
use crate::shape::PoolShape;
use crate::simd::Simd;
use crate::stats::block_rows;
use rayon::prelude::*;

/// The place of a maximum that the relu has made zero: no pixel of a window has it (windows have at most 225), so no gradient passes.
const NOWHERE: u8 = u8::MAX;

/// Channels that are compared together.
const LANES: usize = 16;

/// `y = max_pool(max(norm(x), 0))` with kernel and stride `k`, valid padding.
///
/// `x`: `[n, h, w, c]`; overwritten, each `[n, h/k, w/k, c]`: `y`; `picked`, the value of `x` at the maximum; `arg`, its position in the
/// window (row * k + column), or one that no pixel has where `y` is zero. The first of equal values wins.
///
/// # Panics
/// If a length does not match, or `k` is 0 or above 15.
pub fn batch_norm_relu_max_pool_forward(
    shape: &PoolShape,
    x: &[f32],
    norm: &Norm<'_>,
    y: &mut [f32],
    picked: &mut [f32],
    arg: &mut [u8],
) {
    let c = norm.check();
    assert!((1..=15).contains(&shape.k), "window {}", shape.k);
    assert!(c == shape.c && x.len() == shape.x_len() && y.len() == shape.y_len(), "lengths");
    assert!(picked.len() == y.len() && arg.len() == y.len(), "lengths");
    let ([oh, ow], scale) = (shape.out(), norm.scale());
    if y.is_empty() {
        return;
    }
    let (of, row) = ([&norm.stats.mean[..], &scale, norm.beta], ow * c);
    let parts = y.par_chunks_mut(row).zip(picked.par_chunks_mut(row)).zip(arg.par_chunks_mut(row));
    parts.enumerate().for_each(|(r, ((y, picked), arg))| {
        let at = ((r / oh) * shape.h + r % oh * shape.k) * shape.w * c;
        windows(shape, &x[at..], of, y, picked, arg);
    });
}

simd_fn! {
    /// One row of windows; `of` is mean, scale and offset.
    [] fn windows[][](shape: &PoolShape, x: &[f32], of: [&[f32]; 3], y: &mut [f32], picked: &mut [f32], arg: &mut [u8]) = windows_impl;
}

#[inline(always)]
fn windows_impl<S: Simd>(
    _: S,
    shape: &PoolShape,
    x: &[f32],
    of: [&[f32]; 3],
    y: &mut [f32],
    picked: &mut [f32],
    arg: &mut [u8],
) {
    let (c, k) = (shape.c, shape.k);
    let whole = y.chunks_exact_mut(c).zip(picked.chunks_exact_mut(c)).zip(arg.chunks_exact_mut(c));
    for (o, ((y, picked), arg)) in whole.enumerate() {
        let mut at = 0;
        while at < c {
            let corner = o * k * c + at;
            let width = if c - at >= LANES { LANES } else { 1 };
            let (of, to) = (of.map(|v| &v[at..at + width]), at..at + width);
            let (y, picked, arg) = (&mut y[to.clone()], &mut picked[to.clone()], &mut arg[to]);
            if width == LANES {
                window::<LANES>(shape, &x[corner..], of, y, picked, arg);
            } else {
                window::<1>(shape, &x[corner..], of, y, picked, arg);
            }
            at += width;
        }
    }
}

/// `N` channels of one window, whose corner is the first of `x`.
#[inline(always)]
fn window<const N: usize>(
    shape: &PoolShape,
    x: &[f32],
    of: [&[f32]; 3],
    y: &mut [f32],
    picked: &mut [f32],
    arg: &mut [u8],
) {
    let [mean, scale, offset] = of.map(|v| <[f32; N]>::try_from(v).expect("so many channels"));
    let mut value: [f32; N] = x[..N].try_into().expect("so many channels");
    let (mut best, mut place) = ([0.0f32; N], [0u32; N]);
    for i in 0..N {
        best[i] = (value[i] - mean[i]) * scale[i] + offset[i];
    }
    for t in 1..shape.k * shape.k {
        let from = ((t / shape.k) * shape.w + t % shape.k) * shape.c;
        let x: &[f32; N] = x[from..from + N].try_into().expect("so many channels");
        for i in 0..N {
            let z = (x[i] - mean[i]) * scale[i] + offset[i];
            let better = z > best[i];
            best[i] = if better { z } else { best[i] };
            value[i] = if better { x[i] } else { value[i] };
            place[i] = if better { t as u32 } else { place[i] };
        }
    }
    for i in 0..N {
        let zero = best[i] <= 0.0;
        y[i] = if zero { 0.0 } else { best[i] };
        picked[i] = value[i];
        arg[i] = if zero { NOWHERE } else { place[i] as u8 };
    }
}

/// First half of the way back: the gradients of scale and offset (`[c]`, overwritten), and what the input's gradient needs. `picked` and
/// `arg` are what [`batch_norm_relu_max_pool_forward`] gave, `dy`: `[n, h/k, w/k, c]`.
///
/// # Panics
/// If a length does not match.
pub fn batch_norm_relu_max_pool_slopes(
    shape: &PoolShape,
    norm: &Norm<'_>,
    picked: &[f32],
    arg: &[u8],
    dy: &[f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
) -> NormSlopes {
    let c = norm.check();
    assert!(c == shape.c && dy.len() == shape.y_len() && dgamma.len() == c && dbeta.len() == c, "lengths");
    assert!(picked.len() == dy.len() && arg.len() == dy.len(), "lengths");
    let (rows, block, [oh, ow]) = (shape.n * shape.h * shape.w, block_rows(c), shape.out());
    let mut sums = Scratch::zeros(rows.div_ceil(block) * 2 * c);
    sums.par_chunks_mut(2 * c).enumerate().for_each(|(b, to)| {
        // Where the pixels of this block find their windows, and their places in them.
        let places = (b * block..rows.min((b + 1) * block)).filter_map(|pixel| {
            let (image, row, column) = (pixel / (shape.h * shape.w), pixel / shape.w % shape.h, pixel % shape.w);
            let (r, o) = (row / shape.k, column / shape.k);
            let place = row % shape.k * shape.k + column % shape.k;
            (r < oh && o < ow).then_some((((image * oh + r) * ow + o) * c, place as u8))
        });
        window_products(&places.collect::<Vec<_>>(), picked, arg, dy, &norm.stats.mean, to);
    });
    slopes_of(&sums, norm.stats, norm.gamma, norm.eps, dgamma, dbeta)
}

simd_fn! {
    /// `to[..c] = sum of g`, `to[c..] = sum of g * (x - mean)` over pixels, each with the offset of its window and its place in it: `g` is
    /// the window's gradient where the maximum is in this place, else 0.
    [] fn window_products[][](places: &[(usize, u8)], picked: &[f32], arg: &[u8], dy: &[f32], mean: &[f32], to: &mut [f32]) = window_products_impl;
}

#[inline(always)]
fn window_products_impl<S: Simd>(
    s: S,
    places: &[(usize, u8)],
    picked: &[f32],
    arg: &[u8],
    dy: &[f32],
    mean: &[f32],
    to: &mut [f32],
) {
    let c = mean.len();
    assert!(to.len() >= 2 * c && arg.len() == dy.len() && picked.len() == dy.len());
    assert!(places.iter().all(|(at, _)| at + c <= dy.len()));
    let mut ch = 0;
    while ch < c {
        // SAFETY: at most `c - ch` lanes of each window, of the means and of the results are touched.
        unsafe {
            let from = (picked.as_ptr().add(ch), arg.as_ptr().add(ch), dy.as_ptr().add(ch));
            let (mean, to) = (mean.as_ptr().add(ch), to.as_mut_ptr().add(ch));
            if c - ch >= 4 * S::LANES {
                window_products_of::<S, 4>(s, places, from, mean, c, c - ch, to);
                ch += 4 * S::LANES;
            } else {
                window_products_of::<S, 1>(s, places, from, mean, c, c - ch, to);
                ch += S::LANES;
            }
        }
    }
}

/// # Safety
/// `left` elements (at most `N` registers) are readable at each place of all three of `from` and at `mean`, and writable at `to` and
/// `to + c`.
#[inline(always)]
unsafe fn window_products_of<S: Simd, const N: usize>(
    s: S,
    places: &[(usize, u8)],
    (picked, arg, dy): (*const f32, *const u8, *const f32),
    mean: *const f32,
    c: usize,
    left: usize,
    to: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let (mut m, mut sum, mut dot) = ([s.splat(0.0); N], [s.splat(0.0); N], [s.splat(0.0); N]);
        for j in 0..N {
            m[j] = s.load_up_to(mean.add(j * S::LANES), left - j * S::LANES);
        }
        for (at, place) in places {
            for j in 0..N {
                let (at, left) = (at + j * S::LANES, left - j * S::LANES);
                let g = s.where_byte_up_to(arg.add(at), left, *place, s.load_up_to(dy.add(at), left));
                sum[j] = s.add(sum[j], g);
                dot[j] = s.fma(g, s.sub(s.load_up_to(picked.add(at), left), m[j]), dot[j]);
            }
        }
        for j in 0..N {
            s.store_up_to(to.add(j * S::LANES), left - j * S::LANES, sum[j]);
            s.store_up_to(to.add(c + j * S::LANES), left - j * S::LANES, dot[j]);
        }
    }
}
