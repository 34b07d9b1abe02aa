//! What can go wrong in the store.

use std::io;
use std::path::{Path, PathBuf};

use simpipe_base::interrupt::is_stopped;

/// Why the store can't do what was asked. A damaged object is no error: it is a miss.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
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
    /// A newer simpipe wrote the store, or a file in it.
    #[error("{path} has format `{found}`, this simpipe knows format {known}", path = .path.display(), known = super::FORMAT)]
    Format {
        /// Its folder, or the file.
        path: PathBuf,
        /// Its format.
        found: String,
    },
    /// The object store can't be used.
    #[error(transparent)]
    Remote(#[from] super::RemoteError),
    /// There is something else in the folder.
    #[error("{path} is not empty and is not a store", path = .path.display())]
    NotAStore {
        /// The folder.
        path: PathBuf,
    },
    /// Gc would have to keep everybody else out, and can't.
    #[error("locks do not work in {path} ({why}), so other processes can't be kept out while results are deleted", path = .path.display())]
    IdleLocks {
        /// The store's folder.
        path: PathBuf,
        /// What is known.
        why: String,
    },
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl StoreError {
    /// For `map_err`: the file system refused `action` on `path`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| if is_stopped(&source) { Self::Interrupted } else { Self::Io { action, path, source } }
    }

    /// Whether there is no room left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if simpipe_base::fs::is_full(source))
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Io { source, .. } => simpipe_base::fs::help(source),
            Self::NotAStore { .. } => {
                Some("choose an empty folder, or one that does not exist yet, with `--store DIR`")
            }
            Self::Format { .. } => Some("update simpipe, or choose another store with `--store DIR`"),
            Self::Remote(error) => error.help(),
            Self::IdleLocks { .. } => Some("if no simpipe uses the store, on this or another machine, add `--alone`"),
            Self::Interrupted => None,
        }
    }
}
