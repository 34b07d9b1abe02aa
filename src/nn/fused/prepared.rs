//! A convolution for inference: its weights brought into the kernels' form once, its pool in the same pass.

use crate::nn::kernel::{ConvShape, ConvWeights, PoolShape, Scratch};

/// `relu(conv(x, weight) + bias)`, and a pool behind it.
#[derive(Debug)]
pub(in crate::nn) struct PreparedConv {
    shape: ConvShape,
    weights: ConvWeights,
    relu: bool,
    pool: Option<Pooling>,
}

/// The largest value of `y * scale + shift` in each window.
#[derive(Debug)]
pub(in crate::nn) struct Pooling {
    /// Side and stride of the windows, 1 to 15.
    pub size: usize,
    /// `[out]`.
    pub scale: Vec<f32>,
    /// `[out]`.
    pub shift: Vec<f32>,
}

impl PreparedConv {
    /// Of the shape all but the number of images counts; `weight`: `[kh, kw, in, out]`, `bias`: `[out]`.
    pub(in crate::nn) fn new(
        shape: &ConvShape,
        weight: &[f32],
        bias: &[f32],
        relu: bool,
        pool: Option<Pooling>,
    ) -> Self {
        Self { shape: *shape, weights: ConvWeights::new(shape, weight, bias), relu, pool }
    }

    /// `x`: `[n, h, w, in]`; gives `[n, h', w', out]` in memory that is reused, with its shape.
    pub(in crate::nn) fn forward(&self, n: usize, x: &[f32]) -> (Scratch, [usize; 4]) {
        let ([h, w], c) = (self.shape.out(), self.shape.c_out);
        if let Some(Pooling { size, scale, shift }) = &self.pool {
            let windows = PoolShape { n, h, w, c, k: *size };
            let mut y = Scratch::take(windows.y_len());
            self.weights.forward_pool(n, x, self.relu, scale, shift, *size, &mut y);
            let [height, width] = windows.out();
            return (y, [n, height, width, c]);
        }
        let mut y = Scratch::take(n * h * w * c);
        self.weights.forward(n, x, self.relu, &mut y);
        (y, [n, h, w, c])
    }
}
