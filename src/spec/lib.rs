//! TOML to a resolved, spanned experiment. Knows stages only by name; builds no graph.
//!
//! Layers, later ones winning: template, `extends` bases, config, then `--set` and `--set-file` in the order given. Only stage tables and
//! `[sweep]` merge, key by key; a value, list, choice or nested table replaces the old one whole.

mod depth;
mod experiment;
mod intake;
mod keys;
mod load;
mod merge;
mod overrides;
mod parse;
mod project;
mod resolved;
mod seeds;
mod sweep;
mod syntax;
mod template;

pub use experiment::{Experiment, Input, StageSpec};
pub use keys::{ACCEPTED, RESERVED, top_level_called};
pub use load::{LoadOptions, NUMERICS, Overlay, load};
pub use overrides::{Setting, set_inside};
pub use parse::read_toml;
pub use project::{PROJECT_FILE, project_above, project_of};
pub use resolved::{from_resolved, replace_text};
pub use seeds::MOST as MOST_SEEDS;
pub use sweep::{
    Asha, Constraint, Constraints, Direction, Limits, MethodName, Objective, Objectives, OnFailure, Parameter,
    Parameters, Range, Screen, SweepParams, Written,
};
pub use template::{BUILT_IN as BUILT_IN_TEMPLATES, is_name};
