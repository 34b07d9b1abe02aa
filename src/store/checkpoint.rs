//! Checkpoints of long stages: ordinary entries, one a step, of which the last two are kept.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::{AcEntry, Found, Produced, Store, StoreError, fs};
use crate::base::digest::Digest;

/// How many steps are kept: the last, and one before it should the last be damaged.
const KEPT: usize = 2;

/// The one file of a checkpoint's entry.
const FILE: &str = "state";

/// The checkpoints of one key.
#[derive(Debug)]
pub struct CheckpointShelf<'a> {
    store: &'a Store,
    parts: Json,
    folder: PathBuf,
}

impl<'a> CheckpointShelf<'a> {
    /// The shelf of what `parts` decide: everything that the state after a number of steps depends on.
    #[must_use]
    pub fn new(store: &'a Store, parts: Json) -> Self {
        let folder = store.folder("checkpoints").join(Digest::of_json(&parts).to_string());
        Self { store, parts, folder }
    }

    /// What the shelf's folder is named by: the digest of what it was made with.
    #[must_use]
    pub fn id(&self) -> Digest {
        Digest::of_json(&self.parts)
    }

    fn key_parts(&self, step: u64) -> Json {
        json!({ "checkpoint": self.parts, "step": step })
    }

    fn key(&self, step: u64) -> Digest {
        Digest::of_json(&self.key_parts(step))
    }

    /// Steps that are there, in rising order.
    fn steps(&self) -> Vec<u64> {
        let Ok(items) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        let mut steps: Vec<u64> =
            items.flatten().filter_map(|item| item.file_name().to_string_lossy().parse().ok()).collect();
        steps.sort_unstable();
        steps
    }

    /// The furthest intact checkpoint at or before `limit` steps.
    #[must_use]
    pub fn latest(&self, limit: u64) -> Option<(u64, Vec<u8>)> {
        self.latest_and_damaged(limit).0
    }

    /// The same, and the later steps whose checkpoints are damaged or gone, so that somebody can be told.
    #[must_use]
    pub fn latest_and_damaged(&self, limit: u64) -> (Option<(u64, Vec<u8>)>, Vec<u64>) {
        let mut damaged = Vec::new();
        for step in self.steps().into_iter().rev().filter(|step| *step <= limit) {
            match self.read(step) {
                Some(bytes) => return (Some((step, bytes)), damaged),
                None => damaged.push(step),
            }
        }
        (None, damaged)
    }

    fn read(&self, step: u64) -> Option<Vec<u8>> {
        let Ok(Found::Hit(entry)) = self.store.lookup(self.key(step)) else { return None };
        let bytes = std::fs::read(self.store.object(entry.files.get(FILE)?.digest)).ok()?;
        (Digest::of(&bytes) == entry.files.get(FILE)?.digest).then_some(bytes)
    }

    /// Keeps a checkpoint and removes all but the last two.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn save(&self, step: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let scratch = self.store.scratch()?;
        fs::write_synced(&scratch.output().join(FILE), bytes)?;
        let outcome = Produced { key_parts: self.key_parts(step), ..Produced::default() };
        self.store.publish(scratch, self.key(step), outcome)?;
        fs::create_dirs(&self.folder)?;
        fs::write_synced(&self.folder.join(step.to_string()), b"")?;
        // A shorter training beside a longer one keeps its own last two.
        let (before, after): (Vec<u64>, Vec<u64>) = self.steps().into_iter().partition(|kept| *kept <= step);
        let outdated = |steps: &[u64]| steps[..steps.len().saturating_sub(KEPT)].to_vec();
        outdated(&before).into_iter().chain(outdated(&after)).try_for_each(|step| self.remove(step))
    }

    fn remove(&self, step: u64) -> Result<(), StoreError> {
        let path = self.store.entry_path(self.key(step));
        let entry = std::fs::read(&path).ok().and_then(|bytes| AcEntry::parse(self.key(step), &bytes));
        fs::remove_file(&self.folder.join(step.to_string()))?;
        fs::remove_file(&path)?;
        for file in entry.map_or_else(BTreeMap::new, |entry| entry.files).values() {
            let object = self.store.object(file.digest);
            self.store.forget(&object);
            fs::remove_file(&object)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_two_steps_are_kept_and_a_damaged_one_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let shelf = CheckpointShelf::new(&store, json!({ "params": 1 }));
        assert_eq!(shelf.latest(u64::MAX), None);
        for step in [5, 10, 100] {
            shelf.save(step, format!("state {step}").as_bytes()).unwrap();
        }
        assert_eq!(shelf.latest(u64::MAX), Some((100, b"state 100".to_vec())));
        assert_eq!(shelf.latest(99), Some((10, b"state 10".to_vec())));
        assert_eq!(shelf.latest(9), None, "step 5 is no longer kept");
        assert!(!store.object(Digest::of(b"state 5")).exists());
        assert_eq!(CheckpointShelf::new(&store, json!({ "params": 2 })).latest(u64::MAX), None);

        let object = store.object(Digest::of(b"state 100"));
        std::fs::remove_file(&object).unwrap();
        std::fs::write(&object, "state 1OO").unwrap();
        assert_eq!(shelf.latest(u64::MAX), Some((10, b"state 10".to_vec())));
        assert!(store.verify().unwrap().clean());
    }
}
