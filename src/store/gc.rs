//! `store gc`: removes what nobody reaches any more. What is reached is decided in [`reach`](super::reach).
//!
//! Everything is decided and renamed out of the way while the store is held exclusively: entries before the objects
//! that they name, so that a reader sees a miss and never an entry without its objects, even if gc is killed half-way.
//! The bytes are freed after that, when nobody waits. Where there is no room for a private folder to move things into,
//! as on a full disk, they are removed at once, in the same order.

mod report;
mod sweep;

pub use self::report::{Amount, GcPolicy, GcReport, KeptGroup, RemovedGroup, TrialShare};
use self::sweep::{Doomed, Sweep};
use super::meanwhile::Seen;
use super::trash::Trash;
use super::{RunReach, Store, StoreError, fs};

impl Store {
    /// Says what nobody reaches, and removes it if the policy says so. `others` are runs that have no journal.
    ///
    /// # Errors
    /// If the file system refuses, or a pin, a journal or an entry can't be read: it must not count as one that is not
    /// there. What was not removed then goes the next time. [`StoreError::IdleLocks`] where nobody can be kept out.
    pub fn gc(&self, policy: &GcPolicy, others: &[RunReach]) -> Result<GcReport, StoreError> {
        if !policy.delete {
            return Ok(Sweep::of(self, policy, others)?.finish()?.0); // who only looks keeps nobody out
        }
        let hold = self.exclude(policy.alone)?;
        let seen = self.seen()?;
        let (mut report, doomed) = Sweep::of(self, policy, others)?.finish()?;
        self.sweep(policy.silent());
        let folder = self.scratch().ok(); // on a full disk there is none
        self.take_away(&doomed, seen, &Trash { folder: folder.as_ref(), store: self })?;
        self.sweep_locks(policy.silent());
        self.remove_empty_sets();
        self.remove_dead_drafts();
        drop(hold);
        drop(folder); // this frees the bytes
        report.deleted = true;
        Ok(report)
    }

    fn take_away(&self, doomed: &Doomed, mut seen: Seen, trash: &Trash<'_>) -> Result<(), StoreError> {
        for entry in doomed.entries.values() {
            trash.take(&entry.path)?;
            seen.forget(&entry.path);
        }
        let asked = self.asked_since(&seen)?;
        let mut spared = asked.objects.clone();
        for (_, entry) in doomed.entries.iter().filter(|(key, entry)| asked.wants(**key, entry)) {
            spared.extend(entry.files.iter().map(|file| file.digest));
            trash.place(&entry.path).map_or(Ok(()), |moved| self.bring_back(&moved, entry))?;
        }
        fs::sync_dir(&self.folder("ac"))?; // after a power cut no entry may name an object that is gone
        for (_, object) in doomed.objects.iter().filter(|(digest, _)| !spared.contains(digest)) {
            trash.take(object)?;
            self.forget(object);
        }
        doomed.rest.iter().try_for_each(|path| trash.take(path))
    }

    /// While the store is held: whoever saves a checkpoint makes the folder and its marker while sharing it.
    fn remove_empty_sets(&self) {
        let Ok(items) = std::fs::read_dir(self.folder("checkpoints")) else { return };
        items.flatten().for_each(|item| drop(fs::remove_empty_dir(&item.path())));
    }
}

#[cfg(test)]
#[path = "gc_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "gc_fault_tests.rs"]
mod fault_tests;
