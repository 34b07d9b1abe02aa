//! Where images come from ([`source`]), how they are divided into splits ([`split`]), how pools and batches are drawn from them ([`sampler`]), what is changed in a batch
//! at random ([`augment`]), who makes batches ahead ([`loader`]), and images that are asked about ([`asked`]).
//!
//! Knows artifacts, but neither stages nor keys: `stages/dataset.rs` and `stages/sample.rs` join the two.

pub mod asked;
pub mod augment;
mod error;
mod in_order;
pub mod loader;
pub mod sampler;
pub mod source;
pub mod split;
mod storage;

pub use error::{DataError, Mismatch};
pub use simpipe_picture::{ResizeFilter, ResizeMode};
pub use storage::Storage;
