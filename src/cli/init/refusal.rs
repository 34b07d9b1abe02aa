//! Why `init` writes no config, and what to do about it.

use crate::error::Error;
use simpipe_data::source::SurveyError;

/// Why no config can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) help: String,
}

impl Refusal {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

impl From<SurveyError> for Refusal {
    fn from(error: SurveyError) -> Self {
        Self { message: error.message, help: error.help }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::usage(refusal.message, refusal.help)
    }
}
