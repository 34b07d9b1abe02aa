//! Layers for inference: their weights brought into the kernels' form once, and what follows them in the same pass.

use burn::tensor::Tensor;

use super::tensor::{Operands, contiguous, convolutions, floats, operands};
use crate::profile::Work;
use simpipe_kernel::{
    After, AttentionShape, ConvShape, ConvWeights, Matrix, PoolShape, Scratch, attention, depthwise_forward,
};

/// What is done to the output of a layer: `after(y + add)`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ending<'a> {
    /// As long as the output.
    pub add: Option<&'a [f32]>,
    pub after: After,
}

/// `after(conv(x, weight) + bias)`, and a pool behind it.
#[derive(Debug)]
pub(crate) struct PreparedConv {
    shape: ConvShape,
    weights: ConvWeights,
    after: After,
    pool: Option<Pooling>,
}

/// The largest value of `y * scale + shift` in each window.
#[derive(Debug)]
pub(crate) struct Pooling {
    /// Side and stride of the windows, 1 to 15.
    pub size: usize,
    /// `[out]`.
    pub scale: Vec<f32>,
    /// `[out]`.
    pub shift: Vec<f32>,
}

impl PreparedConv {
    /// Of the shape all but the number of images counts; `weight`: `[kh, kw, in, out]`, `bias`: `[out]`. In front of a pool
    /// there is a relu or nothing.
    pub(crate) fn new(shape: &ConvShape, weight: &[f32], bias: &[f32], after: After, pool: Option<Pooling>) -> Self {
        Self { shape: *shape, weights: ConvWeights::new(shape, weight, bias), after, pool }
    }

    /// Whether it can do something else to its output.
    pub(crate) fn is_open(&self) -> bool {
        self.pool.is_none() && self.after == After::Nothing
    }

    /// What it takes for `n` images.
    pub(crate) fn work(&self, n: usize) -> Work {
        let shape = ConvShape { n, ..self.shape };
        let windows = self.pool.as_ref().map_or(1, |pool| pool.size * pool.size);
        convolutions(&shape, 1, shape.x_len() + shape.y_len() / windows.max(1))
    }

    /// As [`forward`](Self::forward), of a tensor that may be somebody else's too.
    pub(crate) fn forward_tensor(&self, x: &Tensor<4>, ending: Ending<'_>) -> (Scratch, [usize; 4]) {
        let n = x.dims()[0];
        match operands([x]) {
            Some(Operands::Plain([x])) => self.forward(n, floats(&contiguous(x)), ending),
            _ => self.forward(n, &x.clone().into_data().try_into_vec::<f32>().expect("tensors are f32"), ending),
        }
    }

    /// `x`: `[n, h, w, in]`; gives `[n, h', w', out]` in memory that is reused, with its shape. There is an ending only where
    /// it [is open](Self::is_open).
    pub(crate) fn forward(&self, n: usize, x: &[f32], ending: Ending<'_>) -> (Scratch, [usize; 4]) {
        let ([h, w], c) = (self.shape.out(), self.shape.c_out);
        if let Some(Pooling { size, scale, shift }) = &self.pool {
            let windows = PoolShape { n, h, w, c, k: *size };
            let mut y = Scratch::take(windows.y_len());
            self.weights.forward_pool(n, x, self.after == After::Relu, scale, shift, *size, &mut y);
            let [height, width] = windows.out();
            return (y, [n, height, width, c]);
        }
        let mut y = Scratch::take(n * h * w * c);
        let after = if self.is_open() { ending.after } else { self.after };
        self.weights.forward_after(n, x, after, ending.add, &mut y);
        (y, [n, h, w, c])
    }
}

/// `after(conv(x, weight) + bias)`, each channel by itself.
#[derive(Debug)]
pub(crate) struct PreparedDepthwise {
    /// Of one image.
    pub shape: ConvShape,
    /// `[k, k, c]`.
    pub weight: Vec<f32>,
    /// `[c]`.
    pub bias: Vec<f32>,
    pub after: After,
}

impl PreparedDepthwise {
    /// What it takes for `n` images.
    pub(crate) fn work(&self, n: usize) -> Work {
        let shape = ConvShape { n, ..self.shape };
        let [height, width] = shape.kernel;
        Work { flops: 2 * shape.y_len() * height * width, numbers: shape.x_len() + shape.y_len() }
    }

    /// `x`: `[n, h, w, c]`; gives `[n, h', w', c]` with its shape.
    pub(crate) fn forward(&self, n: usize, x: &[f32]) -> (Scratch, [usize; 4]) {
        let shape = ConvShape { n, ..self.shape };
        let mut y = Scratch::take(shape.y_len());
        depthwise_forward(&shape, x, &self.weight, &self.bias, self.after, &mut y);
        let [height, width] = shape.out();
        (y, [n, height, width, shape.c_out])
    }
}

/// The attention of a layer: its matrices for queries, keys and values as one.
#[derive(Debug)]
pub(crate) struct PreparedAttention {
    /// `[width, 3 width]`.
    pub inner: Matrix,
    /// `[width, width]`.
    pub outer: Matrix,
    pub heads: usize,
}

impl PreparedAttention {
    /// What it takes for `n` lists of `tokens`: four products by matrices of `[width, width]`, and two of tokens by tokens.
    pub(crate) fn work(&self, n: usize, tokens: usize) -> Work {
        let (rows, width) = (n * tokens, self.outer.columns());
        Work { flops: 2 * rows * width * (4 * width + 2 * tokens), numbers: 10 * rows * width }
    }

    /// `x` and what it gives: `[n, tokens, width]`.
    pub(crate) fn forward(&self, n: usize, tokens: usize, x: &[f32], ending: Ending<'_>) -> Scratch {
        let (rows, width) = (n * tokens, self.outer.columns());
        let mut qkv = Scratch::take(rows * 3 * width);
        self.inner.forward(rows, x, After::Nothing, None, &mut qkv);
        let mut attended = Scratch::take(rows * width);
        attention(&AttentionShape { n, tokens, heads: self.heads, size: width / self.heads }, &qkv, &mut attended);
        drop(qkv);
        let mut y = Scratch::take(rows * width);
        self.outer.forward(rows, &attended, ending.after, ending.add, &mut y);
        y
    }
}

/// A copy of the numbers of a tensor, row by row, in memory that is reused.
pub(crate) fn numbers<const D: usize>(x: &Tensor<D>) -> Scratch {
    let copy = |from: &[f32]| {
        let mut to = Scratch::take(from.len());
        to.copy_from_slice(from);
        to
    };
    match operands([x]) {
        Some(Operands::Plain([x])) => copy(floats(&contiguous(x))),
        _ => copy(&x.clone().into_data().try_into_vec::<f32>().expect("tensors are f32")),
    }
}
