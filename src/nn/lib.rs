//! Networks, losses and training on burn.
//!
//! [`layer`] says what a network is made of, [`Network`] builds, loads and runs one, [`loss`] says what is minimised,
//! [`fit`](fn@fit) minimises it. Uses `base` and `artifact` only: no stage, no store. burn's types stay in here
//! and in the stages `train` and `embed`.

pub mod device;
mod embedder;
mod first_images;
mod fit;
mod fused;
#[cfg(test)]
mod golden;
pub mod groups;
mod input;
pub mod interchange;
pub mod layer;
mod load_error;
pub mod loss;
mod lower;
pub mod miner;
mod network;
#[cfg(test)]
mod noise;
pub mod onnx;
pub mod ops;
pub mod optim;
mod parameters;
mod pixels;
pub mod profile;
pub mod reference;
pub mod schedule;
mod state;
mod stopping;

pub use embedder::{EMBED_BATCH, Embedder};
pub use first_images::{images_to_start_from, starts_from_images};
pub use fit::{
    Batch, Batches, EarlyStopping, Ema, FitError, FitEvent, FitSettings, Lookahead, Monitor, Unmeasured, Validator, fit,
};
pub use groups::Group;
pub use input::{Input, to_bytes};
pub use layer::{Backbone, LayerSpec, backbones, infer_shapes, onnx_networks};
pub use load_error::LoadError;
pub use loss::{LossSpec, TrainingMetric};
pub use miner::MinerSpec;
pub use network::Network;
pub use ops::Numerics;
pub use optim::Optimizer;
pub use pixels::{Pixels, PixelsError};
pub use schedule::Schedule;
pub use state::FitState;

#[cfg(test)]
mod device_tests;
#[cfg(test)]
mod difference_tests;
#[cfg(test)]
mod every_layer_tests;
#[cfg(test)]
mod layer_reference_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tree_tests;
