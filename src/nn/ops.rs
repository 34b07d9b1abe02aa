//! The four operations that training time goes into, each behind one function, and the one place that knows how
//! tensors are laid out in memory.
//!
//! Outside, feature maps are `[batch, height, width, channels]` and kernels `[height, width, in, out]`, as Keras has
//! them. The stock operations below want channels first: each of them permutes on its way in and out, and because
//! permuting changes strides only, the permutations of two operations in a row cancel without a copy. Owns no
//! parameter and no shape check: shape inference has made those before a tensor exists.

use burn::tensor::Tensor;
use burn::tensor::activation;
use burn::tensor::module;
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions};

/// What follows a convolution's bias in the same pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epilogue {
    /// Nothing.
    Linear,
    /// `max(x, 0)`.
    Relu,
}

/// Steps and zero padding of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvGeometry {
    /// Step between outputs, in pixels.
    pub stride: usize,
    /// Rows of zeros above and below.
    pub rows: (usize, usize),
    /// Columns of zeros left and right.
    pub columns: (usize, usize),
}

/// Mean and variance of one batch by channel, both `[channels]`, outside the autodiff graph.
#[derive(Debug, Clone)]
pub struct BatchStatistics {
    /// Over batch, height and width.
    pub mean: Tensor<1>,
    /// The *unbiased* variance `sum (x - mean)^2 / (n - 1)`: what Keras' moving average takes.
    pub variance: Tensor<1>,
}

/// `epilogue(conv(x, weight) + bias)`.
///
/// # Shapes
/// - `x`: `[n, h, w, in]`, `weight`: `[kh, kw, in, out]`, `bias`: `[out]`
/// - returns `[n, h', w', out]`
#[must_use]
pub fn conv2d(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, at: ConvGeometry, epilogue: Epilogue) -> Tensor<4> {
    let options = ConvOptions::new_with_padding([at.stride; 2], [at.rows, at.columns], [1, 1], 1);
    let y = module::conv2d(channels_first(x), weight.permute([3, 2, 0, 1]), Some(bias), options);
    channels_last(match epilogue {
        Epilogue::Linear => y,
        Epilogue::Relu => activation::relu(y),
    })
}

/// Normalises each channel by the batch's own mean and *biased* variance: `gamma (x - mean) / sqrt(var + eps) + beta`
/// (Ioffe and Szegedy, 2015, arXiv:1502.03167), and gives the statistics for the moving averages.
///
/// # Shapes
/// `x` and the result: `[n, h, w, c]`; `gamma`, `beta`: `[c]`.
#[must_use]
pub fn batch_norm_train(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64) -> (Tensor<4>, BatchStatistics) {
    let [n, h, w, _] = x.dims();
    let values = n * h * w;
    let normalised = module::batch_norm_train(channels_first(x), gamma, beta, epsilon);
    // With a single value there is no unbiased variance; the biased one, 0, then stands for it.
    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 values a channel")]
    let bessel = values as f64 / values.saturating_sub(1).max(1) as f64;
    let statistics = BatchStatistics {
        mean: normalised.mean.without_autodiff(),
        variance: normalised.variance.without_autodiff().mul_scalar(bessel),
    };
    (channels_last(normalised.output), statistics)
}

/// Normalises each channel by given statistics: `gamma (x - mean) / sqrt(variance + eps) + beta`.
///
/// # Shapes
/// `x` and the result: `[n, h, w, c]`; the others: `[c]`.
#[must_use]
pub fn batch_norm_eval(x: Tensor<4>, [gamma, beta, mean, variance]: [Tensor<1>; 4], epsilon: f64) -> Tensor<4> {
    channels_last(module::batch_norm(channels_first(x), gamma, beta, mean, variance, epsilon))
}

/// The largest value of each square window that lies within the map.
///
/// # Shapes
/// `[n, h, w, c]` to `[n, (h - size) / stride + 1, (w - size) / stride + 1, c]`.
#[must_use]
pub fn max_pool(x: Tensor<4>, size: usize, stride: usize) -> Tensor<4> {
    let options = MaxPoolOptions::new([size; 2]).with_stride([stride; 2]);
    channels_last(module::max_pool2d(channels_first(x), options))
}

/// The mean of each square window that lies within the map; shapes as [`max_pool`].
#[must_use]
pub fn avg_pool(x: Tensor<4>, size: usize, stride: usize) -> Tensor<4> {
    let options = AvgPoolOptions::new([size; 2]).with_stride([stride; 2]);
    channels_last(module::avg_pool2d(channels_first(x), options))
}

/// The largest value of each channel: `[n, h, w, c]` to `[n, c]`.
#[must_use]
pub fn global_max_pool(x: Tensor<4>) -> Tensor<2> {
    pixels_last(x).max_dim(2).squeeze_dim(2)
}

/// The mean of each channel: `[n, h, w, c]` to `[n, c]`.
#[must_use]
pub fn global_avg_pool(x: Tensor<4>) -> Tensor<2> {
    pixels_last(x).mean_dim(2).squeeze_dim(2)
}

/// `x * rsqrt(max(sum x^2, 1e-12))` by row: unit norm, and a row of zeros stays zero. `[n, d]` to `[n, d]`.
#[must_use]
pub fn l2_normalize(x: Tensor<2>) -> Tensor<2> {
    let norm = x.clone().square().sum_dim(1).clamp_min(1e-12).sqrt(); // [n, 1]
    x / norm
}

/// `[n, h, w, c]` to `[n, c, h, w]`.
fn channels_first(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 3, 1, 2])
}

/// `[n, c, h, w]` to `[n, h, w, c]`.
fn channels_last(x: Tensor<4>) -> Tensor<4> {
    x.permute([0, 2, 3, 1])
}

/// `[n, h, w, c]` to `[n, c, h w]`.
fn pixels_last(x: Tensor<4>) -> Tensor<3> {
    let [n, h, w, c] = x.dims();
    channels_first(x).reshape([n, c, h * w])
}
