//! Typed reading of spec values: every error collected, each at its own place.
//!
//! Parameter structs are declared with [`params!`](crate::params) and choices with [`choice!`](crate::choice): one
//! declaration gives the struct, its reader, its canonical JSON (which enters cache keys), its defaults and the
//! shape that the reference pages and the JSON Schema are written from. Serde's derive would stop at the first
//! error of a table and lose its place in tagged enums; this does neither.

pub use super::param_choice::{Held, Payload, open_choice, read_alternative, read_unit, write_alternative};
pub use super::param_contract::{Param, View, defaults, from_json, node_from_json, write_field};
pub use super::param_expected::{expected, found};
pub use super::param_shape::{Alternative, Choice, Declared, Field, LazyChoice, Record, Shape, kebab};
pub use super::param_values::{SpecPath, left_to_a_shell};
