//! A convolution for inference: its weights brought into the kernels' form once, its pool in the same pass.

use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Tensor;

use super::tensor::{buffer, contiguous, floats, from_vec};
use crate::nn::kernel::{ConvShape, ConvWeights, PoolShape};

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
    pub(in crate::nn) fn new(shape: &ConvShape, weight: &[f32], bias: &[f32], relu: bool, pool: Option<Pooling>) -> Self {
        Self { shape: *shape, weights: ConvWeights::new(shape, weight, bias), relu, pool }
    }

    /// `x`: `[n, h, w, in]`, on flex and outside the autodiff graph; gives `[n, h', w', out]`.
    pub(in crate::nn) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let x = contiguous(x.try_into_primitive::<Flex>().expect("prepared for flex"));
        let n = x.shape()[0];
        let ([h, w], c) = (self.shape.out(), self.shape.c_out);
        let y = match &self.pool {
            Some(Pooling { size, scale, shift }) => {
                let windows = PoolShape { n, h, w, c, k: *size };
                let mut y = buffer(windows.y_len());
                self.weights.forward_pool(n, floats(&x), self.relu, scale, shift, *size, &mut y);
                let [height, width] = windows.out();
                from_vec(y, [n, height, width, c])
            }
            None => {
                let mut y = buffer(n * h * w * c);
                self.weights.forward(n, floats(&x), self.relu, &mut y);
                from_vec(y, [n, h, w, c])
            }
        };
        Tensor::from_primitive::<Flex>(y)
    }
}
