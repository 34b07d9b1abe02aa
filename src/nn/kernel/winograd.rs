//! Forward of a 3x3 stride-1 convolution by Winograd: tiles in blocks whose transforms and products stay in the second-level cache.
use crate::nn::kernel::gemm::{Finish, Gemm, gemm};
use crate::nn::kernel::pack::{padded, panels};
use crate::nn::kernel::scratch::{Scratch, SharedMut, part, round16};
use crate::nn::kernel::shape::ConvShape;
use crate::nn::kernel::tile::{F2, F3, F4, Tile};
use crate::nn::kernel::wino_block::{Grid, input_block, output_block, point_stride};
use crate::nn::kernel::wino_weights::weights;
use rayon::prelude::*;

/// The output size of the tile for this shape: the one with the fewest products (ties to the smaller, which is more precise).
pub(crate) fn tile_size(shape: &ConvShape) -> usize {
    let [oh, ow] = shape.out();
    let cost = |m: usize| oh.div_ceil(m) * ow.div_ceil(m) * (m + 2) * (m + 2);
    [2, 3, 4].into_iter().min_by_key(|m| cost(*m)).unwrap_or(4)
}

/// Tiles of a block: the scratch of one thread stays near the second-level cache.
pub(crate) fn block_tiles(points: usize, c: usize) -> usize {
    (900 * 1024 / (4 * points * (round16(c) + 64))).clamp(32, 64)
}

/// `y = relu?(conv(x, w) + bias)`.
pub(crate) fn forward(shape: &ConvShape, x: &[f32], w: &[f32], bias: &[f32], relu: bool, y: &mut [f32]) {
    match tile_size(shape) {
        2 => run(F2, shape, x, w, bias, relu, y),
        3 => run(F3, shape, x, w, bias, relu, y),
        _ => run(F4, shape, x, w, bias, relu, y),
    }
}

fn run<T: Tile<A, M>, const A: usize, const M: usize>(
    tile: T,
    shape: &ConvShape,
    x: &[f32],
    w: &[f32],
    bias: &[f32],
    relu: bool,
    y: &mut [f32],
) {
    let g = Grid::new(shape, M);
    let (c, width) = (shape.c_in, round16(shape.c_in));
    let u = weights(tile, w, c, shape.c_out);
    let bias = padded(bias);
    let tiles = shape.n * g.per_image();
    let blocks = tiles.div_ceil(block_tiles(A * A, c)).next_multiple_of(2).min(tiles);
    let out = SharedMut::new(y);
    (0..blocks).into_par_iter().for_each(|block| {
        let range = part(tiles, blocks, block);
        let (first, count) = (range.start, range.len());
        let (v_stride, m_stride) = (point_stride(count, width), point_stride(count, 64));
        let mut v = Scratch::take(A * A * v_stride);
        let mut m = Scratch::take(A * A * m_stride);
        let zeros = Scratch::zeros(c);
        // SAFETY: the buffers have the sizes asked for; `x` and `y` were checked against the shape; blocks write disjoint tiles of `y`.
        unsafe {
            input_block(tile, &g, x.as_ptr(), zeros.as_ptr(), first, count, v.as_mut_ptr(), v_stride);
            for p in panels(shape.c_out) {
                let panel = u.as_ptr().add(A * A * c * p.at);
                for point in 0..A * A {
                    gemm(&Gemm {
                        m: count,
                        n: p.width,
                        k: c,
                        segments: 1,
                        a: v.as_ptr().add(point * v_stride),
                        a_row: width,
                        a_col: 1,
                        a_segment: 0,
                        b: panel.add(point * c * p.width),
                        b_row: p.width,
                        b_segment: 0,
                        c: m.as_mut_ptr().add(point * m_stride),
                        c_row: p.width,
                        finish: Finish::Store,
                    });
                }
                output_block(tile, &g, p, m.as_ptr(), m_stride, first, count, bias.as_ptr(), relu, out.ptr());
            }
        }
    });
}
