//! Per-channel sums over the rows of `[rows, c]`: fixed blocks of rows, summed in `f32` inside a block and in `f64` across blocks, in order.
use crate::scratch::Scratch;
use crate::simd::Simd;
use rayon::prelude::*;

/// Mean and variance of each channel of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchStats {
    /// Mean, `[c]`.
    pub mean: Vec<f32>,
    /// Biased variance (divided by the rows), `[c]`.
    pub var: Vec<f32>,
    /// Rows: images times pixels.
    pub rows: usize,
}

impl BatchStats {
    /// From parts in order: their rows, and mean and squared deviations as the two halves of a slice (each at least `c` long).
    pub(crate) fn combine<'a>(c: usize, parts: impl Iterator<Item = (usize, &'a [f32])>) -> Self {
        let (mut mean, mut var, mut seen) = (vec![0.0f64; c], vec![0.0f64; c], 0.0f64);
        for (new, part) in parts.filter(|p| p.0 > 0) {
            let total = seen + new as f64;
            let (share, weight) = (new as f64 / total, seen * new as f64 / total);
            let (means, squares) = part.split_at(part.len() / 2);
            for ((mean, var), (m, q)) in mean.iter_mut().zip(&mut var).zip(means.iter().zip(squares)) {
                let delta = f64::from(*m) - *mean;
                *mean += delta * share;
                *var += f64::from(*q) + delta * delta * weight;
            }
            seen = total;
        }
        let scale = 1.0 / seen.max(1.0);
        Self {
            mean: mean.iter().map(|v| *v as f32).collect(),
            var: var.iter().map(|v| (*v * scale).max(0.0) as f32).collect(),
            rows: seen as usize,
        }
    }
    /// `1 / sqrt(var + eps)`, `[c]`.
    pub(crate) fn inverse_std(&self, eps: f32) -> Vec<f32> {
        self.var.iter().map(|v| (1.0 / (f64::from(*v) + f64::from(eps)).sqrt()) as f32).collect()
    }
    /// What a normalisation multiplies with, `[c]`.
    pub(crate) fn scale(&self, gamma: &[f32], eps: f32) -> Vec<f32> {
        self.inverse_std(eps).iter().zip(gamma).map(|(r, g)| r * g).collect()
    }
}

/// Rows of a block: about 64 KiB, so that a second look at them finds them in the cache.
pub(crate) fn block_rows(c: usize) -> usize {
    (16 * 1024 / c.max(1)).clamp(1, 512)
}

/// Mean and biased variance per channel of `x`: `[rows, c]`, read from memory once.
///
/// # Panics
/// If the length is not a multiple of `c`.
pub fn batch_stats(x: &[f32], c: usize) -> BatchStats {
    assert!(c > 0 && x.len().is_multiple_of(c), "length {} and {c} channels", x.len());
    let (rows, block) = (x.len() / c, block_rows(c));
    let mut sums = Scratch::zeros(rows.div_ceil(block) * 2 * c);
    sums.par_chunks_mut(2 * c).zip(x.par_chunks(block * c)).for_each(|(to, x)| moments(x, c, to));
    BatchStats::combine(c, sums.chunks_exact(2 * c).enumerate().map(|(b, part)| ((rows - b * block).min(block), part)))
}

simd_fn! {
    /// Mean (`to[..c]`) and sum of squared deviations (`to[c..]`) of one block.
    [] fn moments[][](x: &[f32], c: usize, to: &mut [f32]) = moments_impl;
}

#[inline(always)]
fn moments_impl<S: Simd>(s: S, x: &[f32], c: usize, to: &mut [f32]) {
    let rows = x.len() / c;
    assert!(to.len() >= 2 * c);
    let (to, squares) = to.split_at_mut(c);
    let mut ch = 0;
    while ch < c {
        // SAFETY: at most `c - ch` lanes of each row and of the results are touched.
        unsafe {
            if c - ch >= 4 * S::LANES {
                moments_of::<S, 4>(
                    s,
                    x.as_ptr().add(ch),
                    c,
                    rows,
                    c - ch,
                    to.as_mut_ptr().add(ch),
                    squares.as_mut_ptr().add(ch),
                );
                ch += 4 * S::LANES;
            } else {
                moments_of::<S, 1>(
                    s,
                    x.as_ptr().add(ch),
                    c,
                    rows,
                    c - ch,
                    to.as_mut_ptr().add(ch),
                    squares.as_mut_ptr().add(ch),
                );
                ch += S::LANES;
            }
        }
    }
}

/// # Safety
/// `left` floats (at most `N` registers) are readable in each row of `c` floats and writable in both results.
#[inline(always)]
unsafe fn moments_of<S: Simd, const N: usize>(
    s: S,
    x: *const f32,
    c: usize,
    rows: usize,
    left: usize,
    mean: *mut f32,
    squares: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sum = [s.splat(0.0); N];
        for r in 0..rows {
            for j in 0..N {
                sum[j] = s.add(sum[j], s.load_up_to(x.add(r * c + j * S::LANES), left - j * S::LANES));
            }
        }
        let scale = s.splat(1.0 / rows as f32);
        let mut q = [s.splat(0.0); N];
        for j in 0..N {
            sum[j] = s.mul(sum[j], scale);
        }
        let mut rest = [s.splat(0.0); N];
        for r in 0..rows {
            for j in 0..N {
                let d = s.sub(s.load_up_to(x.add(r * c + j * S::LANES), left - j * S::LANES), sum[j]);
                rest[j] = s.add(rest[j], d);
                q[j] = s.fma(d, d, q[j]);
            }
        }
        for j in 0..N {
            // What rounding left of the deviations corrects the mean.
            let mean_j = s.fma(rest[j], scale, sum[j]);
            s.store_up_to(mean.add(j * S::LANES), left - j * S::LANES, mean_j);
            s.store_up_to(squares.add(j * S::LANES), left - j * S::LANES, q[j]);
        }
    }
}

/// Sums over the blocks' parts (`[blocks, k]`) in order, in `f64`.
pub(crate) fn ordered_sum(parts: &[f32], k: usize) -> Vec<f64> {
    let mut total = vec![0.0f64; k];
    for part in parts.chunks_exact(k.max(1)) {
        total.iter_mut().zip(part).for_each(|(t, p)| *t += f64::from(*p));
    }
    total
}

simd_fn! {
    /// `to[..c] = sum of g`, `to[c..] = sum of g * (x - mean)` over the rows of a block.
    [] fn products[][](x: &[f32], g: &[f32], mean: &[f32], to: &mut [f32]) = products_impl;
}

#[inline(always)]
fn products_impl<S: Simd>(s: S, x: &[f32], g: &[f32], mean: &[f32], to: &mut [f32]) {
    let c = mean.len();
    let rows = x.len() / c;
    assert!(g.len() == x.len() && to.len() >= 2 * c);
    let mut ch = 0;
    while ch < c {
        // SAFETY: at most `c - ch` lanes of each row and of the results are touched.
        unsafe {
            if c - ch >= 4 * S::LANES {
                products_of::<S, 4>(
                    s,
                    x.as_ptr().add(ch),
                    g.as_ptr().add(ch),
                    mean.as_ptr().add(ch),
                    c,
                    rows,
                    c - ch,
                    to.as_mut_ptr().add(ch),
                );
                ch += 4 * S::LANES;
            } else {
                products_of::<S, 1>(
                    s,
                    x.as_ptr().add(ch),
                    g.as_ptr().add(ch),
                    mean.as_ptr().add(ch),
                    c,
                    rows,
                    c - ch,
                    to.as_mut_ptr().add(ch),
                );
                ch += S::LANES;
            }
        }
    }
}

/// # Safety
/// `left` floats (at most `N` registers) are readable in each row of `c` floats, and writable at `to` and `to + c`.
#[inline(always)]
unsafe fn products_of<S: Simd, const N: usize>(
    s: S,
    x: *const f32,
    g: *const f32,
    mean: *const f32,
    c: usize,
    rows: usize,
    left: usize,
    to: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let (mut m, mut sum, mut dot) = ([s.splat(0.0); N], [s.splat(0.0); N], [s.splat(0.0); N]);
        for j in 0..N {
            m[j] = s.load_up_to(mean.add(j * S::LANES), left - j * S::LANES);
        }
        for r in 0..rows {
            for j in 0..N {
                let (at, left) = (r * c + j * S::LANES, left - j * S::LANES);
                let g = s.load_up_to(g.add(at), left);
                sum[j] = s.add(sum[j], g);
                dot[j] = s.fma(g, s.sub(s.load_up_to(x.add(at), left), m[j]), dot[j]);
            }
        }
        for j in 0..N {
            s.store_up_to(to.add(j * S::LANES), left - j * S::LANES, sum[j]);
            s.store_up_to(to.add(c + j * S::LANES), left - j * S::LANES, dot[j]);
        }
    }
}
