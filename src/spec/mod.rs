//! TOML to a resolved, spanned experiment. Knows stages only by name; builds no graph.

mod experiment;

pub use experiment::{Experiment, Input, StageSpec};
