//! Whether a second run left the same bytes as the first, stage by stage, and where it did not, why.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Failure, RunRecord, StageRecord};
use simpipe_base::digest::Digest;
use simpipe_plan::{Key, Reason, diff};

/// What a comparison of a stage says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every file has the same bytes.
    Equal,
    /// A file has other bytes, or is there only once.
    Differs,
    /// The first run has a result, the second has none.
    Failed,
    /// The first run has no result, so there is nothing to compare.
    NotCompared,
}

impl Verdict {
    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Differs => "differs",
            Self::Failed => "failed",
            Self::NotCompared => "not-compared",
        }
    }
}

/// Something that is said of the first run and of the second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Both<T> {
    /// As the first run's record has it.
    pub recorded: Option<T>,
    /// As the second run found it.
    pub found: Option<T>,
}

/// A file of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileComparison {
    /// Its name.
    pub name: String,
    /// Its digests.
    #[serde(flatten)]
    pub digest: Both<Digest>,
}

/// What computed a result, where it was another thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MadeBy {
    /// `kernels`, `backend`, `simpipe`, `machine` and the like.
    pub name: String,
    /// What it was.
    #[serde(flatten)]
    pub was: Both<String>,
}

/// A stage in both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageComparison {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub stage: String,
    /// The seed, of a stage that differs from seed to seed in a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Whether the bytes are the same.
    pub verdict: Verdict,
    /// What the results are stored under.
    pub key: Both<Key>,
    /// Every file of either run.
    pub files: Vec<FileComparison>,
    /// What in the key is another: a source, a version, a backend, what an upstream stage left. None for equal stages.
    pub reasons: Vec<Reason>,
    /// What computed it, as far as that is another. None for equal stages.
    pub made_by: Vec<MadeBy>,
    /// Why the second run has no result.
    pub failure: Option<Failure>,
}

impl StageComparison {
    /// The files that are not the same.
    pub fn differing(&self) -> impl Iterator<Item = &FileComparison> {
        self.files.iter().filter(|file| file.digest.recorded != file.digest.found)
    }
}

/// Compares a run that was made again with the record of the first, in the order of its stages.
#[must_use]
pub fn compare(recorded: &RunRecord, found: &RunRecord) -> Vec<StageComparison> {
    let again = |stage: &StageRecord| {
        let same = |other: &&StageRecord| other.id == stage.id;
        let of_seed = found.stages.iter().find(|other| same(other) && other.seed == stage.seed);
        // What no seed changed in one of the two runs stands there once.
        of_seed.or_else(|| found.stages.iter().find(same))
    };
    recorded.stages.iter().map(|stage| compare_stage(recorded, found, stage, again(stage))).collect()
}

/// The first stage that is not as it was: those before it are equal, so the cause is its own.
#[must_use]
pub fn first(stages: &[StageComparison]) -> Option<&StageComparison> {
    stages.iter().find(|stage| matches!(stage.verdict, Verdict::Differs | Verdict::Failed))
}

fn compare_stage(
    recorded: &RunRecord,
    found: &RunRecord,
    old: &StageRecord,
    new: Option<&StageRecord>,
) -> StageComparison {
    let done = new.filter(|new| new.outcome.done());
    let files = files(old, done);
    let verdict = match done {
        _ if !old.outcome.done() => Verdict::NotCompared,
        None => Verdict::Failed,
        Some(_) if files.iter().all(|file| file.digest.recorded == file.digest.found) => Verdict::Equal,
        Some(_) => Verdict::Differs,
    };
    let (mut reasons, mut made_by) = (Vec::new(), Vec::new());
    if let (Verdict::Differs, Some(new)) = (verdict, done) {
        reasons = reasons_of(recorded, old, new);
        made_by = differences(makers(recorded, old), makers(found, new));
    }
    StageComparison {
        id: old.id.clone(),
        stage: old.stage.clone(),
        seed: old.seed,
        verdict,
        key: Both { recorded: old.key, found: new.and_then(|new| new.key) },
        files,
        reasons,
        made_by,
        failure: new.and_then(|new| new.failure.clone()),
    }
}

/// Files of either result, by name.
fn files(old: &StageRecord, new: Option<&StageRecord>) -> Vec<FileComparison> {
    let mut files: BTreeMap<&str, Both<Digest>> = BTreeMap::new();
    for (name, file) in &old.files {
        files.insert(name, Both { recorded: Some(file.digest), found: None });
    }
    for (name, file) in new.iter().flat_map(|new| &new.files) {
        files.entry(name).or_insert(Both { recorded: None, found: None }).found = Some(file.digest);
    }
    files.into_iter().map(|(name, digest)| FileComparison { name: name.to_owned(), digest }).collect()
}

/// What differs in the keys, in the words of the spec.
fn reasons_of(recorded: &RunRecord, old: &StageRecord, new: &StageRecord) -> Vec<Reason> {
    let (Some(before), Some(now)) = (old.snapshot(), new.snapshot()) else { return Vec::new() };
    let inputs = &recorded.spec["stages"][&old.id]["inputs"];
    diff::reasons(&old.id, &before, &now, &|port| inputs[port].as_str().map(str::to_owned))
}

/// What computed a result; of a record that does not say it of each stage, what that run would have computed with.
fn makers<'a>(record: &'a RunRecord, stage: &'a StageRecord) -> &'a BTreeMap<String, String> {
    if stage.made_by.is_empty() { &record.versions } else { &stage.made_by }
}

fn differences(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<MadeBy> {
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    let of = |name: &String| MadeBy {
        name: name.clone(),
        was: Both { recorded: old.get(name).cloned(), found: new.get(name).cloned() },
    };
    names.into_iter().filter(|name| old.get(*name) != new.get(*name)).map(of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn digest(text: &str) -> String {
        Digest::of(text.as_bytes()).to_string()
    }

    /// A stage with one file of some bytes, read by the next one.
    fn stage(id: &str, read: &str, bytes: &str, kernels: &str) -> Json {
        let parts = json!({
            "format": 1, "stage": "link", "version": 1, "params": {}, "inputs": { "before": { "file": digest(read) } },
        });
        json!({
            "id": id, "stage": "link", "outcome": "ran", "key": digest(read), "seconds": 1.0, "saved_seconds": 0.0,
            "reason": null, "reasons": [], "failure": null, "skipped": null, "key_parts": parts, "params": {},
            "files": { "file": { "digest": digest(bytes), "size": 1 } }, "made_by": { "kernels": kernels },
        })
    }

    fn record(stages: &[Json]) -> RunRecord {
        serde_json::from_value(json!({
            "format": 1, "run": "r", "name": "x", "dir": "artifacts/runs/x/r", "ok": true, "interrupted": false,
            "started": "", "finished": "", "seconds": 1.0, "saved_seconds": 0.0, "config": "x.toml", "command": [],
            "versions": {}, "stages": stages, "metrics": {},
            "spec": { "stages": { "a": { "inputs": {} }, "b": { "inputs": { "before": "a" } } } },
        }))
        .unwrap()
    }

    fn verdicts(stages: &[StageComparison]) -> Vec<&'static str> {
        stages.iter().map(|stage| stage.verdict.word()).collect()
    }

    #[test]
    fn the_first_stage_with_other_bytes_has_the_cause() {
        let old = record(&[stage("a", "", "one", "avx512"), stage("b", "one", "two", "avx512")]);
        let equal = compare(&old, &old);
        assert_eq!((verdicts(&equal), first(&equal)), (vec!["equal", "equal"], None));

        let new = record(&[stage("a", "", "other", "portable"), stage("b", "other", "new", "portable")]);
        let compared = compare(&old, &new);
        assert_eq!(verdicts(&compared), ["differs", "differs"]);
        let cause = first(&compared).unwrap();
        assert_eq!((cause.id.as_str(), cause.reasons.len()), ("a", 0), "the key is the same");
        assert_eq!(cause.made_by[0].was.found.as_deref(), Some("portable"));
        assert_eq!(compared[1].reasons[0].upstream.as_deref(), Some("a"), "the next one only read other bytes");
    }

    #[test]
    fn what_has_no_result_is_told_from_what_was_never_there() {
        let old = record(&[stage("a", "", "one", "x"), stage("b", "one", "two", "x")]);
        let mut failed = stage("b", "one", "two", "x");
        failed["outcome"] = "failed".into();
        failed["files"] = json!({});
        let new = record(&[stage("a", "", "one", "x"), failed]);
        assert_eq!(verdicts(&compare(&old, &new)), ["equal", "failed"]);
        assert_eq!(verdicts(&compare(&new, &old)), ["equal", "not-compared"]);
        assert_eq!(verdicts(&compare(&old, &record(&[stage("a", "", "one", "x")]))), ["equal", "failed"]);
    }
}
