//! Backward of a convolution by products of bfloat16: the output's gradient, the input and the weights are rounded to the nearest, sums are
//! `f32`. Images are cut into a fixed number of chunks, each with its own sums for the weights, added in order at the end.
//!
//! The input's gradient is a convolution of the output's, laid out at the distances of the strides. For the weights' gradient the input lies
//! channel by channel and the output's gradient in pairs of pixels, both over the pixels of the input with its border, so that a tap is an
//! offset between the two.
use crate::conv_grads::ConvGrads;
use crate::half::{Halves, round_rows, scatter, turn};
use crate::half_layout::{Layout, Windows, pack};
use crate::half_tiles::{Block, COLUMNS, RIGHT, STEP, TILE, Unit};
use crate::out_grad::Source;
use crate::pack::{gradient_panel, panels, transpose};
use crate::scratch::{Scratch, SharedMut, chunks_of, part, round16};
use crate::shape::ConvShape;
use rayon::prelude::*;

/// Pixels that are worked on at a time, about.
const PIXELS: usize = 512;

/// What every chunk reads.
struct Job<'a> {
    shape: ConvShape,
    /// Images that are worked on at a time.
    images: usize,
    x: &'a [f32],
    dy: &'a Source<'a>,
    /// For the input's gradient: where it goes, and the weights turned around.
    dx: Option<(SharedMut, Halves, Layout)>,
}

/// The gradients; see [`crate::conv2d_backward`]. Not for a source with a max-pool.
pub(crate) fn backward(shape: &ConvShape, x: &[f32], w: &[f32], dy: &Source<'_>, grads: ConvGrads<'_>) {
    let ConvGrads { dx, dw, db } = grads;
    let sums = Sums::of(shape);
    let (size, outs) = (sums.len(), round16(shape.c_out));
    let chunks = chunks_of(shape.n, size);
    let pixels = (shape.h + shape.pad[0] + shape.pad[2]) * (shape.w + shape.pad[1] + shape.pad[3]);
    let images = (PIXELS / pixels).clamp(1, shape.n.div_ceil(chunks));
    let dx = dx.map(|dx| (SharedMut::new(dx), turned(shape, w), Layout::new(back(shape, images))));
    let job = Job { shape: *shape, images, x, dy, dx };
    let mut all = Scratch::take(chunks * (size + outs));
    all.par_chunks_mut(size + outs).enumerate().for_each(|(k, own)| {
        let (dw, bias) = own.split_at_mut(size);
        bias.fill(0.0);
        job.chunk(part(shape.n, chunks, k), dw, bias);
    });
    let (total, rest) = all.split_at_mut(size + outs);
    total.par_chunks_mut(4096).enumerate().for_each(|(b, to)| {
        for part in rest.chunks_exact(size + outs) {
            to.iter_mut().zip(&part[b * 4096..]).for_each(|(t, v)| *t += v);
        }
    });
    sums.unpack(&total[..size], dw);
    db.copy_from_slice(&total[size..size + shape.c_out]);
}

/// The weights of the convolution that gives the input's gradient: taps turned around, inputs for outputs.
fn turned(shape: &ConvShape, w: &[f32]) -> Halves {
    let ([kh, kw], c, c_out) = (shape.kernel, shape.c_in, shape.c_out);
    let by_tap = transpose(w, c, c_out);
    pack(kh, kw * c_out, c, |row, k| {
        let tap = kh * kw - 1 - (row * kw + k / c_out);
        &by_tap[(tap * c_out + k % c_out) * c..][..c]
    })
}

/// Its windows in the output's gradient.
fn back(shape: &ConvShape, images: usize) -> Windows {
    let [kh, kw] = shape.kernel;
    let grid = [shape.h + kh - 1, shape.w + kw - 1];
    Windows { images, grid, c: shape.c_out, kernel: shape.kernel, stride: [1, 1], out: [shape.h, shape.w] }
}

/// Sums for the gradient of the weights: `[tap][32 inputs][32 outputs]` blocks as [`Unit::compute`] leaves them.
#[derive(Clone, Copy)]
struct Sums {
    taps: usize,
    c_in: usize,
    c_out: usize,
}

impl Sums {
    fn of(shape: &ConvShape) -> Self {
        Self { taps: shape.kernel[0] * shape.kernel[1], c_in: shape.c_in, c_out: shape.c_out }
    }

    fn len(self) -> usize {
        self.taps * self.c_in.div_ceil(32) * self.c_out.div_ceil(COLUMNS) * 4 * TILE
    }

    /// Where the block of a tap begins.
    fn block(self, tap: usize, rows: usize, columns: usize) -> usize {
        ((tap * self.c_in.div_ceil(32) + rows) * self.c_out.div_ceil(COLUMNS) + columns) * 4 * TILE
    }

    /// As weights `[taps, c_in, c_out]`.
    fn unpack(self, sums: &[f32], dw: &mut [f32]) {
        dw.par_chunks_mut(self.c_out).with_min_len(64).enumerate().for_each(|(row, to)| {
            let (tap, ci) = (row / self.c_in, row % self.c_in);
            for (tile, to) in to.chunks_mut(16).enumerate() {
                let from = self.block(tap, ci / 32, tile / 2) + (ci % 32 / 16 * 2 + tile % 2) * TILE + ci % 16 * 16;
                to.copy_from_slice(&sums[from..from + to.len()]);
            }
        });
    }
}

/// The pixels of the input with its border, over which the sums for the weights run.
struct Grid {
    /// Columns, and pixels of an image.
    columns: usize,
    pixels: usize,
    /// Steps of 32 pixels that hold all places of outputs.
    steps: Vec<usize>,
    /// Numbers of a channel: its pixels, and zeros behind them.
    channel: usize,
}

impl Grid {
    fn of(shape: &ConvShape, images: usize) -> Self {
        let ([oh, ow], [kh, kw], [sh, sw]) = (shape.out(), shape.kernel, shape.stride);
        let columns = shape.w + shape.pad[1] + shape.pad[3];
        let pixels = (shape.h + shape.pad[0] + shape.pad[2]) * columns;
        let last = (images - 1) * pixels + (oh - 1) * sh * columns + (ow - 1) * sw;
        let steps: Vec<usize> = (0..=last / STEP).map(|step| step * STEP).collect();
        let reach = steps.len() * STEP + (kh - 1) * columns + kw - 1;
        let channel = reach.max(images * pixels).next_multiple_of(STEP);
        // Channels a whole page apart would share few lines of the cache.
        let channel = if channel.is_multiple_of(2048) { channel + STEP } else { channel };
        Self { columns, pixels, steps, channel }
    }
}

impl Job<'_> {
    /// One chunk of images: `dw` in the form of [`Sums`], `bias`: `[round16(c_out)]`.
    fn chunk(&self, images: std::ops::Range<usize>, dw: &mut [f32], bias: &mut [f32]) {
        let (shape, unit) = (&self.shape, Unit::begin());
        let ([oh, ow], c, c_out) = (shape.out(), shape.c_in, shape.c_out);
        let (grid, tiles) = (Grid::of(shape, self.images), c_out.div_ceil(COLUMNS) * 2);
        let mut by_channel = Halves::zeros(round16(c) * grid.channel);
        let mut pairs = Halves::take(grid.steps.len() * tiles * RIGHT);
        let mut spread = Halves::zeros(self.dx.as_ref().map_or(0, |(_, _, layout)| layout.left()));
        let mut g = Scratch::take(self.images * oh * ow * round16(c_out).min(64));
        let mut fresh = true;
        for first in images.clone().step_by(self.images) {
            let count = self.images.min(images.end - first);
            self.turn_images(first, count, &grid, &mut by_channel);
            pairs.fill(0);
            for p in panels(c_out) {
                gradient_panel(self.dy, c_out, p, first * oh * ow, count * oh * ow, &mut g, &mut bias[p.at..]);
                let side = self.dx.as_ref().map(|_| &mut spread[..]);
                self.lay_out(&g, [p.at, p.columns, p.width], count, &grid, tiles, &mut pairs, side);
            }
            self.weights(&unit, &grid, &by_channel, &pairs, fresh, dw);
            fresh = false;
            if let Some((dx, u, layout)) = &self.dx {
                let image = shape.h * shape.w * c;
                // SAFETY: these images of `dx` belong to this chunk alone.
                let own = unsafe { std::slice::from_raw_parts_mut(dx.ptr().add(first * image), count * image) };
                layout.compute(&unit, &spread, u, c, None, false, own);
            }
        }
    }

    /// Lays images out channel by channel.
    fn turn_images(&self, first: usize, count: usize, grid: &Grid, to: &mut [u16]) {
        let ConvShape { h, w, c_in: c, pad, .. } = self.shape;
        for (image, row) in (0..count).flat_map(|image| (0..h).map(move |row| (image, row))) {
            let x = &self.x[((first + image) * h + row) * w * c..][..w * c];
            let at = image * grid.pixels + (row + pad[0]) * grid.columns + pad[1];
            for (piece, x) in x.chunks(32 * c).enumerate() {
                turn(x, c, &mut to[at + 32 * piece..], grid.channel);
            }
        }
    }

    /// Lays the output's gradient `[count, oh, ow, width]` of the columns of a panel (first, number, width) out in pairs of pixels, and for
    /// the input's gradient at the distances of the strides.
    fn lay_out(
        &self,
        g: &[f32],
        [first, columns, width]: [usize; 3],
        count: usize,
        grid: &Grid,
        tiles: usize,
        pairs: &mut [u16],
        mut spread: Option<&mut [u16]>,
    ) {
        let (shape, [oh, ow]) = (&self.shape, self.shape.out());
        let ([kh, kw], [sh, sw]) = (shape.kernel, shape.stride);
        let to = back(shape, 1);
        let corner = [kh - 1 - shape.pad[0], kw - 1 - shape.pad[1]];
        for (row, g) in g[..count * oh * ow * width].chunks_exact(ow * width).enumerate() {
            let (image, r) = (row / oh, row % oh);
            let at = image * grid.pixels + r * sh * grid.columns;
            scatter(g, width, columns, [at, sw], [tiles, first / 16], pairs);
            if let Some(spread) = spread.as_deref_mut() {
                let at = image * to.image() + ((corner[0] + r * sh) * to.grid[1] + corner[1]) * to.c + first;
                round_rows(g, width, columns, sw * to.c, &mut spread[at..]);
            }
        }
    }

    /// Adds to (or, if `fresh`, makes) the sums for the weights.
    fn weights(&self, unit: &Unit, grid: &Grid, by_channel: &[u16], pairs: &[u16], fresh: bool, dw: &mut [f32]) {
        let (c, [_, kw], sums) = (self.shape.c_in, self.shape.kernel, Sums::of(&self.shape));
        let tiles = sums.c_out.div_ceil(COLUMNS) * 2;
        assert!(dw.len() >= sums.len() && pairs.len() >= grid.steps.len() * tiles * RIGHT, "lengths");
        assert!(by_channel.len() >= round16(c) * grid.channel, "lengths");
        for columns in 0..tiles / 2 {
            for rows in 0..c.div_ceil(32) {
                let both = rows * 32 + 16 < c;
                for tap in 0..sums.taps {
                    let from = rows * 32 * grid.channel + tap / kw * grid.columns + tap % kw;
                    // SAFETY: a channel has room for all steps behind the offset of any tap, and by the assertions above all blocks lie in
                    // their slices.
                    unsafe {
                        let left = by_channel.as_ptr().add(from);
                        unit.compute(&Block {
                            left: [left, if both { left.add(16 * grid.channel) } else { left }],
                            both,
                            row: grid.channel,
                            steps: &grid.steps,
                            right: pairs.as_ptr().add(columns * 2 * RIGHT),
                            right_step: tiles * RIGHT,
                            sums: dw.as_mut_ptr().add(sums.block(tap, rows, columns)),
                            add: !fresh,
                        });
                    }
                }
            }
        }
    }
}
