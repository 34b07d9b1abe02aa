//! CPU kernels on plain `f32` slices, NHWC, for image metric learning: convolution (Winograd and implicit GEMM), batch
//! normalisation, pooling, Adam; what inference needs beside: products with what follows them, attention, layer
//! normalisation; distances of vectors. Every function gives the same bytes whatever the number of rayon threads.
#![expect(
    unsafe_code,
    reason = "vector instructions and disjoint parts of one buffer; each block says why it is sound"
)]
#![expect(clippy::needless_range_loop, reason = "loops over register tiles index several arrays at once")]
#![expect(clippy::too_many_lines, reason = "the passes over one tile share its registers and scratch")]
#![cfg_attr(test, expect(clippy::print_stdout, reason = "the tests print the precision that they measured"))]
#![expect(clippy::too_many_arguments, reason = "a kernel takes the slices and sizes that it works on")]

#[macro_use]
mod simd;
mod act;
mod adam;
mod after;
mod attention;
mod batch_norm;
mod bfloat16;
mod bn_pool;
mod bn_relu_pool;
mod bn_tail;
mod codes;
mod conv;
mod conv_act;
mod conv_grads;
mod conv_pool;
mod depthwise;
mod direct;
mod direct_grad;
mod gemm;
mod half;
mod half_conv;
mod half_grad;
mod half_layout;
mod half_tiles;
mod layer_norm;
mod near;
mod out_grad;
mod pack;
mod pool;
mod product;
mod scratch;
mod shape;
mod stats;
mod tile;
mod window_pool;
mod wino_grad;
mod wino_input;
mod wino_output;
mod wino_places;
mod wino_weights;
mod winograd;

#[cfg(test)]
mod instruction_set_tests;
#[cfg(test)]
mod reference;

/// The instruction set that the kernels use on this machine: `avx512`, `avx2` or `portable`.
#[must_use]
pub fn instruction_set() -> &'static str {
    match simd::level() {
        simd::Level::Portable => "portable",
        #[cfg(target_arch = "x86_64")]
        simd::Level::Avx2 => "avx2",
        #[cfg(target_arch = "x86_64")]
        simd::Level::Avx512 => "avx512",
    }
}

/// What computes products of bfloat16 on this machine: `amx` or `avx512-bf16`, whose sums have another order each; `None` where there is
/// nothing but plain code, which is far too slow.
#[must_use]
pub fn bf16_unit() -> Option<&'static str> {
    match half_tiles::method() {
        half_tiles::Method::Plain => None,
        #[cfg(target_arch = "x86_64")]
        half_tiles::Method::Vectors => Some("avx512-bf16"),
        #[cfg(target_arch = "x86_64")]
        half_tiles::Method::Tiles => Some("amx"),
    }
}

pub use act::{Act, activate, activate_backward};
pub use adam::{AdamStep, adam_update};
pub use after::{After, finish_map};
pub use attention::{AttentionShape, attention};
pub use batch_norm::{
    BatchNormGrads, NormSlopes, batch_norm_backward, batch_norm_forward, batch_norm_gradient, batch_norm_slopes,
};
pub use bn_pool::{batch_norm_max_pool_backward, batch_norm_max_pool_forward, spread};
pub use bn_relu_pool::{batch_norm_relu_max_pool_forward, batch_norm_relu_max_pool_slopes};
pub use bn_tail::{Norm, Shortcut, TailGrads, batch_norm_tail_forward, batch_norm_tail_slopes};
pub use codes::{bit_differences, byte_products};
pub use conv::{
    ConvWeights, conv2d_backward, conv2d_backward_fused, conv2d_backward_pooled, conv2d_forward, conv2d_forward_stats,
    use_winograd,
};
pub use conv_act::{ConvActGrads, conv2d_act_backward, conv2d_act_forward, recomputes};
pub use conv_grads::ConvGrads;
pub use conv_pool::conv2d_max_pool_forward;
pub use depthwise::{depthwise_backward, depthwise_forward, is_depthwise};
pub use layer_norm::layer_norm;
pub use near::{Nearness, fetch, nearness, nearness_to, product_tile};
pub use out_grad::OutputGrad;
pub use pool::{global_max_pool_backward, global_max_pool_forward, max_pool_backward, max_pool_forward};
pub use product::Matrix;
pub use scratch::Scratch;
pub use shape::{ConvShape, Numerics, PoolShape};
pub use stats::{BatchStats, batch_stats};
pub use window_pool::{
    WindowShape, global_mean_backward, global_mean_forward, window_max_backward, window_max_forward,
};
