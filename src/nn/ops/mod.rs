//! The operations that training time goes into, each behind one function, and the one place that knows how tensors
//! are laid out in memory: feature maps are `[batch, height, width, channels]`, kernels `[height, width, in, out]`, as
//! Keras has them.
//!
//! On the flex backend they are our own CPU kernels (`fused`), elsewhere burn's (`stock`). Owns no
//! parameter and no shape check: shape inference has made those before a tensor exists.

mod conv;
mod norm;
mod pool;
mod stock;
#[cfg(test)]
mod tests;

use burn::tensor::{Tensor, activation};

pub use conv::{ConvGeometry, Epilogue, conv2d, conv2d_act, conv2d_max_pool};
pub use norm::{
    BatchStatistics, Shortcut, Tail, TrainedNorm, batch_norm_eval, batch_norm_tail_train, batch_norm_train,
    conv2d_norm_train,
};
pub use pool::{PoolGeometry, avg_pool, global_avg_pool, global_max_pool, max_pool, max_pool_with_border};
pub use simpipe_kernel::{Act, Numerics};

use super::{device, fused};
use simpipe_kernel::ConvShape;

/// The matrix product `a b`.
///
/// # Shapes
/// `a`: `[m, k]`, `b`: `[k, n]`; returns `[m, n]`.
#[must_use]
pub fn product(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    if device::is_vulkan(&a.device()) { stock::product_by_convolution(a, b) } else { a.matmul(b) }
}

/// Rows times a matrix of weights, `x w + bias`; with [`Numerics::Bf16`] as products of bfloat16, where the backend has them.
///
/// # Shapes
/// `x`: `[n, in]`, `weight`: `[in, out]`, `bias`: `[out]`; returns `[n, out]`.
#[must_use]
pub fn dense(x: Tensor<2>, weight: Tensor<2>, bias: Option<Tensor<1>>, numerics: Numerics) -> Tensor<2> {
    if numerics == Numerics::Bf16 {
        let ([rows, inputs], [_, outputs]) = (x.dims(), weight.dims());
        let shape = ConvShape::of_rows(rows, inputs, outputs, numerics);
        let bias = bias.clone().unwrap_or_else(|| Tensor::zeros([outputs], &x.device()));
        let (x, weight) = (x.clone().reshape([rows, 1, 1, inputs]), weight.clone().reshape([1, 1, inputs, outputs]));
        if let Some(y) = fused::conv2d(&x, &weight, &bias, shape, false) {
            return y.reshape([rows, outputs]);
        }
    }
    let y = product(x, weight);
    match bias {
        Some(bias) => y + bias.unsqueeze(),
        None => y,
    }
}

/// The matrix products `a b` of every head of every example.
///
/// # Shapes
/// `a`: `[n, heads, m, k]`, `b`: `[n, heads, k, l]`; returns `[n, heads, m, l]`.
#[must_use]
pub fn products(a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    if device::is_vulkan(&a.device()) { stock::products_by_convolution(a, b) } else { a.matmul(b) }
}

/// The sum of all numbers: `[1]`.
#[must_use]
pub fn sum<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    if device::is_vulkan(&x.device()) { stock::sum_of_a_row(x) } else { x.sum() }
}

/// The mean of all numbers: `[1]`.
#[must_use]
pub fn mean<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    #[expect(clippy::cast_precision_loss, reason = "a tensor has far fewer than 2^52 numbers")]
    let count = x.shape().num_elements() as f64;
    if device::is_vulkan(&x.device()) { stock::sum_of_a_row(x).div_scalar(count) } else { x.mean() }
}

/// The function of every value.
#[must_use]
pub fn activate<const D: usize>(x: Tensor<D>, act: Act) -> Tensor<D> {
    match act {
        Act::Identity => x,
        Act::Relu => activation::relu(x),
        Act::Relu6 => fused::activation(&x, act).unwrap_or_else(|| activation::relu6(x)),
        Act::Gelu => fused::activation(&x, act).unwrap_or_else(|| stock::gelu(x)),
        Act::Silu => fused::activation(&x, act).unwrap_or_else(|| activation::silu(x)),
    }
}

/// `x * rsqrt(max(sum x^2, 1e-12))` by row: unit norm, and a row of zeros stays zero. `[n, d]` to `[n, d]`.
#[must_use]
pub fn l2_normalize(x: Tensor<2>) -> Tensor<2> {
    let norm = x.clone().square().sum_dim(1).clamp_min(1e-12).sqrt(); // [n, 1]
    x / norm
}
