//! Artifact files that can't be read or written.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use super::FORMAT;

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
    /// The file's format has another version than the one that this program knows.
    #[error("{path} has format {found}, this program reads format {FORMAT}", path = .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The version that the file says it has.
        found: String,
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

    /// A writer of a format gave up: the disk, nearly always. What the system said is kept as such, so that a full
    /// disk can be told from others.
    pub fn unwritten(path: &Path, reason: impl Error + 'static) -> Self {
        let mut causes = std::iter::successors(Some(&reason as &(dyn Error + 'static)), |error| (*error).source());
        let code = causes.find_map(|error| error.downcast_ref::<io::Error>()?.raw_os_error());
        let source = code.map_or_else(|| io::Error::other(reason.to_string()), io::Error::from_raw_os_error);
        Self::io("write", path, source)
    }

    /// What to do about it, where there is something.
    #[must_use]
    pub const fn help(&self) -> Option<&'static str> {
        match self {
            Self::Format { .. } => Some("use the version of simpipe that wrote it, or a newer one"),
            Self::Io { .. } | Self::Malformed { .. } => None,
        }
    }

    /// The content is wrong.
    pub fn malformed(path: &Path, reason: impl Display) -> Self {
        Self::Malformed { path: path.to_path_buf(), reason: reason.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_said_survives_a_writer_of_a_format() {
        let full = || io::Error::from_raw_os_error(28);
        let arrow = arrow::error::ArrowError::from(full());
        let parquet = parquet::errors::ParquetError::from(full());
        for error in
            [ArtifactError::unwritten(Path::new("a"), arrow), ArtifactError::unwritten(Path::new("a"), parquet)]
        {
            assert_eq!(error.to_string(), "can't write a: No space left on device (os error 28)");
        }
        let other = parquet::errors::ParquetError::General("no columns".to_owned());
        let error = ArtifactError::unwritten(Path::new("a"), other);
        assert_eq!(error.to_string(), "can't write a: Parquet error: no columns");
    }
}
