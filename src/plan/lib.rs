//! A resolved spec as a graph of stages with keys: what a run would do, decided before anything runs.
//!
//! Executes nothing and reads nothing but declared sources. [`graph`] holds the DAG, [`key`] says what a cache key
//! holds, [`diff`] why a key changed.

mod build;
pub mod diff;
pub mod graph;
pub mod key;
mod misplaced;
#[cfg(test)]
mod misplaced_tests;
pub mod sweep;

pub use diff::{Reason, ReasonKind, Snapshot};
pub use graph::{Edge, Node, Plan};
pub use key::{Key, KeyParts};
pub use sweep::Sweep;
