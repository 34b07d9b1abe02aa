//! Ground floor: knows no simpipe concept, uses only std and third-party crates.
//!
//! Owns the spanned value tree that specs are read into ([`node`]), the typed reading of it ([`param`]),
//! places and snippets of error messages ([`source`], [`issue`]), digests, seeds and safe file writing.

pub mod check;
pub mod contents;
pub mod digest;
pub mod fs;
pub mod issue;
pub mod node;
pub mod param;
mod param_macros;
pub mod path;
pub mod seed;
pub mod source;
pub mod suggest;
