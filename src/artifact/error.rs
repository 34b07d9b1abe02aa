//! Artifact files that can't be read or written.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

/// Why an artifact file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The file system refused.
    #[error("can't {action} {path}: {source}", path = .path.display())]
    Io {
        /// A verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The content is not what the format says.
    #[error("{path} is not what its format says: {reason}", path = .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl ArtifactError {
    /// The file system refused.
    #[must_use]
    pub fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }

    /// A writer of a format gave up: the disk, nearly always.
    pub fn unwritten(path: &Path, reason: impl Display) -> Self {
        Self::io("write", path, io::Error::other(reason.to_string()))
    }

    /// The content is wrong.
    pub fn malformed(path: &Path, reason: impl Display) -> Self {
        Self::Malformed { path: path.to_path_buf(), reason: reason.to_string() }
    }
}
