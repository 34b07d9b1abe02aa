//! `store verify`: reads every object and every entry, moves damaged ones aside.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rayon::prelude::*;
use serde::Serialize;

use super::checkpoint::lost_markers;
use super::{AcEntry, Store, StoreError, fs};
use crate::base::digest::Digest;
use crate::base::interrupt::is_stopped;

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
    /// Keys whose entry was dropped: it was unreadable or named an object that is damaged or gone.
    pub dropped_entries: Vec<String>,
    /// Checkpoint markers without a checkpoint, now removed: no damage, the training goes on from the one before.
    pub removed_markers: Vec<String>,
    /// Objects that could be written to, now read-only again where their owner allows it.
    pub writable_objects: Vec<String>,
}

impl VerifyReport {
    /// Whether everything was as it should be.
    #[must_use]
    pub fn clean(&self) -> bool {
        self.damaged_objects.is_empty() && self.dropped_entries.is_empty()
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

/// What was found of one object.
#[derive(Debug, Default)]
struct Checked {
    bytes: u64,
    damaged: Option<String>,
    writable: Option<String>,
}

impl Store {
    /// Reads everything, whatever the memo says; what is damaged is moved to `quarantine/`.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn verify(&self) -> Result<VerifyReport, StoreError> {
        self.verify_with(&|_| {})
    }

    /// The same, and says how far it is after each object, from several threads.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn verify_with(&self, on_progress: &(dyn Fn(VerifyProgress) + Sync)) -> Result<VerifyReport, StoreError> {
        let started = Instant::now();
        let sized = |path: PathBuf| (std::fs::metadata(&path).map_or(0, |metadata| metadata.len()), path);
        let mut objects: Vec<(u64, PathBuf)> = self.files_below("cas")?.into_par_iter().map(sized).collect();
        // The largest first: all threads share it, and small ones fill the gaps at the end.
        objects.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        let (total, done) = (objects.iter().map(|(bytes, _)| bytes).sum(), AtomicU64::new(0));
        let check = |(bytes, path): &(u64, PathBuf)| {
            let checked = self.verify_object(path)?;
            let done = done.fetch_add(*bytes, Ordering::Relaxed) + bytes;
            on_progress(VerifyProgress { done, total });
            Ok(checked)
        };
        let checked = objects.par_iter().with_max_len(1).map(check).collect::<Result<Vec<_>, StoreError>>()?;
        let entries = self.files_below("ac")?;
        let dropped = entries.par_iter().map(|path| self.verify_entry(path)).collect::<Result<Vec<_>, _>>()?;
        let mut report = VerifyReport {
            objects: objects.len(),
            bytes: checked.iter().map(|checked| checked.bytes).sum(),
            entries: entries.len(),
            dropped_entries: dropped.into_iter().flatten().collect(),
            removed_markers: self.remove_lost_markers()?,
            ..VerifyReport::default()
        };
        for checked in checked {
            report.damaged_objects.extend(checked.damaged);
            report.writable_objects.extend(checked.writable);
        }
        report.damaged_objects.sort();
        report.writable_objects.sort();
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    fn verify_object(&self, path: &Path) -> Result<Checked, StoreError> {
        self.stop_if_cancelled()?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Ok(metadata) = std::fs::metadata(path) else { return Ok(Checked::default()) };
        let bytes = metadata.len();
        let named = name.parse::<Digest>().ok().filter(|digest| self.object(*digest) == *path);
        let found = match Digest::of_file_unless(path, &|| self.cancelled()) {
            Err(error) if is_stopped(&error) => return Err(StoreError::Interrupted),
            Ok(digest) => Some(digest),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(StoreError::io("read", path)(error)); // it may be intact: only its owner can say
            }
            Err(_) => None,
        };
        if named.is_some() && found == named {
            let writable = (!metadata.permissions().readonly()).then_some(name);
            if writable.is_some() {
                drop(fs::make_readonly(path)); // that of another user stays as it is; the report names it
            }
            return Ok(Checked { bytes, damaged: None, writable });
        }
        if !path.exists() {
            return Ok(Checked::default()); // gc, or a running training that prunes its checkpoints, was faster
        }
        self.forget(path);
        self.quarantine(path, &name)?;
        Ok(Checked { bytes, damaged: Some(name), writable: None })
    }

    /// The entry's name if it was dropped.
    fn verify_entry(&self, path: &Path) -> Result<Option<String>, StoreError> {
        self.stop_if_cancelled()?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None), // gone meanwhile
            bytes => bytes.map_err(StoreError::io("read", path))?,
        };
        let entry = name.parse().ok().and_then(|key| AcEntry::parse(key, &bytes));
        let size_of = |digest| std::fs::metadata(self.object(digest)).map(|metadata| metadata.len()).ok();
        if entry.is_some_and(|entry| entry.files.values().all(|file| size_of(file.digest) == Some(file.size))) {
            return Ok(None);
        }
        if !path.exists() {
            return Ok(None); // gone together with its objects
        }
        self.quarantine(path, &format!("{name}.json"))?;
        Ok(Some(name))
    }

    /// Removes markers of checkpoints that are not stored; their names.
    fn remove_lost_markers(&self) -> Result<Vec<String>, StoreError> {
        // A marker is written after its checkpoint, so one listed before the entries without one has lost it.
        let markers = self.checkpoint_markers()?;
        let (entries, _) = if markers.is_empty() { Default::default() } else { self.stored()? };
        let mut removed = Vec::new();
        for path in lost_markers(markers, &entries.values().filter_map(|entry| entry.shelf).collect()) {
            if path.exists() {
                fs::remove_file(&path)?;
                removed.push(path.strip_prefix(self.folder("checkpoints")).unwrap_or(&path).display().to_string());
            }
        }
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;

    use super::*;
    use crate::store::{CheckpointShelf, Produced};

    fn stored(folder: &Path) -> Store {
        let store = Store::open(folder).unwrap();
        for name in ["a", "b"] {
            let scratch = store.scratch().unwrap();
            std::fs::write(scratch.output().join("file"), name).unwrap();
            store.publish(scratch, Digest::of_json(&name), Produced::default()).unwrap();
        }
        store
    }

    fn overwrite(path: &Path, bytes: &str) {
        std::fs::remove_file(path).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn damage_that_keeps_size_and_mtime_is_found_and_the_next_verify_is_clean() {
        let folder = tempfile::tempdir().unwrap();
        let store = stored(folder.path());
        let report = store.verify().unwrap();
        assert_eq!((report.objects, report.bytes, report.entries, report.clean()), (2, 2, 2, true));

        let object = store.object(Digest::of(b"a"));
        let modified = std::fs::metadata(&object).unwrap().modified().unwrap();
        overwrite(&object, "x");
        std::fs::File::options().write(true).open(&object).unwrap().set_modified(modified).unwrap();
        let report = store.verify().unwrap();
        assert_eq!(report.damaged_objects, [Digest::of(b"a").to_string()]);
        assert_eq!(report.dropped_entries, [Digest::of_json(&"a").to_string()]);
        let report = store.verify().unwrap();
        assert_eq!((report.objects, report.entries, report.clean()), (1, 1, true));
    }

    #[test]
    fn strays_lost_checkpoints_and_writable_objects_are_put_right() {
        let folder = tempfile::tempdir().unwrap();
        let store = stored(folder.path());
        let shelf = CheckpointShelf::new(&store, json!({ "params": 1 }));
        shelf.save(5, b"state 5").unwrap();
        shelf.save(9, b"state 9").unwrap();
        let last = shelf.digest(9);
        overwrite(&store.object(last), "state X");
        std::fs::write(folder.path().join("cas/notes.txt"), "stray").unwrap();
        overwrite(&store.object(Digest::of(b"b")), "b");

        let report = store.verify().unwrap();
        assert_eq!(report.damaged_objects, [last.to_string(), "notes.txt".to_owned()]);
        assert_eq!(report.dropped_entries.len(), 1);
        assert_eq!(report.removed_markers, [format!("{}/9", shelf.id())]);
        assert_eq!(report.writable_objects, [Digest::of(b"b").to_string()]);
        assert!(std::fs::metadata(store.object(Digest::of(b"b"))).unwrap().permissions().readonly());
        assert_eq!(shelf.latest(u64::MAX), Some((5, b"state 5".to_vec())));

        let report = store.verify().unwrap();
        assert!(report.clean() && report.removed_markers.is_empty() && report.writable_objects.is_empty());
    }

    #[test]
    fn progress_ends_with_every_byte() {
        let folder = tempfile::tempdir().unwrap();
        let store = stored(folder.path());
        let seen = Mutex::new(Vec::new());
        store.verify_with(&|progress| seen.lock().unwrap().push(progress)).unwrap();
        let seen = seen.into_inner().unwrap();
        assert_eq!(seen.len(), 2);
        assert!(seen.contains(&VerifyProgress { done: 2, total: 2 }));
    }
}
