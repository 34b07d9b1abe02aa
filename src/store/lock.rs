//! Locks that die with their owner: `flock` on a file that holds the owner's pid.
//!
//! The kernel frees the lock when the process ends, however it ends. The file is removed on release; whoever waited
//! on the removed file notices that its path now names another one, and tries again.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Store, StoreError, fs};
use crate::base::digest::Digest;

/// How often a waiting process looks again: short beside any stage, long beside a look.
const POLL: Duration = Duration::from_millis(20);

/// A held lock; dropping it frees it.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Takes the lock; `None` if somebody holds it.
    pub(super) fn try_acquire(path: &Path) -> io::Result<Option<Self>> {
        loop {
            let file = fs::open_lock(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            if !names(path, &file)? {
                continue; // its owner removed it between our opening and our locking
            }
            let lock = Self { file, path: path.to_path_buf() };
            fs::write_lock(&lock.file, path, &std::process::id().to_string())?;
            return Ok(Some(lock));
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Removed while still held, so that nobody can lock a file that is about to lose its name.
        drop(fs::remove_file(&self.path));
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

/// The pid that the holder wrote.
fn owner(path: &Path) -> Option<u32> {
    String::from_utf8(fs::read(path).ok()?).ok()?.trim().parse().ok()
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
        let path = self.folder("locks").join(format!("{key}.lock"));
        for looks in 0_u64.. {
            if let Some(lock) = FileLock::try_acquire(&path).map_err(StoreError::io("lock", &path))? {
                return Ok(lock);
            }
            if cancelled() {
                return Err(StoreError::Interrupted);
            }
            if looks == 1 {
                on_wait(owner(&path));
            }
            std::thread::sleep(POLL);
        }
        unreachable!("nobody waits 2^64 times")
    }

    /// Removes the lock files of processes that died. One that is held stays, and so do those of the whole store.
    pub(super) fn sweep_locks(&self) {
        let of_keys = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "lock");
        for path in fs::list_or_none(&self.folder("locks")).into_iter().filter(of_keys) {
            drop(FileLock::try_acquire(&path)); // what is taken is removed with the lock
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_has_one_holder_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let lock = FileLock::try_acquire(&path).unwrap().unwrap();
        assert!(FileLock::try_acquire(&path).unwrap().is_none());
        assert_eq!(owner(&path), Some(std::process::id()));
        drop(lock);
        assert!(!path.exists());
        assert!(FileLock::try_acquire(&path).unwrap().is_some());
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
