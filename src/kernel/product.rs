//! Products of rows with a matrix that is packed once, with bias, summand and function in the same pass, for inference.
use crate::after::{After, finish_panel, is_nothing};
use crate::conv::ConvWeights;
use crate::gemm::{Finish, Gemm, gemm};
use crate::pack::{Panel, pack, padded, panels};
use crate::scratch::{Scratch, SharedMut, part};
use crate::shape::{ConvShape, Numerics};
use rayon::prelude::*;

/// Rows that a task takes at most: they and a panel of the matrix stay in the second-level cache.
const ROWS: usize = 96;

/// A matrix `[k, n]` and a bias `[n]` in the form that the products read.
#[derive(Debug)]
pub struct Matrix {
    k: usize,
    n: usize,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// In single precision.
    Single { packed: Scratch, bias: Scratch },
    /// In bfloat16: a convolution of images of one pixel.
    Halves(ConvWeights),
}

impl Matrix {
    /// `w`: `[k, n]`, `bias`: `[n]`.
    ///
    /// # Panics
    /// If `w` is not whole rows as long as the bias.
    pub fn new(w: &[f32], bias: &[f32], numerics: Numerics) -> Self {
        let n = bias.len();
        let k = w.len().checked_div(n).unwrap_or(0);
        assert_eq!(w.len(), k * n, "w");
        let form = match numerics {
            Numerics::Fast | Numerics::Exact => Form::Single { packed: pack(w, k, n), bias: padded(bias) },
            Numerics::Bf16 => Form::Halves(ConvWeights::new(&ConvShape::of_rows(0, k, n, numerics), w, bias)),
        };
        Self { k, n, form }
    }

    /// Numbers of a row of the result.
    pub fn columns(&self) -> usize {
        self.n
    }

    /// `y = after(x w + bias + add)`, or without a summand; a row's result does not depend on the others.
    ///
    /// `x`: `[m, k]`, `add` and `y`: `[m, n]`; `y` is overwritten.
    ///
    /// # Panics
    /// If a length does not match.
    pub fn forward(&self, m: usize, x: &[f32], after: After, add: Option<&[f32]>, y: &mut [f32]) {
        assert!(x.len() == m * self.k && y.len() == m * self.n, "lengths");
        match &self.form {
            Form::Single { packed, bias } => {
                Packed { k: self.k, n: self.n, matrix: packed, bias }.forward(m, x, after, add, y);
            }
            Form::Halves(weights) => weights.forward_after(m, x, after, add, y),
        }
    }
}

/// A packed matrix `[k, n]` and a padded bias.
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a> {
    pub k: usize,
    pub n: usize,
    pub matrix: &'a [f32],
    pub bias: &'a [f32],
}

impl Packed<'_> {
    /// See [`Matrix::forward`].
    pub(crate) fn forward(&self, m: usize, x: &[f32], after: After, add: Option<&[f32]>, y: &mut [f32]) {
        self.gathered(m, after, add, y, |rows| Rows::There(&x[rows.start * self.k..rows.end * self.k]));
    }

    /// As [`Matrix::forward`] with rows that `rows` gives for a range of them.
    pub(crate) fn gathered<'x>(
        &self,
        m: usize,
        after: After,
        add: Option<&[f32]>,
        y: &mut [f32],
        rows: impl Fn(std::ops::Range<usize>) -> Rows<'x> + Sync,
    ) {
        let n = self.n;
        assert!(y.len() == m * n && add.is_none_or(|add| add.len() == y.len()), "lengths");
        if y.is_empty() {
            return;
        }
        let blocks = m.div_ceil(ROWS);
        let all: Vec<_> = panels(n).collect();
        // Few rows are shared by columns too.
        let shares = 8usize.div_ceil(blocks).min(all.len());
        let out = SharedMut::new(y);
        (0..blocks * shares).into_par_iter().for_each(|task| {
            let range = part(m, blocks, task / shares);
            let own = rows(range.clone());
            for p in &all[part(all.len(), shares, task % shares)] {
                let add = add.map(|add| &add[range.start * n..range.end * n]);
                // SAFETY: the lengths were checked; tasks write disjoint rows and columns of `y`.
                unsafe { self.panel(*p, range.len(), own.values(), after, add, out.ptr().add(range.start * n)) };
            }
        });
    }

    /// One panel of the result of few rows.
    ///
    /// # Safety
    /// `y` has `m` rows of `n` numbers, of which this writes those of the panel.
    unsafe fn panel(&self, p: Panel, m: usize, x: &[f32], after: After, add: Option<&[f32]>, y: *mut f32) {
        let Self { k, n, matrix, bias } = *self;
        assert!(x.len() == m * k && matrix.len() >= k * (p.at + p.width) && bias.len() >= p.at + p.width, "lengths");
        let relu = after == After::Relu && add.is_none();
        // SAFETY: the sides were just checked and are padded; the caller promises the result's.
        unsafe {
            let c = y.add(p.at);
            gemm(&Gemm {
                m,
                n: p.columns,
                k,
                segments: 1,
                a: x.as_ptr(),
                a_row: k,
                a_col: 1,
                a_segment: 0,
                b: matrix.as_ptr().add(k * p.at),
                b_row: p.width,
                b_segment: 0,
                c,
                c_row: n,
                finish: Finish::Bias { bias: bias.as_ptr().add(p.at), relu },
            });
            if relu || is_nothing(after, add) {
                return;
            }
            finish_panel(after, add.map(|add| &add[p.at..]), n, p.columns, m, c);
        }
    }
}

/// Rows of the left side of a product.
pub(crate) enum Rows<'a> {
    There(&'a [f32]),
    Copied(Scratch),
}

impl Rows<'_> {
    fn values(&self) -> &[f32] {
        match self {
            Self::There(values) => values,
            Self::Copied(values) => values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{Rng, error, in_pool};

    #[test]
    fn products_of_bfloat16_are_those_of_rounded_numbers() {
        use crate::bfloat16::{rounded, widened};
        let seen = |v: Vec<f32>| v.into_iter().map(|v| widened(rounded(v))).collect::<Vec<f32>>();
        let mut rng = Rng::new(17);
        for _ in 0..20 {
            let (m, k, n) = (1 + rng.below(230), 16 + rng.below(70), 16 + rng.below(100));
            let (x, w, bias) = (seen(rng.normal(m * k)), seen(rng.normal(k * n)), rng.normal(n));
            let run = |numerics| {
                let mut y = vec![f32::NAN; m * n];
                Matrix::new(&w, &bias, numerics).forward(m, &x, After::Relu, None, &mut y);
                y
            };
            // Numbers that need no rounding: all that differs is the order of the sums.
            let wanted: Vec<f64> = run(Numerics::Fast).into_iter().map(f64::from).collect();
            assert!(error(&run(Numerics::Bf16), &wanted) < 1e-5, "{m} {k} {n}");
        }
    }

    #[test]
    fn products_are_those_of_f64_whatever_the_rows_beside_them() {
        let mut rng = Rng::new(7);
        for case in 0..40 {
            let (m, k, n) = (rng.below(230), 1 + rng.below(70), 1 + rng.below(200));
            let (x, w, bias, add) = (rng.normal(m * k), rng.normal(k * n), rng.normal(n), rng.normal(m * n));
            let after = [After::Nothing, After::Relu, After::Relu6][case % 3];
            let add = (case % 2 == 0).then_some(&add[..]);
            let matrix = Matrix::new(&w, &bias, Numerics::Fast);
            let run = || {
                let mut y = vec![f32::NAN; m * n];
                matrix.forward(m, &x, after, add, &mut y);
                y
            };
            let y = in_pool(2, run);
            assert!(in_pool(1, run) == y && in_pool(3, run) == y, "{m} {k} {n}");
            let wanted: Vec<f64> = (0..m * n)
                .map(|at| {
                    let (r, c) = (at / n, at % n);
                    let sum: f64 = (0..k).map(|i| f64::from(x[r * k + i]) * f64::from(w[i * n + c])).sum();
                    let z = sum + f64::from(bias[c]) + add.map_or(0.0, |add| f64::from(add[at]));
                    match after {
                        After::Relu => z.max(0.0),
                        After::Relu6 => z.clamp(0.0, 6.0),
                        _ => z,
                    }
                })
                .collect();
            assert!(error(&y, &wanted) < 1e-5, "{m} {k} {n} {after:?}");
            for r in (0..m).step_by(37) {
                let mut one = vec![f32::NAN; n];
                matrix.forward(1, &x[r * k..][..k], after, add.map(|add| &add[r * n..][..n]), &mut one);
                assert_eq!(one, y[r * n..][..n], "row {r} alone");
            }
        }
    }
}
