//! The store's file access: [`base::fs`](simpipe_base::fs) with errors that name the file.
//!
//! Owns no layout and no policy: see [`Store`](super::Store). Nothing else in the store writes, so that every write
//! can be made to fail in tests.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::StoreError;
use simpipe_base::digest::Digest;
use simpipe_base::fs;
pub(super) use simpipe_base::fs::{
    Inside, Stat, create_lock, digest, digest_unless, list, metadata, open, open_lock, read, stat, stat_open, touch,
    try_lock, write_lock,
};

/// Creates a folder and those above it.
pub(super) fn create_dirs(path: &Path) -> Result<(), StoreError> {
    fs::create_dirs(path).map_err(StoreError::io("create", path))
}

/// The same, and their names survive a power cut.
pub(super) fn create_dirs_synced(path: &Path) -> Result<(), StoreError> {
    fs::create_dirs_synced(path).map_err(StoreError::io("create", path))
}

/// Writes a new file from its parts.
fn write_parts(path: &Path, parts: &[&[u8]]) -> io::Result<fs::NewFile> {
    let mut file = fs::NewFile::create(path)?;
    parts.iter().try_for_each(|part| file.write(part))?;
    Ok(file)
}

/// Writes a new file and syncs it.
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_parts(path, &[bytes]).and_then(fs::NewFile::sync).map_err(StoreError::io("write", path))
}

/// Writes a new file from its parts, without a sync: whoever publishes it syncs it.
pub(super) fn write(path: &Path, parts: &[&[u8]]) -> Result<(), StoreError> {
    write_parts(path, parts).map(drop).map_err(StoreError::io("write", path))
}

/// Writes a file in place, without a sync: for memos, whose loss costs a reread and nothing else. One that is read
/// half-written, or stays so, is no memo.
pub(super) fn replace_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dirs(path.parent().unwrap_or(Path::new(".")))?;
    write_parts(path, &[bytes]).map(drop)
}

/// Makes a file read-only and syncs its bytes; whoever shares `folder`, where it goes, may read it.
pub(super) fn seal(path: &Path, folder: &Path) -> Result<(), StoreError> {
    fs::seal(path, folder).map_err(StoreError::io("sync", path))
}

/// Renames, replacing what is there.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(StoreError::io("write", to))
}

/// The same for a file that may have to go to another disk, where a part of the store lies: it is copied into a draft
/// beside its place, synced and renamed there.
pub(super) fn rename_across(from: &Path, to: &Path) -> Result<(), StoreError> {
    let moved = match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices && is_plain(from) => move_by_copy(from, to),
        moved => moved,
    };
    moved.map_err(StoreError::io("write", to))
}

/// Whether a path is that of a file, and not of a link to one.
fn is_plain(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|there| there.is_file())
}

fn move_by_copy(from: &Path, to: &Path) -> io::Result<()> {
    let draft = draft_beside(to);
    let place = || {
        fs::copy(from, &draft)?;
        fs::sync(&draft)?;
        fs::rename(&draft, to)
    };
    place().inspect_err(|_| drop(fs::remove_file(&draft)))?;
    fs::remove_file(from)
}

/// A hidden name beside a file's, on the same disk.
fn draft_beside(path: &Path) -> PathBuf {
    path.with_file_name(format!(".{}{DRAFT}", unique_name()))
}

/// How the names of drafts end.
const DRAFT: &str = ".draft";

/// Whether a name is none that the store gives out: that of a draft, or of a file that a network file system keeps
/// for somebody who has it open.
pub(super) fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Whether a file is a draft; its writer is gone if nobody shares the store.
pub(super) fn is_draft(path: &Path) -> bool {
    is_hidden(path) && path.as_os_str().as_encoded_bytes().ends_with(DRAFT.as_bytes())
}

/// Gives a file a second name if that name is free; `false` if it is taken.
pub(super) fn put_if_absent(from: &Path, to: &Path) -> Result<bool, StoreError> {
    match fs::link(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        // A file system without hard links: the key's lock keeps this check and rename together.
        Err(error) if knows_no_links(&error) && to.exists() => Ok(false),
        Err(error) if knows_no_links(&error) => rename_across(from, to).map(|()| true),
        Err(error) => Err(StoreError::io("write", to)(error)),
    }
}

/// Whether a hard link was refused for what the file system is, and not for what it has become.
fn knows_no_links(error: &io::Error) -> bool {
    use ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), CrossesDevices | PermissionDenied | TooManyLinks | Unsupported)
}

/// Gives a file a second name in a folder, by hard link where the file system can, else by copy.
pub(super) fn link_or_copy(from: &Path, folder: &Inside, name: &str) -> Result<(), StoreError> {
    let placed = match folder.link(from, name) {
        Err(error) if knows_no_links(&error) => folder.copy(from, name),
        other => other,
    };
    placed.map_err(StoreError::io("write", &folder.path().join(name)))
}

/// Syncs a folder, so that a rename in it survives a power cut.
pub(super) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    fs::sync_dir(path).map_err(StoreError::io("sync", path))
}

/// Removes a file; one that is gone already is fine.
pub(super) fn remove_file(path: &Path) -> Result<(), StoreError> {
    fs::remove_file(path).map_err(StoreError::io("remove", path))
}

/// Removes a folder with all in it; one that is gone already is fine.
pub(super) fn remove_dir(path: &Path) -> Result<(), StoreError> {
    fs::remove_dir(path).map_err(StoreError::io("remove", path))
}

/// Paths in a folder; none if it can't be read.
pub(super) fn list_or_none(folder: &Path) -> Vec<PathBuf> {
    list(folder).unwrap_or_default()
}

/// Creates a file for appending; `None` if it is there already.
pub(super) fn create_to_append(path: &Path) -> Result<Option<File>, StoreError> {
    match fs::create_to_append(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(StoreError::io("create", path)(error)),
    }
}

/// Opens a file that is only appended to, making it if it is missing.
pub(super) fn open_to_append(path: &Path) -> Result<File, StoreError> {
    fs::open_to_append(path).map_err(StoreError::io("create", path))
}

/// Appends bytes to an open file in one write, so that lines of several threads stay whole.
pub(super) fn append(file: &File, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    fs::append(file, path, bytes).map_err(StoreError::io("write", path))
}

/// Replaces a small file whole: synced, then renamed.
pub(super) fn replace_synced(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    fs::write_atomic(path, bytes).map_err(StoreError::io("write", path))
}

/// Makes a file read-only.
pub(super) fn make_readonly(path: &Path) -> Result<(), StoreError> {
    fs::make_readonly(path).map_err(StoreError::io("protect", path))
}

/// Removes a folder if it is empty.
pub(super) fn remove_empty_dir(path: &Path) -> io::Result<()> {
    fs::remove_empty_dir(path)
}

/// The pid, for people who look, and 12 digits of its own.
pub(super) fn unique_name() -> String {
    format!("{}-{}", std::process::id(), unique())
}

/// 12 digits that no other process or thread has.
pub(super) fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Digest::of_json(&(std::process::id(), now.as_nanos().to_string(), count)).short()
}
