//! Every change that the program makes to files below `artifacts/`, one small function each, and the reads whose
//! failure must not lead to a wrong result.
//!
//! Owns no layout and no policy. Each function asks `before` first: in a shipped binary that is nothing, in tests it
//! is the place where faults are injected and operations are recorded. Stages write into their private folders
//! directly: what becomes of a half-written output is decided here, when it is synced and renamed.

mod inside;
mod lock;
mod read;
mod refusal;
mod regular;
mod shared;
mod stat;
pub(super) mod verb;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub use inside::Inside;
pub use lock::{Locking, create_lock, open_lock, touch, try_lock, write_lock};
pub use read::{digest, digest_unless, free_space, list, metadata, open, read};
pub use refusal::{help, is_full, is_wrong_place};
pub use regular::{expect_regular, open_regular, read_at_most, read_regular};
pub use shared::share;
pub use stat::{FileTime, Stat, stat, stat_open};
pub use verb::Verb;

#[cfg(any(test, feature = "testing"))]
use super::fault::{before, before_write, locked_by_fault};

#[cfg(not(any(test, feature = "testing")))]
#[expect(clippy::unnecessary_wraps, reason = "in tests it can fail")]
#[inline]
fn before(_: Verb, _: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(not(any(test, feature = "testing")))]
#[expect(clippy::unnecessary_wraps, reason = "in tests it can fail")]
#[inline]
fn before_write(_: &Path, _: &[u8]) -> io::Result<()> {
    Ok(())
}

#[cfg(not(any(test, feature = "testing")))]
#[inline]
fn locked_by_fault(_: &Path) -> Option<io::Result<bool>> {
    None
}

/// A file being written.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    path: PathBuf,
}

impl NewFile {
    /// Makes a file, or empties the one that is there.
    ///
    /// # Errors
    /// Whatever the file system refuses; so for all functions here.
    pub fn create(path: &Path) -> io::Result<Self> {
        before(Verb::Create, path, path)?;
        let file = make(File::options().write(true).create(true).truncate(true), path)?;
        Ok(Self { file, path: path.to_path_buf() })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// The file may then hold a part of them.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        before_write(&self.path, bytes)?;
        self.file.write_all(bytes)
    }

    /// Makes the bytes durable.
    ///
    /// # Errors
    /// Nothing is then known of what is on the disk.
    pub fn sync(self) -> io::Result<()> {
        before(Verb::Sync, &self.path, &self.path)?;
        self.file.sync_all()
    }
}

/// Creates a folder in one that is there.
///
/// # Errors
/// If it can't be created, or is there already.
pub fn create_dir(path: &Path) -> io::Result<()> {
    before(Verb::CreateDir, path, path)?;
    shared::make_folder(path)
}

/// Creates a folder and those above it, as far as they are missing.
///
/// # Errors
/// If one of them can't be created.
pub fn create_dirs(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    before(Verb::CreateDir, path, path)?;
    shared::make_folders(path)
}

/// The same, and their names survive a power cut.
///
/// # Errors
/// If one of them can't be created or synced.
pub fn create_dirs_synced(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| is_missing(folder)).collect();
    create_dirs(path)?;
    missing.iter().rev().try_for_each(|folder| sync_dir(above(folder)))
}

fn is_missing(folder: &Path) -> bool {
    !folder.as_os_str().is_empty() && !folder.is_dir()
}

/// The folder that holds a path's name.
fn above(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Writes a file beside its final place, syncs it and renames it there.
///
/// # Errors
/// The old file, if there was one, is then still whole.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = above(path);
    create_dirs_synced(folder)?;
    let draft = folder.join(format!(".{}.tmp", unique_suffix()));
    let place = || {
        let mut file = NewFile::create(&draft)?;
        file.write(bytes)?;
        file.sync()?;
        rename(&draft, path)
    };
    if let Err(error) = place() {
        drop(remove_file(&draft));
        return Err(error);
    }
    sync_dir(folder)
}

/// A name part that no other process or thread of this machine uses now.
fn unique_suffix() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Makes a file read-only and its bytes durable. Whoever shares `folder`, where it goes, may read it.
///
/// # Errors
/// If it can't be opened, changed or synced.
pub fn seal(path: &Path, folder: &Path) -> io::Result<()> {
    before(Verb::Sync, path, path)?;
    let file = File::open(path)?;
    shared::seal_for(&file, folder)?;
    file.sync_all()
}

/// Makes a file's bytes durable.
///
/// # Errors
/// Nothing is then known of what is on the disk.
pub fn sync(path: &Path) -> io::Result<()> {
    before(Verb::Sync, path, path)?;
    File::open(path)?.sync_all()
}

/// Renames, replacing what is there.
///
/// # Errors
/// Both names are then as they were.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    before(Verb::Rename, from, to)?;
    fs::rename(from, to)
}

/// Gives a file a second name.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] if the name is taken.
pub fn link(from: &Path, to: &Path) -> io::Result<()> {
    before(Verb::Link, from, to)?;
    fs::hard_link(from, to)
}

/// Copies a file with its permissions.
///
/// # Errors
/// Nothing then stays at `to`.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let copy = || {
        before(Verb::Copy, from, to)?;
        fs::copy(from, to)
    };
    copy().map(|_| ()).inspect_err(|_| drop(remove_file(to)))
}

/// Removes a file; one that is gone already is fine.
///
/// # Errors
/// If it is there and stays.
pub fn remove_file(path: &Path) -> io::Result<()> {
    before(Verb::Remove, path, path)?;
    absent_is_fine(fs::remove_file(path))
}

/// Removes a folder with all in it; one that is gone already is fine.
///
/// # Errors
/// Some of it may then be gone.
pub fn remove_dir(path: &Path) -> io::Result<()> {
    before(Verb::RemoveDir, path, path)?;
    absent_is_fine(fs::remove_dir_all(path))
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Syncs a folder, so that a rename in it survives a power cut. File systems that know no such thing are left alone.
///
/// # Errors
/// If the folder can't be opened, or the disk refuses.
pub fn sync_dir(folder: &Path) -> io::Result<()> {
    before(Verb::SyncDir, folder, folder)?;
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

/// Creates a file that is only appended to.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] if it is there.
pub fn create_to_append(path: &Path) -> io::Result<File> {
    before(Verb::Create, path, path)?;
    make(File::options().read(true).append(true).create_new(true), path)
}

/// Opens a file that is only appended to, making it if it is missing.
///
/// # Errors
/// If it can't be opened for writing.
pub fn open_to_append(path: &Path) -> io::Result<File> {
    before(Verb::Create, path, path)?;
    make(File::options().append(true).create(true), path)
}

/// Opens a file that may be new: then whoever shares its folder may use it.
fn make(options: &mut fs::OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.mode(shared::NEW_FILE.as_raw_mode()).open(path)?;
    share(&file, path);
    Ok(file)
}

/// Appends bytes to an open file in one write.
///
/// # Errors
/// The file may then hold a part of them.
pub fn append(mut file: &File, path: &Path, bytes: &[u8]) -> io::Result<()> {
    before_write(path, bytes)?;
    file.write_all(bytes)
}

/// Makes bytes durable that were appended to an open file.
///
/// # Errors
/// Nothing is then known of what is on the disk.
pub fn sync_appended(file: &File, path: &Path) -> io::Result<()> {
    before(Verb::Sync, path, path)?;
    file.sync_data()
}

/// Cuts off what lies behind the first bytes of an open file, for good.
///
/// # Errors
/// It may then be there or not.
pub fn cut(file: &File, path: &Path, length: u64) -> io::Result<()> {
    before(Verb::Create, path, path)?;
    file.set_len(length)?;
    file.sync_all()
}

/// Makes a file read-only.
///
/// # Errors
/// If its owner is another.
pub fn make_readonly(path: &Path) -> io::Result<()> {
    before(Verb::Create, path, path)?;
    shared::seal_for(&File::open(path)?, above(path))
}

/// Removes a folder that is empty.
///
/// # Errors
/// If it is not.
pub fn remove_empty_dir(path: &Path) -> io::Result<()> {
    before(Verb::RemoveDir, path, path)?;
    fs::remove_dir(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap(), b"two");
        assert_eq!(list(path.parent().unwrap()).unwrap(), [path]);
    }

    #[test]
    fn a_draft_that_cannot_be_placed_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        create_dirs(&taken.join("inside")).unwrap();
        write_atomic(&taken, b"bytes").unwrap_err();
        assert_eq!(list(folder.path()).unwrap(), [taken]);
    }
}
