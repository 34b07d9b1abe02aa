//! Batch normalisation in training with what lies behind it in the same pass: an activation; the sum with a shortcut, and a relu behind
//! that.
//!
//! Every value is that of the operations one by one, bit for bit: sums are taken in the order of [`batch_norm_slopes`], and masks are
//! made of the numbers that were written, or would have been.
//!
//! [`batch_norm_slopes`]: crate::batch_norm_slopes
use crate::act::{Act, Pointwise, Relu, with_act};
use crate::batch_norm::{NormSlopes, ReluMask, batch_norm_forward, slopes_of};
use crate::scratch::{Scratch, round16};
use crate::simd::Simd;
use crate::stats::{BatchStats, block_rows, products};
use rayon::prelude::*;

/// A batch normalisation by the batch's own statistics.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// Of the map, from [`crate::batch_stats`] or the convolution.
    pub stats: &'a BatchStats,
    /// Scale, `[c]`.
    pub gamma: &'a [f32],
    /// Offset, `[c]`.
    pub beta: &'a [f32],
    /// Added to the variance.
    pub eps: f32,
}

impl Norm<'_> {
    pub(crate) fn check(&self) -> usize {
        let c = self.gamma.len();
        assert!(c > 0 && self.beta.len() == c && self.stats.mean.len() == c && self.stats.var.len() == c, "lengths");
        c
    }

    /// What it multiplies with, `[c]`.
    pub(crate) fn scale(&self) -> Vec<f32> {
        self.stats.scale(self.gamma, self.eps)
    }
}

/// The other way of a residual.
#[derive(Clone, Copy, Debug)]
pub struct Shortcut<'a> {
    /// What is added, `[rows, c]`.
    pub values: &'a [f32],
    /// Whether `max(0)` follows the sum.
    pub relu: bool,
}

/// `y = act(norm(x))`, then the sum with a shortcut. `x`, `y`: `[rows, c]`; `y` is overwritten.
///
/// # Panics
/// If a length does not match.
pub fn batch_norm_tail_forward(x: &[f32], norm: &Norm<'_>, act: Act, shortcut: Option<Shortcut<'_>>, y: &mut [f32]) {
    let c = norm.check();
    assert!(y.len() == x.len() && x.len().is_multiple_of(c), "lengths");
    let (scale, block) = (norm.scale(), block_rows(c) * c);
    let of = [&norm.stats.mean[..], &scale, norm.beta];
    match shortcut {
        Some(Shortcut { values, relu }) => {
            assert_eq!(values.len(), x.len(), "shortcut");
            let parts = y.par_chunks_mut(block).zip(x.par_chunks(block).zip(values.par_chunks(block)));
            parts.for_each(|(y, (x, other))| sum_rows(x, of, act, other, relu, y));
        }
        None if act == Act::Identity => batch_norm_forward(x, norm.stats, norm.gamma, norm.beta, norm.eps, y),
        None => y.par_chunks_mut(block).zip(x.par_chunks(block)).for_each(|(y, x)| act_rows(x, of, act, y)),
    }
}

simd_fn! {
    /// `y = act((x - mean) * scale + offset)`, row by row; `of` is mean, scale and offset.
    [] fn act_rows[][](x: &[f32], of: [&[f32]; 3], act: Act, y: &mut [f32]) = act_rows_impl;
}

#[inline(always)]
fn act_rows_impl<S: Simd>(_: S, x: &[f32], of: [&[f32]; 3], act: Act, y: &mut [f32]) {
    with_act!(act, act_rows_of[](x, of, y));
}

#[inline(always)]
fn act_rows_of<P: Pointwise>(x: &[f32], of: [&[f32]; 3], y: &mut [f32]) {
    let c = of[0].len();
    let [mean, scale, offset] = of.map(|v| &v[..c]);
    for (y, x) in y.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
        for i in 0..c {
            y[i] = P::value((x[i] - mean[i]) * scale[i] + offset[i]);
        }
    }
}

simd_fn! {
    /// The same plus `other`, then `max(0)` if `relu`.
    [] fn sum_rows[][](x: &[f32], of: [&[f32]; 3], act: Act, other: &[f32], relu: bool, y: &mut [f32]) = sum_rows_impl;
}

#[inline(always)]
fn sum_rows_impl<S: Simd>(_: S, x: &[f32], of: [&[f32]; 3], act: Act, other: &[f32], relu: bool, y: &mut [f32]) {
    if relu {
        with_act!(act, sum_rows_of[true](x, of, other, y));
    } else {
        with_act!(act, sum_rows_of[false](x, of, other, y));
    }
}

#[inline(always)]
fn sum_rows_of<P: Pointwise, const RELU: bool>(x: &[f32], of: [&[f32]; 3], other: &[f32], y: &mut [f32]) {
    let c = of[0].len();
    let [mean, scale, offset] = of.map(|v| &v[..c]);
    for (y, (x, other)) in y.chunks_exact_mut(c).zip(x.chunks_exact(c).zip(other.chunks_exact(c))) {
        for i in 0..c {
            let sum = P::value((x[i] - mean[i]) * scale[i] + offset[i]) + other[i];
            y[i] = if RELU { Relu::value(sum) } else { sum };
        }
    }
}

/// Where the way back through [`batch_norm_tail_forward`] leaves gradients, `[rows, c]` each and overwritten.
#[derive(Debug, Default)]
pub struct TailGrads<'a> {
    /// With a relu behind the sum: the saved output, and the gradient in front of that relu, which is the shortcut's.
    pub sum: Option<(&'a [f32], &'a mut [f32])>,
    /// With a gelu or silu: the gradient in front of it, which the slopes are then for. (A relu is part of the slopes.)
    pub act: Option<&'a mut [f32]>,
}

/// Parts of a gradient that is not always there.
fn parts(of: Option<&mut [f32]>, size: usize, count: usize) -> Vec<Option<&mut [f32]>> {
    match of {
        Some(all) => all.chunks_mut(size).map(Some).collect(),
        None => std::iter::repeat_with(|| None).take(count).collect(),
    }
}

/// First half of the way back through [`batch_norm_tail_forward`]: the gradients of scale and offset (`[c]`, overwritten), and what the
/// input's gradient needs: the slopes for the gradient of `grads` that is nearest to the normalisation, or for `dy`.
///
/// # Panics
/// If a length does not match, or the gradient of a gelu or silu has no place.
pub fn batch_norm_tail_slopes(
    x: &[f32],
    norm: &Norm<'_>,
    act: Act,
    grads: TailGrads<'_>,
    dy: &[f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
) -> NormSlopes {
    let c = norm.check();
    assert!(x.len().is_multiple_of(c) && dy.len() == x.len() && dgamma.len() == c && dbeta.len() == c, "lengths");
    let (block, scale) = (block_rows(c) * c, norm.scale());
    let of = [&norm.stats.mean[..], &scale, norm.beta];
    let count = x.len().div_ceil(block);
    let mut sums = Scratch::zeros(count * 2 * c);
    let (y, before) = grads.sum.map_or((None, None), |(y, before)| (Some(y), Some(before)));
    assert!(y.is_none_or(|y| y.len() == x.len()) && before.as_ref().is_none_or(|g| g.len() == x.len()), "sum");
    assert!(grads.act.as_ref().is_none_or(|g| g.len() == x.len()), "activation");
    let inputs = x.par_chunks(block).zip(dy.par_chunks(block)).enumerate();
    let outputs = parts(before, block, count).into_par_iter().zip(parts(grads.act, block, count));
    sums.par_chunks_mut(2 * c).zip(inputs.zip(outputs)).for_each(|(to, ((b, (x, dy)), (before, inner)))| {
        let g: &[f32] = match (y, before) {
            (Some(y), Some(before)) => {
                where_above_zero(&y[b * block..], dy, before);
                before
            }
            _ => dy,
        };
        match act {
            Act::Identity => products(x, g, of[0], to),
            Act::Relu => masked_products(x, g, of, to),
            Act::Relu6 | Act::Gelu | Act::Silu => {
                let inner = inner.expect("a place for the gradient");
                act_rows_back(x, of, act, g, inner);
                products(x, inner, of[0], to);
            }
        }
    });
    let mut slopes = slopes_of(&sums, norm.stats, norm.gamma, norm.eps, dgamma, dbeta);
    slopes.relu = (act == Act::Relu).then(|| {
        let padded = |v: &[f32]| v.iter().copied().chain(std::iter::repeat(0.0)).take(round16(c)).collect();
        ReluMask { scale: padded(&scale), offset: padded(norm.beta) }
    });
    slopes
}

simd_fn! {
    /// `to = g * (the slope of act at (x - mean) * scale + offset)`, row by row.
    [] fn act_rows_back[][](x: &[f32], of: [&[f32]; 3], act: Act, g: &[f32], to: &mut [f32]) = act_rows_back_impl;
}

#[inline(always)]
fn act_rows_back_impl<S: Simd>(_: S, x: &[f32], of: [&[f32]; 3], act: Act, g: &[f32], to: &mut [f32]) {
    with_act!(act, act_rows_back_of[](x, of, g, to));
}

#[inline(always)]
fn act_rows_back_of<P: Pointwise>(x: &[f32], of: [&[f32]; 3], g: &[f32], to: &mut [f32]) {
    let c = of[0].len();
    let [mean, scale, offset] = of.map(|v| &v[..c]);
    for (to, (x, g)) in to.chunks_exact_mut(c).zip(x.chunks_exact(c).zip(g.chunks_exact(c))) {
        for i in 0..c {
            to[i] = g[i] * P::slope((x[i] - mean[i]) * scale[i] + offset[i]);
        }
    }
}

simd_fn! {
    /// `to = g` where `y > 0`, else 0.
    [] fn where_above_zero[][](y: &[f32], g: &[f32], to: &mut [f32]) = where_above_zero_impl;
}

#[inline(always)]
fn where_above_zero_impl<S: Simd>(_: S, y: &[f32], g: &[f32], to: &mut [f32]) {
    let (y, g) = (&y[..to.len()], &g[..to.len()]);
    for i in 0..to.len() {
        to[i] = if y[i] > 0.0 { g[i] } else { 0.0 };
    }
}

simd_fn! {
    /// As [`products`] where `(x - mean) * scale + offset > 0`, and with zeros for `g` elsewhere.
    [] fn masked_products[][](x: &[f32], g: &[f32], of: [&[f32]; 3], to: &mut [f32]) = masked_products_impl;
}

#[inline(always)]
fn masked_products_impl<S: Simd>(s: S, x: &[f32], g: &[f32], of: [&[f32]; 3], to: &mut [f32]) {
    let c = of[0].len();
    let rows = x.len() / c;
    assert!(g.len() == x.len() && to.len() >= 2 * c && of.iter().all(|v| v.len() == c));
    let mut ch = 0;
    while ch < c {
        // SAFETY: at most `c - ch` lanes of each row, of the coefficients and of the results are touched.
        unsafe {
            let at = [x.as_ptr().add(ch), g.as_ptr().add(ch)];
            let (of, to) = (of.map(|v| v.as_ptr().add(ch)), to.as_mut_ptr().add(ch));
            if c - ch >= 4 * S::LANES {
                masked_products_of::<S, 4>(s, at, of, c, rows, c - ch, to);
                ch += 4 * S::LANES;
            } else {
                masked_products_of::<S, 1>(s, at, of, c, rows, c - ch, to);
                ch += S::LANES;
            }
        }
    }
}

/// # Safety
/// `left` floats (at most `N` registers) are readable in each row of `c` floats and at each of `of`, and writable at `to` and `to + c`.
#[inline(always)]
unsafe fn masked_products_of<S: Simd, const N: usize>(
    s: S,
    [x, g]: [*const f32; 2],
    of: [*const f32; 3],
    c: usize,
    rows: usize,
    left: usize,
    to: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let zero = s.splat(0.0);
        let (mut k, mut sum, mut dot) = ([[zero; 3]; N], [zero; N], [zero; N]);
        for j in 0..N {
            k[j] = of.map(|p| s.load_up_to(p.add(j * S::LANES), left - j * S::LANES));
        }
        for r in 0..rows {
            for j in 0..N {
                let (at, left) = (r * c + j * S::LANES, left - j * S::LANES);
                let [mean, scale, offset] = k[j];
                let d = s.sub(s.load_up_to(x.add(at), left), mean);
                let g = s.where_positive(s.add(s.mul(d, scale), offset), s.load_up_to(g.add(at), left));
                sum[j] = s.add(sum[j], g);
                dot[j] = s.fma(g, d, dot[j]);
            }
        }
        for j in 0..N {
            s.store_up_to(to.add(j * S::LANES), left - j * S::LANES, sum[j]);
            s.store_up_to(to.add(c + j * S::LANES), left - j * S::LANES, dot[j]);
        }
    }
}

#[cfg(test)]
#[path = "bn_tail_tests.rs"]
mod tests;
