//! The weights of a 3x3 convolution in Winograd form, and back for their gradient.
//!
//! Form: for each panel of columns `[A*A][rows][width]`. Forward: rows are input channels, columns output channels; for the gradient
//! of the input it is the other way round.
use crate::pack::{Panel, panels};
use crate::scratch::{Scratch, SharedMut, round16};
use crate::simd::Simd;
use crate::tile::{Tile, weight_2d, weight_t_2d};
use rayon::prelude::*;

/// `U = G g Gt` of `w`: `[3, 3, rows, columns]`.
pub(crate) fn weights<T: Tile<A, M>, const A: usize, const M: usize>(
    tile: T,
    w: &[f32],
    rows: usize,
    columns: usize,
) -> Scratch {
    let mut out = Scratch::take(A * A * rows * round16(columns));
    let to = SharedMut::new(&mut out);
    assert_eq!(w.len(), 9 * rows * columns);
    let all: Vec<Panel> = panels(columns).collect();
    (0..all.len() * rows).into_par_iter().with_min_len(16).for_each(|task| {
        let (p, r) = (all[task / rows], task % rows);
        // SAFETY: each task writes row `r` of each point of its panel, inside `out`; `w` has the size asserted.
        unsafe { one_row(tile, p, w.as_ptr(), rows, columns, r, to.ptr().add(A * A * rows * p.at)) };
    });
    out
}

simd_fn! {
    /// # Safety
    /// `w` is `[3, 3, rows, columns]`, `to` the panel `[A*A][rows][width]`.
    [unsafe] fn one_row[T: Tile<A, M>, const A: usize, const M: usize][T, A, M](
        tile: T, p: Panel, w: *const f32, rows: usize, columns: usize, r: usize, to: *mut f32,
    ) = one_row_impl;
}

#[inline(always)]
unsafe fn one_row_impl<S: Simd, T: Tile<A, M>, const A: usize, const M: usize>(
    s: S,
    _: T,
    p: Panel,
    w: *const f32,
    rows: usize,
    columns: usize,
    r: usize,
    to: *mut f32,
) {
    let mut ch = 0;
    while ch < p.width {
        let left = p.columns.saturating_sub(ch);
        // SAFETY: `left` bounds the reads in a row of `columns`; the writes stay in row `r` of the panel's points.
        unsafe {
            let mut g = [[s.splat(0.0); 3]; 3];
            for i in 0..3 {
                for j in 0..3 {
                    g[i][j] = s.load_up_to(w.add(((i * 3 + j) * rows + r) * columns + p.at).wrapping_add(ch), left);
                }
            }
            let u = weight_2d::<S, T, A, M>(s, g);
            for i in 0..A {
                for j in 0..A {
                    s.store(to.add(((i * A + j) * rows + r) * p.width + ch), u[i][j]);
                }
            }
        }
        ch += S::LANES;
    }
}

/// `dg = Gt (sum of the parts of dU) G` into `dw`: `[3, 3, rows, columns]`; `parts` are in the form above, one after another.
pub(crate) fn weights_t<T: Tile<A, M>, const A: usize, const M: usize>(
    tile: T,
    parts: &[&[f32]],
    rows: usize,
    columns: usize,
    dw: &mut [f32],
) {
    assert_eq!(dw.len(), 9 * rows * columns);
    assert!(parts.iter().all(|p| p.len() >= A * A * rows * round16(columns)));
    let to = SharedMut::new(dw);
    let all: Vec<Panel> = panels(columns).collect();
    (0..all.len() * rows).into_par_iter().with_min_len(16).for_each(|task| {
        let (p, r) = (all[task / rows], task % rows);
        // SAFETY: each task writes row `r` and its panel's columns of `dw`; the sizes are asserted.
        unsafe { one_row_t(tile, p, parts, rows, columns, r, to.ptr()) };
    });
}

simd_fn! {
    /// # Safety
    /// As [`weights_t`]; no other task writes this row and panel.
    [unsafe] fn one_row_t[T: Tile<A, M>, const A: usize, const M: usize][T, A, M](
        tile: T, p: Panel, parts: &[&[f32]], rows: usize, columns: usize, r: usize, dw: *mut f32,
    ) = one_row_t_impl;
}

#[inline(always)]
unsafe fn one_row_t_impl<S: Simd, T: Tile<A, M>, const A: usize, const M: usize>(
    s: S,
    _: T,
    p: Panel,
    parts: &[&[f32]],
    rows: usize,
    columns: usize,
    r: usize,
    dw: *mut f32,
) {
    let mut ch = 0;
    while ch < p.columns {
        // SAFETY: reads stay in the panel of each part, writes in the `columns - ch` left of a row of `dw`.
        unsafe {
            let mut u = [[s.splat(0.0); A]; A];
            for part in parts {
                let from = part.as_ptr().add(A * A * rows * p.at + r * p.width + ch);
                for i in 0..A {
                    for j in 0..A {
                        u[i][j] = s.add(u[i][j], s.load(from.add((i * A + j) * rows * p.width)));
                    }
                }
            }
            let g = weight_t_2d::<S, T, A, M>(s, u);
            for i in 0..3 {
                for j in 0..3 {
                    let to = dw.add(((i * 3 + j) * rows + r) * columns + p.at + ch);
                    s.store_up_to(to, p.columns - ch, g[i][j]);
                }
            }
        }
        ch += S::LANES;
    }
}
