//! Reading of the resolved spec where a report shows it.

use serde_json::Value as Json;

/// The experiment's seed.
pub(super) fn seed(spec: &Json) -> Option<u64> {
    spec.get("seed")?.as_u64()
}

/// What ended a training before its last epoch.
pub(super) struct Early<'a> {
    /// Epochs that it was to have.
    pub(super) planned: u64,
    /// What was looked at.
    pub(super) metric: &'a str,
    /// How many epochs it might go without becoming better.
    pub(super) patience: u64,
}

/// The rule that ended a training of so many epochs early; `None` where none did, or where the spec has several trainings.
pub(super) fn ended_early(spec: &Json, epochs: u64) -> Option<Early<'_>> {
    let stages = spec.get("stages")?.as_object()?;
    let mut trainings = stages.values().filter(|stage| stage.get("stage").and_then(Json::as_str) == Some("train"));
    let (params, None) = (trainings.next()?.get("params")?, trainings.next()) else { return None };
    let planned = params.get("epochs")?.as_u64().filter(|planned| *planned > epochs)?;
    let rule = params.get("early-stopping")?;
    Some(Early { planned, metric: rule.get("metric")?.as_str()?, patience: rule.get("patience")?.as_u64()? })
}
