//! Why a stage is stale, in the words of the spec: the difference between two [`KeyParts`].

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::KeyParts;

/// What kind of change it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonKind {
    /// No run of this name has this stage.
    NeverRan,
    /// A parameter or the seed differs.
    ParamChanged,
    /// A source or an upstream file differs.
    InputChanged,
    /// The implementation is another.
    VersionChanged,
    /// Backend, float type or `numerics` differ.
    NumericsChanged,
    /// The stored result is damaged or gone.
    Damaged,
    /// An upstream stage will run first.
    Upstream,
}

/// Why a stage is stale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The kind of change.
    pub kind: ReasonKind,
    /// The spec path that changed, such as `train.optimizer.adam.learning-rate`, or the file or source.
    pub path: Option<String>,
    /// The value before.
    pub old: Option<Json>,
    /// The value now.
    pub new: Option<Json>,
    /// The upstream stage that it comes from.
    pub upstream: Option<String>,
}

/// Every difference between what a stage was and what it is now; empty if the keys are equal.
///
/// `id` is the stage's id; `upstream` gives the id of the stage plugged into a port.
#[must_use]
pub fn reasons(_id: &str, _old: &KeyParts, _new: &KeyParts, _upstream: &dyn Fn(&str) -> Option<String>) -> Vec<Reason> {
    Vec::new()
}
