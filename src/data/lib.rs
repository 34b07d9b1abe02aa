//! Where images come from ([`source`]), how they are divided into splits ([`split`]), how pools and batches are drawn from them ([`sampler`]), what is changed in a batch
//! at random ([`augment`]), who makes batches ahead ([`loader`]), and images that are asked about ([`asked`]).
//!
//! Knows artifacts, but neither stages nor keys: `stages/dataset.rs` and `stages/sample.rs` join the two.

pub mod asked;
pub mod augment;
pub mod decode;
mod error;
mod in_order;
pub mod loader;
mod resample;
pub mod sampler;
mod scale;
pub mod source;
pub mod split;

pub use error::{DataError, Mismatch};
pub use scale::{ResizeFilter, ResizeMode};
