//! What files outside the store contain, as far as it was asked before: how a source learns of its data.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::digest::Digest;
use super::fs::open_regular;

/// Finds something out about a file's content.
pub type Compute<'a> = dyn Fn(&mut File) -> io::Result<String> + 'a;

/// Tells digests of files. An answer may be remembered from an earlier call, as long as the file is as it was.
pub trait Contents: Sync {
    /// The digest of a file's content.
    ///
    /// # Errors
    /// If the file can't be read.
    fn digest(&self, path: &Path) -> io::Result<Digest>;

    /// The digests of many files below one folder, in the order of `paths`.
    ///
    /// # Errors
    /// The first file that can't be read, and why.
    fn digests(&self, _folder: &Path, paths: &[&Path]) -> Result<Vec<Digest>, (PathBuf, io::Error)> {
        let digest = |path: &&Path| self.digest(path).map_err(|error| (path.to_path_buf(), error));
        paths.par_iter().map(digest).collect()
    }

    /// Something else that only a file's content decides, such as its SHA-256, by the name of what it is.
    ///
    /// # Errors
    /// Those of `compute`.
    fn fact(&self, path: &Path, _what: &'static str, compute: &Compute<'_>) -> io::Result<String> {
        compute(&mut open_regular(path)?)
    }

    /// Forgets what is remembered of a file, or of the files below a folder: something else was there.
    fn forget(&self, _path: &Path) {}
}

/// A function that reads files afresh, or stands in for it.
impl<F: Fn(&Path) -> io::Result<Digest> + Sync> Contents for F {
    fn digest(&self, path: &Path) -> io::Result<Digest> {
        self(path)
    }
}
