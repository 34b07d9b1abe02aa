//! Writing files so that a reader sees the whole or nothing.

use std::io::{self, Write};
use std::path::Path;

/// Writes a file beside its final place, syncs it and renames it there.
///
/// # Errors
/// Whatever the file system refuses; the old file, if there was one, is then still whole.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // The parent of a bare name is empty, which no system can open.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = new_file_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_dir(folder)
}

/// A temporary file with the permissions of any other new file: others may read it as far as the umask allows.
///
/// # Errors
/// Whatever the file system refuses.
pub fn new_file_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666))
    };
    builder.tempfile_in(folder)
}

/// Syncs a folder, so that a rename in it survives a power cut. Systems that can't are left alone.
///
/// # Errors
/// If the folder can't be opened.
pub fn sync_dir(folder: &Path) -> io::Result<()> {
    let folder = std::fs::File::open(folder)?;
    folder.sync_all().or(Ok(()))
}
