//! The top of all errors: what a command can end with, and the exit code of each.

use std::io;

use simpipe_artifact::ArtifactError;
use simpipe_base::fs::is_wrong_place;
use simpipe_base::issue::{Issue, IssueKind, IssueRecord};
use simpipe_runner::{FailureKind, RunError};
use simpipe_stage::StageError;
use simpipe_store::{RemoteErrorKind, StoreError};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// A stage failed, or the system refused something.
    Failed,
    /// The command line or the spec is wrong.
    Usage,
    /// The store was damaged.
    Damaged,
    /// Data from outside is not there.
    DataUnavailable,
    /// The user stopped it.
    Interrupted,
}

impl Exit {
    /// The exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Damaged => 3,
            Self::DataUnavailable => 4,
            Self::Interrupted => 130,
        }
    }

    /// How a run with such a failure ends.
    #[must_use]
    pub const fn of_failure(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Stage => Self::Failed,
            FailureKind::DataUnavailable => Self::DataUnavailable,
            FailureKind::Interrupted => Self::Interrupted,
        }
    }
}

/// Why a command could not do its work. Stages that fail are in the run record, not here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Problems of a spec.
    #[error("{}", .0.first().map_or("the spec can't be used", |issue| issue.message.as_str()))]
    Spec(Vec<Issue>),
    /// The command line asks for something that can't be.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// A run could not start.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An artifact can't be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// Work that a stage does too, outside of a run.
    #[error(transparent)]
    Work(#[from] StageError),
    /// The system gives no threads.
    #[error("can't start the threads that compute: {0}")]
    Threads(String),
    /// The output can't be written.
    #[error("can't write the output: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// A command line that can't be.
    pub fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: Some(help.into()) }
    }

    /// How the program ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            // Whoever reads the output has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Self::Spec(issues)
                if !issues.is_empty() && issues.iter().all(|issue| issue.kind == IssueKind::Unavailable) =>
            {
                Exit::DataUnavailable
            }
            Self::Spec(_)
            | Self::Usage { .. }
            | Self::Run(
                RunError::Device(_)
                | RunError::Sweep(_)
                | RunError::NoRun { .. }
                | RunError::Ambiguous { .. }
                | RunError::Unrecorded { .. },
            ) => Exit::Usage,
            Self::Store(error) | Self::Run(RunError::Store(error)) => of_store(error),
            // The run's folder, which `--root` chooses.
            Self::Run(RunError::Io { source, .. }) if is_wrong_place(source) => Exit::Usage,
            Self::Work(StageError::Interrupted) => Exit::Interrupted,
            Self::Work(StageError::DataUnavailable { .. }) => Exit::DataUnavailable,
            Self::Run(RunError::Io { .. } | RunError::Record { .. } | RunError::RecordFormat { .. })
            | Self::Artifact(_)
            | Self::Work(_)
            | Self::Threads(_)
            | Self::Output(_) => Exit::Failed,
        }
    }

    /// The problems as a person or a program reads them, one or more.
    #[must_use]
    pub fn issues(&self) -> Vec<Issue> {
        let help = match self {
            Self::Spec(issues) if !issues.is_empty() => return issues.clone(),
            Self::Usage { help, .. } => help.as_deref(),
            Self::Run(error) => error.help(),
            Self::Store(error) => error.help(),
            Self::Threads(_) => Some(
                "raise the limit of processes or of memory (`ulimit -u`, `ulimit -v`, a container's `pids`), or set \
                 RAYON_NUM_THREADS to fewer",
            ),
            Self::Artifact(error) => error.help(),
            Self::Work(error) => error.help(),
            Self::Spec(_) | Self::Output(_) => None,
        };
        let issue = Issue::nowhere(self.to_string());
        vec![match help {
            Some(help) => issue.help(help),
            None => issue,
        }]
    }

    /// The problems in JSON.
    #[must_use]
    pub fn records(&self) -> Vec<IssueRecord> {
        self.issues().iter().map(Issue::record).collect()
    }
}

/// A store in a place that can't be one is the command line's mistake; a full or failing disk is not.
fn of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::Interrupted => Exit::Interrupted,
        StoreError::Format { .. } | StoreError::NotAStore { .. } | StoreError::IdleLocks { .. } => Exit::Usage,
        StoreError::Io { source, .. } if is_wrong_place(source) => Exit::Usage,
        StoreError::Io { .. } => Exit::Failed,
        StoreError::Remote(error) => match error.kind {
            RemoteErrorKind::Usage => Exit::Usage,
            RemoteErrorKind::Unavailable => Exit::DataUnavailable,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        let all = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Damaged, Exit::DataUnavailable, Exit::Interrupted];
        assert_eq!(all.map(Exit::code), [0, 1, 2, 3, 4, 130]);
        assert_eq!(Error::Spec(Vec::new()).exit(), Exit::Usage);
        assert_eq!(Error::Output(io::ErrorKind::BrokenPipe.into()).exit(), Exit::Done);
        assert_eq!(Error::Output(io::ErrorKind::StorageFull.into()).exit(), Exit::Failed);
        assert_eq!(Exit::of_failure(FailureKind::DataUnavailable), Exit::DataUnavailable);
    }

    #[test]
    fn an_error_always_has_something_to_say() {
        assert_eq!(Error::Spec(Vec::new()).records()[0].message, "the spec can't be used");
        let record = &Error::usage("no such thing", "ask for another").records()[0];
        assert_eq!((record.line, record.help.as_deref()), (0, Some("ask for another")));
    }
}
