//! Ground floor: knows no simpipe concept, uses only std and third-party crates.
//!
//! Owns the spanned value tree that specs are read into ([`node`]), the typed reading of it ([`param`]),
//! places and snippets of error messages ([`source`], [`issue`]), digests, seeds and safe file writing.

pub mod backoff;
pub mod bounds;
pub mod check;
pub mod clock;
pub mod contents;
pub mod digest;
pub mod eigen;
#[cfg(any(test, feature = "testing"))]
pub mod fault;
pub mod file_name;
pub mod fs;
pub mod golden;
#[cfg(test)]
mod hint_tests;
pub mod interrupt;
pub mod issue;
pub mod misplaced;
pub mod node;
pub mod pace;
pub mod param;
mod param_choice;
mod param_contract;
mod param_expected;
mod param_macros;
pub mod param_record;
mod param_shape;
#[cfg(test)]
mod param_tests;
mod param_values;
pub mod path;
pub mod protobuf;
pub mod seed;
pub mod source;
pub mod suggest;
pub mod visible;
