//! `note.txt` in a run's folder: what somebody has noted of the run.

use std::path::Path;

use super::RunError;
use simpipe_base::fs;

/// The file's name.
const FILE: &str = "note.txt";
/// The most bytes that a note may have.
pub const LONGEST: usize = 64 << 10;

/// The note of the run in a folder, if it has one that is not too long.
#[must_use]
pub fn read(folder: &Path) -> Option<String> {
    let file = fs::open_regular(&folder.join(FILE)).ok()?;
    let bytes = fs::read_at_most(&file, LONGEST as u64 + 1).ok()?;
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// Writes the note of the run in a folder, in the place of an earlier one; an empty one removes it.
///
/// # Errors
/// If it can't be written; an earlier one is then still whole.
pub(crate) fn write(folder: &Path, text: &str) -> Result<(), RunError> {
    let path = folder.join(FILE);
    let text = text.trim();
    if text.is_empty() {
        let removed = fs::remove_file(&path).and_then(|()| fs::sync_dir(folder));
        removed.map_err(RunError::io("remove", &path))?;
    } else {
        fs::write_atomic(&path, format!("{text}\n").as_bytes()).map_err(RunError::io("write", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_back_replaced_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), None);
        write(folder.path(), " warm start \n").unwrap();
        assert_eq!(read(folder.path()).as_deref(), Some("warm start"));
        write(folder.path(), "two\nlines").unwrap();
        assert_eq!(read(folder.path()).as_deref(), Some("two\nlines"));
        write(folder.path(), "").unwrap();
        write(folder.path(), "").unwrap();
        assert_eq!(read(folder.path()), None);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
