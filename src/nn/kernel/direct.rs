//! Forward of any convolution by implicit GEMM: an output row at a time, its windows read in place (or from a padded copy of a few rows).
use crate::nn::kernel::gemm::{Finish, Gemm, gemm};
use crate::nn::kernel::pack::{pack, padded, panels};
use crate::nn::kernel::scratch::{Scratch, SharedMut, part};
use crate::nn::kernel::shape::ConvShape;
use rayon::prelude::*;

/// Output columns of a task at most.
const COLUMNS: usize = 96;

/// A 1x1 stride-1 convolution is a product of matrices: its pixels laid out as few, long rows.
pub(crate) fn flatten(shape: &ConvShape) -> ConvShape {
    if shape.kernel != [1, 1] || shape.stride != [1, 1] || shape.pad != [0; 4] {
        return *shape;
    }
    let pixels = shape.n * shape.h * shape.w;
    let w = (1..=COLUMNS.min(pixels)).rev().find(|d| pixels % d == 0).unwrap_or(1);
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

/// `y = relu?(conv(x, w) + bias)`.
pub(crate) fn forward(shape: &ConvShape, x: &[f32], w: &[f32], bias: &[f32], relu: bool, y: &mut [f32]) {
    let shape = &flatten(shape);
    let [oh, ow] = shape.out();
    let ([kh, kw], [sh, sw], c) = (shape.kernel, shape.stride, shape.c_in);
    let u = pack(w, kh * kw * c, shape.c_out);
    let bias = padded(bias);
    let copied = shape.pad != [0; 4];
    let pieces = ow.div_ceil(COLUMNS);
    let out = SharedMut::new(y);
    let image = shape.h * shape.w * c;
    (0..shape.n * oh * pieces).into_par_iter().with_min_len(4).for_each(|task| {
        let (i, r, piece) = (task / (oh * pieces), task / pieces % oh, task % pieces);
        let columns = part(ow, pieces, piece);
        let input = &x[i * image..(i + 1) * image];
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
            // SAFETY: the windows of these outputs lie in `copy` or in the image; `u` and `bias` are padded; each task writes its own pixels.
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
                    c: out.ptr().add(((i * oh + r) * ow + columns.start) * shape.c_out + p.at),
                    c_row: shape.c_out,
                    finish: Finish::Bias { bias: bias.as_ptr().add(p.at), relu },
                });
            }
        }
    });
}
