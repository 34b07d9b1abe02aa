//! Columns in panels: a matrix `[rows, columns]` stored as panels of 64 columns (the last one rounded up to 16), each `[rows, width]`.
use crate::out_grad::{Coefficients, Source};
use crate::scratch::{Scratch, round16};
use crate::shape::{BLOCK, LARGE};
use crate::simd::Simd;
use rayon::prelude::*;

/// Columns of a full panel.
pub(crate) const PANEL: usize = 64;

/// One panel: its first column, its real columns, its padded width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel {
    pub at: usize,
    pub columns: usize,
    pub width: usize,
}

/// The panels of `columns` columns. The floats before panel `p` of a matrix with `rows` rows are `rows * p.at`.
pub(crate) fn panels(columns: usize) -> impl Iterator<Item = Panel> + Clone {
    (0..columns).step_by(PANEL).map(move |at| {
        let real = (columns - at).min(PANEL);
        Panel { at, columns: real, width: round16(real) }
    })
}

/// Packs a row-major `[rows, columns]` matrix into panels, zeros in the padding.
pub(crate) fn pack(matrix: &[f32], rows: usize, columns: usize) -> Scratch {
    let mut out = Scratch::take(rows * round16(columns));
    let mut rest: &mut [f32] = &mut out;
    for p in panels(columns) {
        let (panel, tail) = rest.split_at_mut(rows * p.width);
        rest = tail;
        panel.par_chunks_mut(p.width).zip(matrix.par_chunks(columns)).with_min_len(64).for_each(|(to, from)| {
            to[..p.columns].copy_from_slice(&from[p.at..p.at + p.columns]);
            to[p.columns..].fill(0.0);
        });
    }
    out
}

/// The inverse of [`pack`].
pub(crate) fn unpack(packed: &[f32], rows: usize, columns: usize, matrix: &mut [f32]) {
    for p in panels(columns) {
        let panel = &packed[rows * p.at..];
        for (to, from) in matrix.chunks_mut(columns).zip(panel.chunks(p.width)) {
            to[p.at..p.at + p.columns].copy_from_slice(&from[..p.columns]);
        }
    }
}

/// `[outer, a, b]` to `[outer, b, a]`, in blocks.
pub(crate) fn transpose(from: &[f32], a: usize, b: usize) -> Scratch {
    let mut out = Scratch::take(from.len());
    if from.is_empty() {
        return out;
    }
    out.par_chunks_mut(a * b).zip(from.par_chunks(a * b)).for_each(|(to, from)| {
        for i0 in (0..a).step_by(16) {
            for j0 in (0..b).step_by(16) {
                for j in j0..(j0 + 16).min(b) {
                    for i in i0..(i0 + 16).min(a) {
                        to[j * a + i] = from[i * b + j];
                    }
                }
            }
        }
    });
    out
}

/// A vector padded with zeros to whole groups of 16.
pub(crate) fn padded(v: &[f32]) -> Scratch {
    let mut out = Scratch::take(round16(v.len()));
    out[..v.len()].copy_from_slice(v);
    out[v.len()..].fill(0.0);
    out
}

simd_fn! {
    /// The gradients of `rows` output pixels from pixel `first` on, for the columns of a panel: `to` is `[rows, panel.width]` with zeros in
    /// the padding; adds their sums to `bias`. Not for a source with a max-pool.
    [] fn gradient_panel[][](source: &Source<'_>, columns_all: usize, panel: Panel, first: usize, rows: usize, to: &mut [f32], bias: &mut [f32]) = gradient_panel_impl;
}

#[inline(always)]
fn gradient_panel_impl<S: Simd>(
    s: S,
    source: &Source<'_>,
    columns_all: usize,
    panel: Panel,
    first: usize,
    rows: usize,
    to: &mut [f32],
    bias: &mut [f32],
) {
    let end = (first + rows) * columns_all;
    assert!(source.grad.dy.len() >= end && source.y.is_none_or(|y| y.len() >= end) && source.grad.pool.is_none());
    assert!(to.len() >= rows * panel.width && bias.len() >= panel.width && panel.at + panel.columns <= columns_all);
    let mut ch = 0;
    while ch < panel.width {
        let left = panel.columns.saturating_sub(ch);
        let k = Coefficients::load(s, source.grad.norm, panel.at + ch);
        // SAFETY: rows and columns stay inside the slices by the assertions above.
        unsafe {
            let mut sum = s.load(bias.as_ptr().add(ch));
            let mut block = s.splat(0.0);
            for r in 0..rows {
                let at = (first + r) * columns_all + panel.at + ch;
                let v = source.value(s, at, Some((at, 0)), left, &k);
                // The padding of a normalisation's coefficients is zero, so these lanes are too.
                if rows <= LARGE {
                    sum = s.add(sum, v);
                } else {
                    block = s.add(block, v);
                    if (r + 1) % BLOCK == 0 || r + 1 == rows {
                        sum = s.add(sum, block);
                        block = s.splat(0.0);
                    }
                }
                s.store(to.as_mut_ptr().add(r * panel.width + ch), v);
            }
            s.store(bias.as_mut_ptr().add(ch), sum);
        }
        ch += S::LANES;
    }
}
