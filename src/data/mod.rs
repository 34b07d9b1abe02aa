//! Where images come from ([`source`]) and how pools and batches are drawn from them ([`sampler`]).
//!
//! Knows artifacts, but neither stages nor keys: `stages/dataset.rs` and `stages/sample.rs` join the two.

mod decode;
mod error;
mod in_order;
pub mod sampler;
pub mod source;

pub use error::{DataError, Mismatch};
