//! Writing files so that a reader sees the whole or nothing.

use std::io::{self, Write};
use std::path::Path;

/// Writes a file beside its final place, syncs it and renames it there.
///
/// # Errors
/// Whatever the file system refuses; the old file, if there was one, is then still whole.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_dir(folder)
}

/// Syncs a folder, so that a rename in it survives a power cut. Systems that can't are left alone.
///
/// # Errors
/// If the folder can't be opened.
pub fn sync_dir(folder: &Path) -> io::Result<()> {
    let folder = std::fs::File::open(folder)?;
    folder.sync_all().or(Ok(()))
}
