//! The list of stages: one word adds one.

use std::sync::Arc;

use crate::base::issue::Issues;
use crate::base::node::Node;
use crate::stage::{BackendChoice, Catalog, DynStage, StageDoc, StageError};

struct Builtin;

impl Catalog for Builtin {
    fn stages(&self) -> Vec<&'static str> {
        Vec::new()
    }
    fn read(&self, _: &str, _: &Node, _: &str, _: &mut Issues) -> Option<Arc<dyn DynStage>> {
        None
    }
    fn docs(&self) -> Vec<StageDoc> {
        Vec::new()
    }
    fn devices(&self) -> &'static [&'static str] {
        &[]
    }
    fn backend(&self, _: &str) -> Result<BackendChoice, StageError> {
        Err(StageError::failed("no backend"))
    }
}

/// The stages of this binary.
#[must_use]
pub fn builtin() -> &'static dyn Catalog {
    &Builtin
}
