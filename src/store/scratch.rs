//! Private folders for work under way, in `tmp/`: each says in its name whose it is, and has a lock that dies with it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::lock::FileLock;
use super::owner::{Life, Owner};
use super::{Store, StoreError, fs};
use simpipe_base::fs::Inside;

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
    /// If it can't be created; nothing is then left of it.
    pub fn scratch(&self) -> Result<Scratch, StoreError> {
        loop {
            let path = self.folder("tmp").join(format!("{}-{}", Owner::text(), fs::unique()));
            // Another process that sweeps may hold a new lock file for a moment: then another name.
            if let Some(owner) = self.try_lock(&path.with_extension("lock"))? {
                let scratch = Scratch { path, _owner: owner };
                fs::create_dirs(&scratch.output())?;
                return Ok(scratch);
            }
        }
    }

    /// Removes folders in `tmp/` whose owner is gone, one of another machine or namespace if it was `silent` for so
    /// long. What can't be removed now is tried again next time.
    pub(super) fn sweep(&self, silent: Duration) {
        let paths = fs::list_or_none(&self.folder("tmp"));
        let folders: BTreeSet<PathBuf> = paths.iter().map(|path| path.with_extension("")).collect();
        for folder in folders {
            let lock = folder.with_extension("lock");
            let owner = folder.file_name().and_then(|name| name.to_str()?.parse::<Owner>().ok());
            if self.life_of(owner.as_ref(), &lock, silent) != Life::Dead {
                continue;
            }
            match self.claim(&lock) {
                Ok(None) => {}
                Ok(Some(_claim)) => drop(fs::remove_dir(&folder)),
                // Its owner died, or was swept, before the folder was gone.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => drop(fs::remove_dir(&folder)),
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GcPolicy;
    use simpipe_base::fault::{ENOLCK, Fault, Faults};

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
    /// A folder of an owner that this machine can't see, whose last sign of life was `seconds` ago.
    fn foreign(store: &Store, name: &str, seconds: u64) -> PathBuf {
        let folder = store.folder("tmp").join(format!("4000000-1-{name}-0123456789ab"));
        std::fs::create_dir_all(folder.join("out")).unwrap();
        let lock = std::fs::File::create(folder.with_extension("lock")).unwrap();
        lock.set_modified(std::time::SystemTime::now() - Duration::from_secs(seconds)).unwrap();
        folder
    }

    #[test]
    fn a_folder_of_another_machine_is_swept_by_gc_alone_and_after_a_long_silence() {
        for fault in [Fault::Nothing, Fault::IdleLocks, Fault::NoLocks(ENOLCK)] {
            let folder = tempfile::tempdir().unwrap();
            let _faults = Faults::below(folder.path(), fault);
            let store = Store::open(folder.path()).unwrap();
            let (young, old) = (foreign(&store, "aaaaaaaaaaaa", 20), foreign(&store, "bbbbbbbbbbbb", 100));
            Store::open(folder.path()).unwrap();
            assert!(young.exists() && old.exists(), "{fault:?}");
            let policy = |grace| GcPolicy { delete: true, alone: true, grace, ..GcPolicy::default() };
            store.gc(&policy(Duration::from_secs(3600)), &[]).unwrap();
            assert!(young.exists() && old.exists(), "{fault:?}");
            store.gc(&policy(Duration::from_secs(60)), &[]).unwrap();
            assert!(young.exists() && !old.exists(), "{fault:?}");
            store.gc(&policy(Duration::ZERO), &[]).unwrap();
            assert!(young.exists(), "{fault:?}: 20 s may be a busy machine");
        }
    }

    #[test]
    fn where_locks_do_nothing_a_living_owners_folder_stays_all_the_same() {
        for fault in [Fault::IdleLocks, Fault::NoLocks(ENOLCK)] {
            let folder = tempfile::tempdir().unwrap();
            let _faults = Faults::below(folder.path(), fault);
            let store = Store::open(folder.path()).unwrap();
            let alive = store.scratch().unwrap();
            let realm = Owner::text().rsplit('-').next().unwrap().to_owned();
            let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
            let (pid, start) = (other.id(), Owner::start_of(other.id()).unwrap());
            let others = store.folder("tmp").join(format!("{pid}-{start}-{realm}-0123456789ab"));
            let dead = store.folder("tmp").join(format!("{pid}-{}-{realm}-0123456789ab", start + 1));
            for path in [&others, &dead] {
                std::fs::create_dir_all(path.join("out")).unwrap();
                std::fs::write(path.with_extension("lock"), "").unwrap();
            }
            for open in [Store::open, Store::open] {
                let store = open(folder.path()).unwrap();
                let policy = GcPolicy { delete: true, alone: true, grace: Duration::ZERO, ..GcPolicy::default() };
                store.gc(&policy, &[]).unwrap();
            }
            assert!(alive.output().is_dir() && others.is_dir(), "{fault:?}");
            assert!(!dead.exists() && !dead.with_extension("lock").exists(), "{fault:?}");
            other.kill().unwrap();
            other.wait().unwrap();
            Store::open(folder.path()).unwrap();
            assert!(!others.exists(), "{fault:?}: now it is dead");
        }
    }
}
