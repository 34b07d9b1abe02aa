//! CPU kernels on plain `f32` slices, NHWC, for image metric learning: convolution (Winograd and implicit GEMM), batch
//! normalisation, pooling, Adam. Every function gives the same bytes whatever the number of rayon threads.
#![expect(
    unsafe_code,
    reason = "vector instructions and disjoint parts of one buffer; each block says why it is sound"
)]
#![expect(clippy::too_many_arguments, reason = "a kernel takes slices and sizes")]

#[macro_use]
mod simd;
mod adam;
mod batch_norm;
mod bn_pool;
mod conv;
mod direct;
mod direct_grad;
mod gemm;
mod pack;
mod pool;
mod scratch;
mod shape;
mod stats;
mod tile;
mod wino_block;
mod wino_grad;
mod wino_weights;
mod winograd;

#[cfg(test)]
mod reference;

pub use adam::{AdamStep, adam_update};
pub use batch_norm::{BatchNormGrads, batch_norm_affine, batch_norm_backward, batch_norm_forward};
pub use bn_pool::{batch_norm_max_pool_backward, batch_norm_max_pool_forward};
pub use conv::{ConvGrads, conv2d_backward, conv2d_forward};
pub use pool::{global_max_pool_backward, global_max_pool_forward, max_pool_backward, max_pool_forward};
pub use shape::{ConvShape, PoolShape};
pub use stats::{BatchStats, batch_stats};
