//! Why images can't be had, and what the user can do about it.

use std::io;
use std::path::{Path, PathBuf};

use simpipe_artifact::ArtifactError;
use simpipe_base::interrupt::is_stopped;

/// Data from outside that is not there or is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A path of the spec leads nowhere.
    #[error("there is no {what} at {path}", path = .path.display())]
    Missing {
        /// What is looked for: `archive`, `folder`, `file`.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// The ways to provide it.
        help: String,
    },
    /// A file's content is not the published one.
    #[error("{0}")]
    Checksum(Box<Mismatch>),
    /// A download that did not succeed.
    #[error("can't download {url}: {reason}")]
    Download {
        /// The address.
        url: String,
        /// Every way and time it was tried, with what came of it.
        reason: String,
        /// The ways to provide the data.
        help: String,
    },
    /// What a server offers is not the published file, however often one asks.
    #[error("{url} has changed at the source: {reason}")]
    Changed {
        /// The address.
        url: String,
        /// What differs.
        reason: String,
        /// The ways to provide the data.
        help: String,
    },
    /// A file or folder that is not laid out as its format says.
    #[error("{path}: {reason}", path = .path.display())]
    Malformed {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// What to do.
        help: Option<String>,
    },
    /// A file that somebody has written, or taken away, while it was read.
    #[error("{path} changed while it was read", path = .path.display())]
    Moved {
        /// The file.
        path: PathBuf,
    },
    /// Images that can't be decoded.
    #[error("{count} of {total} images can't be read: {listed}")]
    Unreadable {
        /// How many.
        count: usize,
        /// Of how many.
        total: usize,
        /// The first few, each with its reason.
        listed: String,
        /// Whether some of them have more pixels than are allowed.
        too_large: bool,
    },
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
    /// The dataset artifact can't be written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The user asked to stop.
    #[error("interrupted")]
    Stopped,
}

impl DataError {
    /// For `map_err`: the file system refused `action` on `path`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| if is_stopped(&source) { Self::Stopped } else { Self::Io { action, path, source } }
    }

    /// For `map_err`: a file that was there a moment ago can't be read.
    pub fn unread(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
                Self::Moved { path }
            }
            _ => Self::Io { action: "read", path, source },
        }
    }

    /// A file or folder that is not laid out as it should be.
    pub fn malformed(path: &Path, reason: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_path_buf(), reason: reason.into(), help: None }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Missing { help, .. } | Self::Download { help, .. } | Self::Changed { help, .. } => Some(help),
            Self::Checksum(mismatch) => Some(&mismatch.help),
            Self::Malformed { help, .. } => help.as_deref(),
            Self::Unreadable { too_large: false, .. } => {
                Some("repair or remove them, or set `on-corrupt = \"skip\"` to skip them with a warning")
            }
            Self::Unreadable { too_large: true, .. } => Some(
                "raise `max-pixels` if they are as intended, or set `on-corrupt = \"skip\"` to skip them with a \
                 warning",
            ),
            Self::Io { .. } | Self::Moved { .. } | Self::Artifact(_) | Self::Stopped => None,
        }
    }
}

/// A file whose content is not the published one.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path} is not the published {name}: expected SHA-256 {expected} ({expected_bytes} bytes), found {found} \
     ({found_bytes} bytes)",
    path = .path.display()
)]
pub struct Mismatch {
    /// The published file's name.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// The published digest.
    pub expected: String,
    /// The published length.
    pub expected_bytes: u64,
    /// The digest of what is there.
    pub found: String,
    /// The length of what is there.
    pub found_bytes: u64,
    /// What to do.
    pub help: String,
}
