//! A small matrix product with register blocking: 6 rows by 64 columns (AVX-512), rows broadcast straight from memory.
//!
//! The left side is read in place through element strides, in segments (the rows of a convolution window); the right side must have its
//! columns contiguous and padded to whole groups of 16.
use crate::simd::Simd;

/// What happens to the sums.
#[derive(Clone, Copy)]
pub(crate) enum Finish {
    /// `c = sum`.
    Store,
    /// `c += sum`.
    Add,
    /// `c = sum + bias`, then `max(0)` if `relu`; the bias is padded like the right side's columns.
    Bias { bias: *const f32, relu: bool },
}

/// `c[m, n] = sum over segment, k of a[m; segment, k] * b[segment, k; n]`.
#[derive(Clone, Copy)]
pub(crate) struct Gemm {
    /// Rows, columns (of `c`), depth of a segment, segments.
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub segments: usize,
    /// Left side and its element strides.
    pub a: *const f32,
    pub a_row: usize,
    pub a_col: usize,
    pub a_segment: usize,
    /// Right side: stride of a row (multiple of 16 at least `n` rounded up), of a segment.
    pub b: *const f32,
    pub b_row: usize,
    pub b_segment: usize,
    /// Result and its row stride.
    pub c: *mut f32,
    pub c_row: usize,
    pub finish: Finish,
}

simd_fn! {
    /// Runs the product.
    ///
    /// # Safety
    /// All elements that the strides reach are readable (`b`: `n` rounded up to 16 columns) or writable (`c`: exactly `m` x `n`), and
    /// `c` overlaps neither side.
    [unsafe] fn gemm[][](g: &Gemm) = gemm_impl;
}

#[inline(always)]
unsafe fn gemm_impl<S: Simd>(s: S, g: &Gemm) {
    let mut col = 0;
    while col < g.n {
        // SAFETY: the caller's promise; `col` stays below `n`.
        unsafe {
            if S::LANES == 16 {
                let vectors = (g.n - col).div_ceil(16).min(4);
                match vectors {
                    4 => rows::<S, 4>(s, g, col),
                    3 => rows::<S, 3>(s, g, col),
                    2 => rows::<S, 2>(s, g, col),
                    _ => rows::<S, 1>(s, g, col),
                }
                col += vectors * 16;
            } else if S::LANES == 8 {
                rows::<S, 2>(s, g, col);
                col += 16;
            } else {
                rows::<S, 2>(s, g, col);
                col += 8;
            }
        }
    }
}

#[inline(always)]
unsafe fn rows<S: Simd, const NR: usize>(s: S, g: &Gemm, col: usize) {
    let mut row = 0;
    // SAFETY: the caller's promise; rows stay below `m`.
    unsafe {
        while row + 6 <= g.m {
            micro::<S, 6, NR>(s, g, row, col);
            row += 6;
        }
        match g.m - row {
            5 => micro::<S, 5, NR>(s, g, row, col),
            4 => micro::<S, 4, NR>(s, g, row, col),
            3 => micro::<S, 3, NR>(s, g, row, col),
            2 => micro::<S, 2, NR>(s, g, row, col),
            1 => micro::<S, 1, NR>(s, g, row, col),
            _ => {}
        }
    }
}

#[inline(always)]
unsafe fn micro<S: Simd, const MR: usize, const NR: usize>(s: S, g: &Gemm, row: usize, col: usize) {
    // SAFETY: the caller of `gemm` promises that every element reached here is readable or writable.
    unsafe {
        let mut acc = [[s.splat(0.0); NR]; MR];
        for segment in 0..g.segments {
            let mut a = g.a.add(segment * g.a_segment + row * g.a_row);
            let mut b = g.b.add(segment * g.b_segment + col);
            for _ in 0..g.k {
                let mut right = [s.splat(0.0); NR];
                for j in 0..NR {
                    right[j] = s.load(b.add(j * S::LANES));
                }
                for i in 0..MR {
                    let left = s.splat(*a.add(i * g.a_row));
                    for j in 0..NR {
                        acc[i][j] = s.fma(left, right[j], acc[i][j]);
                    }
                }
                a = a.wrapping_add(g.a_col);
                b = b.wrapping_add(g.b_row);
            }
        }
        for i in 0..MR {
            for j in 0..NR {
                let at = col + j * S::LANES;
                if at >= g.n {
                    break;
                }
                let (left, p) = (g.n - at, g.c.add((row + i) * g.c_row + at));
                let v = match g.finish {
                    Finish::Store => acc[i][j],
                    Finish::Add => s.add(acc[i][j], s.load_up_to(p, left)),
                    Finish::Bias { bias, relu } => {
                        let v = s.add(acc[i][j], s.load(bias.add(at)));
                        if relu { s.max(s.splat(0.0), v) } else { v }
                    }
                };
                s.store_up_to(p, left, v);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Rng;

    #[test]
    fn gemm_matches_f64() {
        let mut rng = Rng::new(3);
        for _ in 0..300 {
            let (m, n, k, segments) = (1 + rng.below(15), 1 + rng.below(150), 1 + rng.below(20), 1 + rng.below(3));
            let np = n.div_ceil(16) * 16;
            let (a, b) = (rng.normal(segments * m * k), rng.normal(segments * k * np));
            let (bias, start) = (rng.normal(np), rng.normal(m * n));
            for mode in 0..3 {
                let mut c = start.clone();
                let finish = match mode {
                    0 => Finish::Store,
                    1 => Finish::Add,
                    _ => Finish::Bias { bias: bias.as_ptr(), relu: true },
                };
                let g = Gemm {
                    m,
                    n,
                    k,
                    segments,
                    a: a.as_ptr(),
                    a_row: k,
                    a_col: 1,
                    a_segment: m * k,
                    b: b.as_ptr(),
                    b_row: np,
                    b_segment: k * np,
                    c: c.as_mut_ptr(),
                    c_row: n,
                    finish,
                };
                // SAFETY: the buffers have just these sizes.
                unsafe { gemm(&g) };
                for i in 0..m {
                    for j in 0..n {
                        let mut sum = 0.0f64;
                        for s in 0..segments {
                            for q in 0..k {
                                sum += f64::from(a[(s * m + i) * k + q]) * f64::from(b[(s * k + q) * np + j]);
                            }
                        }
                        let want = match mode {
                            0 => sum,
                            1 => sum + f64::from(start[i * n + j]),
                            _ => (sum + f64::from(bias[j])).max(0.0),
                        };
                        assert!((f64::from(c[i * n + j]) - want).abs() < 1e-4, "{m} {n} {k} {segments} {mode}");
                    }
                }
            }
        }
    }
}
