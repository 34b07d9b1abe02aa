//! How often a split was looked at: whoever chooses by the numbers of a split has fitted to it, a little more each time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value as Json;

use super::{Outcome, RunRecord, folders};
use simpipe_base::digest::Digest;
use simpipe_store::{JournaledRun, Store, StoreError};

/// Runs of a root, and those of them that read a split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looks {
    /// Runs that the journal knows: each seed of a group and each trial of a sweep is one.
    pub runs: usize,
    /// Those that drew a pool from the split.
    pub read: usize,
    /// Those of which nobody knows any more: their results were collected, and they left no record.
    pub unknown: usize,
}

/// The kind of stage that draws from a split, and its parameter that names it.
const DRAWS: (&str, &str) = ("sample", "split");

/// Counts the runs of a root that read a split, as the store's journal has them: also those that failed later, were killed
/// or whose folders are gone.
///
/// # Errors
/// If the journal can't be read.
pub fn of_split(root: &Path, store: &Store, split: &str) -> Result<Looks, StoreError> {
    let here = folders::journaled_root(root);
    let mut runs = store.journaled_runs()?;
    runs.retain(|run| run.start.root == here);
    // A group has a journal of its own and reads nothing by itself.
    let groups: BTreeSet<String> = runs.iter().filter_map(|run| run.start.group.clone()).collect();
    runs.retain(|run| !groups.contains(&run.start.run));
    let mut drawn = Drawn { store, known: BTreeMap::new() };
    let mut looks = Looks { runs: runs.len(), ..Looks::default() };
    for run in &runs {
        match drawn.reads(root, run, split) {
            Some(true) => looks.read += 1,
            Some(false) => {}
            None => looks.unknown += 1,
        }
    }
    Ok(looks)
}

/// What is known of keys: most runs of a root share those of their first stages.
struct Drawn<'a> {
    store: &'a Store,
    /// The split that a key's stage draws from; `Some(None)` for what draws from none, `None` where no entry says it.
    known: BTreeMap<Digest, Option<Option<String>>>,
}

impl Drawn<'_> {
    /// Whether a run drew from a split; `None` if that can't be known.
    fn reads(&mut self, root: &Path, run: &JournaledRun, split: &str) -> Option<bool> {
        let done = |id: &&String| {
            let outcome = run.outcomes.get(*id).map(String::as_str);
            [Outcome::Hit, Outcome::Ran].into_iter().any(|done| outcome == Some(done.word()))
        };
        let mut all_known = true;
        // In the order of the plan, in which samples come early.
        for key in run.start.stages.iter().filter(done).filter_map(|id| run.stages.get(id)) {
            match self.split_of(*key) {
                Some(Some(drawn)) if drawn == split => return Some(true),
                Some(_) => {}
                None => all_known = false,
            }
        }
        if all_known { Some(false) } else { recorded(&root.join(&run.start.dir), split) }
    }

    fn split_of(&mut self, key: Digest) -> Option<&Option<String>> {
        let store = self.store;
        let of_entry = || Some(split_of(&store.key_parts(key)?));
        self.known.entry(key).or_insert_with(of_entry).as_ref()
    }
}

/// The split that the stage of a key draws from.
fn split_of(parts: &Json) -> Option<String> {
    (parts["stage"] == DRAWS.0).then(|| parts["params"][DRAWS.1].as_str().map(str::to_owned)).flatten()
}

/// The same from a run's record; `None` if it left none.
fn recorded(folder: &Path, split: &str) -> Option<bool> {
    let record = RunRecord::read(folder).ok()?;
    let mut draws = record.stages.iter().filter(|stage| stage.outcome.done() && stage.stage == DRAWS.0);
    Some(draws.any(|stage| stage.params[DRAWS.1] == split))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_draws_from_a_split_has_read_it() {
        for (parts, split) in [
            (json!({ "stage": "sample", "params": { "split": "test", "stream": "x" } }), Some("test")),
            (json!({ "stage": "sample", "params": { "split": "train" } }), Some("train")),
            (json!({ "stage": "embed", "params": { "split": "test" } }), None),
            (json!({ "stage": "sample" }), None),
            (json!(null), None),
        ] {
            assert_eq!(split_of(&parts).as_deref(), split, "{parts}");
        }
    }

    #[test]
    fn what_neither_store_nor_record_knows_is_counted_as_such() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(&folders::store_folder(root.path())).unwrap();
        let begin = |run: &str, group: Option<&str>| {
            let start = simpipe_store::RunStart {
                run: run.to_owned(),
                name: "x".to_owned(),
                root: folders::journaled_root(root.path()),
                dir: format!("artifacts/runs/x/{run}"),
                stages: vec!["draw".to_owned()],
                group: group.map(str::to_owned),
                ..simpipe_store::RunStart::default()
            };
            store.journal(start).unwrap()
        };
        let key = Digest::of(b"nobody has a result of this key");
        let one = begin("a", Some("g"));
        one.wanted("draw", key).unwrap();
        one.stage_finished("draw", Outcome::Ran.word(), Some(key)).unwrap();
        one.finish(true, false).unwrap();
        // One that came to nothing has read nothing; the group itself is no run.
        begin("b", None).finish(false, true).unwrap();
        begin("g", None).finish(true, false).unwrap();
        let looks = of_split(root.path(), &store, "test").unwrap();
        assert_eq!(looks, Looks { runs: 2, read: 0, unknown: 1 });
    }
}
