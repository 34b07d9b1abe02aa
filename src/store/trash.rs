//! Where gc puts things out of the way: into a private folder, or nowhere at all where there is no room for one.

use std::path::{Path, PathBuf};

use super::{Scratch, Store, StoreError, fs};
use simpipe_base::digest::Digest;

/// The private folder of a gc, if it could be made.
pub(super) struct Trash<'a> {
    pub(super) folder: Option<&'a Scratch>,
    pub(super) store: &'a Store,
}

impl Trash<'_> {
    /// Where something would be moved to.
    pub(super) fn place(&self, path: &Path) -> Option<PathBuf> {
        Some(self.folder?.output().join(Digest::of_json(&path.to_string_lossy()).to_string()))
    }

    /// Moves something away, or removes it.
    pub(super) fn take(&self, path: &Path) -> Result<(), StoreError> {
        self.store.stop_if_cancelled()?; // what is left goes the next time
        // A folder of the store may be on another disk, or the private one have no room for a name.
        if self.place(path).is_some_and(|place| fs::rename(path, &place).is_ok()) {
            return Ok(());
        }
        fs::remove_file(path)
    }
}
