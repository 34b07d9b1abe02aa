//! Where the Winograd tiles of a convolution lie, and the transforms of its input: blocks of tiles between NHWC images and the point-major
//! scratch layout `[A*A][tiles][channels]`.
use crate::scratch::round16;
use crate::shape::ConvShape;
use crate::simd::Simd;
use crate::tile::{Tile, input_2d, input_t_2d};

/// Where the tiles of a convolution lie.
#[derive(Clone, Copy)]
pub(crate) struct Grid {
    pub shape: ConvShape,
    pub oh: usize,
    pub ow: usize,
    /// Tiles in a column and in a row of an image.
    pub th: usize,
    pub tw: usize,
}

impl Grid {
    pub(crate) fn new(shape: &ConvShape, m: usize) -> Self {
        let [oh, ow] = shape.out();
        Self { shape: *shape, oh, ow, th: oh.div_ceil(m), tw: ow.div_ceil(m) }
    }
    pub(crate) fn per_image(&self) -> usize {
        self.th * self.tw
    }
    /// Image, tile row, tile column.
    #[inline(always)]
    pub(crate) fn tile(&self, t: usize) -> (usize, usize, usize) {
        let (image, r) = (t / self.per_image(), t % self.per_image());
        (image, r / self.tw, r % self.tw)
    }
    /// Output pixels of a tile that lie in the image.
    #[inline(always)]
    pub(crate) fn inside<const M: usize>(&self, t: usize) -> usize {
        let (_, ty, tx) = self.tile(t);
        (self.oh - ty * M).min(M) * (self.ow - tx * M).min(M)
    }
    /// Offset of the input pixel at row `i`, column `j` of a tile, if inside.
    #[inline(always)]
    fn x_at(&self, image: usize, i: usize, j: usize) -> Option<usize> {
        let g = &self.shape;
        let (r, c) = (i.wrapping_sub(g.pad[0]), j.wrapping_sub(g.pad[1]));
        (r < g.h && c < g.w).then(|| ((image * g.h + r) * g.w + c) * g.c_in)
    }
    /// Offset of the output pixel, if inside.
    #[inline(always)]
    pub(crate) fn y_at(&self, image: usize, r: usize, c: usize) -> Option<usize> {
        (r < self.oh && c < self.ow).then(|| ((image * self.oh + r) * self.ow + c) * self.shape.c_out)
    }
}

/// Floats between two points of a block of `tiles` tiles by `width` channels: an odd number of cache lines, so that the points of a
/// tile fall in different cache sets.
pub(crate) fn point_stride(tiles: usize, width: usize) -> usize {
    ((tiles * width / 16) | 1) * 16
}

simd_fn! {
    /// `V = Bt d B` of tiles `first..first + count`: `v[p * stride + t * round16(c_in) + c]`, zeros in the padding.
    ///
    /// # Safety
    /// `x` is the whole input, the tiles exist, `zeros` has `c_in` zeros, `v` has `A*A*stride` floats, `stride >= count * round16(c_in)`.
    [unsafe] fn input_block[T: Tile<A, M>, const A: usize, const M: usize][T, A, M](
        tile: T, g: &Grid, x: *const f32, zeros: *const f32, first: usize, count: usize, v: *mut f32, stride: usize,
    ) = input_impl;
}

#[inline(always)]
unsafe fn input_impl<S: Simd, T: Tile<A, M>, const A: usize, const M: usize>(
    s: S,
    _: T,
    g: &Grid,
    x: *const f32,
    zeros: *const f32,
    first: usize,
    count: usize,
    v: *mut f32,
    stride: usize,
) {
    let (c, width) = (g.shape.c_in, round16(g.shape.c_in));
    for t in 0..count {
        let (image, ty, tx) = g.tile(first + t);
        let mut from = [[zeros; A]; A];
        for i in 0..A {
            for j in 0..A {
                if let Some(at) = g.x_at(image, ty * M + i, tx * M + j) {
                    from[i][j] = x.wrapping_add(at);
                }
            }
        }
        let mut ch = 0;
        while ch < width {
            // SAFETY: `from` holds pixels of `c` channels inside `x` or the zeros; the writes stay in row `t` of each point.
            unsafe {
                let to = v.add(t * width + ch);
                if ch + S::LANES <= c {
                    one_input::<S, T, A, M, true>(s, &from, ch, S::LANES, to, stride);
                } else {
                    one_input::<S, T, A, M, false>(s, &from, ch, c.saturating_sub(ch), to, stride);
                }
            }
            ch += S::LANES;
        }
    }
}

/// One register of channels of a tile; `WHOLE` if all its lanes are real.
///
/// # Safety
/// `left` floats are readable at `ch` of each pixel, and a register writable at each point of `to`.
#[inline(always)]
unsafe fn one_input<S: Simd, T: Tile<A, M>, const A: usize, const M: usize, const WHOLE: bool>(
    s: S,
    from: &[[*const f32; A]; A],
    ch: usize,
    left: usize,
    to: *mut f32,
    stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut d = [[s.splat(0.0); A]; A];
        for i in 0..A {
            for j in 0..A {
                let p = from[i][j].wrapping_add(ch);
                d[i][j] = if WHOLE { s.load(p) } else { s.load_part(p, left) };
            }
        }
        let d = input_2d::<S, T, A, M>(s, d);
        for i in 0..A {
            for j in 0..A {
                s.store(to.add((i * A + j) * stride), d[i][j]);
            }
        }
    }
}

simd_fn! {
    /// `dX = sum over tiles of B dV Bt`, the transpose of [`input_block`]; overwrites what no earlier tile of the image has written.
    ///
    /// # Safety
    /// As [`input_block`], with `dx` writable and no other task writing the images of these tiles. The tiles of an image come in order.
    [unsafe] fn input_block_t[T: Tile<A, M>, const A: usize, const M: usize][T, A, M](
        tile: T, g: &Grid, v: *const f32, stride: usize, first: usize, count: usize, dx: *mut f32,
    ) = input_t_impl;
}

#[inline(always)]
unsafe fn input_t_impl<S: Simd, T: Tile<A, M>, const A: usize, const M: usize>(
    s: S,
    _: T,
    g: &Grid,
    v: *const f32,
    stride: usize,
    first: usize,
    count: usize,
    dx: *mut f32,
) {
    let (c, width) = (g.shape.c_in, round16(g.shape.c_in));
    for t in 0..count {
        let (image, ty, tx) = g.tile(first + t);
        let mut to = [[std::ptr::null_mut(); A]; A];
        for i in 0..A {
            for j in 0..A {
                if let Some(at) = g.x_at(image, ty * M + i, tx * M + j) {
                    to[i][j] = dx.wrapping_add(at);
                }
            }
        }
        // Tiles come in order: only the rows and columns shared with an earlier one hold something already.
        let seen = [ty > 0, tx > 0];
        let mut ch = 0;
        while ch < c {
            // SAFETY: reads stay in row `t` of each point; `to` holds pixels of `c` channels inside `dx`.
            unsafe {
                let from = v.add(t * width + ch);
                if ch + S::LANES <= c {
                    one_input_t::<S, T, A, M, true>(s, from, stride, &to, ch, S::LANES, seen);
                } else {
                    one_input_t::<S, T, A, M, false>(s, from, stride, &to, ch, c - ch, seen);
                }
            }
            ch += S::LANES;
        }
    }
}

/// One register of channels of a tile, added to the pixels that an earlier one has written (those of its first rows if `seen[0]`, of its
/// first columns if `seen[1]`).
///
/// # Safety
/// A register is readable at each point of `from`; `left` floats are writable at `ch` of each pixel that is not null.
#[inline(always)]
unsafe fn one_input_t<S: Simd, T: Tile<A, M>, const A: usize, const M: usize, const WHOLE: bool>(
    s: S,
    from: *const f32,
    stride: usize,
    to: &[[*mut f32; A]; A],
    ch: usize,
    left: usize,
    seen: [bool; 2],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut d = [[s.splat(0.0); A]; A];
        for i in 0..A {
            for j in 0..A {
                d[i][j] = s.load(from.add((i * A + j) * stride));
            }
        }
        let d = input_t_2d::<S, T, A, M>(s, d);
        for i in 0..A {
            for j in 0..A {
                if to[i][j].is_null() {
                    continue;
                }
                let p = to[i][j].wrapping_add(ch);
                let mut v = d[i][j];
                if (i < A - M && seen[0]) || (j < A - M && seen[1]) {
                    v = s.add(if WHOLE { s.load(p) } else { s.load_part(p, left) }, v);
                }
                if WHOLE {
                    s.store(p, v);
                } else {
                    s.store_part(p, left, v);
                }
            }
        }
    }
}
