//! TOML to a resolved, spanned experiment. Knows stages only by name; builds no graph.
//!
//! Layers, later ones winning: template, `extends` bases, config, `--set`. Only stage tables merge, key by key;
//! a value, list, choice or nested table replaces the old one whole.

mod experiment;
mod load;
mod merge;
mod overrides;
mod parse;
mod template;

pub use experiment::{Experiment, Input, StageSpec};
pub use load::{LoadOptions, NUMERICS, RESERVED, load, project_above, project_of};
pub use template::BUILT_IN as BUILT_IN_TEMPLATES;
