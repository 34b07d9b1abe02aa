//! What can go wrong inside a stage.

use std::io;
use std::path::{Path, PathBuf};

use simpipe_artifact::ArtifactError;
use simpipe_base::interrupt::is_stopped;
use simpipe_base::issue::Issue;

/// A stage's failure. Messages are lowercase fragments; `help` says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The work can't be done with these inputs and parameters.
    #[error("{message}")]
    Failed {
        /// What went wrong.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// A parameter does not suit the data: what [`infer`](super::Stage::infer) would have said, had it known the data.
    #[error("{}", in_words(.0))]
    Param(Box<Issue>),
    /// Data from outside is not there or is not what it should be: exit code 4.
    #[error("{message}")]
    DataUnavailable {
        /// What was tried.
        message: String,
        /// The ways to provide it.
        help: Option<String>,
    },
    /// What it read outside the store is not what its key names: somebody was writing there.
    #[error("{what} changed while it was read")]
    SourceChanged {
        /// Such as `` the source `images` `` or a file's path.
        what: String,
    },
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// The file system refused.
    #[error("can't {action} {path}: {source}", path = .path.display())]
    Io {
        /// A verb: `read`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StageError {
    /// Work that can't be done.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), help: None }
    }

    /// Data that is not there.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::DataUnavailable { message: message.into(), help: None }
    }

    /// For `map_err`: the file system refused `action` on `path`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| if is_stopped(&source) { Self::Interrupted } else { Self::Io { action, path, source } }
    }

    /// The parameter that it is about, as a path in the stage's table.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        if let Self::Param(issue) = self { Some(&issue.path) } else { None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_help(mut self, text: impl Into<String>) -> Self {
        match &mut self {
            Self::Failed { help, .. } | Self::DataUnavailable { help, .. } => *help = Some(text.into()),
            Self::Param(issue) => issue.help = Some(text.into()),
            Self::SourceChanged { .. } | Self::Io { .. } | Self::Interrupted => {}
        }
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Failed { help, .. } | Self::DataUnavailable { help, .. } => help.as_deref(),
            Self::Param(issue) => issue.help.as_deref(),
            Self::SourceChanged { .. } => {
                Some("nothing was stored: run again when nothing writes there, or set `retries`")
            }
            Self::Io { source, .. } => simpipe_base::fs::help(source),
            Self::Interrupted => None,
        }
    }
}

/// A check of [`infer`](super::Stage::infer) that could only be made with the data at hand.
impl From<Issue> for StageError {
    fn from(issue: Issue) -> Self {
        match issue.is_unavailable() {
            true => Self::DataUnavailable { message: issue.message, help: issue.help },
            false => Self::Param(Box::new(issue)),
        }
    }
}

/// The same of several problems: the first with its place, the others in its words.
impl From<Vec<Issue>> for StageError {
    fn from(issues: Vec<Issue>) -> Self {
        let mut issues = issues.into_iter();
        let Some(mut first) = issues.next() else { return Self::failed("the parameters do not fit the data") };
        for Issue { path, message, .. } in issues {
            first.message = match path.is_empty() {
                true => format!("{}; {message}", first.message),
                false => format!("{}; `{path}`: {message}", first.message),
            };
        }
        first.into()
    }
}

impl From<ArtifactError> for StageError {
    fn from(error: ArtifactError) -> Self {
        match error {
            ArtifactError::Io { action, path, source } => Self::io(action, &path)(source),
            ArtifactError::Format { .. } | ArtifactError::Malformed { .. } => {
                let failed = Self::failed(error.to_string());
                error.help().into_iter().fold(failed, Self::with_help)
            }
        }
    }
}

fn in_words(Issue { path, message, .. }: &Issue) -> String {
    if path.is_empty() { message.clone() } else { format!("`{path}`: {message}") }
}
