//! Locks that die with their owner: `flock` on a file that says who the owner is.
//!
//! The kernel frees the lock when the process ends, however it ends. The file is removed on release; whoever waited
//! on the removed file notices that its path now names another one, and tries again.
//!
//! Where `flock` does nothing the file itself is the lock: whoever makes it has it, until it is removed or its owner is
//! known to be dead. Two processes that find a dead one's at the same moment may then both go on. That costs work and
//! no result, for an entry is given its name only once.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::owner::{Life, Owner};
use super::signs::{SILENT, Signs};
use super::{Store, StoreError, fs};
use simpipe_base::digest::Digest;
use simpipe_base::fs::{Locking, remove_file};

/// How often a waiting process looks again: short beside any stage, long beside a look.
const POLL: Duration = Duration::from_millis(20);

/// A held lock; dropping it frees it.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    path: PathBuf,
    /// Ends before the file goes.
    signs: Option<Signs>,
}

impl Drop for FileLock {
    fn drop(&mut self) {
        drop(self.signs.take());
        // Removed while still held, so that nobody can lock a file that is about to lose its name.
        drop(remove_file(&self.path));
        drop(self.file.unlock());
    }
}

/// Whether `path` still names the open file.
pub(super) fn names(path: &Path, file: &File) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(now) => Ok(now.ino() == file.metadata()?.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The number that a process can be found by here; older versions of simpipe write nothing else into a lock file.
fn pid(path: &Path) -> Option<u32> {
    let text = String::from_utf8(fs::read(path).ok()?).ok()?;
    match text.parse::<Owner>() {
        Ok(owner) => owner.is_near().then_some(owner.pid),
        Err(()) => text.trim().parse().ok(),
    }
}

/// The owner that a lock file tells of.
fn owner(path: &Path) -> Option<Owner> {
    String::from_utf8(fs::read(path).ok()?).ok()?.parse().ok()
}

impl Store {
    /// Takes a key's lock, waiting while another process or thread holds it.
    ///
    /// `on_wait` hears once whom it waits for, unless that is over at once: whoever sweeps the locks of dead
    /// processes holds each for a moment. `cancelled` is asked while it waits.
    ///
    /// # Errors
    /// If the lock file can't be written, or [`StoreError::Interrupted`].
    pub fn lock(
        &self,
        key: Digest,
        on_wait: &dyn Fn(Option<u32>),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<FileLock, StoreError> {
        let path = self.key_lock(key);
        for looks in 0_u64.. {
            if let Some(lock) = self.try_lock(&path)? {
                return Ok(lock);
            }
            if cancelled() {
                return Err(StoreError::Interrupted);
            }
            if looks == 1 {
                on_wait(pid(&path));
            }
            std::thread::sleep(POLL);
        }
        unreachable!("nobody waits 2^64 times")
    }

    /// The same for a lock that nobody holds for long, and waiting is said by whoever [listens](Store::saying).
    pub(super) fn lock_for_a_moment(&self, key: Digest, what: &str) -> Result<FileLock, StoreError> {
        let (path, mut wait) = (self.key_lock(key), self.wait());
        loop {
            if let Some(lock) = self.try_lock(&path)? {
                return Ok(lock);
            }
            wait.pass(&|| match pid(&path) {
                Some(pid) if pid != std::process::id() => format!("process {pid}, which {what}"),
                _ => format!("another training, which {what}"),
            })?;
        }
    }

    fn key_lock(&self, key: Digest) -> PathBuf {
        self.folder("locks").join(format!("{key}.lock"))
    }

    /// Takes the lock; `None` if somebody holds it.
    pub(super) fn try_lock(&self, path: &Path) -> Result<Option<FileLock>, StoreError> {
        let tried = if self.locks_work() { self.try_flock(path) } else { self.try_file(path) };
        let Some(lock) = tried.map_err(StoreError::io("lock", path))? else { return Ok(None) };
        fs::write_lock(&lock.file, path, &Owner::text()).map_err(StoreError::io("lock", path))?;
        Ok(Some(lock))
    }

    fn try_flock(&self, path: &Path) -> io::Result<Option<FileLock>> {
        loop {
            let file = match fs::open_lock(path) {
                // Another user's, alive or dead: it can be read, and a dead one's removed.
                Err(error) if error.kind() == ErrorKind::PermissionDenied && path.exists() => match self.claim(path)? {
                    None => return Ok(None),
                    Some(claim) => {
                        drop(claim);
                        if path.exists() { return Err(error) } else { continue }
                    }
                },
                opened => opened?,
            };
            match fs::try_lock(&file, path, Locking::Alone) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => {
                    self.note_refused_lock(&error);
                    drop(remove_file(path)); // it says of nobody that he holds it
                    return self.try_file(path);
                }
            }
            if names(path, &file)? {
                return Ok(Some(FileLock { file, path: path.to_path_buf(), signs: Some(Signs::of(path)) }));
            } // else its owner removed it between our opening and our locking
        }
    }

    /// Where `flock` does nothing.
    fn try_file(&self, path: &Path) -> io::Result<Option<FileLock>> {
        loop {
            match fs::create_lock(path) {
                Ok(file) => return Ok(Some(FileLock { file, path: path.to_path_buf(), signs: Some(Signs::of(path)) })),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            // Without a word of whose it is, it may have been made just now.
            if self.life_of(owner(path).as_ref(), path, SILENT) != Life::Dead {
                return Ok(None);
            }
            remove_file(path)?;
        }
    }

    /// Takes what a dead owner has left, so that nobody else removes it at the same time; `None` if it is held after all.
    /// Nothing is made and nothing is written, so it works on a full disk.
    pub(super) fn claim(&self, path: &Path) -> io::Result<Option<FileLock>> {
        let file = File::open(path)?;
        // Who has no locks has looked at the owner.
        let taken = !self.locks_work() || fs::try_lock(&file, path, Locking::Alone).unwrap_or(true);
        Ok((taken && names(path, &file)?).then(|| FileLock { file, path: path.to_path_buf(), signs: None }))
    }

    /// Removes the lock files of processes that died. One that is held stays, and so do those of the whole store.
    pub(super) fn sweep_locks(&self, silent: Duration) {
        for path in self.dead_locks(silent).unwrap_or_default() {
            drop(self.claim(&path)); // what is taken is removed with the lock
        }
    }

    /// Lock files whose owners are gone.
    pub(super) fn dead_locks(&self, silent: Duration) -> Result<Vec<PathBuf>, StoreError> {
        let mut paths = self.files_below("locks")?;
        paths.retain(|path| {
            let of_key = path.extension().is_some_and(|extension| extension == "lock");
            let held =
                || File::open(path).is_ok_and(|file| matches!(fs::try_lock(&file, path, Locking::Shared), Ok(false)));
            of_key && self.life_of(owner(path).as_ref(), path, silent) == Life::Dead && !held()
        });
        Ok(paths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::fault::{ENOLCK, Fault, Faults};

    #[test]
    fn a_lock_has_one_holder_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("locks/a.lock");
        // Where `flock` does nothing, the file itself is the lock.
        for fault in [Fault::Nothing, Fault::IdleLocks, Fault::NoLocks(ENOLCK)] {
            let _faults = Faults::below(folder.path(), fault);
            let [store, other] = [(); 2].map(|()| Store::open(folder.path()).unwrap());
            let lock = store.try_lock(&path).unwrap().unwrap();
            assert!(other.try_lock(&path).unwrap().is_none(), "{fault:?}");
            assert_eq!(pid(&path), Some(std::process::id()));
            Store::open(folder.path()).unwrap();
            assert!(path.exists(), "{fault:?}: its owner is alive, whoever opens the store");
            drop(lock);
            assert!(!path.exists());
            drop(other.try_lock(&path).unwrap().unwrap());
            std::fs::write(&path, format!("4000000-1-{}", &Owner::text().rsplit('-').next().unwrap())).unwrap();
            assert!(store.try_lock(&path).unwrap().is_some(), "{fault:?}: its owner is dead");
        }
    }

    #[test]
    fn eight_threads_hold_a_key_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let inside = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _lock = store.lock(Digest::of(b"k"), &|_| {}, &|| false).unwrap();
                    assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    std::thread::sleep(Duration::from_millis(1));
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                });
            }
        });
    }

    #[test]
    fn who_waits_can_be_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let _lock = store.lock(Digest::of(b"k"), &|_| {}, &|| false).unwrap();
        let waited = store.lock(Digest::of(b"k"), &|_| {}, &|| true);
        assert!(matches!(waited, Err(StoreError::Interrupted)));
    }
}
