//! Commit: hash, sync, rename into `cas/`, then the entry. Killed at any point, it leaves a miss.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use walkdir::WalkDir;

use super::{AcEntry, FileRecord, Files, Found, Produced, Scratch, Store, StoreError, WHATEVER, fs};
use simpipe_base::digest::Digest;
use simpipe_base::file_name::{BadName, FileName};

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
        let place = |name: &FileName| Ok((name.clone(), self.place_object(&scratch.output().join(name))?));
        let files = names.par_iter().map(place).collect::<Result<Vec<_>, StoreError>>()?;
        let files = Files::new(files).map_err(unfit(&scratch.output()))?;
        let (entry, draft) = (AcEntry::new(key, outcome, files), scratch.path().join("entry.json"));
        // Both must be on the disk before the entry gets its name; a file system that is asked for both at once writes
        // its own journal once.
        let synced = rayon::join(|| self.sync_shards(entry.files.values()), || draft_entry(&draft, &entry));
        synced.0.and(synced.1)?;
        entry.files.values().for_each(|file| self.remember_stored(*file));
        self.put_entry(&draft, entry)
    }

    /// Moves a file into `cas/`, unless an intact object of these bytes is there.
    pub(super) fn place_object(&self, path: &Path) -> Result<FileRecord, StoreError> {
        let digest = fs::digest(path).map_err(StoreError::io("read", path))?;
        let size = fs::metadata(path).map_err(StoreError::io("read", path))?.len();
        let file = FileRecord { digest, size };
        match self.problem(file) {
            Ok(None) => {}
            // What is on its way to the disk gets there: whoever wants to stop has not looked whether it is there already.
            Ok(Some(_)) | Err(StoreError::Interrupted) => self.move_into_cas(path, digest)?,
            Err(error) => return Err(error),
        }
        Ok(file)
    }

    /// Moves a file of these bytes to its place in `cas/`, whatever is there; the store must be shared meanwhile.
    pub(super) fn move_into_cas(&self, path: &Path, digest: Digest) -> Result<(), StoreError> {
        let object = self.object(digest);
        let shard = object.parent().unwrap_or(&object);
        if let Err(error) = fs::create_dirs(shard) {
            // A file, or a link to nothing, in its place.
            if shard.is_dir() || !self.quarantine(shard, "shard")? {
                return Err(error);
            }
            fs::create_dirs(shard)?;
        }
        fs::seal(path, shard)?;
        let placed = fs::rename_across(path, &object);
        if placed.is_err() && std::fs::symlink_metadata(&object).is_ok_and(|there| there.is_dir()) {
            self.quarantine(&object, &digest.to_string())?; // a file takes any other's place, but not a folder's
            return fs::rename_across(path, &object);
        }
        placed
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
            match self.inspect_held(kept.key, WHATEVER)? {
                Found::Hit(first) => {
                    kept = first;
                    break;
                }
                Found::Damaged(_) => drop(self.quarantine_entry(kept.key)?),
                Found::Miss => {}
            }
        }
        fs::sync_dir(&self.folder("ac"))?; // also where another process was first: it may not have come to this yet
        Ok(kept)
    }
}

/// Writes an entry to a private path.
pub(super) fn draft_entry(draft: &Path, entry: &AcEntry) -> Result<(), StoreError> {
    fs::write_synced(draft, &entry.to_bytes())
}

/// That a stage's output can't be stored as it is named.
fn unfit(folder: &Path) -> impl FnOnce(BadName) -> StoreError + '_ {
    move |bad| StoreError::io("store", folder)(io::Error::new(ErrorKind::InvalidInput, bad))
}

/// Names of all files in a folder, with `/` between their parts.
fn output_files(folder: &Path) -> Result<Vec<FileName>, StoreError> {
    let mut names = Vec::new();
    for item in WalkDir::new(folder).sort_by_file_name() {
        let item = item.map_err(|error| StoreError::io("read", folder)(error.into()))?;
        if item.file_type().is_file() {
            let name = item.path().strip_prefix(folder).unwrap_or(item.path());
            let text = name.to_str().ok_or_else(|| BadName::new(&name.to_string_lossy(), "is no UTF-8"));
            names.push(text.and_then(FileName::try_from).map_err(unfit(folder))?);
        }
    }
    Ok(names)
}
