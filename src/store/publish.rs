//! Commit: hash, sync, rename into `cas/`, then the entry. Killed at any point, it leaves a miss.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::WalkDir;

use super::{AcEntry, FileRecord, Found, Produced, Scratch, Store, StoreError, fs};
use crate::base::digest::Digest;

impl Store {
    /// Stores everything in the scratch folder's `out/` under a key.
    ///
    /// If another process or, with an object store, another machine was first, its entry stays and is what comes back.
    ///
    /// # Errors
    /// If something can't be written; the store is then as before.
    pub fn publish(&self, scratch: Scratch, key: Digest, outcome: Produced) -> Result<AcEntry, StoreError> {
        let entry = self.publish_here(scratch, key, outcome)?;
        self.send_to_remote(entry)
    }

    /// The same, and nothing is sent to the object store.
    pub(super) fn publish_here(&self, scratch: Scratch, key: Digest, outcome: Produced) -> Result<AcEntry, StoreError> {
        let names = output_files(&scratch.output())?;
        let _hold = self.share()?; // from the first object that is found to be there to the entry that names it
        let place = |name: &String| Ok((name.clone(), self.place_object(&scratch.output().join(name))?));
        let files: BTreeMap<String, FileRecord> = names.par_iter().map(place).collect::<Result<_, StoreError>>()?;
        let (entry, draft) = (AcEntry::new(key, outcome, files), scratch.path().join("entry.json"));
        // Both must be on the disk before the entry gets its name; a file system that is asked for both at once writes
        // its own journal once.
        let synced = rayon::join(|| self.sync_shards(entry.files.values()), || draft_entry(&draft, &entry));
        synced.0.and(synced.1)?;
        self.put_entry(&draft, entry)
    }

    /// Moves a file into `cas/`, unless an intact object of these bytes is there.
    pub(super) fn place_object(&self, path: &Path) -> Result<FileRecord, StoreError> {
        let digest = fs::digest(path).map_err(StoreError::io("read", path))?;
        let size = fs::metadata(path).map_err(StoreError::io("read", path))?.len();
        let (file, object) = (FileRecord { digest, size }, self.object(digest));
        if self.problem(file)?.is_some() {
            fs::seal(path)?;
            fs::create_dirs(object.parent().unwrap_or(&object))?;
            fs::rename(path, &object)?;
        }
        Ok(file)
    }

    pub(super) fn sync_shards<'a>(&self, files: impl Iterator<Item = &'a FileRecord>) -> Result<(), StoreError> {
        let shards: BTreeSet<PathBuf> =
            files.filter_map(|file| self.object(file.digest).parent().map(Path::to_path_buf)).collect();
        shards.into_par_iter().chain([self.folder("cas")]).try_for_each(|folder| fs::sync_dir(&folder)) // a shard may be new
    }

    /// Gives an entry its name, unless another was first: then that is what comes back. `draft` is what
    /// [`draft_entry`] wrote, in the same file system.
    pub(super) fn put_entry(&self, draft: &Path, entry: AcEntry) -> Result<AcEntry, StoreError> {
        let path = self.entry_path(entry.key);
        let mut kept = entry;
        while !fs::put_if_absent(draft, &path)? {
            if let Found::Hit(first) = self.lookup_held(kept.key)? {
                kept = first;
                break;
            } // else the lookup has moved a damaged one aside
        }
        fs::sync_dir(&self.folder("ac"))?; // also where another process was first: it may not have come to this yet
        Ok(kept)
    }
}

/// Writes an entry to a private path.
pub(super) fn draft_entry(draft: &Path, entry: &AcEntry) -> Result<(), StoreError> {
    fs::write_synced(draft, &entry.to_bytes())
}

/// Names of all files in a folder, with `/` between their parts.
fn output_files(folder: &Path) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::new();
    for item in WalkDir::new(folder).sort_by_file_name() {
        let item = item.map_err(|error| StoreError::io("read", folder)(error.into()))?;
        if item.file_type().is_file() {
            let name = item.path().strip_prefix(folder).unwrap_or(item.path());
            let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
            names.push(parts.join("/"));
        }
    }
    Ok(names)
}
