//! Our CPU kernels as burn operations, with their own backward passes, on the flex backend.
//!
//! Each function takes the tensors of the operation in [`ops`](super::ops) and gives `None` where they don't live on
//! flex: the caller then uses stock operations. Owns the wiring only; the arithmetic is in [`simpipe_kernel`].

mod activation;
mod adam;
mod conv;
mod conv_act;
mod conv_norm;
mod conv_pool;
mod depthwise;
mod norm;
mod pool;
mod prepared;
mod tail;
mod tensor;
mod window;

pub(super) use activation::activation;
pub(super) use adam::{adam, is_on_flex};
pub(super) use conv::conv2d;
pub(super) use conv_act::conv2d_act;
pub(super) use conv_norm::{ConvNorm, ConvNormOperands, conv2d_norm};
pub(super) use conv_pool::conv2d_max_pool;
pub(super) use depthwise::depthwise;
pub(super) use norm::{NormOperands, batch_norm_eval, batch_norm_train};
pub(super) use pool::{global_max_pool, max_pool};
pub(super) use prepared::{Ending, Pooling, PreparedAttention, PreparedConv, PreparedDepthwise, numbers};
pub(super) use tail::Tail;
pub(super) use window::{global_mean, window_max};
