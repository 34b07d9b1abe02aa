//! Every write of the store to the file system, one small function each: the place to inject faults.
//!
//! Owns no layout and no policy: see [`Store`](super::Store).

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::StoreError;

/// Creates a folder and those above it.
pub(super) fn create_dirs(path: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(path).map_err(StoreError::io("create", path))
}

/// Writes a new file and syncs it.
pub(super) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(StoreError::io("write", path))
}

/// Replaces a file by rename, without a sync: for memos, whose loss costs a reread and nothing else.
pub(super) fn replace_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = crate::base::fs::new_file_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Makes a file read-only and syncs its bytes.
pub(super) fn seal(path: &Path) -> Result<(), StoreError> {
    let seal = || {
        let file = File::open(path)?;
        let mut permissions = file.metadata()?.permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions)?;
        file.sync_all()
    };
    seal().map_err(StoreError::io("sync", path))
}

/// Renames, replacing what is there.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(StoreError::io("rename", from))
}

/// Gives a file a second name if that name is free; `false` if it is taken.
pub(super) fn put_if_absent(from: &Path, to: &Path) -> Result<bool, StoreError> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // A file system without hard links: the key's lock keeps this check and rename together.
        Err(_) if to.exists() => Ok(false),
        Err(_) => rename(from, to).map(|()| true),
    }
}

/// Gives a file a second name, by hard link where the file system can, else by copy.
pub(super) fn link_or_copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(|_| ())).map_err(StoreError::io("write", to))
}

/// Syncs a folder, so that a rename in it survives a power cut.
pub(super) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    crate::base::fs::sync_dir(path).map_err(StoreError::io("sync", path))
}

/// Removes a file; one that is gone already is fine.
pub(super) fn remove_file(path: &Path) -> Result<(), StoreError> {
    absent_is_fine(fs::remove_file(path)).map_err(StoreError::io("remove", path))
}

/// Removes a folder with all in it; one that is gone already is fine.
pub(super) fn remove_dir(path: &Path) -> Result<(), StoreError> {
    absent_is_fine(fs::remove_dir_all(path)).map_err(StoreError::io("remove", path))
}

/// Creates a file for appending and locks it; `None` if it is there already.
pub(super) fn create_locked(path: &Path) -> Result<Option<File>, StoreError> {
    match File::options().read(true).append(true).create_new(true).open(path) {
        Ok(file) => file.lock().map(|()| Some(file)).map_err(StoreError::io("lock", path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(StoreError::io("create", path)(error)),
    }
}

/// Appends bytes to an open file in one write, so that lines of several threads stay whole.
pub(super) fn append(mut file: &File, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    file.write_all(bytes).map_err(StoreError::io("write", path))
}

/// Replaces a small file whole: synced, then renamed.
pub(super) fn replace_synced(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    crate::base::fs::write_atomic(path, bytes).map_err(StoreError::io("write", path))
}

/// Makes a file read-only.
pub(super) fn make_readonly(path: &Path) -> Result<(), StoreError> {
    let change = || {
        let mut permissions = fs::metadata(path)?.permissions();
        permissions.set_readonly(true);
        fs::set_permissions(path, permissions)
    };
    change().map_err(StoreError::io("protect", path))
}

/// Removes a folder if it is empty.
pub(super) fn remove_empty_dir(path: &Path) -> io::Result<()> {
    fs::remove_dir(path)
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
