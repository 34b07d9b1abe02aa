//! Why a server can't start.

use std::io;
use std::path::{Path, PathBuf};

use super::log::Origin;

/// Why a server can't start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A file of what was added can't be used.
    #[error("can't {verb} `{}`: {source}", .path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is of a program that writes it otherwise.
    #[error("`{}` has the format {found}, which this program does not know", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Its vectors are of another model.
    #[error(
        "the vectors in `{}` are of another model: theirs is {} with {} numbers, the run's is {} with {}",
        .path.display(), short(&.found.model), .found.dim, short(&.expected.model), .expected.dim
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is of.
        found: Origin,
        /// What it was to be of.
        expected: Origin,
    },
    /// Bytes before its end are not those that were written.
    #[error("`{}` is damaged at byte {at}: what was added after that can't be told from it", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damage begins.
        at: usize,
    },
    /// A vector in it is none that can be searched.
    #[error("a vector in `{}` can't be searched: {error}", .path.display())]
    Unsearchable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: simpipe_search::SearchError,
    },
    /// The system gives no thread.
    #[error("can't start a thread: {0}")]
    Thread(io::Error),
}

impl ServeError {
    pub(super) fn io(verb: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { verb, path: path.to_path_buf(), source }
    }

    /// What to do about it.
    #[must_use]
    pub const fn help(&self) -> Option<&'static str> {
        match self {
            Self::Foreign { .. } | Self::Format { .. } => {
                Some("serve it under another name, `--name NAME`, and add the images again")
            }
            Self::Damaged { .. } | Self::Unsearchable { .. } => {
                Some("put a copy back, or move the file away and add the images again; nothing of it was changed")
            }
            Self::Io { .. } | Self::Thread(_) => None,
        }
    }
}

/// The start of a digest, as people compare them.
fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}
