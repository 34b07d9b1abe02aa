//! The reads whose failure must not lead to a wrong result.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::{Verb, before, open_regular, read_regular};
use crate::digest::Digest;

/// Reads a whole regular file.
///
/// # Errors
/// [`ErrorKind::NotFound`](std::io::ErrorKind::NotFound) if there is none.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    before(Verb::Read, path, path)?;
    read_regular(path)
}

/// The digest of a file's bytes.
///
/// # Errors
/// [`ErrorKind::NotFound`](std::io::ErrorKind::NotFound) if there is none.
pub fn digest(path: &Path) -> io::Result<Digest> {
    digest_unless(path, &|| false)
}

/// The same, which ends soon after the caller says so.
///
/// # Errors
/// If the file can't be read; [`stopped`](crate::interrupt::stopped) if the caller says so.
pub fn digest_unless(path: &Path, stop: &dyn Fn() -> bool) -> io::Result<Digest> {
    before(Verb::Read, path, path)?;
    Digest::of_file_unless(path, stop)
}

/// The bytes that are free for this user on the disk of a file; `None` where that is not known.
#[must_use]
pub fn free_space(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

/// Opens a regular file for reading.
///
/// # Errors
/// As [`open_regular`].
pub fn open(path: &Path) -> io::Result<File> {
    before(Verb::Read, path, path)?;
    open_regular(path)
}

/// What the file system knows of a file.
///
/// # Errors
/// [`ErrorKind::NotFound`](std::io::ErrorKind::NotFound) if there is none.
pub fn metadata(path: &Path) -> io::Result<fs::Metadata> {
    before(Verb::Read, path, path)?;
    fs::metadata(path)
}

/// Paths in a folder, sorted.
///
/// # Errors
/// [`ErrorKind::NotFound`](std::io::ErrorKind::NotFound) if there is none.
pub fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    before(Verb::Read, folder, folder)?;
    let mut paths = fs::read_dir(folder)?.map(|item| Ok(item?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
