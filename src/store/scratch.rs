//! Private folders for work under way, in `tmp/`, each with a lock that dies with its owner.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::lock::FileLock;
use super::{Store, StoreError, fs};
use crate::base::digest::Digest;
use crate::base::fs::Inside;

/// A private folder; dropping it removes it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _owner: FileLock,
}

impl Scratch {
    /// Where a stage writes its outputs.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.path.join("out")
    }

    /// Where a stage finds its inputs, found through no link that somebody has put there.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn input(&self) -> Result<Inside, StoreError> {
        let [all, own] =
            [self.path.parent(), self.path.file_name().map(Path::new)].map(|part| part.unwrap_or(Path::new(".")));
        let open = || Inside::open(all)?.enter(&own.to_string_lossy())?.enter("in");
        open().map_err(StoreError::io("create", &self.path.join("in")))
    }

    /// The folder itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir(&self.path)); // what stays is swept once the lock is free
    }
}

impl Store {
    /// A new private folder with an empty `out/`.
    ///
    /// # Errors
    /// If it can't be created.
    pub fn scratch(&self) -> Result<Scratch, StoreError> {
        loop {
            let path = self.folder("tmp").join(unique_name());
            let lock = path.with_extension("lock");
            // Another process that sweeps may hold a new lock file for a moment: then another name.
            if let Some(owner) = FileLock::try_acquire(&lock).map_err(StoreError::io("lock", &lock))? {
                fs::create_dirs(&path.join("out"))?;
                return Ok(Scratch { path, _owner: owner });
            }
        }
    }

    /// Removes folders in `tmp/` whose owner is gone. What can't be removed now is tried again next time.
    pub(super) fn sweep(&self) {
        for path in fs::list_or_none(&self.folder("tmp")) {
            let lock = path.with_extension("lock");
            if let Ok(Some(_dead)) = FileLock::try_acquire(&lock) {
                let folder = path.with_extension("");
                drop(fs::remove_dir(&folder));
            }
        }
    }
}

/// The pid, for people who look, and 12 digits that no other process or thread has.
pub(super) fn unique_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let pid = std::process::id();
    let name = Digest::of_json(&(pid, now.as_nanos().to_string(), COUNT.fetch_add(1, Ordering::Relaxed)));
    format!("{pid}-{}", name.short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_owners_folder_is_swept_and_a_living_ones_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let alive = store.scratch().unwrap();
        let dead = folder.path().join("tmp/4000000-abc");
        std::fs::create_dir_all(dead.join("out")).unwrap();
        std::fs::write(dead.with_extension("lock"), "4000000").unwrap();
        std::fs::write(dead.join("out/half"), "ha").unwrap();
        Store::open(folder.path()).unwrap();
        assert!(!dead.exists());
        assert!(!dead.with_extension("lock").exists());
        assert!(alive.output().is_dir());
        drop(alive);
        assert_eq!(std::fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
    }
}
