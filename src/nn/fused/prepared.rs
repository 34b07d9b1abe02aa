//! A convolution for inference: its weights brought into the kernels' form once, its pool in the same pass; and the sum
//! that ends a residual.

use burn::backend::Flex;
use burn::tensor::Tensor;

use super::tensor::{Operands, contiguous, floats, from_scratch, operands};
use simpipe_kernel::{ConvShape, ConvWeights, PoolShape, Scratch, add_relu};

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

    /// As [`forward`](Self::forward), of a tensor that may be somebody else's too.
    pub(in crate::nn) fn forward_tensor(&self, x: &Tensor<4>) -> (Scratch, [usize; 4]) {
        let n = x.dims()[0];
        match operands([x]) {
            Some(Operands::Plain([x])) => self.forward(n, floats(&contiguous(x))),
            _ => self.forward(n, &x.clone().into_data().try_into_vec::<f32>().expect("tensors are f32")),
        }
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

/// `map + other`, and with `relu` the larger of that and 0; `None` off flex or inside the autodiff graph.
///
/// # Shapes
/// All `[n, h, w, c]`.
pub(in crate::nn) fn sum_of_maps(map: &[f32], other: &Tensor<4>, relu: bool) -> Option<Tensor<4>> {
    let shape = other.dims();
    let Operands::Plain([other]) = operands([other])? else { return None };
    let (mut y, other) = (Scratch::take(map.len()), contiguous(other));
    add_relu(map, floats(&other), relu, &mut y);
    Some(Tensor::from_primitive::<Flex>(from_scratch(y, shape)))
}
