//! Everything in which two runs differ.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::changes::{FieldChange, field_changes};
use super::figures::{self, MetricChange};
use super::flips::{Flips, flips};
use super::measured::Measured;
use super::run::RunName;
use simpipe_artifact::ArtifactError;
use simpipe_plan::Key;
use simpipe_runner::{RunRecord, StageRecord};

/// Everything in which two runs differ; what is equal is left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunDiff {
    /// The first run.
    pub old: RunName,
    /// The second run.
    pub new: RunName,
    /// Fields of the configs.
    pub fields: Vec<FieldChange>,
    /// What the runs were computed by.
    pub versions: Vec<FieldChange>,
    /// Stages whose keys differ, or that only one run has.
    pub stages: Vec<StageChange>,
    /// Numbers.
    pub metrics: Vec<MetricChange>,
    /// Images whose answer flipped, by stage.
    pub flips: Vec<Flips>,
}

/// A stage whose key differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageChange {
    /// Its id.
    pub id: String,
    /// The seed, of a stage of a group that differs from seed to seed.
    pub seed: Option<u64>,
    /// In the first run; `null` if it has no such stage.
    pub old: Option<StageSide>,
    /// In the second run.
    pub new: Option<StageSide>,
}

/// A stage in one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageSide {
    /// What its result is stored under; `null` if its inputs never came to be.
    pub key: Option<Key>,
    /// How it ended.
    pub outcome: &'static str,
    /// How long the work took when it was done, in this run or before.
    pub seconds: f64,
}

/// Compares two runs.
///
/// # Errors
/// If a file of them that is needed is gone or damaged.
pub fn diff(old: &Measured, new: &Measured) -> Result<RunDiff, ArtifactError> {
    let (before, now) = (&old.run.record, &new.run.record);
    let mut metrics = Vec::new();
    let names = figures::names(&before.metrics).into_iter().chain(figures::names(&now.metrics));
    for name in names.collect::<std::collections::BTreeSet<_>>() {
        if before.metrics.get(name) != now.metrics.get(name) {
            metrics.push(figures::change(name, old, new)?);
        }
    }
    let mut flips = flips(old, new)?;
    flips.retain(|flips| !flips.images.is_empty() || flips.why.is_some());
    Ok(RunDiff {
        old: old.run.name(),
        new: new.run.name(),
        fields: field_changes(&before.spec, &now.spec),
        versions: versions(before, now),
        stages: stages(before, now),
        metrics,
        flips,
    })
}

impl RunDiff {
    /// Whether the runs are the same in everything.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fields.is_empty()
            && self.versions.is_empty()
            && self.stages.is_empty()
            && self.metrics.is_empty()
            && self.flips.is_empty()
    }
}

pub(super) fn versions(before: &RunRecord, now: &RunRecord) -> Vec<FieldChange> {
    let names = before.versions.keys().chain(now.versions.keys()).collect::<std::collections::BTreeSet<_>>();
    let of = |record: &RunRecord, name: &String| record.versions.get(name).map(|version| Json::from(version.as_str()));
    let change = |name: &String| FieldChange { path: name.clone(), old: of(before, name), new: of(now, name) };
    names.into_iter().map(change).filter(|change| change.old != change.new).collect()
}

fn stages(before: &RunRecord, now: &RunRecord) -> Vec<StageChange> {
    type Id<'a> = (&'a str, Option<u64>);
    fn by_id(record: &RunRecord) -> BTreeMap<Id<'_>, &StageRecord> {
        record.stages.iter().map(|stage| ((stage.id.as_str(), stage.seed), stage)).collect()
    }
    let side = |stage: &StageRecord| StageSide {
        key: stage.key,
        outcome: stage.outcome.word(),
        seconds: stage.seconds.max(stage.saved_seconds),
    };
    let (old, new) = (by_id(before), by_id(now));
    // In the order of the plan, those that only the first has where they were.
    let mut ids: Vec<Id<'_>> = before.stages.iter().map(|stage| (stage.id.as_str(), stage.seed)).collect();
    ids.extend(now.stages.iter().map(|stage| (stage.id.as_str(), stage.seed)).filter(|id| !old.contains_key(id)));
    let change = |id: Id<'_>| {
        let (one, other) = (old.get(&id), new.get(&id));
        let same = one.zip(other).is_some_and(|(one, other)| one.key == other.key);
        (!same).then(|| StageChange {
            id: id.0.to_owned(),
            seed: id.1,
            old: one.map(|stage| side(stage)),
            new: other.map(|stage| side(stage)),
        })
    };
    ids.into_iter().filter_map(change).collect()
}
