//! `store verify`: reads every object and every entry, moves damaged ones aside.
//!
//! First everything is read while others use the store. What seems damaged is then looked at once more with the store
//! alone, and moved only if it still is: a run may have healed it meanwhile. What can't be read for a reason that says
//! nothing of its bytes stays where it is, and is named.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rayon::prelude::*;
use serde::Serialize;

use super::aside::damage_of;
use super::checkpoint::lost_markers;
use super::{Declared, FileRecord, Found, Store, StoreError, WHATEVER, fs};
use simpipe_base::fs::expect_regular;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct VerifyReport {
    /// Objects read.
    pub objects: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Entries read.
    pub entries: usize,
    /// How long it took.
    pub seconds: f64,
    /// Names of objects moved to `quarantine/`: their bytes have changed, or no object has such a name.
    pub damaged_objects: Vec<String>,
    /// Keys whose entry was dropped: it was damaged, lacked a file, or named an object that is damaged or gone.
    pub dropped_entries: Vec<String>,
    /// Checkpoint markers without a checkpoint, now removed: no damage, the training goes on from the one before.
    pub removed_markers: Vec<String>,
    /// Objects that could be written to, now read-only again where their owner allows it.
    pub writable_objects: Vec<String>,
    /// What could not be read, and why: it may be intact, and stays where it is.
    pub unread: Vec<String>,
}

impl VerifyReport {
    /// Whether everything was as it should be.
    #[must_use]
    pub fn clean(&self) -> bool {
        !self.damaged() && self.unread.is_empty()
    }

    /// Whether something was damaged.
    #[must_use]
    pub fn damaged(&self) -> bool {
        !self.damaged_objects.is_empty() || !self.dropped_entries.is_empty()
    }
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Bytes read.
    pub done: u64,
    /// Bytes of all objects.
    pub total: u64,
}

/// What was found of one object or entry.
#[derive(Debug)]
enum Checked {
    Intact,
    /// Gone meanwhile: gc, or a running training that prunes its checkpoints, was faster.
    Gone,
    Writable,
    /// As far as could be seen beside others.
    Damaged,
    Unread(StoreError),
}

impl Store {
    /// Reads everything, whatever the memo says; what is damaged is moved to `quarantine/`.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn verify(&self) -> Result<VerifyReport, StoreError> {
        self.verify_with(WHATEVER, &|_| {})
    }

    /// The same; results that lack a declared file are damaged too. Says how far it is after each object, from several
    /// threads.
    ///
    /// # Errors
    /// If a folder of the store can't be listed, or damage can't be moved aside.
    pub fn verify_with(
        &self,
        declared: Declared<'_>,
        on_progress: &(dyn Fn(VerifyProgress) + Sync),
    ) -> Result<VerifyReport, StoreError> {
        let started = Instant::now();
        let mut report = VerifyReport::default();
        self.verify_objects(&mut report, on_progress)?;
        self.verify_entries(&mut report, declared)?;
        if report.unread.is_empty() {
            report.removed_markers = self.remove_lost_markers()?; // else an entry may be there and out of reach
        }
        for names in [&mut report.damaged_objects, &mut report.writable_objects, &mut report.unread] {
            names.sort();
        }
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    fn verify_objects(
        &self,
        report: &mut VerifyReport,
        on_progress: &(dyn Fn(VerifyProgress) + Sync),
    ) -> Result<(), StoreError> {
        let paths = self.in_cas(&mut |error| report.unread.push(error.to_string()))?;
        let sized = |path: PathBuf| (std::fs::metadata(&path).map_or(0, |metadata| metadata.len()), path);
        let mut objects: Vec<(u64, PathBuf)> = paths.into_par_iter().map(sized).collect();
        // The largest first: all threads share it, and small ones fill the gaps at the end.
        objects.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        let (total, done) = (objects.iter().map(|(bytes, _)| bytes).sum(), AtomicU64::new(0));
        let check = |(bytes, path): &(u64, PathBuf)| {
            let checked = self.check_object(path);
            let done = done.fetch_add(*bytes, Ordering::Relaxed) + bytes;
            on_progress(VerifyProgress { done, total });
            checked
        };
        let checked: Vec<Checked> = objects.par_iter().with_max_len(1).map(check).collect();
        self.stop_if_cancelled()?;
        let mut suspects = Vec::new();
        for ((bytes, path), checked) in objects.iter().zip(checked) {
            match checked {
                Checked::Gone => continue,
                Checked::Intact => report.bytes += bytes,
                Checked::Damaged => suspects.push(path),
                Checked::Unread(error) => report.unread.push(error.to_string()),
                Checked::Writable => {
                    drop(fs::make_readonly(path)); // that of another user stays as it is; the report names it
                    report.writable_objects.push(name_of(path));
                    report.bytes += bytes;
                }
            }
            report.objects += 1;
        }
        report.damaged_objects = self.move_damaged(&suspects, &|path| self.check_object(path))?;
        Ok(())
    }

    fn verify_entries(&self, report: &mut VerifyReport, declared: Declared<'_>) -> Result<(), StoreError> {
        let entries = self.in_ac()?;
        let check = |path: &Path| self.check_entry(path, declared);
        let checked: Vec<Checked> = entries.par_iter().map(|path| check(path)).collect();
        self.stop_if_cancelled()?;
        let mut suspects = Vec::new();
        for (path, checked) in entries.iter().zip(checked) {
            match checked {
                Checked::Gone => continue,
                Checked::Intact | Checked::Writable => {}
                Checked::Damaged => suspects.push(path),
                Checked::Unread(error) => report.unread.push(error.to_string()),
            }
            report.entries += 1;
        }
        let moved = self.move_damaged(&suspects, &check)?;
        report.dropped_entries = moved.iter().map(|name| name.trim_end_matches(".json").to_owned()).collect();
        Ok(())
    }

    /// Moves aside what is damaged still; its names. Not from a thread of the pool: it waits for others there.
    fn move_damaged(&self, suspects: &[&PathBuf], check: &dyn Fn(&Path) -> Checked) -> Result<Vec<String>, StoreError> {
        let mut moved = Vec::new();
        if suspects.is_empty() {
            return Ok(moved);
        }
        let _alone = self.exclude(true)?; // where locks do nothing, looking again is all that can be done
        self.remove_dead_drafts();
        for path in suspects {
            if matches!(check(path), Checked::Damaged) {
                self.forget(path);
                if self.quarantine(path, &name_of(path))? {
                    moved.push(name_of(path));
                }
            }
        }
        Ok(moved)
    }

    fn check_object(&self, path: &Path) -> Checked {
        if self.cancelled() {
            return Checked::Gone; // whoever asks makes nothing of it
        }
        let Some(digest) = self.object_at(path) else { return Checked::Damaged };
        match self.reread(digest) {
            Err(error) => Checked::Unread(StoreError::io("read", path)(error)),
            Ok(Some(_)) if is_gone(path) => Checked::Gone,
            Ok(Some(_)) => Checked::Damaged,
            Ok(None) => match std::fs::metadata(path) {
                Ok(metadata) if !metadata.permissions().readonly() => Checked::Writable,
                _ => Checked::Intact,
            },
        }
    }

    /// What is wrong with an entry, where every object that is there has been read.
    fn check_entry(&self, path: &Path, declared: Declared<'_>) -> Checked {
        if self.cancelled() {
            return Checked::Gone; // likewise
        }
        let Some(key) = self.entry_at(path) else { return Checked::Damaged };
        match self.inspect_with(key, declared, &|file| self.unread_problem(file)) {
            Err(error) => Checked::Unread(error),
            Ok(Found::Miss) => Checked::Gone, // together with its objects
            Ok(Found::Hit(_)) => Checked::Intact,
            Ok(Found::Damaged(_)) if is_gone(path) => Checked::Gone,
            Ok(Found::Damaged(_)) => Checked::Damaged,
        }
    }

    /// What is wrong with an object without reading it.
    fn unread_problem(&self, file: FileRecord) -> Result<Option<&'static str>, StoreError> {
        let path = self.object(file.digest);
        let size = || -> io::Result<Option<u64>> {
            let metadata = fs::metadata(&path)?;
            Ok(expect_regular(metadata.file_type()).is_ok().then_some(metadata.len()))
        };
        match size() {
            Ok(size) if size == Some(file.size) => Ok(None),
            Ok(_) => Ok(Some("its size has changed")),
            Err(error) => damage_of(error).map(Some).map_err(StoreError::io("read", &path)),
        }
    }

    /// Removes markers of checkpoints that are not stored; their names.
    fn remove_lost_markers(&self) -> Result<Vec<String>, StoreError> {
        // A marker is written after its checkpoint, so one listed before the entries without one has lost it.
        let markers = self.checkpoint_markers()?;
        let (entries, _) = if markers.is_empty() { Default::default() } else { self.stored()? };
        let mut removed = Vec::new();
        for path in lost_markers(markers, &entries.values().filter_map(|entry| entry.set).collect()) {
            if path.exists() {
                fs::remove_file(&path)?;
                removed.push(path.strip_prefix(self.folder("checkpoints")).unwrap_or(&path).display().to_string());
            }
        }
        Ok(removed)
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether nothing is at a path, not even a link to nothing.
fn is_gone(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
