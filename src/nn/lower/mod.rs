//! Passes over a tree of layers: neighbours that are computed as one operation, in training ([`fuse`]) and in embedding
//! ([`fold`]): `convolution [batch normalisation] [activation] [+ shortcut] [pool]`. What no pattern takes is computed layer
//! by layer. Owns no kernel (see [`ops`](super::ops)).

mod flow;
mod fold;
mod folding;
pub(super) mod fuse;
mod step;

pub(super) use fold::Folded;

use super::layer::{Activation, LayerSpec};
use simpipe_kernel::After;

/// The side of a max-pool whose windows lie side by side, if `layer` is one.
fn side_by_side(layer: &LayerSpec) -> Option<usize> {
    let LayerSpec::MaxPool(pool) = layer else { return None };
    pool.side_by_side()
}

/// The activation behind a residual's sum as part of the sum's own pass: whether that is a relu; `None` where it is a pass
/// of its own.
const fn relu_of_sum(activation: &Activation) -> Option<bool> {
    match activation {
        Activation::None => Some(false),
        Activation::Relu => Some(true),
        _ => None,
    }
}

/// An activation as a part of the pass of what it follows in embedding; `None` where it is a pass of its own.
const fn after_of(activation: &Activation) -> Option<After> {
    match activation {
        Activation::None => Some(After::Nothing),
        Activation::Relu => Some(After::Relu),
        Activation::Relu6 => Some(After::Relu6),
        Activation::Gelu => Some(After::Gelu),
        Activation::Silu => Some(After::Silu),
        _ => None,
    }
}
