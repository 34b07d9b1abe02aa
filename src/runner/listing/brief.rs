//! What lists show of a run.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::sweep::{self, Journal};
use crate::{Outcome, RunRecord};
use simpipe_base::file_name;
use simpipe_store::{JournaledRun, RunStart, RunState, Store};

/// What every list shows of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Brief {
    /// Its id.
    #[serde(deserialize_with = "file_name::word")]
    pub run: String,
    /// The experiment's name.
    #[serde(deserialize_with = "file_name::word")]
    pub name: String,
    /// Its folder, relative to the root.
    #[serde(deserialize_with = "file_name::inside")]
    pub dir: String,
    /// How it ended, or that it has not.
    pub state: RunState,
    /// When it began, in UTC.
    pub started: String,
    /// How long it took; `None` without a record.
    pub seconds: Option<f64>,
    /// The config as the user named it.
    pub config: String,
    /// The group that it is a run of.
    pub group: Option<String>,
    /// Its seed; `None` for a group, or where that is not known.
    pub seed: Option<u64>,
    /// How many seeds, if it is a group; else 0.
    pub seeds: usize,
    /// Stages that ran.
    pub ran: usize,
    /// Stages whose result was there.
    pub hits: usize,
    /// The metric that tells most of what it is good for.
    pub headline: Option<(String, f64)>,
    /// What somebody has noted of it.
    pub note: Option<String>,
    /// How far it is, if it is a sweep, which stands for the runs of all its trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepProgress>,
}

/// How far a sweep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepProgress {
    /// Finished points in the end.
    pub trials: usize,
    /// Points that are finished.
    pub finished: usize,
    /// Trials that failed.
    pub failed: usize,
}

/// The rest of what lists know of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// Its stages; without a record those that ended.
    pub stages: Vec<StageEnd>,
    /// Headline numbers as `<stage id>.<name>`.
    pub metrics: BTreeMap<String, f64>,
}

/// How a stage ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageEnd {
    /// The stage's id.
    pub id: String,
    /// `hit`, `ran`, `failed` or `skipped`.
    pub outcome: String,
}

/// Metrics by how much they tell, each of the first stages that have it.
const TELLING: [&str; 5] = ["map@r", "recall@1", "accuracy", "val_loss", "loss"];
/// Stages by how well they know: the beginnings of their ids.
const KNOWING: [&str; 4] = ["evaluate", "few-shot", "match", ""];

/// The metric that tells most of what a run is good for.
pub(super) fn headline(metrics: &BTreeMap<String, f64>) -> Option<(String, f64)> {
    // The stage of that very id before others of its kind.
    let of = |name: &str, stage: &str| {
        let is = |key: &str| key.split_once('.').is_some_and(|(id, rest)| rest == name && id.starts_with(stage));
        metrics.get_key_value(&format!("{stage}.{name}")).or_else(|| metrics.iter().find(|(key, _)| is(key)))
    };
    let found = TELLING.iter().find_map(|name| KNOWING.iter().find_map(|stage| of(name, stage)));
    found.map(|(name, value)| (name.clone(), *value))
}

impl Brief {
    /// Of a record and a note.
    pub(super) fn of(record: &RunRecord, note: Option<String>) -> (Self, Detail) {
        let count = |outcome| record.stages.iter().filter(|stage| stage.outcome == outcome).count();
        let brief = Self {
            run: record.run.clone(),
            name: record.name.clone(),
            dir: record.dir.clone(),
            state: record.state(),
            started: record.started.clone(),
            seconds: Some(record.seconds),
            config: record.config.clone(),
            group: record.group.clone(),
            seed: record.spec["seed"].as_u64(),
            seeds: record.seeds.len(),
            ran: count(Outcome::Ran),
            hits: count(Outcome::Hit),
            headline: headline(&record.metrics),
            note,
            sweep: None,
        };
        let end =
            |stage: &crate::StageRecord| StageEnd { id: stage.id.clone(), outcome: stage.outcome.word().to_owned() };
        (brief, Detail { stages: record.stages.iter().map(end).collect(), metrics: record.metrics.clone() })
    }

    /// Of a run that was killed or is under way.
    pub(super) fn of_journal(run: JournaledRun, note: Option<String>) -> (Self, Detail) {
        let count = |word| run.outcomes.values().filter(|outcome| **outcome == word).count();
        let [ran, hits] = [Outcome::Ran, Outcome::Hit].map(|outcome| count(outcome.word()));
        let RunStart { run: id, name, config, dir, started, stages, group, .. } = run.start;
        let ended = stages.into_iter().filter_map(|id| {
            let outcome = run.outcomes.get(&id)?.clone();
            Some(StageEnd { id, outcome })
        });
        let detail = Detail { stages: ended.collect(), metrics: BTreeMap::new() };
        let (state, seconds, seed, seeds, headline, sweep) = (run.state, None, None, 0, None, None);
        let brief = Self {
            run: id,
            name,
            dir,
            state,
            started,
            seconds,
            config,
            group,
            seed,
            seeds,
            ran,
            hits,
            headline,
            note,
            sweep,
        };
        (brief, detail)
    }

    /// Of the sweep in a folder of the root; `None` if its journal can't be read. Its metrics are those of the best trial.
    pub(super) fn of_sweep(folder: &Path, root: &Path, store: Option<&Store>) -> Option<(Self, Detail)> {
        let state = Journal::read(folder).ok()?.state;
        let best = state.verdict().best.first().copied();
        let metrics = best.and_then(|trial| state.trials[trial].metrics());
        let metrics = metrics.iter().flat_map(|metrics| metrics.iter());
        let metrics = metrics.map(|(name, value)| (name.to_owned(), value)).collect();
        let progress =
            SweepProgress { trials: state.total, finished: state.finished_points(), failed: state.failed.len() };
        let brief = Self {
            run: state.head.sweep.clone(),
            name: state.head.name.clone(),
            dir: folder.strip_prefix(root).unwrap_or(folder).to_string_lossy().into_owned(),
            state: state.run_state(sweep::is_under_way(store, folder)),
            started: state.head.started.clone(),
            seconds: None,
            config: state.head.config.clone(),
            group: None,
            seed: None,
            seeds: 0,
            ran: 0,
            hits: 0,
            headline: headline(&metrics),
            note: None,
            sweep: Some(progress),
        };
        Some((brief, Detail { stages: Vec::new(), metrics }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headline_is_what_tells_most() {
        let of = |names: &[&str]| {
            let metrics = names.iter().map(|name| ((*name).to_owned(), 0.5)).collect();
            headline(&metrics).map(|(name, _)| name).unwrap_or_default()
        };
        assert_eq!(of(&["evaluate.map@r", "evaluate-unseen.map@r", "match.map@r"]), "evaluate.map@r");
        assert_eq!(of(&["evaluate-unseen.map@r", "match.map@r"]), "evaluate-unseen.map@r");
        assert_eq!(of(&["match.map@r", "evaluate.recall@1", "evaluate.map@r.low"]), "match.map@r");
        assert_eq!(of(&["few-shot.accuracy", "match.accuracy"]), "few-shot.accuracy");
        assert_eq!(of(&["train.loss", "train.val_loss"]), "train.val_loss");
        assert_eq!(of(&["dataset.classes"]), "");
    }
}
