//! Reading of the resolved spec where a report shows it.

use serde_json::Value as Json;

/// The experiment's seed.
pub(super) fn seed(spec: &Json) -> Option<u64> {
    spec.get("seed")?.as_u64()
}
