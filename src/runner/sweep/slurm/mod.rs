//! Slurm: a sweep's workers as the elements of an array job. Slurm starts them and says whether they are there; everything
//! else they settle among themselves, as processes of one machine do.
//!
//! The sweep's folder has to be where every node sees it. Asks `squeue`, never the accounting, which few clusters keep.

mod queue;
mod script;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::{Deserialize, Serialize};

pub use queue::Queue;
pub use script::SlurmOptions;

use self::script::Script;
use super::{State, SweepError};
use crate::RunError;
use simpipe_base::{clock, file_name, fs};

/// Where the scripts and the logs of a sweep's jobs are.
const FOLDER: &str = "slurm";

/// An array job that works on a sweep, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// Slurm's number of it.
    #[serde(deserialize_with = "file_name::word")]
    pub job: String,
    /// How many elements it has.
    pub workers: usize,
    /// What was passed on to sbatch.
    pub with: SlurmOptions,
}

/// What a job's elements are to do.
pub struct Hiring<'a> {
    /// How many there are to be, those of earlier jobs included.
    pub workers: usize,
    /// What the cluster wants.
    pub with: &'a SlurmOptions,
    /// The program.
    pub program: &'a Path,
    /// Its arguments, before the sweep's folder.
    pub arguments: &'a [String],
}

/// A job as Slurm knows it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobSeen {
    /// Its number.
    pub job: String,
    /// How many elements it was submitted with.
    pub workers: usize,
    /// How many of them are in which state, those that have ended left out; `None` if `squeue` can't be asked.
    pub states: Option<BTreeMap<String, usize>>,
}

impl JobSeen {
    /// Elements that are queued or at work, and not just about to end.
    #[must_use]
    pub fn left(&self) -> usize {
        let states = self.states.iter().flatten().filter(|(state, _)| *state != "COMPLETING");
        states.map(|(_, count)| count).sum()
    }
}

/// Every job of a sweep, oldest first.
#[must_use]
pub fn jobs(state: &State, queue: &Queue) -> Vec<JobSeen> {
    let seen = |submitted: &Submitted| {
        let elements = queue.elements(&submitted.job);
        let states = elements.map(|elements| {
            let mut states = BTreeMap::new();
            elements.into_values().for_each(|state| *states.entry(state).or_default() += 1);
            states
        });
        JobSeen { job: submitted.job.clone(), workers: submitted.workers, states }
    };
    state.submitted.iter().map(seen).collect()
}

/// Where the log of each element of a job is.
#[must_use]
pub fn logs(folder: &Path) -> PathBuf {
    folder.join(FOLDER)
}

/// Submits so many elements.
pub(super) fn submit(folder: &Path, state: &State, hiring: &Hiring<'_>, workers: usize) -> Result<Submitted, RunError> {
    hiring.with.check()?;
    let folder = std::path::absolute(folder).map_err(RunError::io("find", folder))?;
    let logs = folder.join(FOLDER);
    let here = std::env::current_dir().map_err(RunError::io("find", Path::new(".")))?;
    let words = [hiring.program.to_string_lossy().into_owned()].into_iter();
    let words = words.chain(hiring.arguments.iter().cloned()).chain([folder.to_string_lossy().into_owned()]);
    let script = Script {
        sweep: &state.head.sweep,
        name: &state.head.name,
        workers,
        cwd: &here,
        logs: &logs,
        with: hiring.with,
        command: &words.collect::<Vec<_>>(),
    };
    let path = logs.join(format!("{}.sh", clock::now().compact()));
    fs::write_atomic(&path, script.text().as_bytes()).map_err(RunError::io("write", &path))?;
    let output = call(Command::new("sbatch").arg("--parsable").arg(&path))?;
    let said = String::from_utf8_lossy(&output.stdout);
    // The number, and behind a semicolon the cluster's name where there are several.
    let job = said.lines().last().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !output.status.success() || job.is_empty() || !job.chars().all(|c| c.is_ascii_digit()) {
        return Err(SweepError::Refused { words: words_of(&output), script: path }.into());
    }
    Ok(Submitted { job: job.to_owned(), workers, with: hiring.with.clone() })
}

/// Ends jobs: those that wait are taken out of the queue, workers get a signal and keep a checkpoint.
///
/// # Errors
/// If there is no `scancel`, or it refuses.
pub fn cancel(jobs: &[String]) -> Result<(), SweepError> {
    let output = call(Command::new("scancel").args(jobs))?;
    if output.status.success() {
        return Ok(());
    }
    Err(SweepError::NotCancelled { jobs: jobs.to_vec(), words: words_of(&output) })
}

fn call(command: &mut Command) -> Result<Output, SweepError> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => SweepError::NoSlurm { program },
        _ => SweepError::NotCalled { program, error },
    })
}

/// What a program has said of what went wrong, in one line.
fn words_of(output: &Output) -> String {
    let said = [&output.stderr, &output.stdout].map(|said| String::from_utf8_lossy(said).into_owned());
    let lines: Vec<&str> =
        said.iter().flat_map(|said| said.lines()).map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { format!("it ended with {}", output.status) } else { lines.join("; ") }
}
