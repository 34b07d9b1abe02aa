//! Forward of a convolution by products of bfloat16: images and weights are rounded to the nearest, sums are `f32`.
use crate::after::{After, finish, is_nothing};
use crate::half::Halves;
use crate::half_layout::{Layout, Windows, fill, pack};
use crate::half_tiles::Unit;
use crate::scratch::{Scratch, SharedMut, part};
use crate::shape::{ConvShape, Numerics};
use crate::stats::{BatchStats, moments};
use rayon::prelude::*;

/// Channels from which on a convolution takes part: images themselves and what has few channels stay `f32`, which costs little.
const FEWEST: usize = 16;
/// Outputs of a task, about.
const OUTPUTS: usize = 1024;

/// Whether a convolution is computed in bfloat16.
pub(crate) fn applies(shape: &ConvShape) -> bool {
    let [kh, kw] = shape.kernel;
    let border = shape.pad[0].max(shape.pad[2]) < kh && shape.pad[1].max(shape.pad[3]) < kw;
    shape.numerics == Numerics::Bf16 && shape.c_in >= FEWEST && shape.c_out >= FEWEST && border
}

/// The weights `[kh, kw, c_in, c_out]` in the form that [`forward`] reads.
pub(crate) fn prepare(shape: &ConvShape, w: &[f32]) -> Halves {
    let ([kh, kw], c, c_out) = (shape.kernel, shape.c_in, shape.c_out);
    pack(kh, kw * c, c_out, |row, k| &w[(row * kw * c + k) * c_out..][..c_out])
}

/// Rows of outputs that a task computes: whole images, or a band of one.
struct Tasks {
    /// Images of a task, or bands of an image; one of them is 1.
    images: usize,
    bands: usize,
    count: usize,
}

impl Tasks {
    fn of(shape: &ConvShape) -> Self {
        let [oh, ow] = shape.out();
        let few = OUTPUTS / 2;
        if oh * ow <= few {
            let images = (few / (oh * ow)).min(shape.n.div_ceil(8)).max(1);
            return Self { images, bands: 1, count: shape.n.div_ceil(images) };
        }
        let bands = oh.div_ceil((OUTPUTS / ow).clamp(1, oh));
        Self { images: 1, bands, count: shape.n * bands }
    }

    /// First image, images, and rows of outputs of a task.
    fn task(&self, shape: &ConvShape, task: usize) -> (usize, usize, std::ops::Range<usize>) {
        let first = task / self.bands * self.images;
        (first, self.images.min(shape.n - first), part(shape.out()[0], self.bands, task % self.bands))
    }
}

/// `y = after(conv(x, w) + bias + add)` with prepared weights and a bias padded to groups of 16; gives the statistics of `y` if `want`.
pub(crate) fn forward(
    shape: &ConvShape,
    x: &[f32],
    u: &Halves,
    bias: &[f32],
    after: After,
    add: Option<&[f32]>,
    want: bool,
    y: &mut [f32],
) -> Option<BatchStats> {
    let ([oh, ow], c, c_out) = (shape.out(), shape.c_in, shape.c_out);
    let ([kh, _], [sh, _]) = (shape.kernel, shape.stride);
    let tasks = Tasks::of(shape);
    let most = oh.div_ceil(tasks.bands);
    let grid = [(most - 1) * sh + kh, shape.w + shape.pad[1] + shape.pad[3]];
    let (kernel, stride) = (shape.kernel, shape.stride);
    let layout = Layout::new(Windows { images: tasks.images, grid, c, kernel, stride, out: [most, ow] });
    let relu = after == After::Relu && add.is_none();
    let mut sums = Scratch::take(if want { tasks.count * 2 * c_out } else { 0 });
    let (out, moments_of) = (SharedMut::new(y), SharedMut::new(&mut sums));
    let (side, per_image) = (layout.windows.image(), shape.h * shape.w * c);
    (0..tasks.count).into_par_iter().for_each(|task| {
        let (first, images, rows) = tasks.task(shape, task);
        let start = (first * oh + rows.start) * ow * c_out;
        // SAFETY: tasks are disjoint parts of `y`.
        let y = unsafe { std::slice::from_raw_parts_mut(out.ptr().add(start), images * rows.len() * ow * c_out) };
        let mut left = Halves::take(layout.left());
        for (i, to) in left[..tasks.images * side].chunks_exact_mut(side).enumerate().take(images) {
            let image = &x[(first + i) * per_image..][..per_image];
            fill(image, [shape.h, shape.w, c], shape.pad, rows.start * sh, grid[0], to);
        }
        left[images * side..].fill(0);
        layout.compute(&Unit::begin(), &left, u, c_out, Some(bias), relu, y);
        if !relu && !is_nothing(after, add) {
            finish(after, add.map(|add| &add[start..][..y.len()]), y);
        }
        if want {
            // SAFETY: each task has its own sums.
            let own = unsafe { std::slice::from_raw_parts_mut(moments_of.ptr().add(task * 2 * c_out), 2 * c_out) };
            moments(y, c_out, own);
        }
    });
    want.then(|| {
        let outputs = |task| {
            let (_, images, rows) = tasks.task(shape, task);
            images * rows.len() * ow
        };
        BatchStats::combine(c_out, sums.chunks_exact(2 * c_out).enumerate().map(|(t, part)| (outputs(t), part)))
    })
}
