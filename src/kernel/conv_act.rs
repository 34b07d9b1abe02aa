//! A convolution of few products an output (a first layer's) and the activation behind it as one operation: the map between them is not
//! kept but computed once more on the way back, which takes less than to read it.
use crate::act::{Act, slopes_in_place, values_in_place};
use crate::conv::use_winograd;
use crate::direct::{flatten, one_row, prepare};
use crate::direct_grad::one_image;
use crate::half_conv;
use crate::out_grad::{OutputGrad, Source};
use crate::pack::{pack, padded, transpose, unpack};
use crate::scratch::{Scratch, SharedMut, chunks_of, part, round16};
use crate::shape::ConvShape;
use rayon::prelude::*;

/// Products of an output up to which they are computed once more.
const FEW: usize = 48;

/// Whether the outputs of this convolution are cheaper computed than read.
pub fn recomputes(shape: &ConvShape) -> bool {
    !use_winograd(shape) && !half_conv::applies(shape) && shape.kernel[0] * shape.kernel[1] * shape.c_in <= FEW
}

/// Where the gradients go; all are overwritten, `None` skips the work.
#[derive(Debug, Default)]
pub struct ConvActGrads<'a> {
    /// Of the input, `[n, h, w, c_in]`.
    pub dx: Option<&'a mut [f32]>,
    /// Of the weights, `[kh, kw, c_in, c_out]`.
    pub dw: Option<&'a mut [f32]>,
    /// Of the bias, `[c_out]`.
    pub db: Option<&'a mut [f32]>,
}

/// `y = act(conv(x, w) + bias)`: the values of [`conv2d_forward`](crate::conv2d_forward) and [`activate`](crate::activate).
///
/// `x`: `[n, h, w, c_in]`, `w`: `[kh, kw, c_in, c_out]`, `bias`: `[c_out]`, `y`: `[n, oh, ow, c_out]` (overwritten).
///
/// # Panics
/// If a length does not match the shape.
pub fn conv2d_act_forward(shape: &ConvShape, x: &[f32], w: &[f32], bias: &[f32], act: Act, y: &mut [f32]) {
    check(shape, x, w, bias, y.len());
    if y.is_empty() {
        return;
    }
    let (u, bias, shape) = (prepare(shape, w), padded(bias), &flatten(shape));
    let [oh, ow] = shape.out();
    // A few rows at a time, which the activation finds in the nearest cache.
    y.par_chunks_mut(ow * shape.c_out).with_min_len(8).enumerate().for_each(|(row, y)| {
        one_row(shape, row / oh, row % oh, x, &u, &bias, false, y);
        values_in_place(act, y);
    });
}

/// The gradients of [`conv2d_act_forward`] for the output gradient `dy`: `[n, oh, ow, c_out]`.
///
/// # Panics
/// If a length does not match the shape.
pub fn conv2d_act_backward(
    shape: &ConvShape,
    x: &[f32],
    w: &[f32],
    bias: &[f32],
    act: Act,
    dy: &[f32],
    grads: ConvActGrads<'_>,
) {
    let ConvActGrads { dx, dw, db } = grads;
    check(shape, x, w, bias, dy.len());
    assert!(
        dx.as_ref().is_none_or(|d| d.len() == x.len()) && dw.as_ref().is_none_or(|d| d.len() == w.len()),
        "lengths"
    );
    assert!(db.as_ref().is_none_or(|d| d.len() == bias.len()), "lengths");
    if dy.is_empty() || shape.c_in == 0 {
        [dx, dw, db].into_iter().flatten().for_each(|gradient| gradient.fill(0.0));
        return;
    }
    let (u, bias, shape) = (prepare(shape, w), padded(bias), flatten(shape));
    let ([oh, ow], c_out, outs) = (shape.out(), shape.c_out, round16(shape.c_out));
    let (taps, rows) = (shape.kernel[0] * shape.kernel[1], shape.kernel[0] * shape.kernel[1] * shape.c_in);
    let back = dx.is_some().then(|| pack(&transpose(w, shape.c_in, c_out), taps * c_out, shape.c_in));
    let (image, map, out) = (shape.h * shape.w * shape.c_in, oh * ow * c_out, dx.map(SharedMut::new));
    let one = ConvShape { n: 1, ..shape };
    let needs_products = dw.is_some() || out.is_some();
    let (size, chunks) = (rows * outs, chunks_of(shape.n, rows * outs));
    let mut sums = Scratch::take(chunks * (size + outs));
    sums.par_chunks_mut(size + outs).enumerate().for_each(|(k, sum)| {
        let (dw, db) = sum.split_at_mut(size);
        db.fill(0.0);
        let images = part(shape.n, chunks, k);
        let mut z = Scratch::take(map);
        for i in images.clone() {
            let x = &x[i * image..(i + 1) * image];
            for (row, z) in z.chunks_exact_mut(ow * c_out).enumerate() {
                one_row(&one, 0, row, x, &u, &bias, false, z);
            }
            slopes_in_place(act, &dy[i * map..(i + 1) * map], &mut z);
            if needs_products {
                let grad = OutputGrad { dy: &z, relu: false, norm: None, pool: None };
                // SAFETY: this image of `dx` belongs to this task alone.
                let own = out.map(|dx| {
                    SharedMut::new(unsafe { std::slice::from_raw_parts_mut(dx.ptr().add(i * image), image) })
                });
                one_image(&one, 0, x, &Source { grad, y: None }, i == images.start, dw, db, back.as_deref(), own);
            } else {
                for z in z.chunks_exact(c_out) {
                    db.iter_mut().zip(z).for_each(|(sum, v)| *sum += v);
                }
            }
        }
    });
    let (total, rest) = sums.split_at_mut(size + outs);
    let used = if needs_products { 0 } else { size };
    for part in rest.chunks_exact(size + outs) {
        total[used..].iter_mut().zip(&part[used..]).for_each(|(t, v)| *t += v);
    }
    if let Some(dw) = dw {
        unpack(&total[..size], rows, c_out, dw);
    }
    if let Some(db) = db {
        db.copy_from_slice(&total[size..size + c_out]);
    }
}

fn check(shape: &ConvShape, x: &[f32], w: &[f32], bias: &[f32], y: usize) {
    assert!(shape.stride[0] > 0 && shape.stride[1] > 0 && shape.kernel[0] > 0 && shape.kernel[1] > 0, "{shape:?}");
    assert!(x.len() == shape.x_len() && w.len() == shape.w_len() && bias.len() == shape.c_out, "lengths");
    assert_eq!(y, shape.y_len(), "y");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::{activate, activate_backward};
    use crate::conv::{conv2d_backward, conv2d_forward};
    use crate::conv_grads::ConvGrads;
    use crate::reference::{Rng, in_pool};

    #[test]
    fn an_activation_is_that_of_the_map() {
        let mut rng = Rng::new(22);
        for i in 0..80 {
            let kernel = [1 + rng.below(3), 1 + rng.below(3)];
            let (n, h, w) = (1 + rng.below(5), kernel[0] + rng.below(12), kernel[1] + rng.below(12));
            let (c_in, c_out) = (1 + rng.below(5), 1 + rng.below(90));
            let stride = [1 + rng.below(2), 1 + rng.below(2)];
            let mut shape = ConvShape::same([n, h, w, c_in], kernel, c_out, stride);
            if i % 2 == 0 {
                shape.pad = [0; 4];
            }
            let act = [Act::Gelu, Act::Silu, Act::Relu, Act::Identity][i % 4];
            let (x, weights, bias) = (rng.normal(shape.x_len()), rng.normal(shape.w_len()), rng.normal(c_out));
            let dy = rng.normal(shape.y_len());
            let run = || {
                let mut y = vec![f32::NAN; shape.y_len()];
                conv2d_act_forward(&shape, &x, &weights, &bias, act, &mut y);
                let new = || (vec![f32::NAN; x.len()], vec![f32::NAN; weights.len()], vec![f32::NAN; c_out]);
                let (mut a, mut alone) = (new(), new().2);
                let grads = ConvActGrads { dx: Some(&mut a.0), dw: Some(&mut a.1), db: Some(&mut a.2) };
                conv2d_act_backward(&shape, &x, &weights, &bias, act, &dy, grads);
                let grads = ConvActGrads { db: Some(&mut alone), ..ConvActGrads::default() };
                conv2d_act_backward(&shape, &x, &weights, &bias, act, &dy, grads);
                (y, a, alone)
            };
            let found = in_pool(2, run);
            assert!(found == in_pool(1, run) && found == in_pool(3, run), "bytes differ: {shape:?}");
            let mut map = vec![f32::NAN; shape.y_len()];
            conv2d_forward(&shape, &x, &weights, &bias, false, &mut map);
            let (mut y, mut dz) = (map.clone(), map.clone());
            activate(act, &map, &mut y);
            activate_backward(act, &map, &dy, &mut dz);
            assert!(found.0 == y, "output, {shape:?} {act:?}");
            let (mut dx, mut dw, mut db) = (x.clone(), weights.clone(), bias.clone());
            let grads = ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db };
            conv2d_backward(&shape, &x, &weights, None, &dz, grads);
            assert!(found.1 == (dx, dw, db.clone()) && found.2 == db, "gradients, {shape:?} {act:?}");
        }
    }
}
