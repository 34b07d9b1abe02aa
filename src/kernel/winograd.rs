//! Forward of a 3x3 stride-1 convolution by Winograd: tiles in blocks whose transforms and products stay in the second-level cache.
use crate::gemm::{Finish, Gemm, gemm};
use crate::pack::panels;
use crate::scratch::{Scratch, SharedMut, part, round16};
use crate::shape::ConvShape;
use crate::stats::BatchStats;
use crate::tile::{F2, F3, F4, Tile};
use crate::wino_input::{Grid, input_block, point_stride};
use crate::wino_output::{output_block, pool_block};
use crate::wino_places::places_block;
use crate::wino_weights::weights;
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

/// What is kept of the output.
#[derive(Clone, Copy)]
pub(crate) enum Keep<'a> {
    /// All of it.
    Map,
    /// All of it, and its statistics per channel.
    Stats,
    /// Only the maximum of each window of side and stride `k`, which divides the tile, and its place in the window (that of no pixel where a
    /// relu has made it zero): the output is that of the pool.
    Places { k: usize, arg: SharedMut<u8> },
    /// Only the maximum of each tile after `* scale + offset` (padded like the bias).
    Pool { scale: &'a [f32], offset: &'a [f32] },
}

/// The transformed weights for the tile of size `m`.
pub(crate) fn prepare(m: usize, w: &[f32], c_in: usize, c_out: usize) -> Scratch {
    match m {
        2 => weights(F2, w, c_in, c_out),
        3 => weights(F3, w, c_in, c_out),
        _ => weights(F4, w, c_in, c_out),
    }
}

/// `y = relu?(conv(x, w) + bias)` with prepared weights `u` and padded bias; gives statistics if asked for.
pub(crate) fn forward(
    shape: &ConvShape,
    m: usize,
    x: &[f32],
    u: &[f32],
    bias: &[f32],
    relu: bool,
    keep: Keep<'_>,
    y: &mut [f32],
) -> Option<BatchStats> {
    match m {
        2 => run(F2, shape, x, u, bias, relu, keep, y),
        3 => run(F3, shape, x, u, bias, relu, keep, y),
        _ => run(F4, shape, x, u, bias, relu, keep, y),
    }
}

fn run<T: Tile<A, M>, const A: usize, const M: usize>(
    tile: T,
    shape: &ConvShape,
    x: &[f32],
    u: &[f32],
    bias: &[f32],
    relu: bool,
    keep: Keep<'_>,
    y: &mut [f32],
) -> Option<BatchStats> {
    let g = Grid::new(shape, M);
    let (c, width, outs) = (shape.c_in, round16(shape.c_in), round16(shape.c_out));
    let tiles = shape.n * g.per_image();
    let blocks = tiles.div_ceil(block_tiles(A * A, c)).next_multiple_of(2).min(tiles);
    let out = SharedMut::new(y);
    let mut moments = Scratch::take(if matches!(keep, Keep::Stats) { blocks * 2 * outs } else { 0 });
    let sums = SharedMut::new(&mut moments);
    (0..blocks).into_par_iter().for_each(|block| {
        let range = part(tiles, blocks, block);
        let (first, count) = (range.start, range.len());
        let (v_stride, m_stride) = (point_stride(count, width), point_stride(count, 64));
        let mut v = Scratch::take(A * A * v_stride);
        let mut m = Scratch::take(A * A * m_stride);
        let zeros = Scratch::zeros(c);
        // SAFETY: the buffers have the sizes asked for; `x` and `y` were checked against the shape; blocks write disjoint tiles of `y` and
        // their own moments.
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
                let (m, bias) = (m.as_ptr(), bias.as_ptr());
                match keep {
                    Keep::Pool { scale, offset } => {
                        let (scale, offset) = (scale.as_ptr(), offset.as_ptr());
                        pool_block(tile, &g, p, m, m_stride, first, count, bias, relu, out.ptr(), scale, offset);
                    }
                    Keep::Places { k, arg } => {
                        places_block(tile, &g, p, m, m_stride, first, count, bias, relu, k, out.ptr(), arg.ptr());
                    }
                    Keep::Map => output_block(
                        tile,
                        &g,
                        p,
                        m,
                        m_stride,
                        first,
                        count,
                        bias,
                        relu,
                        out.ptr(),
                        std::ptr::null_mut(),
                    ),
                    Keep::Stats => {
                        let own = sums.ptr().add(block * 2 * outs);
                        output_block(tile, &g, p, m, m_stride, first, count, bias, relu, out.ptr(), own);
                    }
                }
            }
        }
    });
    matches!(keep, Keep::Stats).then(|| {
        let rows = |b| part(tiles, blocks, b).map(|t| g.inside::<M>(t)).sum();
        BatchStats::combine(shape.c_out, moments.chunks_exact(2 * outs).enumerate().map(|(b, part)| (rows(b), part)))
    })
}
