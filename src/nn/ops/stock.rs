//! The operations of [`ops`](super) from burn's own, for every backend. The tests hold the CPU kernels against them.
//!
//! The stock operations want channels first: each of them permutes on its way in and out, and because permuting
//! changes strides only, the permutations of two operations in a row cancel without a copy.

use burn::tensor::activation;
use burn::tensor::module;
use burn::tensor::ops::{AvgPoolOptions, ConvOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor};

use super::{BatchStatistics, ConvGeometry, Epilogue, PoolGeometry};

/// `x / 2 (1 + erf(x / sqrt(2)))`. Other backends than the CPU's have an operation for it too, but give it the slope of
/// `gelu-tanh`, which is off by up to 0.001.
pub(super) fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if x.device() == Device::flex() {
        return activation::gelu(x);
    }
    x.clone().mul_scalar(0.5) * x.div_scalar(std::f64::consts::SQRT_2).erf().add_scalar(1.0)
}

/// See [`conv2d`](super::conv2d).
pub(super) fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    at: ConvGeometry,
    epilogue: Epilogue,
) -> Tensor<4> {
    let options = ConvOptions::new_with_padding([at.stride; 2], [at.rows, at.columns], [at.dilation; 2], at.groups);
    let y = module::conv2d(channels_first(x), weight.permute([3, 2, 0, 1]), Some(bias), options);
    channels_last(match epilogue {
        Epilogue::Linear => y,
        Epilogue::Relu => activation::relu(y),
    })
}

/// The product of matrices as a convolution of images of one pixel with kernels of one pixel.
///
/// For Vulkan: where the hardware has no matrix units, burn 0.22's own product there gives zeros (SwiftShader) or ends
/// the driver (Mesa's lavapipe); see also burn's issue 4355. Its convolutions are right.
pub(super) fn product_by_convolution(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    let ([m, k], [_, n]) = (a.dims(), b.dims());
    let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
    module::conv2d(a.reshape([m, k, 1, 1]), b.transpose().reshape([n, k, 1, 1]), None, options).reshape([m, n])
}

/// The products of many matrices, each a group of one convolution; for Vulkan as [`product_by_convolution`].
pub(super) fn products_by_convolution(a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    let ([n, heads, m, k], [.., l]) = (a.dims(), b.dims());
    let groups = n * heads;
    let options = ConvOptions::new([1, 1], [0, 0], [1, 1], groups);
    let rows = a.swap_dims(2, 3).reshape([1, groups * k, m, 1]);
    let columns = b.swap_dims(2, 3).reshape([groups * l, k, 1, 1]);
    module::conv2d(rows, columns, None, options).reshape([n, heads, l, m]).swap_dims(2, 3)
}

/// The sum of all numbers as that of one long row, for Vulkan: lavapipe can't compile burn 0.22's sum of everything.
pub(super) fn sum_of_a_row<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let count = x.shape().num_elements();
    x.reshape([1, count]).sum_dim(1).reshape([1])
}

/// See [`batch_norm_train`](super::batch_norm_train).
pub(super) fn batch_norm_train(
    x: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> (Tensor<4>, BatchStatistics) {
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

/// See [`batch_norm_eval`](super::batch_norm_eval).
pub(super) fn batch_norm_eval(x: Tensor<4>, [gamma, beta, mean, variance]: [Tensor<1>; 4], epsilon: f64) -> Tensor<4> {
    channels_last(module::batch_norm(channels_first(x), gamma, beta, mean, variance, epsilon))
}

/// See [`max_pool`](super::max_pool).
pub(super) fn max_pool(x: Tensor<4>, size: usize, stride: usize) -> Tensor<4> {
    let options = MaxPoolOptions::new([size; 2]).with_stride([stride; 2]);
    channels_last(module::max_pool2d(channels_first(x), options))
}

/// See [`max_pool_with_border`](super::max_pool_with_border).
pub(super) fn max_pool_with_border(x: Tensor<4>, at: PoolGeometry) -> Tensor<4> {
    let options = MaxPoolOptions::new([at.size; 2]).with_stride([at.stride; 2]);
    channels_last(module::max_pool2d(channels_first(x), options.with_padding_pairs([at.rows, at.columns])))
}

/// See [`avg_pool`](super::avg_pool).
pub(super) fn avg_pool(x: Tensor<4>, at: PoolGeometry, border_counts: bool) -> Tensor<4> {
    let options = AvgPoolOptions::new([at.size; 2]).with_stride([at.stride; 2]);
    let options = options.with_padding_pairs([at.rows, at.columns]).with_count_include_pad(border_counts);
    channels_last(module::avg_pool2d(channels_first(x), options))
}

/// See [`global_max_pool`](super::global_max_pool).
pub(super) fn global_max_pool(x: Tensor<4>) -> Tensor<2> {
    pixels_last(x).max_dim(2).squeeze_dim(2)
}

/// See [`global_avg_pool`](super::global_avg_pool).
pub(super) fn global_avg_pool(x: Tensor<4>) -> Tensor<2> {
    pixels_last(x).mean_dim(2).squeeze_dim(2)
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
