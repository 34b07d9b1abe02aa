//! What can go wrong in a run: before it starts ([`RunError`]) and in one stage ([`StageFailure`]).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::record::FORMAT;
use simpipe_stage::{StageError, TimeLimit};
use simpipe_store::StoreError;

/// Why a run can't start or can't be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The spec's `device` can't be used.
    #[error(transparent)]
    Device(StageError),
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file system refused.
    #[error("can't {action} {path}: {source}", path = .path.display())]
    Io {
        /// A verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is no run record.
    #[error("{path} is not a run record: {reason}", path = .path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A run record of another format.
    #[error("{path} has format {found}, this program reads format {FORMAT}", path = .path.display())]
    RecordFormat {
        /// The file.
        path: PathBuf,
        /// The version that the file says it has.
        found: String,
    },
    /// A run has no record, for it was killed or is under way.
    #[error("run `{run}` has no record: it {} after {done} of {stages} stages", if *.state == "running" { "is under way" } else { "was killed" })]
    Unrecorded {
        /// Its id.
        run: String,
        /// `killed` or `running`.
        state: &'static str,
        /// Stages that ended.
        done: usize,
        /// All stages.
        stages: usize,
    },
    /// There is no such run.
    #[error("no run `{name}` under {folder}", folder = .folder.display())]
    NoRun {
        /// What was asked for.
        name: String,
        /// Where runs are.
        folder: PathBuf,
    },
    /// A sweep can't begin or go on.
    #[error(transparent)]
    Sweep(#[from] super::sweep::SweepError),
    /// A word that means several runs.
    #[error("`{name}` may mean {}", .readings.join(", or "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// What it may mean, each in words that end in an id.
        readings: Vec<String>,
    },
}

impl RunError {
    /// For `map_err`: the file system refused `action` on `path`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Device(error) => error.help(),
            Self::Store(error) => error.help(),
            Self::Unrecorded { state: "running", .. } => Some("wait until it ends"),
            Self::Unrecorded { .. } => Some("run the same command again: what was done is stored"),
            Self::Sweep(error) => Some(error.help()),
            Self::Ambiguous { .. } => Some("write the whole id"),
            Self::NoRun { name, .. } if name == "latest" => {
                Some("there is none yet: `simpipe run CONFIG` makes one; `--root DIR` names another project")
            }
            Self::NoRun { .. } => Some("`simpipe runs` lists them; `latest` is the newest"),
            Self::Io { source, .. } => simpipe_base::fs::help(source),
            Self::RecordFormat { .. } => Some("use the version of simpipe that wrote it, or a newer one"),
            Self::Record { .. } => None,
        }
    }
}

/// Why a stage has no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum StageFailure {
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the stage wrote no `{0}`, which it declares")]
    Missing(String),
    #[error("the stage wrote `{0}`, which it does not declare")]
    Undeclared(String),
    #[error("the stage did not say what it read of `{0}`, which is in its key")]
    Unsaid(String),
    #[error("the stage panicked: {0}")]
    Panicked(String),
    #[error("took longer than `timeout = \"{0}\"`")]
    TimedOut(TimeLimit),
}

/// What kind of failure it was, for the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The stage could not do its work.
    Stage,
    /// Data from outside is not there.
    DataUnavailable,
    /// The user asked to stop.
    Interrupted,
}

/// A stage's failure in a run record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where the parameter that it is about is written: `configs/mine.toml:7:14`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

impl StageFailure {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Stage(StageError::Interrupted) | Self::Store(StoreError::Interrupted) => FailureKind::Interrupted,
            Self::Stage(StageError::DataUnavailable { .. }) | Self::Store(StoreError::Remote(_)) => {
                FailureKind::DataUnavailable
            }
            Self::Stage(
                StageError::Failed { .. }
                | StageError::Param(_)
                | StageError::SourceChanged { .. }
                | StageError::Io { .. },
            )
            | Self::Store(
                StoreError::Io { .. }
                | StoreError::Format { .. }
                | StoreError::NotAStore { .. }
                | StoreError::IdleLocks { .. },
            )
            | Self::Missing(_)
            | Self::Undeclared(_)
            | Self::Unsaid(_)
            | Self::TimedOut(_)
            | Self::Panicked(_) => FailureKind::Stage,
        }
    }

    fn help(&self) -> Option<&str> {
        match self {
            Self::Stage(error) => error.help(),
            Self::Store(error) => error.help(),
            Self::Missing(_) | Self::Undeclared(_) | Self::Unsaid(_) | Self::Panicked(_) => {
                Some("this is a bug in simpipe: report it with the run's `log.txt`")
            }
            Self::TimedOut(_) => Some("raise `timeout`; a training continues from its checkpoint when run again"),
        }
    }

    /// Whether the same stage may do better in a while: see the table of [`retry`](super::retry).
    pub(super) const fn may_go_away(&self) -> bool {
        match self {
            Self::Stage(error) => matches!(
                error,
                StageError::Io { .. } | StageError::DataUnavailable { .. } | StageError::SourceChanged { .. }
            ),
            Self::Store(error) => matches!(error, StoreError::Io { .. }),
            Self::TimedOut(_) => true,
            Self::Missing(_) | Self::Undeclared(_) | Self::Unsaid(_) | Self::Panicked(_) => false,
        }
    }

    /// The failure as it is recorded; `place_of` finds where a parameter of the stage is written.
    pub(super) fn record(&self, place_of: impl Fn(&str) -> Option<String>) -> Failure {
        let path = if let Self::Stage(error) = self { error.path() } else { None };
        Failure {
            kind: self.kind(),
            message: self.to_string(),
            help: self.help().map(str::to_owned),
            place: path.and_then(place_of),
        }
    }
}
