//! Lock files: made, taken, and kept fresh as a sign of life.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::Path;

use super::{Verb, before, before_write, locked_by_fault, make};

/// Opens a lock file, making it if it is missing.
///
/// # Errors
/// If it can't be opened for writing.
pub fn open_lock(path: &Path) -> io::Result<File> {
    before(Verb::Lock, path, path)?;
    make(File::options().read(true).write(true).create(true).truncate(false), path)
}

/// Whom a lock keeps out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locking {
    /// Those who want it alone.
    Shared,
    /// Everybody.
    Alone,
}

/// Takes the lock of an open file; `false` if somebody is in the way. It goes with the file.
///
/// # Errors
/// If the file system has no locks, or they don't work now.
pub fn try_lock(file: &File, path: &Path, how: Locking) -> io::Result<bool> {
    if let Some(outcome) = locked_by_fault(path) {
        return outcome;
    }
    let tried = match how {
        Locking::Shared => file.try_lock_shared(),
        Locking::Alone => file.try_lock(),
    };
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Makes a lock file with nothing in it.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`](std::io::ErrorKind::AlreadyExists) if it is there.
pub fn create_lock(path: &Path) -> io::Result<File> {
    before(Verb::Lock, path, path)?;
    make(File::options().read(true).write(true).create_new(true), path)
}

/// Sets a file's times to what the file system's own clock says, on a full disk too: a sign of life, which is lost
/// without harm. No operation that faults count, for it comes from a thread of its own.
///
/// # Errors
/// If the file is gone, or is another user's and can't be written.
pub fn touch(path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    // Both: then whoever may write the file may do it, and not only its owner.
    Ok(utimensat(CWD, path, &Timestamps { last_access: now, last_modification: now }, AtFlags::empty())?)
}

/// Replaces what a lock file says.
///
/// # Errors
/// It may then say nothing.
pub fn write_lock(mut file: &File, path: &Path, text: &str) -> io::Result<()> {
    before_write(path, text.as_bytes())?;
    file.set_len(0)?;
    file.write_all(text.as_bytes())
}
