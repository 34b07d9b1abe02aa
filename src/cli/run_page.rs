//! The page of a run: what its stage `report` has left, and what the run adds to it.
//!
//! `run` puts it into the run's folder, beside the spec as it was written; `report` makes it again.

mod block;

use std::path::{Path, PathBuf};

pub(super) use self::block::block;
use super::toml_text::{self, Origins};
use super::{merged, print};
use simpipe_artifact::split_name::TEST;
use simpipe_base::digest::Digest;
use simpipe_base::interrupt::LeftToEnd;
use simpipe_plan::Plan;
use simpipe_report::{RunBlock, run_page as page_without_report, with_run};
use simpipe_runner::looks::{self, Looks};
use simpipe_runner::{RunRecord, StageRecord};
use simpipe_store::Store;

/// The file beside the page that holds the spec as it was written.
const SPEC: &str = "spec.toml";
/// The page among the files of a stage.
pub(super) const PAGE: &str = "report.html";
/// The kind of stage that leaves it.
pub(super) const KIND: &str = "report";

/// Where the page of a stage `report` of a run is.
pub(super) fn place(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.html"))
}

/// The page of a stage that is there: with the block of the run, else as the stage has left it.
pub(super) fn there(folder: &Path, id: &str) -> Option<PathBuf> {
    [place(folder, id), folder.join(id).join(PAGE)].into_iter().find(|path| path.is_file())
}

/// Puts the spec as written and the pages into the folders of a run, or of the runs of a group; gives what could not be: it
/// is no reason for a run to fail, and `simpipe report` makes it again.
pub(super) fn keep(plan: &Plan, record: &RunRecord, root: &Path, store: &Store) -> Vec<String> {
    let _writing = LeftToEnd::begin();
    let spec = toml_text::document(&merged::merged(&plan.experiment), Origins::Shown, &str::to_owned);
    let looks = looks::of_split(root, store, TEST).ok();
    let mut said = Vec::new();
    let mut keep = |record: &RunRecord, folder: &Path| {
        let written = put(&folder.join(SPEC), spec.as_bytes());
        let pages = pages(record, folder, store).into_iter().map(|(id, page)| {
            let page = page.map_err(|lost| lost.words().to_owned())?;
            let block = block(record, root, folder, looks);
            let page = with_run(&page, &block).ok_or_else(|| Lost::Damaged.words().to_owned())?;
            put(&place(folder, id), page.as_bytes()).map_err(|error| error.to_string())
        });
        // Whoever opens the page of a run that has none reads why, and the numbers that there are.
        let lost = record
            .stages
            .iter()
            .filter(|stage| !record.is_group() && !record.interrupted && stage.stage == KIND && !stage.outcome.done());
        let without = lost.map(|stage| {
            let page = without(record, &why_none(record, stage), &block(record, root, folder, looks));
            put(&place(folder, &stage.id), page.as_bytes()).map_err(|error| error.to_string())
        });
        let all = std::iter::once(written.map_err(|error| error.to_string())).chain(pages).chain(without);
        said.extend(all.filter_map(|done| Some(format!("the page of {} is not kept: {}", record.run, done.err()?))));
    };
    keep(record, &root.join(&record.dir));
    for run in &record.seeds {
        let folder = root.join(&run.dir);
        if let Ok(record) = RunRecord::read(&folder) {
            keep(&record, &folder);
        }
    }
    said
}

/// Why a stage that is not done has left no page; of one that was skipped also which stage in front of it failed, and why.
pub(super) fn why_none(record: &RunRecord, stage: &StageRecord) -> String {
    if record.interrupted {
        let at = record.stages.iter().find(|stage| stage.interrupted());
        let at = at.map_or_else(String::new, |stage| format!(" in the stage `{}`", stage.id));
        return format!("The run was interrupted{at}. `simpipe run {}` goes on from there.", record.config);
    }
    let failed = |stage: &StageRecord| {
        let failure = stage.failure.as_ref()?;
        Some(format!("The stage `{}` failed: {}", stage.id, failure.message))
    };
    if let Some(why) = failed(stage) {
        return why;
    }
    let skipped = format!("The stage `{}` was skipped: {}.", stage.id, stage.skipped.as_deref().unwrap_or("not run"));
    record.stages.iter().find_map(failed).map_or_else(|| skipped.clone(), |first| format!("{skipped} {first}"))
}

/// A page of a run's numbers alone, with why there is no report.
pub(super) fn without(record: &RunRecord, why: &str, block: &RunBlock) -> String {
    let numbers: Vec<_> = record.metrics.iter().map(|(name, value)| (name.clone(), print::number(*value))).collect();
    let title = if record.interrupted { format!("{} (interrupted)", record.name) } else { record.name.clone() };
    page_without_report(&title, why, &numbers, block)
}

/// Writes a file that can be made again: whole or not at all, but not synced.
fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = std::fs::write(&draft, bytes).and_then(|()| std::fs::rename(&draft, path));
    if written.is_err() {
        drop(std::fs::remove_file(&draft));
    }
    written
}

/// Why a file of a run is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The stage has left no such file: an older program made it.
    Never,
    /// It was collected, or its folder removed.
    Gone,
    /// Its bytes are others than those that the stage left.
    Damaged,
}

impl Lost {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Never => "the stage has left no page: an older simpipe made it",
            Self::Gone => "the page is gone: neither the store nor the run's folder has it any longer",
            Self::Damaged => "the page is damaged: its bytes are not those that the stage has left",
        }
    }
}

/// The page that each stage `report` of a run has left, by the stage's id. A group has none: its runs have.
pub(super) fn pages<'a>(record: &'a RunRecord, folder: &Path, store: &Store) -> Vec<(&'a str, Result<String, Lost>)> {
    let own = record.stages.iter().filter(|_| !record.is_group());
    let done = own.filter(|stage| stage.stage == KIND && stage.outcome.done());
    let page = |stage: &StageRecord| {
        let bytes = file(stage, PAGE, folder, store)?;
        String::from_utf8(bytes).map_err(|_| Lost::Damaged)
    };
    done.map(|stage| (stage.id.as_str(), page(stage))).collect()
}

/// A file that a stage has left, from the store, or else from the run's folder: whichever is intact.
pub(super) fn file(stage: &StageRecord, name: &str, folder: &Path, store: &Store) -> Result<Vec<u8>, Lost> {
    let known = stage.files.iter().find(|(known, _)| known.as_str() == name);
    let (_, known) = known.ok_or(Lost::Never)?;
    let mut lost = Lost::Gone;
    for path in [store.object(known.digest), folder.join(&stage.id).join(name)] {
        match simpipe_base::fs::read(&path) {
            Ok(bytes) if Digest::of(&bytes) == known.digest => return Ok(bytes),
            Ok(_) => lost = Lost::Damaged,
            Err(_) => {}
        }
    }
    Err(lost)
}

/// How often runs of the root have looked at the test split.
pub(super) fn looks(root: &Path, store: &Store) -> Option<Looks> {
    looks::of_split(root, store, TEST).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    #[test]
    fn an_interrupted_run_has_not_failed() {
        let stage = |id: &str, skipped: Option<&str>, failure: Json| {
            json!({
                "id": id, "stage": id, "outcome": if skipped.is_some() { "skipped" } else { "failed" }, "key": null,
                "seconds": 0.0, "saved_seconds": 0.0, "reason": null, "reasons": [], "failure": failure,
                "skipped": skipped, "key_parts": null, "params": {}, "files": {}, "made_by": {},
            })
        };
        let failure = json!({ "kind": "interrupted", "message": "interrupted", "help": null });
        let stages = [stage("embed-train", None, failure), stage("report", Some("interrupted"), Json::Null)];
        let record: RunRecord = serde_json::from_value(json!({
            "format": 1, "run": "r", "name": "x", "dir": "artifacts/runs/x/r", "ok": false, "interrupted": true,
            "started": "", "finished": "", "seconds": 1.0, "saved_seconds": 0.0, "config": "configs/x.toml",
            "command": [], "versions": {}, "stages": stages, "metrics": {}, "spec": {},
        }))
        .unwrap();
        let why = why_none(&record, &record.stages[1]);
        let expected =
            "The run was interrupted in the stage `embed-train`. `simpipe run configs/x.toml` goes on from there.";
        assert_eq!(why, expected);
        let page = without(&record, &why, &RunBlock::default());
        assert!(page.contains("x (interrupted)") && !page.contains("failed"), "{page}");
    }
}
