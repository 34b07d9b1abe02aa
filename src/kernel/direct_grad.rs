//! Backward of any convolution by implicit GEMM, image by image; a fixed number of chunks of images, whose sums are added in order.
use crate::conv_grads::ConvGrads;
use crate::direct::{flatten, window};
use crate::gemm::{Finish, Gemm, gemm};
use crate::out_grad::Source;
use crate::pack::{gradient_panel, pack, panels, transpose, unpack};
use crate::scratch::{Scratch, SharedMut, chunks_of, part, round16};
use crate::shape::{BLOCK, ConvShape, LARGE};
use rayon::prelude::*;

/// The gradients; see [`crate::conv2d_backward`].
pub(crate) fn backward(shape: &ConvShape, x: &[f32], w: &[f32], dy: &Source<'_>, grads: ConvGrads<'_>) {
    let ConvGrads { dx, dw, db } = grads;
    let shape = flatten(shape);
    let ([kh, kw], c, c_out, outs) = (shape.kernel, shape.c_in, shape.c_out, round16(shape.c_out));
    let (taps, rows) = (kh * kw, kh * kw * c);
    // For the input's gradient: [tap][c_out][c_in] with the columns of all taps in panels.
    let u = dx.is_some().then(|| pack(&transpose(w, c, c_out), taps * c_out, c));
    let out = dx.map(SharedMut::new);
    let chunks = chunks_of(shape.n, rows * outs);
    let size = rows * outs;
    let mut sums = Scratch::take(chunks * (size + outs));
    sums.par_chunks_mut(size + outs).enumerate().for_each(|(k, sum)| {
        let (dw, bias) = sum.split_at_mut(size);
        bias.fill(0.0);
        let images = part(shape.n, chunks, k);
        for i in images.clone() {
            one_image(&shape, i, x, dy, i == images.start, dw, bias, u.as_deref(), out);
        }
    });
    let (total, rest) = sums.split_at_mut(size + outs);
    total.par_chunks_mut(4096).enumerate().for_each(|(b, to)| {
        for part in rest.chunks_exact(size + outs) {
            to.iter_mut().zip(&part[b * 4096..]).for_each(|(t, v)| *t += v);
        }
    });
    unpack(&total[..size], rows, c_out, dw);
    db.copy_from_slice(&total[size..size + c_out]);
}

/// Adds (or, if `fresh`, stores) one image's part of `dw` (in panels) and adds to `bias`; writes its `dx`.
pub(crate) fn one_image(
    shape: &ConvShape,
    i: usize,
    x: &[f32],
    dy: &Source<'_>,
    fresh: bool,
    dw: &mut [f32],
    bias: &mut [f32],
    u: Option<&[f32]>,
    dx: Option<SharedMut>,
) {
    let [oh, ow] = shape.out();
    let ([kh, kw], [sh, sw], c, c_out) = (shape.kernel, shape.stride, shape.c_in, shape.c_out);
    let (image, pixels) = (shape.h * shape.w * c, oh * ow);
    let size = [shape.h + shape.pad[0] + shape.pad[2], shape.w + shape.pad[1] + shape.pad[3]];
    let copied = shape.pad != [0; 4];
    let input = &x[i * image..(i + 1) * image];
    let whole = if copied { size[0] * size[1] * c } else { 0 };
    let mut copy = Scratch::take(whole);
    if copied {
        window(shape, input, [0, 0], size, &mut copy);
    }
    let a = if copied { copy.as_ptr() } else { input.as_ptr() };
    let mut target = Scratch::zeros(if dx.is_some() { whole } else { 0 });
    let d = dx.map(|dx| {
        // SAFETY: this image of `dx` belongs to this task alone.
        let own = unsafe { std::slice::from_raw_parts_mut(dx.ptr().add(i * image), image) };
        own.fill(0.0);
        (if copied { target.as_mut_ptr() } else { own.as_mut_ptr() }, own)
    });
    let row = size[1] * c;
    let mut g = Scratch::take(pixels * round16(c_out).min(64));
    for p in panels(c_out) {
        gradient_panel(dy, c_out, p, i * pixels, pixels, &mut g, &mut bias[p.at..]);
        let band = if pixels <= LARGE { oh } else { (BLOCK / ow).max(1) };
        for i in 0..kh {
            for first in (0..oh).step_by(band) {
                // SAFETY: the windows lie in the (padded) image; `dw` is this chunk's.
                unsafe {
                    gemm(&Gemm {
                        m: kw * c,
                        n: p.width,
                        k: ow,
                        segments: band.min(oh - first),
                        a: a.add((i + first * sh) * row),
                        a_row: 1,
                        a_col: sw * c,
                        a_segment: sh * row,
                        b: g.as_ptr().add(first * ow * p.width),
                        b_row: p.width,
                        b_segment: ow * p.width,
                        c: dw.as_mut_ptr().add(kh * kw * c * p.at + i * kw * c * p.width),
                        c_row: p.width,
                        finish: if fresh && first == 0 { Finish::Store } else { Finish::Add },
                    });
                }
            }
        }
        let (Some((to, _)), Some(u)) = (&d, u) else { continue };
        // Rows inside columns: the weights of few columns stay in the nearest cache meanwhile.
        for tap in 0..kh * kw {
            for q in panels(c) {
                for r in 0..oh {
                    // SAFETY: row `r * sh + tap / kw` and its columns lie in the padded image, which is this task's.
                    unsafe {
                        gemm(&Gemm {
                            m: ow,
                            n: q.columns,
                            k: p.columns,
                            segments: 1,
                            a: g.as_ptr().add(r * ow * p.width),
                            a_row: p.width,
                            a_col: 1,
                            a_segment: 0,
                            b: u.as_ptr().add(kh * kw * c_out * q.at + (tap * c_out + p.at) * q.width),
                            b_row: q.width,
                            b_segment: 0,
                            c: to.add((r * sh + tap / kw) * row + (tap % kw) * c + q.at),
                            c_row: sw * c,
                            finish: Finish::Add,
                        });
                    }
                }
            }
        }
    }
    if let (true, Some((_, own))) = (copied, d) {
        for (r, to) in own.chunks_exact_mut((shape.w * c).max(1)).enumerate() {
            let at = (r + shape.pad[0]) * row + shape.pad[1] * c;
            to.copy_from_slice(&target[at..at + shape.w * c]);
        }
    }
}
