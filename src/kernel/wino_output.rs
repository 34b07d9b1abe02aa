//! The transforms of a convolution's output: blocks of Winograd tiles between NHWC images and the scratch layout `[A*A][tiles][channels]`.
use crate::out_grad::{Coefficients, Source};
use crate::pack::Panel;
use crate::scratch::round16;
use crate::simd::Simd;
use crate::tile::{Tile, output_2d, output_t_2d};
use crate::wino_input::Grid;

simd_fn! {
    /// `y = At M A + bias` (and `max(0)`) for the columns of a panel: `m[p * stride + t * panel.width + c]`.
    ///
    /// If `moments` is not null, the mean and the squared deviations of the block's outputs go to `moments[c]` and
    /// `moments[round16(c_out) + c]`.
    ///
    /// # Safety
    /// `m` has `A*A*stride` floats, `bias` `round16(c_out)`, `y` is the whole output and no other task writes these tiles and columns.
    [unsafe] fn output_block[T: Tile<A, M>, const A: usize, const M: usize][T, A, M](
        tile: T, g: &Grid, panel: Panel, m: *const f32, stride: usize, first: usize, count: usize, bias: *const f32, relu: bool, y: *mut f32,
        moments: *mut f32,
    ) = output_impl;
}

#[inline(always)]
unsafe fn output_impl<S: Simd, T: Tile<A, M>, const A: usize, const M: usize>(
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
    y: *mut f32,
    moments: *mut f32,
) {
    let floor = s.splat(if relu { 0.0 } else { f32::NEG_INFINITY });
    let mut seen = 0.0f32;
    for t in 0..count {
        let (image, ty, tx) = g.tile(first + t);
        let mut to = [[None; M]; M];
        for i in 0..M {
            for j in 0..M {
                to[i][j] = g.y_at(image, ty * M + i, tx * M + j);
            }
        }
        let new = g.inside::<M>(first + t) as f32;
        let share = new / (seen + new);
        let mut ch = 0;
        while ch < panel.columns {
            // SAFETY: reads stay in row `t` of each point; writes only to pixels and columns inside `y` and to this panel's moments.
            unsafe {
                let from = m.add(t * panel.width + ch);
                let mut d = [[s.splat(0.0); A]; A];
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
                        if let Some(at) = to[i][j] {
                            s.store_up_to(y.add(at + panel.at + ch), panel.columns - ch, d[i][j]);
                        }
                    }
                }
                if !moments.is_null() {
                    let (mut sum, mut square) = (s.splat(0.0), s.splat(0.0));
                    for i in 0..M {
                        for j in 0..M {
                            if to[i][j].is_some() {
                                sum = s.add(sum, d[i][j]);
                            }
                        }
                    }
                    let mean = s.mul(sum, s.splat(1.0 / new));
                    for i in 0..M {
                        for j in 0..M {
                            if to[i][j].is_some() {
                                let e = s.sub(d[i][j], mean);
                                square = s.fma(e, e, square);
                            }
                        }
                    }
                    let at = moments.add(panel.at + ch);
                    let squares = at.add(round16(g.shape.c_out));
                    let (old, old_square) =
                        if t == 0 { (s.splat(0.0), s.splat(0.0)) } else { (s.load(at), s.load(squares)) };
                    let delta = s.sub(mean, old);
                    s.store(at, s.fma(delta, s.splat(share), old));
                    s.store(squares, s.add(s.fma(s.mul(delta, delta), s.splat(seen * share), square), old_square));
                }
            }
            ch += S::LANES;
        }
        seen += new;
    }
}

simd_fn! {
    /// As [`output_block`], but only the largest value of each whole tile is kept, after `* scale + offset`:
    /// `y[n, oh / M, ow / M, c_out]`.
    ///
    /// # Safety
    /// As [`output_block`]; `scale` and `offset` have `round16(c_out)` floats.
    [unsafe] fn pool_block[T: Tile<A, M>, const A: usize, const M: usize][T, A, M](
        tile: T, g: &Grid, panel: Panel, m: *const f32, stride: usize, first: usize, count: usize, bias: *const f32, relu: bool, y: *mut f32,
        scale: *const f32, offset: *const f32,
    ) = pool_impl;
}

#[inline(always)]
unsafe fn pool_impl<S: Simd, T: Tile<A, M>, const A: usize, const M: usize>(
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
    y: *mut f32,
    scale: *const f32,
    offset: *const f32,
) {
    let floor = s.splat(if relu { 0.0 } else { f32::NEG_INFINITY });
    let (rows, columns) = (g.oh / M, g.ow / M);
    for t in 0..count {
        let (image, ty, tx) = g.tile(first + t);
        if ty >= rows || tx >= columns {
            continue;
        }
        let at = ((image * rows + ty) * columns + tx) * g.shape.c_out + panel.at;
        let mut ch = 0;
        while ch < panel.columns {
            // SAFETY: reads stay in row `t` of each point; the write is to this tile's pixel and this panel's columns.
            unsafe {
                let from = m.add(t * panel.width + ch);
                let mut d = [[s.splat(0.0); A]; A];
                for i in 0..A {
                    for j in 0..A {
                        d[i][j] = s.load(from.add((i * A + j) * stride));
                    }
                }
                let d = output_2d::<S, T, A, M>(s, d);
                let b = s.load(bias.add(panel.at + ch));
                let (scale, offset) = (s.load(scale.add(panel.at + ch)), s.load(offset.add(panel.at + ch)));
                let mut best = s.splat(f32::NEG_INFINITY);
                for i in 0..M {
                    for j in 0..M {
                        best = s.max(s.fma(s.max(floor, s.add(d[i][j], b)), scale, offset), best);
                    }
                }
                s.store_up_to(y.add(at + ch), panel.columns - ch, best);
            }
            ch += S::LANES;
        }
    }
}

simd_fn! {
    /// `dM = A dY At` for the columns of a panel; adds the sums of `dY` to `bias`.
    ///
    /// # Safety
    /// The slices of `dy` have the sizes of whole outputs, `m` has `A*A*stride` floats, `bias` `panel.width`.
    [unsafe] fn output_block_t[T: Tile<A, M>, const A: usize, const M: usize][T, A, M](
        tile: T, g: &Grid, panel: Panel, dy: &Source<'_>, first: usize, count: usize, m: *mut f32, stride: usize, bias: *mut f32,
    ) = output_t_impl;
}

#[inline(always)]
unsafe fn output_t_impl<S: Simd, T: Tile<A, M>, const A: usize, const M: usize>(
    s: S,
    _: T,
    g: &Grid,
    panel: Panel,
    dy: &Source<'_>,
    first: usize,
    count: usize,
    m: *mut f32,
    stride: usize,
    bias: *mut f32,
) {
    for t in 0..count {
        let (image, ty, tx) = g.tile(first + t);
        let mut from = [[None; M]; M];
        for i in 0..M {
            for j in 0..M {
                let pixel = [image, ty * M + i, tx * M + j];
                from[i][j] =
                    g.y_at(image, pixel[1], pixel[2]).map(|at| (at, dy.window([g.oh, g.ow], g.shape.c_out, pixel)));
            }
        }
        let mut ch = 0;
        while ch < panel.width {
            let (left, c) = (panel.columns.saturating_sub(ch), panel.at + ch);
            // SAFETY: `from` holds pixels inside the outputs; writes stay in row `t` of each point.
            unsafe {
                let k = Coefficients::load(s, dy.grad.norm, c);
                let mut d = [[s.splat(0.0); M]; M];
                let mut sum = s.load(bias.add(ch));
                for i in 0..M {
                    for j in 0..M {
                        if let Some((at, window)) = from[i][j] {
                            d[i][j] = dy.value(s, at + c, window.map(|(w, place)| (w + c, place)), left, &k);
                            sum = s.add(sum, d[i][j]);
                        }
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
