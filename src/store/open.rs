//! A store's folder: how it is opened, how it is made, and what it may not be.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{FORMAT, Store, StoreError, fs};

/// The folders that every store has.
const FOLDERS: [&str; 8] = ["ac", "cas", "tmp", "locks", "stat", "checkpoints", "downloads", "quarantine"];

/// Names that a folder may hold and still become a store: those of one whose creation was cut short, or is another
/// process' work and just done, and what file systems put into their topmost folder.
const HARMLESS: [&str; 4] = ["format", "journal", "pins", "lost+found"];

impl Store {
    /// Opens a store, creating it if it is missing, and sweeps what dead processes left in `tmp/`.
    ///
    /// # Errors
    /// If the folder can't be written, holds something else, or a newer simpipe wrote it.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = Self::at(root)?;
        if store.has_format()? {
            // Somebody may have cleared some by hand. What needs one on a full disk says so; gc needs none.
            store.create_folders().or_else(|error| if error.is_full() { Ok(()) } else { Err(error) })?;
        } else {
            store.create(&store.root.join("format"))?;
        }
        store.prepare_locks();
        store.sweep(Duration::MAX);
        store.sweep_locks(Duration::MAX);
        Ok(store)
    }

    /// Opens a store that is there and changes nothing; `None` if there is none.
    ///
    /// # Errors
    /// If a newer simpipe wrote it.
    pub fn existing(root: &Path) -> Result<Option<Self>, StoreError> {
        let store = Self::at(root)?;
        Ok(store.has_format()?.then_some(store))
    }

    /// Opens a store to look results up. It need not be there: then it has none, and is not made.
    ///
    /// # Errors
    /// If the folder holds something else, or a newer simpipe wrote it.
    pub fn to_look_at(root: &Path) -> Result<Self, StoreError> {
        let store = Self::at(root)?;
        if !store.has_format()? {
            store.refuse_foreign_folder()?;
        }
        Ok(store)
    }

    fn at(root: &Path) -> Result<Self, StoreError> {
        let root = std::path::absolute(root).map_err(StoreError::io("open", root))?;
        let (cancel, listener, locks) = Default::default();
        Ok(Self { root, remote: None, verifying: false, looked: Arc::default(), cancel, listener, locks })
    }

    /// `false` if there is no store.
    fn has_format(&self) -> Result<bool, StoreError> {
        let path = self.root.join("format");
        match fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()) {
            Ok(found) if found == FORMAT.to_string() => Ok(true),
            Ok(found) => Err(StoreError::Format { path: self.root.clone(), found }),
            // Its folder may be somebody's file.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(StoreError::io("read", &path)(error)),
        }
    }

    /// Makes a new store: the format comes last, and by rename, so that a half-made store is made again.
    fn create(&self, format: &Path) -> Result<(), StoreError> {
        self.refuse_foreign_folder()?;
        fs::create_dirs_synced(&self.root)?;
        self.create_folders()?;
        let scratch = self.scratch()?;
        let draft = scratch.path().join("format");
        fs::write_synced(&draft, format!("{FORMAT}\n").as_bytes())?;
        fs::rename(&draft, format)?;
        fs::sync_dir(&self.root)
    }

    fn create_folders(&self) -> Result<(), StoreError> {
        FOLDERS.iter().try_for_each(|name| fs::create_dirs(&self.folder(name)))
    }

    /// A wrong `--store` must not scatter folders among somebody's files.
    fn refuse_foreign_folder(&self) -> Result<(), StoreError> {
        let known = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            FOLDERS.contains(&&*name) || HARMLESS.contains(&&*name)
        };
        match fs::list(&self.root) {
            Ok(paths) if paths.iter().all(known) => Ok(()),
            Ok(_) => Err(StoreError::NotAStore { path: self.root.clone() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StoreError::io("open", &self.root)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Found;
    use simpipe_base::digest::Digest;

    #[test]
    fn a_store_of_another_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).unwrap();
        Store::open(folder.path()).unwrap();
        std::fs::write(folder.path().join("format"), "2\n").unwrap();
        let error = Store::open(folder.path()).unwrap_err();
        assert!(error.to_string().ends_with("has format `2`, this simpipe knows format 1"), "{error}");
    }

    #[test]
    fn a_folder_with_something_else_in_it_is_refused_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("notes.txt"), "").unwrap();
        let error = Store::open(folder.path()).unwrap_err();
        assert!(error.to_string().ends_with("is not empty and is not a store"), "{error}");
        assert!(error.help().unwrap().contains("--store DIR"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn who_only_looks_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Store::existing(folder.path()).unwrap().is_none());
        Store::open(folder.path()).unwrap();
        std::fs::remove_dir(folder.path().join("stat")).unwrap();
        let store = Store::existing(folder.path()).unwrap().unwrap();
        assert_eq!(store.disk_use(&[]).unwrap().entries.count, 0);
        assert_eq!(store.inspect(Digest::of(b"k")).unwrap(), Found::Miss);
        assert!(!folder.path().join("stat").exists());
        Store::open(folder.path()).unwrap();
        assert!(folder.path().join("stat").exists(), "who may write puts it right");
    }

    #[test]
    fn a_store_whose_creation_was_cut_short_is_made_whole() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["ac", "tmp", "lost+found"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Store::open(folder.path()).unwrap();
        assert!(folder.path().join("format").is_file() && folder.path().join("quarantine").is_dir());
    }

    #[test]
    fn a_store_that_another_process_has_just_made_is_no_foreign_folder() {
        let folder = tempfile::tempdir().unwrap();
        // Who has found no format is about to make the store when another process is done with that.
        let late = Store::open(folder.path()).unwrap();
        late.create(&folder.path().join("format")).unwrap();
        Store::open(folder.path()).unwrap();
    }

    #[test]
    fn locks_of_dead_processes_are_swept_and_held_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let held = store.lock(Digest::of(b"held"), &|_| {}, &|| false).unwrap();
        std::fs::write(folder.path().join("locks/dead.lock"), "4000000").unwrap();
        Store::open(folder.path()).unwrap();
        let left = || fs::list(&folder.path().join("locks")).unwrap();
        assert_eq!(left().len(), 3, "one is held, and two are of the store: {:?}", left());
        drop(held);
        assert!(left().iter().all(|path| path.extension().is_none()), "{:?}", left());
    }
}
