//! Passes over a tree of layers: neighbours that are computed as one operation, in training ([`fuse`]) and in embedding
//! ([`fold`]). What no pattern takes is computed layer by layer. Owns no kernel (see [`ops`](super::ops)).

mod fold;
pub(super) mod fuse;

pub(super) use fold::Folded;

use super::layer::LayerSpec;

/// The side of a max-pool whose windows lie side by side, if `layer` is one.
fn side_by_side(layer: &LayerSpec) -> Option<usize> {
    let LayerSpec::MaxPool(pool) = layer else { return None };
    pool.side_by_side()
}
