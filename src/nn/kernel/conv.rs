//! Convolution with bias and optional relu: checks, and the choice of the method.
use crate::nn::kernel::shape::ConvShape;
use crate::nn::kernel::{direct, direct_grad, wino_grad, winograd};

/// Where the gradients of a convolution go; all are overwritten.
#[derive(Debug)]
pub struct ConvGrads<'a> {
    /// Of the input, `[n, h, w, c_in]`; `None` skips the work.
    pub dx: Option<&'a mut [f32]>,
    /// Of the weights, `[kh, kw, c_in, c_out]`.
    pub dw: &'a mut [f32],
    /// Of the bias, `[c_out]`.
    pub db: &'a mut [f32],
}

/// Winograd pays where the products dominate the transforms.
fn use_winograd(shape: &ConvShape) -> bool {
    shape.kernel == [3, 3] && shape.stride == [1, 1] && shape.c_in >= 16 && shape.c_out >= 16
}

fn empty(shape: &ConvShape) -> bool {
    shape.y_len() == 0 || shape.c_in == 0
}

/// `y = conv(x, w) + bias`, then `max(0)` if `relu`.
///
/// `x`: `[n, h, w, c_in]`, `w`: `[kh, kw, c_in, c_out]`, `bias`: `[c_out]`, `y`: `[n, oh, ow, c_out]` (overwritten).
///
/// # Panics
/// If a length does not match the shape.
pub fn conv2d_forward(shape: &ConvShape, x: &[f32], w: &[f32], bias: &[f32], relu: bool, y: &mut [f32]) {
    check(shape, x, w, y);
    assert_eq!(bias.len(), shape.c_out, "bias");
    if empty(shape) {
        for (i, v) in y.iter_mut().enumerate() {
            *v = if relu { bias[i % shape.c_out].max(0.0) } else { bias[i % shape.c_out] };
        }
    } else if use_winograd(shape) {
        winograd::forward(shape, x, w, bias, relu, y);
    } else {
        direct::forward(shape, x, w, bias, relu, y);
    }
}

/// The gradients of [`conv2d_forward`] for the output gradient `dy`: `[n, oh, ow, c_out]`.
///
/// With relu, `y` is the saved output: `dy` counts as zero where `y <= 0`.
///
/// # Panics
/// If a length does not match the shape.
pub fn conv2d_backward(shape: &ConvShape, x: &[f32], w: &[f32], y: Option<&[f32]>, dy: &[f32], grads: ConvGrads<'_>) {
    check(shape, x, w, dy);
    assert!(y.is_none_or(|y| y.len() == dy.len()), "y");
    assert!(grads.dx.as_ref().is_none_or(|d| d.len() == x.len()), "dx");
    assert_eq!(grads.dw.len(), w.len(), "dw");
    assert_eq!(grads.db.len(), shape.c_out, "db");
    if empty(shape) {
        grads.dw.fill(0.0);
        grads.db.fill(0.0);
        if let Some(dx) = grads.dx {
            dx.fill(0.0);
        }
    } else if use_winograd(shape) {
        wino_grad::backward(shape, x, w, y, dy, grads);
    } else {
        direct_grad::backward(shape, x, w, y, dy, grads);
    }
}

fn check(shape: &ConvShape, x: &[f32], w: &[f32], y: &[f32]) {
    assert!(shape.stride[0] > 0 && shape.stride[1] > 0 && shape.kernel[0] > 0 && shape.kernel[1] > 0, "{shape:?}");
    assert_eq!(x.len(), shape.x_len(), "x");
    assert_eq!(w.len(), shape.w_len(), "w");
    assert_eq!(y.len(), shape.y_len(), "y");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::kernel::reference::{self, Rng, error, in_pool};

    /// Worst error of output, input, weight and bias gradient.
    fn one(shape: &ConvShape, relu: bool, seed: u64) -> [f64; 4] {
        let mut rng = Rng::new(seed);
        let (x, w, b) = (rng.normal(shape.x_len()), rng.normal(shape.w_len()), rng.normal(shape.c_out));
        let dy = rng.normal(shape.y_len());
        let run = || {
            let mut y = vec![f32::NAN; shape.y_len()];
            conv2d_forward(shape, &x, &w, &b, relu, &mut y);
            let (mut dx, mut dw, mut db) = (vec![f32::NAN; x.len()], vec![f32::NAN; w.len()], vec![f32::NAN; b.len()]);
            let mask = relu.then_some(&y[..]);
            conv2d_backward(shape, &x, &w, mask, &dy, ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db });
            let (mut dw2, mut db2) = (dw.clone(), db.clone());
            conv2d_backward(shape, &x, &w, mask, &dy, ConvGrads { dx: None, dw: &mut dw2, db: &mut db2 });
            assert_eq!((&dw, &db), (&dw2, &db2), "skipping dx changes nothing else");
            (y, dx, dw, db)
        };
        let (y, dx, dw, db) = in_pool(2, run);
        for threads in [1, 3] {
            assert!(
                (y.clone(), dx.clone(), dw.clone(), db.clone()) == in_pool(threads, run),
                "bytes differ on {threads} threads: {shape:?}"
            );
        }
        let want = reference::conv_forward(shape, &x, &w, &b, relu);
        // The mask of our own output, so that values near zero do not count as errors.
        let (rx, rw, rb) = reference::conv_backward(shape, &x, &w, relu.then_some(&y[..]), &dy);
        let e = [error(&y, &want), error(&dx, &rx), error(&dw, &rw), error(&db, &rb)];
        assert!(e.iter().all(|e| *e < 1e-4), "{e:?} {shape:?}");
        e
    }

    fn show(e: [f64; 4]) -> String {
        e.map(|e| format!("{e:.1e}")).join(" ")
    }

    fn worst(cases: impl Iterator<Item = ConvShape>) -> [f64; 4] {
        let mut worst = [0.0f64; 4];
        for (i, shape) in cases.enumerate() {
            let e = one(&shape, i % 3 != 0, i as u64);
            worst.iter_mut().zip(e).for_each(|(w, e)| *w = w.max(e));
        }
        worst
    }

    #[test]
    fn winograd_matches_f64() {
        let mut rng = Rng::new(1);
        let e = worst((0..60).map(|i| {
            let (n, h, w) = (1 + rng.below(4), 3 + rng.below(10), 3 + rng.below(10));
            let (c_in, c_out) = (16 + rng.below(70), 16 + rng.below(120));
            let mut s = ConvShape::valid([n, h, w, c_in], [3, 3], c_out);
            if i % 2 == 1 {
                s.pad = [rng.below(3), rng.below(3), rng.below(3), rng.below(3)];
            }
            s
        }));
        println!("winograd worst error (y, dx, dw, db): {}", show(e));
    }

    #[test]
    fn direct_matches_f64() {
        let mut rng = Rng::new(2);
        let e = worst((0..150).map(|i| {
            let kernel = [1 + rng.below(5), 1 + rng.below(5)];
            let (n, h, w) = (1 + rng.below(4), kernel[0] + rng.below(9), kernel[1] + rng.below(9));
            let (c_in, c_out) = (1 + rng.below(20), 1 + rng.below(90));
            let mut s = ConvShape::valid([n, h, w, c_in], kernel, c_out);
            match i % 3 {
                0 => s.stride = [1 + rng.below(3), 1 + rng.below(3)],
                1 => s = ConvShape::same([n, h, w, c_in], kernel, c_out, [1 + rng.below(3), 1 + rng.below(3)]),
                _ => s.pad = [rng.below(4), rng.below(4), rng.below(4), rng.below(4)],
            }
            s
        }));
        println!("direct worst error (y, dx, dw, db): {}", show(e));
    }

    #[test]
    fn corner_shapes() {
        let v = ConvShape::valid;
        let e = worst(
            [
                v([1, 1, 1, 1], [1, 1], 1),
                v([1, 3, 3, 16], [3, 3], 16),
                v([2, 7, 5, 3], [7, 5], 33),
                v([1, 1, 1, 17], [1, 1], 65),
                v([79, 1, 1, 40], [1, 1], 30),
                ConvShape::same([1, 1, 1, 20], [3, 3], 20, [1, 1]),
                ConvShape::same([3, 2, 1, 1], [3, 3], 1, [2, 2]),
                ConvShape::same([2, 4, 5, 32], [3, 3], 32, [2, 2]),
                v([2, 2, 200, 3], [1, 3], 5),
                v([1, 40, 41, 3], [3, 3], 64),
            ]
            .into_iter(),
        );
        println!("corner shapes worst error (y, dx, dw, db): {}", show(e));
        // A kernel that does not fit, no images: nothing to do, no panic.
        for s in [v([1, 2, 2, 3], [3, 3], 4), v([0, 5, 5, 3], [3, 3], 4)] {
            let (x, w) = (vec![1.0; s.x_len()], vec![1.0; s.w_len()]);
            conv2d_forward(&s, &x, &w, &[0.0; 4], true, &mut []);
            let (mut dx, mut dw, mut db) = (vec![1.0; x.len()], vec![1.0; w.len()], [1.0; 4]);
            conv2d_backward(&s, &x, &w, None, &[], ConvGrads { dx: Some(&mut dx), dw: &mut dw, db: &mut db });
            assert!(dx.iter().chain(&dw).chain(&db).all(|v| *v == 0.0));
        }
    }

    /// The tutorial's own layers, with activations and weights as in training.
    #[test]
    fn tutorial_layers() {
        for (h, c_in, c_out) in [(32, 3, 64), (30, 64, 128), (7, 128, 256), (5, 256, 256)] {
            let e = worst([ConvShape::valid([3, h, h, c_in], [3, 3], c_out)].into_iter());
            println!("{h}x{h}x{c_in} -> {c_out}: error (y, dx, dw, db) {}", show(e));
        }
    }
}
