//! Why a sweep can't begin or go on.

use std::path::PathBuf;

use super::entry::FORMAT;

/// Why a sweep can't begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The config varies nothing.
    #[error("`{config}` has no `[sweep]`")]
    NoSweepIn {
        /// The config as the user named it.
        config: String,
    },
    /// There is no such sweep.
    #[error("no sweep `{name}` under {folder}", folder = .folder.display())]
    NoSweep {
        /// What was asked for.
        name: String,
        /// Where sweeps are.
        folder: PathBuf,
        /// What to do about it.
        help: String,
    },
    /// A word that means several sweeps.
    #[error("`{name}` may mean the sweep {}", .readings.join(", or "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Ids.
        readings: Vec<String>,
    },
    /// A journal of a newer format.
    #[error("{path} has format {found}, this program reads format {FORMAT}", path = .path.display())]
    Format {
        /// The journal.
        path: PathBuf,
        /// What its first line says.
        found: String,
    },
    /// A file that does not begin as a journal does.
    #[error("{path} is not a journal of a sweep: {reason}", path = .path.display())]
    NoJournal {
        /// The journal.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A journal that was put into another sweep's folder.
    #[error("{path} is the journal of the sweep {found}, and lies in the folder of {expected}", path = .path.display())]
    OtherSweep {
        /// The journal.
        path: PathBuf,
        /// Whose it says it is.
        found: String,
        /// Whose folder it is.
        expected: String,
    },
    /// The config is no longer what the sweep began with.
    #[error("the sweep {sweep} was started with another spec: {}", .differences.join("; "))]
    Changed {
        /// Its id.
        sweep: String,
        /// Each difference in words.
        differences: Vec<String>,
    },
    /// Earlier trials are told to a sweep as it begins, and to no other.
    #[error("the sweep {sweep} was started without the trials of {from}")]
    BegunWithout {
        /// Its id.
        sweep: String,
        /// The sweep whose trials it was to be told.
        from: String,
    },
    /// A point that somebody adds was tried before, or will be.
    #[error("trial {trial} of the sweep {sweep} has these values already")]
    Tried {
        /// Its id.
        sweep: String,
        /// The trial.
        trial: usize,
    },
    /// There is no such trial.
    #[error("the sweep {sweep} has no trial {trial}, for it has {trials} so far")]
    NoTrial {
        /// Its id.
        sweep: String,
        /// What was asked for.
        trial: usize,
        /// How many there are.
        trials: usize,
    },
    /// A trial is over.
    #[error("trial {trial} of the sweep {sweep} has ended")]
    Ended {
        /// Its id.
        sweep: String,
        /// The trial.
        trial: usize,
    },
    /// Something that can't stand in a batch script.
    #[error("`{option}` can't be passed on to sbatch: {why}")]
    SlurmOption {
        /// What was given.
        option: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A program of Slurm's is not there.
    #[error("there is no `{program}` here: this machine can't submit to Slurm")]
    NoSlurm {
        /// The program.
        program: String,
    },
    /// A program of Slurm's can't be started.
    #[error("`{program}` can't be started: {error}")]
    NotCalled {
        /// The program.
        program: String,
        /// Why.
        error: std::io::Error,
    },
    /// Slurm does not take the job.
    #[error("Slurm refuses {script}: {words}", script = .script.display())]
    Refused {
        /// What it says.
        words: String,
        /// The script.
        script: PathBuf,
    },
    /// Slurm does not end jobs.
    #[error("Slurm does not end job {}: {words}", .jobs.join(", "))]
    NotCancelled {
        /// Their numbers.
        jobs: Vec<String>,
        /// What it says.
        words: String,
    },
    /// Data from outside is no longer what the sweep began with.
    #[error(
        "the source `{source_name}`{} of `{stage}` has changed since the sweep {sweep} began: its trials could not be compared",
        in_brackets(.places)
    )]
    SourceChanged {
        /// The sweep.
        sweep: String,
        /// The stage that reads it.
        stage: String,
        /// The source.
        source_name: String,
        /// The files and folders that the stage reads.
        places: Vec<PathBuf>,
    },
}

/// The first of some paths: ` (photos)`.
fn in_brackets(places: &[PathBuf]) -> String {
    const NAMED: usize = 3;
    let named: Vec<String> = places.iter().take(NAMED).map(|place| place.display().to_string()).collect();
    let more = if places.len() > NAMED { ", .." } else { "" };
    if named.is_empty() { String::new() } else { format!(" ({}{more})", named.join(", ")) }
}

impl SweepError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &str {
        match self {
            Self::NoSweepIn { .. } => {
                "add `[sweep]` with an `objective` and `[sweep.parameters]`: see docs/guides/sweeps.md"
            }
            Self::NoSweep { help, .. } => help,
            Self::Ambiguous { .. } => "write the whole id",
            Self::Format { .. } => "use the version of simpipe that wrote it, or a newer one",
            Self::NoJournal { .. } | Self::OtherSweep { .. } => {
                "restore the journal from a copy, or start another sweep with `--new`"
            }
            Self::Changed { .. } => "undo the change to continue, or start another sweep with `--new`",
            Self::SlurmOption { .. } => {
                "write one as `--slurm-option=--partition=gpu`, and a command as `--slurm-setup 'module load cuda'`"
            }
            Self::NoSlurm { .. } | Self::NotCalled { .. } => {
                "log in to a machine of the cluster, or load its module; without `--executor slurm` trials run here"
            }
            Self::Refused { .. } => {
                "pass the options that the cluster needs: `--slurm-option=--partition=gpu`; trials that were started \
                 continue"
            }
            Self::NotCancelled { .. } => "its workers will stop soon, and waiting ones as soon as they start",
            Self::BegunWithout { .. } => "start another sweep with `--new`",
            Self::Tried { .. } => "`simpipe sweep table` shows what it gave; other seeds are for the best in the end",
            Self::NoTrial { .. } | Self::Ended { .. } => "`simpipe sweep status` lists those under way",
            Self::SourceChanged { .. } => "restore the data to continue, or start another sweep with `--new`",
        }
    }
}
