//! What can go wrong while a report is made.

use std::path::PathBuf;

use simpipe_metric::plane::PlaneError;

/// Why a figure or a page was not written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The drawing itself failed.
    #[error("can't draw: {0}")]
    Draw(String),
    /// An image that a figure shows was not loaded.
    #[error("the image of example {0} is not there")]
    NoImage(u64),
    /// The file system refused.
    #[error("can't write {path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The user asked to stop.
    #[error("interrupted")]
    Stopped,
}

/// Whether the user wants to stop. Whatever takes long asks several times a second.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// Goes on unless the user wants to stop.
///
/// # Errors
/// [`ReportError::Stopped`] then.
pub(super) fn go_on(stop: Stop<'_>) -> Result<(), ReportError> {
    if stop() { Err(ReportError::Stopped) } else { Ok(()) }
}

impl From<PlaneError> for ReportError {
    fn from(error: PlaneError) -> Self {
        match error {
            PlaneError::Stopped => Self::Stopped,
            PlaneError::Thread(_) => Self::Draw(error.to_string()),
        }
    }
}
