//! What gc is asked for, and what it tells: its policy and its report.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use crate::signs::SILENT;

/// What gc keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GcPolicy {
    /// Runs of each experiment's name.
    pub keep_runs: usize,
    /// Younger entries and objects stay, whoever reaches them.
    pub grace: Duration,
    /// Checkpoints of trainings without a result stay for so long after the last one.
    pub checkpoint_age: Duration,
    /// Damaged files stay for so long.
    pub quarantine_age: Duration,
    /// Remove downloaded files too.
    pub downloads: bool,
    /// Nobody else uses the store, so it may act where locks do nothing.
    pub alone: bool,
    /// Whether to act; else only to say what would be done.
    pub delete: bool,
    /// Runs that stay with their group and need not stay whole, by id: those of a sweep's trials.
    pub trials: BTreeMap<String, TrialShare>,
}

/// What stays of a run that does not stay whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrialShare {
    /// Its checkpoints: it may be trained further.
    Checkpoints,
    /// None of its results, unless another run needs them.
    Nothing,
}

impl Default for GcPolicy {
    fn default() -> Self {
        let day = Duration::from_secs(86_400);
        Self {
            keep_runs: 5,
            grace: Duration::from_secs(3600),
            checkpoint_age: day * 30,
            quarantine_age: day * 7,
            downloads: false,
            alone: false,
            delete: false,
            trials: BTreeMap::new(),
        }
    }
}

impl GcPolicy {
    /// What another machine's process has not touched for so long is that of a dead one.
    pub(super) fn silent(&self) -> Duration {
        self.grace.max(SILENT)
    }
}

/// A number of things and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// How many.
    pub count: usize,
    /// In all.
    pub bytes: u64,
}

impl Amount {
    /// Adds one thing.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

/// Results of one kind that the same run reached last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovedGroup {
    /// The stage's kind, or `checkpoint`.
    pub kind: String,
    /// The newest run that reached them; `None` if no run that is known did.
    pub run: Option<String>,
    /// Entries.
    pub entries: usize,
    /// Of the objects that only these name; one that several name counts with the first.
    pub bytes: u64,
}

/// Results that stay for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptGroup {
    /// The reason.
    pub why: String,
    /// Entries.
    pub entries: usize,
    /// Of their objects; one that several name counts with the first.
    pub bytes: u64,
}

/// What gc has removed, or would remove.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GcReport {
    /// Whether it was done.
    pub deleted: bool,
    /// Results that go.
    pub removed: Vec<RemovedGroup>,
    /// Results that stay.
    pub kept: Vec<KeptGroup>,
    /// Objects that go.
    pub objects: Amount,
    /// Those of them that run folders hold too: their bytes are freed when those folders go.
    pub linked: Amount,
    /// Objects that go though no entry ever named them, or none does any more.
    pub orphans: Amount,
    /// Checkpoint markers that go.
    pub markers: usize,
    /// Runs whose journals go.
    pub journals: Vec<String>,
    /// Old files in `quarantine/`.
    pub quarantine: Amount,
    /// What is remembered of files that are gone.
    pub memos: usize,
    /// Lock files of processes that are gone.
    pub locks: usize,
    /// Downloaded files, if the policy says so.
    pub downloads: Amount,
    /// Entries that can't be read; `store verify` moves them aside.
    pub unreadable: usize,
    /// Ids of the runs that are kept.
    pub kept_runs: BTreeSet<String>,
}
