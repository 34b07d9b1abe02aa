//! The end of a Winograd convolution with a max-pool behind it: the map is never written, only the maxima and where they were.
use crate::pack::Panel;
use crate::simd::Simd;
use crate::tile::{Tile, output_2d, output_t_2d};
use crate::wino_input::Grid;

/// The place of a maximum that a relu has made zero: no pixel of a window has it, so no gradient passes.
pub(crate) const NOWHERE: u8 = u8::MAX;

simd_fn! {
    /// The largest value of each window of side and stride `k` of `At M A + bias` (and `max(0)`), and its place in the window, row * k +
    /// column ([`NOWHERE`] where the relu made it zero): `y` and `arg` are `[n, oh / k, ow / k, c_out]`. The first of equal values wins.
    ///
    /// # Safety
    /// As [`output_block`](crate::wino_output::output_block) with the pool's output for `y` and `arg`; `k` divides `M`.
    [unsafe] fn places_block[T: Tile<A, M>, const A: usize, const M: usize][T, A, M](
        tile: T, g: &Grid, panel: Panel, m: *const f32, stride: usize, first: usize, count: usize, bias: *const f32, relu: bool, k: usize,
        y: *mut f32, arg: *mut u8,
    ) = places_impl;
}

#[inline(always)]
unsafe fn places_impl<S: Simd, T: Tile<A, M>, const A: usize, const M: usize>(
    s: S,
    _: T,
    g: &Grid,
    panel: Panel,
    m: *const f32,
    stride: usize,
    first: usize,
    count: usize,
    bias: *const f32,
    relu: bool,
    k: usize,
    y: *mut f32,
    arg: *mut u8,
) {
    let (zero, nowhere) = (s.splat(0.0), s.splat(f32::from(NOWHERE)));
    let floor = s.splat(if relu { 0.0 } else { f32::NEG_INFINITY });
    let (rows, columns) = (g.oh / k, g.ow / k);
    for t in 0..count {
        let (image, ty, tx) = g.tile(first + t);
        let mut ch = 0;
        while ch < panel.columns {
            let left = panel.columns - ch;
            // SAFETY: reads stay in row `t` of each point; the writes are to this tile's windows and this panel's columns.
            unsafe {
                let from = m.add(t * panel.width + ch);
                let mut d = [[zero; A]; A];
                for i in 0..A {
                    for j in 0..A {
                        d[i][j] = s.load(from.add((i * A + j) * stride));
                    }
                }
                let mut d = output_2d::<S, T, A, M>(s, d);
                let b = s.load(bias.add(panel.at + ch));
                for i in 0..M {
                    for j in 0..M {
                        d[i][j] = s.max(floor, s.add(d[i][j], b));
                    }
                }
                for i in (0..M).step_by(k) {
                    for j in (0..M).step_by(k) {
                        let (r, c) = ((ty * M + i) / k, (tx * M + j) / k);
                        if r >= rows || c >= columns {
                            continue;
                        }
                        let (mut best, mut place) = (d[i][j], zero);
                        for q in 1..k * k {
                            let v = d[i + q / k][j + q % k];
                            place = s.pick(v, best, s.splat(q as f32), place);
                            best = s.pick(v, best, v, best);
                        }
                        if relu {
                            place = s.pick(best, zero, place, nowhere);
                        }
                        let to = ((image * rows + r) * columns + c) * g.shape.c_out + panel.at + ch;
                        s.store_up_to(y.add(to), left, best);
                        s.store_bytes_up_to(arg.add(to), left, place);
                    }
                }
            }
            ch += S::LANES;
        }
    }
}

simd_fn! {
    /// As [`output_block_t`](crate::wino_output::output_block_t) for the gradient `dy` of such maxima, which were at `arg`.
    ///
    /// # Safety
    /// `dy` and `arg` are `[n, oh / k, ow / k, c_out]`, `k` divides `M`, `m` has `A*A*stride` floats, `bias` `panel.width`.
    [unsafe] fn places_block_t[T: Tile<A, M>, const A: usize, const M: usize][T, A, M](
        tile: T, g: &Grid, panel: Panel, k: usize, dy: *const f32, arg: *const u8, first: usize, count: usize, m: *mut f32, stride: usize,
        bias: *mut f32,
    ) = places_t_impl;
}

#[inline(always)]
unsafe fn places_t_impl<S: Simd, T: Tile<A, M>, const A: usize, const M: usize>(
    s: S,
    _: T,
    g: &Grid,
    panel: Panel,
    k: usize,
    dy: *const f32,
    arg: *const u8,
    first: usize,
    count: usize,
    m: *mut f32,
    stride: usize,
    bias: *mut f32,
) {
    let (rows, columns) = (g.oh / k, g.ow / k);
    for t in 0..count {
        let (image, ty, tx) = g.tile(first + t);
        let mut ch = 0;
        while ch < panel.width {
            let left = panel.columns.saturating_sub(ch);
            // SAFETY: reads are of this tile's windows and this panel's columns; the writes stay in row `t` of each point.
            unsafe {
                let mut d = [[s.splat(0.0); M]; M];
                for i in (0..M).step_by(k) {
                    for j in (0..M).step_by(k) {
                        let (r, c) = ((ty * M + i) / k, (tx * M + j) / k);
                        if r >= rows || c >= columns {
                            continue;
                        }
                        let from = ((image * rows + r) * columns + c) * g.shape.c_out + panel.at + ch;
                        let gradient = s.load_up_to(dy.wrapping_add(from), left);
                        for q in 0..k * k {
                            let place = arg.wrapping_add(from);
                            d[i + q / k][j + q % k] = s.where_byte_up_to(place, left, q as u8, gradient);
                        }
                    }
                }
                let mut sum = s.load(bias.add(ch));
                for i in 0..M {
                    for j in 0..M {
                        sum = s.add(sum, d[i][j]);
                    }
                }
                s.store(bias.add(ch), sum);
                let d = output_t_2d::<S, T, A, M>(s, d);
                let to = m.add(t * panel.width + ch);
                for i in 0..A {
                    for j in 0..A {
                        s.store(to.add((i * A + j) * stride), d[i][j]);
                    }
                }
            }
            ch += S::LANES;
        }
    }
}
