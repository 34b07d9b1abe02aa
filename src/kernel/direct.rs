//! Forward of any convolution by implicit GEMM: an output row at a time, its windows read in place (or from a padded copy of a few rows).
use crate::after::{After, finish, is_nothing};
use crate::gemm::{Finish, Gemm, gemm};
use crate::pack::{pack, panels};
use crate::product::{Packed, Rows};
use crate::scratch::{Scratch, SharedMut, part};
use crate::shape::ConvShape;
use crate::stats::{BatchStats, moments as moments_of_block};
use rayon::prelude::*;

/// Output columns of a task at most.
const COLUMNS: usize = 96;

/// A 1x1 stride-1 convolution is a product of matrices: its pixels laid out as few, long rows.
pub(crate) fn flatten(shape: &ConvShape) -> ConvShape {
    if shape.kernel != [1, 1] || shape.stride != [1, 1] || shape.pad != [0; 4] {
        return *shape;
    }
    let pixels = shape.n * shape.h * shape.w;
    let w = (1..=COLUMNS.min(pixels)).rev().find(|d| pixels.is_multiple_of(*d)).unwrap_or(1);
    ConvShape { n: pixels / w, h: 1, w, ..*shape }
}

/// Copies rows `top..top + rows`, columns `left..left + columns` of an image (both may reach into the padding, so they are counted from
/// the padded corner) to `to`.
pub(crate) fn window(
    shape: &ConvShape,
    image: &[f32],
    [top, left]: [usize; 2],
    [rows, columns]: [usize; 2],
    to: &mut [f32],
) {
    let c = shape.c_in;
    for (i, row) in to[..rows * columns * c].chunks_exact_mut(columns * c).enumerate() {
        let r = (top + i).wrapping_sub(shape.pad[0]);
        if r >= shape.h {
            row.fill(0.0);
            continue;
        }
        // Columns of the window that lie in the image.
        let from = shape.pad[1].saturating_sub(left).min(columns);
        let until = (shape.w + shape.pad[1]).saturating_sub(left).min(columns).max(from);
        row[..from * c].fill(0.0);
        row[until * c..].fill(0.0);
        if until > from {
            let at = (r * shape.w + left + from - shape.pad[1]) * c;
            row[from * c..until * c].copy_from_slice(&image[at..at + (until - from) * c]);
        }
    }
}

/// The weights in panels.
pub(crate) fn prepare(shape: &ConvShape, w: &[f32]) -> Scratch {
    pack(w, shape.kernel[0] * shape.kernel[1] * shape.c_in, shape.c_out)
}

/// `y = relu?(conv(x, w) + bias)` with prepared weights and padded bias; gives the statistics of `y` if `want`.
pub(crate) fn forward(
    shape: &ConvShape,
    x: &[f32],
    u: &[f32],
    bias: &[f32],
    relu: bool,
    want: bool,
    y: &mut [f32],
) -> Option<BatchStats> {
    let shape = &flatten(shape);
    let ([oh, ow], c_out) = (shape.out(), shape.c_out);
    // Bands of rows of one image, about 256 pixels each.
    let bands = oh.div_ceil((256 / ow).clamp(1, oh));
    let tasks = shape.n * bands;
    let rows = |task: usize| part(oh, bands, task % bands);
    let gathers = gathers(shape);
    if gathers {
        let after = if relu { After::Relu } else { After::Nothing };
        forward_after(shape, x, u, bias, after, None, y);
        if !want {
            return None;
        }
    }
    let mut moments = Scratch::take(if want { tasks * 2 * c_out } else { 0 });
    let (out, sums) = (SharedMut::new(y), SharedMut::new(&mut moments));
    (0..tasks).into_par_iter().for_each(|task| {
        let (i, rows) = (task / bands, rows(task));
        let start = (i * oh + rows.start) * ow * c_out;
        // SAFETY: the bands are disjoint parts of `y`, and each task has its own moments.
        let (y, own) = unsafe {
            (
                std::slice::from_raw_parts_mut(out.ptr().add(start), rows.len() * ow * c_out),
                std::slice::from_raw_parts_mut(
                    sums.ptr().add(if want { task * 2 * c_out } else { 0 }),
                    if want { 2 * c_out } else { 0 },
                ),
            )
        };
        for (r, y) in rows.zip(y.chunks_exact_mut(ow * c_out)).filter(|_| !gathers) {
            one_row(shape, i, r, x, u, bias, relu, y);
        }
        if want {
            moments_of_block(y, c_out, own);
        }
    });
    want.then(|| {
        BatchStats::combine(
            c_out,
            moments.chunks_exact(2 * c_out).enumerate().map(|(t, part)| (rows(t).len() * ow, part)),
        )
    })
}

/// Whether windows are copied side by side: a row of few windows would read the weights anew for each few of them; where they are small that
/// costs nothing. The sums are in the same order either way.
fn gathers(shape: &ConvShape) -> bool {
    let is_product = shape.kernel == [1, 1] && shape.stride == [1, 1] && shape.pad == [0; 4];
    !is_product && shape.out()[1] < 24 && shape.w_len() > 64 * 256
}

/// `y = after(conv(x, w) + bias + add)`, few rows at a time, which are finished while they lie in the cache.
pub(crate) fn forward_after(
    shape: &ConvShape,
    x: &[f32],
    u: &[f32],
    bias: &[f32],
    after: After,
    add: Option<&[f32]>,
    y: &mut [f32],
) {
    let ([oh, ow], c) = (shape.out(), shape.c_in);
    let depth = shape.kernel[0] * shape.kernel[1] * c;
    let product = Packed { k: depth, n: shape.c_out, matrix: u, bias };
    if shape.kernel == [1, 1] && shape.stride == [1, 1] && shape.pad == [0; 4] {
        return product.forward(shape.n * oh * ow, x, after, add, y);
    }
    if gathers(shape) {
        return product.gathered(shape.n * oh * ow, after, add, y, |pixels| gather(shape, x, pixels));
    }
    let row = ow * shape.c_out;
    let band = (96 / ow).clamp(1, (shape.n * oh / 8).max(1));
    let relu = after == After::Relu && add.is_none();
    y.par_chunks_mut(band * row).enumerate().for_each(|(task, y)| {
        let first = task * band;
        for (at, y) in y.chunks_exact_mut(row).enumerate() {
            let (i, r) = ((first + at) / oh, (first + at) % oh);
            one_row(shape, i, r, x, u, bias, relu, y);
        }
        if !relu && !is_nothing(after, add) {
            finish(after, add.map(|add| &add[first * row..][..y.len()]), y);
        }
    });
}

/// The windows of these output pixels, counted over all images, one a row: `[pixels, kh, kw, c_in]`.
fn gather<'a>(shape: &ConvShape, x: &[f32], pixels: std::ops::Range<usize>) -> Rows<'a> {
    let ([oh, ow], c, [kh, kw]) = (shape.out(), shape.c_in, shape.kernel);
    let (image, size) = (shape.h * shape.w * c, kh * kw * c);
    let mut rows = Scratch::take(pixels.len() * size);
    for (pixel, to) in pixels.zip(rows.chunks_exact_mut(size)) {
        let (i, r, o) = (pixel / (oh * ow), pixel / ow % oh, pixel % ow);
        let corner = [r * shape.stride[0], o * shape.stride[1]];
        window(shape, &x[i * image..][..image], corner, [kh, kw], to);
    }
    Rows::Copied(rows)
}

/// Row `r` of image `i` of the output.
pub(crate) fn one_row(
    shape: &ConvShape,
    i: usize,
    r: usize,
    x: &[f32],
    u: &[f32],
    bias: &[f32],
    relu: bool,
    y: &mut [f32],
) {
    let ow = shape.out()[1];
    let ([kh, kw], [sh, sw], c) = (shape.kernel, shape.stride, shape.c_in);
    let copied = shape.pad != [0; 4];
    let image = shape.h * shape.w * c;
    let input = &x[i * image..(i + 1) * image];
    let pieces = ow.div_ceil(COLUMNS);
    for piece in 0..pieces {
        let columns = part(ow, pieces, piece);
        let corner = [r * sh, columns.start * sw];
        let size = [kh, (columns.len() - 1) * sw + kw];
        let mut copy = Scratch::take(if copied { size[0] * size[1] * c } else { 0 });
        let (a, a_segment) = if copied {
            window(shape, input, corner, size, &mut copy);
            (copy.as_ptr(), size[1] * c)
        } else {
            (input[(corner[0] * shape.w + corner[1]) * c..].as_ptr(), shape.w * c)
        };
        for p in panels(shape.c_out) {
            // SAFETY: the windows of these outputs lie in `copy` or in the image; `u` and `bias` are padded; `y` is the row.
            unsafe {
                gemm(&Gemm {
                    m: columns.len(),
                    n: p.columns,
                    k: kw * c,
                    segments: kh,
                    a,
                    a_row: sw * c,
                    a_col: 1,
                    a_segment,
                    b: u.as_ptr().add(kh * kw * c * p.at),
                    b_row: p.width,
                    b_segment: kw * c * p.width,
                    c: y.as_mut_ptr().add(columns.start * shape.c_out + p.at),
                    c_row: shape.c_out,
                    finish: Finish::Bias { bias: bias.as_ptr().add(p.at), relu },
                });
            }
        }
    }
}
