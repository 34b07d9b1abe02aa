//! Checkpoints of long stages: ordinary entries, one a step, of which the last two are kept.
//!
//! A state is stored after the key that it belongs to, so no other result can have the same bytes: when a checkpoint
//! is outdated its object goes with it, and nobody else can miss it. Who saves holds the set's lock, so that a
//! shorter training beside a longer one never loses the step that it is just storing; not for longer than the local
//! disk takes, so that nobody waits there for another's network.
//!
//! `checkpoints/<set>/<step>` are empty files, the markers of the steps that are there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value as Json, json};

use super::{AcEntry, Found, Produced, Scratch, Store, StoreError, fs};
use simpipe_base::digest::Digest;

/// How many steps are kept: the last, and one before it should the last be damaged.
const KEPT: usize = 2;

/// The one file of a checkpoint's entry: the key in hexadecimal digits, then the state.
const FILE: &str = "checkpoint";
/// What a checkpoint's entry must have.
pub(super) const FILES: &[&str] = &[FILE];

/// The checkpoints of one key.
#[derive(Debug)]
pub struct CheckpointSet<'a> {
    store: &'a Store,
    parts: Json,
    id: Digest,
    /// Names the set's lock. Not the digest of `parts`: that may be the key of the stage itself, which its process
    /// holds while it saves.
    lock: Digest,
    /// Steps that only the object store has, as far as somebody has asked for them.
    elsewhere: Mutex<BTreeSet<u64>>,
}

/// What a checkpoint's key is the digest of; [`AcEntry::checkpoint`] reads it back.
fn key_parts(parts: &Json, step: u64) -> Json {
    json!({ "checkpoint": parts, "step": step })
}

impl AcEntry {
    /// The set and the step of a checkpoint; `None` for any other result.
    pub(super) fn checkpoint(&self) -> Option<(Digest, u64)> {
        let of = self.key_parts.get("checkpoint")?;
        Some((Digest::of_json(of), self.key_parts.get("step")?.as_u64()?))
    }
}

/// Set and step of a marker's path.
fn marked(path: &Path) -> Option<(Digest, u64)> {
    let text = |part: Option<&std::ffi::OsStr>| part?.to_str().map(str::to_owned);
    let step: u64 = text(path.file_name())?.parse().ok()?;
    // `+5` and `05` are no names of step 5.
    path.ends_with(step.to_string()).then_some((text(path.parent()?.file_name())?.parse().ok()?, step))
}

/// Those of `markers` whose checkpoint is not among the `stored`, and what else lies there.
pub(super) fn lost_markers(mut markers: Vec<PathBuf>, stored: &BTreeSet<(Digest, u64)>) -> Vec<PathBuf> {
    markers.retain(|path| !marked(path).is_some_and(|marker| stored.contains(&marker)));
    markers
}

impl Store {
    pub(super) fn checkpoint_markers(&self) -> Result<Vec<PathBuf>, StoreError> {
        self.files_below("checkpoints")
    }

    fn set_folder(&self, set: Digest) -> PathBuf {
        self.folder("checkpoints").join(set.to_string())
    }

    /// Says that a checkpoint is there, now and after a power cut.
    pub(super) fn mark_checkpoint(&self, set: Digest, step: u64) -> Result<(), StoreError> {
        let folder = self.set_folder(set);
        let _hold = self.share()?; // gc removes empty folders
        fs::create_dirs_synced(&folder)?;
        fs::write(&folder.join(step.to_string()), &[])?;
        fs::sync_dir(&folder)
    }
}

impl<'a> CheckpointSet<'a> {
    /// The set of what `parts` decide: everything that the state after a number of steps depends on.
    #[must_use]
    pub fn new(store: &'a Store, parts: Json) -> Self {
        let lock = Digest::of_json(&("set", &parts));
        Self { store, id: Digest::of_json(&parts), parts, lock, elsewhere: Mutex::default() }
    }

    /// What the set's folder is named by: the digest of what it was made with.
    #[must_use]
    pub fn id(&self) -> Digest {
        self.id
    }

    fn key(&self, step: u64) -> Digest {
        Digest::of_json(&key_parts(&self.parts, step))
    }

    fn marker(&self, step: u64) -> PathBuf {
        self.store.set_folder(self.id).join(step.to_string())
    }

    /// Steps that are there, here or in the object store.
    fn steps(&self) -> BTreeSet<u64> {
        let here = fs::list_or_none(&self.store.set_folder(self.id));
        let elsewhere = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        here.iter().filter_map(|path| Some(marked(path)?.1)).chain(elsewhere.iter().copied()).collect()
    }

    /// Asks the object store, if there is one, which steps it has. Their states are fetched when they are read.
    fn look_elsewhere(&self) {
        let steps = self.store.remote_checkpoints(self.id);
        *self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner) = steps;
    }

    /// The furthest step here at or before `limit`, by its marker alone: nothing is read, no object store is asked.
    #[must_use]
    pub fn furthest_here(&self, limit: u64) -> Option<u64> {
        self.steps().into_iter().rev().find(|step| *step <= limit)
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
        self.look_elsewhere();
        for step in self.steps().into_iter().rev().filter(|step| *step <= limit) {
            match self.read(step) {
                Some(bytes) => return (Some((step, bytes)), damaged),
                // It was not read for that reason, and may be as good as any.
                None if self.store.cancelled() => return (None, Vec::new()),
                None => damaged.push(step),
            }
        }
        (None, damaged)
    }

    fn read(&self, step: u64) -> Option<Vec<u8>> {
        let key = self.key(step);
        let Ok(Found::Hit(entry)) = self.store.lookup(key) else { return None };
        let digest = entry.files.get(FILE)?.digest;
        let mut bytes = fs::read(&self.store.object(digest)).ok()?;
        let header = key.to_string();
        if Digest::of(&bytes) != digest || !bytes.starts_with(header.as_bytes()) {
            return None;
        }
        bytes.drain(..header.len());
        Some(bytes)
    }

    /// Keeps a checkpoint and removes all but the last two.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn save(&self, step: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let scratch = self.store.scratch()?;
        let key = self.key(step);
        fs::write(&scratch.output().join(FILE), &[key.to_string().as_bytes(), bytes])?;
        let outcome = Produced { key_parts: key_parts(&self.parts, step), ..Produced::default() };
        let (entry, outdated) = self.save_here(scratch, step, outcome)?;
        let sent = self.store.send_to_remote(entry);
        // Another training may have removed it here meanwhile, and there before it came.
        let gone = (!self.marker(step).exists()).then_some(step);
        for step in outdated.into_iter().chain(gone) {
            self.store.remove_remote_checkpoint(self.id, step, self.key(step));
            self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner).remove(&step);
        }
        if gone.is_some() { Ok(()) } else { sent.map(drop) }
    }

    /// All of saving that the local disk has to do, under the set's lock; also the steps that it removed.
    fn save_here(&self, scratch: Scratch, step: u64, outcome: Produced) -> Result<(AcEntry, Vec<u64>), StoreError> {
        let _lock = self.store.lock_for_a_moment(self.lock, "keeps a checkpoint of the same training")?;
        let entry = self.store.publish_here(scratch, self.key(step), outcome)?;
        self.store.mark_checkpoint(self.id, step)?;
        // A shorter training beside a longer one keeps its own last two.
        let (before, after): (Vec<u64>, Vec<u64>) = self.steps().into_iter().partition(|kept| *kept <= step);
        let outdated = |steps: &[u64]| steps[..steps.len().saturating_sub(KEPT)].to_vec();
        let outdated = [outdated(&before), outdated(&after)].concat();
        outdated.iter().try_for_each(|step| self.remove(*step))?;
        Ok((entry, outdated))
    }

    fn remove(&self, step: u64) -> Result<(), StoreError> {
        let path = self.store.entry_path(self.key(step));
        let entry = fs::read(&path).ok().and_then(|bytes| AcEntry::parse(self.key(step), &bytes).ok());
        fs::remove_file(&self.marker(step))?;
        fs::remove_file(&path)?;
        fs::sync_dir(&self.store.folder("ac"))?; // after a power cut no entry may name an object that is gone
        for file in entry.iter().flat_map(|entry| entry.files.values()) {
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

    impl CheckpointSet<'_> {
        pub(crate) fn digest(&self, step: u64) -> Digest {
            let Found::Hit(entry) = self.store.lookup(self.key(step)).unwrap() else { panic!("step {step} is kept") };
            entry.files[FILE].digest
        }
    }

    #[test]
    fn the_last_two_steps_are_kept_and_a_damaged_one_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let set = CheckpointSet::new(&store, json!({ "params": 1 }));
        assert_eq!(set.latest(u64::MAX), None);
        for step in [5, 10, 100] {
            set.save(step, format!("state {step}").as_bytes()).unwrap();
        }
        assert_eq!(set.latest(u64::MAX), Some((100, b"state 100".to_vec())));
        assert_eq!(set.latest(99), Some((10, b"state 10".to_vec())));
        assert_eq!(set.latest(9), None, "step 5 is no longer kept");
        assert_eq!(store.verify().unwrap().objects, 2, "its object is gone too");
        assert_eq!(CheckpointSet::new(&store, json!({ "params": 2 })).latest(u64::MAX), None);

        let object = store.object(set.digest(100));
        let bytes = std::fs::read(&object).unwrap();
        std::fs::remove_file(&object).unwrap();
        std::fs::write(&object, [&bytes[..bytes.len() - 3], b"1OO"].concat()).unwrap();
        assert_eq!(set.latest(u64::MAX), Some((10, b"state 10".to_vec())));
        assert!(store.verify().unwrap().clean());
    }

    #[test]
    fn pruning_one_set_takes_nothing_from_another_or_from_a_result() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let [one, two] = [1, 2].map(|params| CheckpointSet::new(&store, json!({ "params": params })));
        // The same bytes in all places: a network that never learns, or a stage that writes its last state.
        let scratch = store.scratch().unwrap();
        std::fs::write(scratch.output().join("state"), "same").unwrap();
        store.publish(scratch, Digest::of(b"result"), Produced::default()).unwrap();
        two.save(1, b"same").unwrap();
        for step in 1..=5 {
            one.save(step, b"same").unwrap();
        }
        assert_eq!(two.latest(9), Some((1, b"same".to_vec())));
        assert!(matches!(store.lookup(Digest::of(b"result")).unwrap(), Found::Hit(_)));
        let report = store.verify().unwrap();
        assert_eq!((report.objects, report.entries, report.clean()), (4, 4, true), "two steps, one step, one result");
    }

    #[test]
    fn two_trainings_on_one_set_leave_no_entry_without_its_object() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        std::thread::scope(|scope| {
            for start in [0, 0, 40] {
                let store = &store;
                scope.spawn(move || {
                    let set = CheckpointSet::new(store, json!({ "params": 1 }));
                    for step in start..start + 20 {
                        set.save(step, format!("state {step}").as_bytes()).unwrap();
                    }
                });
            }
        });
        let report = store.verify().unwrap();
        assert!(report.clean(), "{report:?}");
        let set = CheckpointSet::new(&store, json!({ "params": 1 }));
        assert_eq!(set.latest(u64::MAX), Some((59, b"state 59".to_vec())));
        let locks = std::fs::read_dir(folder.path().join("locks")).unwrap();
        assert!(locks.map(|item| item.unwrap().path()).all(|path| path.extension().is_none()), "the keys' are gone");
    }
}
