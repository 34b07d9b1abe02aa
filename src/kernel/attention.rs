//! Attention of tokens to each other, head by head, for inference: a block of rows of similarities is made, its softmax taken and
//! multiplied with the values while it lies in the cache; the whole square is never written.
use crate::act::exp_minus;
use crate::gemm::{Finish, Gemm, gemm};
use crate::scratch::{Scratch, SharedMut, round16};
use crate::simd::Simd;
use rayon::prelude::*;

/// Rows of similarities at a time.
const ROWS: usize = 48;

/// Sides of [`attention`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionShape {
    /// Examples.
    pub n: usize,
    /// Tokens of an example.
    pub tokens: usize,
    /// Heads.
    pub heads: usize,
    /// Numbers of a token that a head sees.
    pub size: usize,
}

/// `y = softmax(q k^T / sqrt(size)) v` for every head (Vaswani et al., 2017, arXiv:1706.03762).
///
/// `qkv`: `[n, tokens, 3, heads, size]`, queries, keys and values of a token side by side; `y`: `[n, tokens, heads, size]` (overwritten).
///
/// # Panics
/// If a length does not match.
pub fn attention(shape: &AttentionShape, qkv: &[f32], y: &mut [f32]) {
    let AttentionShape { n, tokens, heads, size } = *shape;
    let width = heads * size;
    assert!(qkv.len() == n * tokens * 3 * width && y.len() == n * tokens * width, "lengths");
    if y.is_empty() {
        return;
    }
    let out = SharedMut::new(y);
    (0..n * heads).into_par_iter().for_each(|task| {
        let (i, head) = (task / heads, task % heads);
        let from = &qkv[i * tokens * 3 * width..][..tokens * 3 * width];
        // SAFETY: heads of examples are disjoint parts of `y`, whose length was checked.
        unsafe { one_head(shape, from, head, out.ptr().add(i * tokens * width + head * size)) }
    });
}

/// # Safety
/// `y` has `tokens` rows `heads * size` apart, of which this writes `size` numbers each.
unsafe fn one_head(shape: &AttentionShape, qkv: &[f32], head: usize, y: *mut f32) {
    let AttentionShape { tokens, heads, size, .. } = *shape;
    let (width, row) = (heads * size, 3 * heads * size);
    let (across, deep) = (round16(tokens), round16(size));
    let scale = 1.0 / (size as f32).sqrt();
    // Keys by columns, with the factor in them; values by rows. What pads them is zero.
    let (mut keys, mut values) = (Scratch::zeros(size * across), Scratch::zeros(tokens * deep));
    for (t, token) in qkv.chunks_exact(row).enumerate() {
        let (key, value) = (&token[width + head * size..][..size], &token[2 * width + head * size..][..size]);
        for (i, key) in key.iter().enumerate() {
            keys[i * across + t] = key * scale;
        }
        values[t * deep..][..size].copy_from_slice(value);
    }
    let mut weights = Scratch::take(ROWS.min(tokens) * across);
    for first in (0..tokens).step_by(ROWS) {
        let rows = ROWS.min(tokens - first);
        let product = Gemm {
            m: rows,
            n: tokens,
            k: size,
            segments: 1,
            a: qkv[first * row + head * size..].as_ptr(),
            a_row: row,
            a_col: 1,
            a_segment: 0,
            b: keys.as_ptr(),
            b_row: across,
            b_segment: 0,
            c: weights.as_mut_ptr(),
            c_row: across,
            finish: Finish::Store,
        };
        // SAFETY: the rows of queries lie in `qkv`, the padded keys and values in their buffers, and the caller promises those of `y`.
        unsafe {
            gemm(&product);
            let mut factors = [0.0; ROWS];
            for (row, factor) in weights.chunks_exact_mut(across).zip(&mut factors[..rows]) {
                *factor = 1.0 / exponentials(&mut row[..tokens]);
            }
            let y = y.add(first * width);
            gemm(&Gemm {
                n: size,
                k: tokens,
                a: weights.as_ptr(),
                a_row: across,
                b: values.as_ptr(),
                b_row: deep,
                c: y,
                c_row: width,
                ..product
            });
            for (r, factor) in factors[..rows].iter().enumerate() {
                std::slice::from_raw_parts_mut(y.add(r * width), size).iter_mut().for_each(|y| *y *= factor);
            }
        }
    }
}

simd_fn! {
    /// Makes each value `exp(value - the largest)` and gives their sum.
    [] fn exponentials[][](row: &mut [f32]) -> f32 = exponentials_impl;
}

/// Sixteen sums side by side, so that all instruction sets take them in one order.
#[inline(always)]
fn exponentials_impl<S: Simd>(_: S, row: &mut [f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; 16];
    let (blocks, rest) = row.as_chunks::<16>();
    for block in blocks {
        (0..16).for_each(|i| most[i] = if block[i] > most[i] { block[i] } else { most[i] });
    }
    let largest = most.iter().chain(rest).fold(f32::NEG_INFINITY, |a, b| if *b > a { *b } else { a });
    let mut sums = [0.0f32; 16];
    let (blocks, rest) = row.as_chunks_mut::<16>();
    for block in blocks {
        for i in 0..16 {
            block[i] = exp_minus(largest - block[i]);
            sums[i] += block[i];
        }
    }
    for (value, sum) in rest.iter_mut().zip(&mut sums) {
        *value = exp_minus(largest - *value);
        *sum += *value;
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{Rng, error, in_pool};

    #[test]
    fn attention_is_that_of_f64() {
        let mut rng = Rng::new(3);
        for [n, tokens, heads, size] in [[1, 1, 1, 1], [2, 5, 3, 4], [3, 50, 2, 16], [1, 97, 2, 24], [2, 197, 1, 64]] {
            let width = heads * size;
            let qkv: Vec<f32> = rng.normal(n * tokens * 3 * width).iter().map(|v| 2.0 * v).collect();
            let shape = AttentionShape { n, tokens, heads, size };
            let run = || {
                let mut y = vec![f32::NAN; n * tokens * width];
                attention(&shape, &qkv, &mut y);
                y
            };
            let y = in_pool(2, run);
            assert!(in_pool(1, run) == y && in_pool(3, run) == y);
            let at = |i: usize, t: usize, part: usize, head: usize, j: usize| {
                f64::from(qkv[((i * tokens + t) * 3 + part) * width + head * size + j])
            };
            let mut wanted = vec![0.0; y.len()];
            for (i, head, t) in
                (0..n * heads * tokens).map(|at| (at / tokens / heads, at / tokens % heads, at % tokens))
            {
                let similar = |u| (0..size).map(|j| at(i, t, 0, head, j) * at(i, u, 1, head, j)).sum::<f64>();
                let weights: Vec<f64> = (0..tokens).map(|u| (similar(u) / (size as f64).sqrt()).exp()).collect();
                let all: f64 = weights.iter().sum();
                for j in 0..size {
                    let sum: f64 = weights.iter().enumerate().map(|(u, w)| w * at(i, u, 2, head, j)).sum();
                    wanted[(i * tokens + t) * width + head * size + j] = sum / all;
                }
            }
            assert!(error(&y, &wanted) < 1e-5, "{shape:?}: {}", error(&y, &wanted));
        }
    }

    #[test]
    fn large_similarities_do_not_overflow() {
        let shape = AttentionShape { n: 1, tokens: 2, heads: 1, size: 1 };
        let mut y = [0.0; 2];
        // Queries 100 and -100, keys 100 and -100, values 1 and 2.
        attention(&shape, &[100.0, 100.0, 1.0, -100.0, -100.0, 2.0], &mut y);
        assert_eq!(y, [1.0, 2.0]);
    }
}
