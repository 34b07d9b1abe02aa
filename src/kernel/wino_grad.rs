//! Backward of a 3x3 stride-1 convolution by the transposed Winograd maps: one transform of `dy` serves both gradients.
//!
//! The images are cut into a fixed number of chunks, each with its own sums for the weights, added in order at the end.
use crate::conv_grads::ConvGrads;
use crate::gemm::{Finish, Gemm, gemm};
use crate::out_grad::Source;
use crate::pack::{panels, transpose};
use crate::scratch::{Scratch, SharedMut, chunks_of, part, round16};
use crate::shape::{ConvShape, LARGE};
use crate::tile::{F2, F3, F4, Tile};
use crate::wino_input::{Grid, input_block, input_block_t, point_stride};
use crate::wino_output::output_block_t;
use crate::wino_places::places_block_t;
use crate::wino_weights::{weights, weights_t};
use crate::winograd::block_tiles;
use rayon::prelude::*;

/// The gradients with tiles of size `m`; see [`crate::conv2d_backward`].
pub(crate) fn backward(shape: &ConvShape, m: usize, x: &[f32], w: &[f32], dy: &Source<'_>, grads: ConvGrads<'_>) {
    match m {
        2 => run(F2, shape, x, w, dy, grads),
        3 => run(F3, shape, x, w, dy, grads),
        _ => run(F4, shape, x, w, dy, grads),
    }
}

/// What every chunk reads.
struct Job<'a, T> {
    tile: T,
    g: Grid,
    x: &'a [f32],
    dy: &'a Source<'a>,
    /// The transposed weights, if the input's gradient is wanted.
    u: Option<&'a [f32]>,
    dx: Option<SharedMut>,
}

fn run<T: Tile<A, M>, const A: usize, const M: usize>(
    tile: T,
    shape: &ConvShape,
    x: &[f32],
    w: &[f32],
    dy: &Source<'_>,
    grads: ConvGrads<'_>,
) {
    let ConvGrads { dx, dw, db } = grads;
    let (c_in, c_out, outs) = (shape.c_in, shape.c_out, round16(shape.c_out));
    let u = dx.is_some().then(|| weights(tile, &transpose(w, c_in, c_out), c_out, c_in));
    let job = Job { tile, g: Grid::new(shape, M), x, dy, u: u.as_deref(), dx: dx.map(SharedMut::new) };
    let size = A * A * c_in * outs;
    let chunks = chunks_of(shape.n, size);
    let mut sums = Scratch::take(chunks * (size + outs));
    sums.par_chunks_mut(size + outs).enumerate().for_each(|(k, sum)| {
        let (du, bias) = sum.split_at_mut(size);
        job.chunk(part(shape.n, chunks, k), du, bias);
    });
    let parts: Vec<&[f32]> = sums.chunks(size + outs).collect();
    weights_t(tile, &parts, c_in, c_out, dw);
    for (c, db) in db.iter_mut().enumerate() {
        *db = parts.iter().map(|p| p[size + c]).sum();
    }
}

/// The pool that the gradient comes from, where there is nothing else and tiles hold whole windows.
fn whole_windows<'a, const M: usize>(dy: &Source<'a>) -> Option<(usize, &'a [u8])> {
    dy.grad.pool.filter(|(k, _)| M.is_multiple_of(*k) && dy.y.is_none())
}

impl<T> Job<'_, T> {
    /// One chunk of images: `du` in the form of `wino_weights`, `bias`: `[round16(c_out)]`.
    fn chunk<const A: usize, const M: usize>(&self, images: std::ops::Range<usize>, du: &mut [f32], bias: &mut [f32])
    where
        T: Tile<A, M>,
    {
        let (g, shape) = (&self.g, &self.g.shape);
        let (c_in, c_out) = (shape.c_in, shape.c_out);
        let per_image = g.per_image();
        let limit = block_tiles(A * A, c_in);
        bias.fill(0.0);
        let (tiles, start) = (images.len() * per_image, images.start * per_image);
        let blocks = tiles.div_ceil(limit);
        let width = round16(c_in);
        let longest = tiles.div_ceil(blocks);
        let mut v = Scratch::take(A * A * point_stride(longest, width));
        let mut dv = Scratch::take(A * A * point_stride(longest, width));
        let mut m = Scratch::take(A * A * point_stride(longest, 64));
        let zeros = Scratch::zeros(c_in);
        // Of a large map each block has its own sums for the bias, so that these stay short.
        let mut own = Scratch::zeros(if g.oh * g.ow > LARGE { bias.len() } else { 0 });
        for block in 0..blocks {
            let range = part(tiles, blocks, block);
            let (first, count) = (start + range.start, range.len());
            let (v_stride, m_stride) = (point_stride(count, width), point_stride(count, 64));
            let fresh = if block == 0 { Finish::Store } else { Finish::Add };
            // SAFETY: the buffers have the sizes asked for; the slices were checked against the shape; this chunk alone writes its
            // images of `dx`, its `du` and its `bias`.
            unsafe {
                input_block(self.tile, g, self.x.as_ptr(), zeros.as_ptr(), first, count, v.as_mut_ptr(), v_stride);
                for p in panels(c_out) {
                    let b = if own.is_empty() { bias.as_mut_ptr() } else { own.as_mut_ptr() }.add(p.at);
                    match whole_windows::<M>(self.dy) {
                        Some((k, arg)) => {
                            let (dy, arg, m) = (self.dy.grad.dy.as_ptr(), arg.as_ptr(), m.as_mut_ptr());
                            places_block_t(self.tile, g, p, k, dy, arg, first, count, m, m_stride, b);
                        }
                        None => output_block_t(self.tile, g, p, self.dy, first, count, m.as_mut_ptr(), m_stride, b),
                    }
                    for point in 0..A * A {
                        let (v_at, m_at) = (v.as_ptr().add(point * v_stride), m.as_ptr().add(point * m_stride));
                        gemm(&Gemm {
                            m: c_in,
                            n: p.width,
                            k: count,
                            segments: 1,
                            a: v_at,
                            a_row: 1,
                            a_col: width,
                            a_segment: 0,
                            b: m_at,
                            b_row: p.width,
                            b_segment: 0,
                            c: du.as_mut_ptr().add(A * A * c_in * p.at + point * c_in * p.width),
                            c_row: p.width,
                            finish: fresh,
                        });
                        let Some(u) = self.u else { continue };
                        for q in panels(c_in) {
                            gemm(&Gemm {
                                m: count,
                                n: q.width,
                                k: p.columns,
                                segments: 1,
                                a: m_at,
                                a_row: p.width,
                                a_col: 1,
                                a_segment: 0,
                                b: u.as_ptr().add(A * A * c_out * q.at + (point * c_out + p.at) * q.width),
                                b_row: q.width,
                                b_segment: 0,
                                c: dv.as_mut_ptr().add(point * v_stride + q.at),
                                c_row: width,
                                finish: if p.at == 0 { Finish::Store } else { Finish::Add },
                            });
                        }
                    }
                }
                bias.iter_mut().zip(own.iter_mut()).for_each(|(sum, own)| *sum += std::mem::take(own));
                if let Some(dx) = self.dx {
                    input_block_t(self.tile, g, dv.as_ptr(), v_stride, first, count, dx.ptr());
                }
            }
        }
    }
}
