//! `journal/<run>.jsonl`: what each run wants and has reached, one line an event, written as it happens.
//!
//! The file is locked by `flock` for the life of the run, so that everybody who shares the store can tell a run under
//! way from a killed one, and gc knows what both need. Where that says nothing, its first line names the process, and
//! the time of its last change is the process' last sign of life. Lines are appended whole by one write each; a reader
//! passes over a line that it can't read, such as one that a full disk has torn, and the next begins on a line of its
//! own. Nothing is synced: a run that a power cut ends wants nothing.
//!
//! A run says that it wants a key *before* it looks it up: see [`StoreLock`](super::StoreLock) for why that is enough.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::owner::{Life, Owner};
use super::signs::{SILENT, Signs};
use super::{RunName, Store, StoreError, fs, order};
use simpipe_base::digest::Digest;
use simpipe_base::file_name;
use simpipe_base::fs::Locking;

/// Version of the lines' format.
const FORMAT: u32 = 1;

/// How a run ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Every stage has its result.
    Done,
    /// A stage failed.
    Failed,
    /// The user stopped it.
    Interrupted,
    /// Its process ended without a word.
    Killed,
    /// It is under way.
    Running,
}

impl RunState {
    /// How a run ended that could say so.
    #[must_use]
    pub const fn of_end(ok: bool, interrupted: bool) -> Self {
        match (ok, interrupted) {
            (true, _) => Self::Done,
            (false, true) => Self::Interrupted,
            (false, false) => Self::Failed,
        }
    }

    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Killed => "killed",
            Self::Running => "running",
        }
    }
}

/// A run as it begins. Places are for people: nothing is looked up by them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStart {
    /// The run's id.
    #[serde(deserialize_with = "file_name::word")]
    pub run: String,
    /// The experiment's name.
    #[serde(deserialize_with = "file_name::word")]
    pub name: String,
    /// The config as the user named it.
    pub config: String,
    /// The folder that `dir` is relative to.
    pub root: String,
    /// The run's folder.
    #[serde(deserialize_with = "file_name::inside")]
    pub dir: String,
    /// When it began, in UTC.
    pub started: String,
    /// Ids of its stages, in the order of the plan.
    pub stages: Vec<String>,
    /// The id of the group that it is a run of: gc keeps a group or lets it go as a whole.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "file_name::optional_word")]
    pub group: Option<String>,
}

impl RunStart {
    /// The experiment's name and the run's id.
    fn name_and_id(&self) -> RunName<'_> {
        (&self.name, &self.run)
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line {
    RunStarted {
        format: u32,
        start: RunStart,
        /// As [`Owner::text`] writes it; older versions of simpipe write none.
        #[serde(default)]
        owner: String,
    },
    StageWanted {
        stage: String,
        key: Digest,
    },
    CheckpointsWanted {
        stage: String,
        key: Digest,
        #[serde(rename = "shelf")]
        set: Digest,
    },
    StageFinished {
        stage: String,
        outcome: String,
        key: Option<Digest>,
    },
    RunFinished {
        ok: bool,
        interrupted: bool,
    },
}

/// The journal of a run under way; dropping it without [`Journal::finish`] leaves a killed run.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// The experiment's name and the run's id.
    run: (String, String),
    /// Whether the last write failed, so that the file may end within a line.
    torn: Mutex<bool>,
    /// Set once the disk was full.
    full: OnceLock<()>,
    _signs: Signs,
}

impl Journal {
    fn append(&self, line: &Line) -> Result<(), StoreError> {
        let line = serde_json::to_string(line).expect("a line serializes to JSON");
        let mut torn = self.torn.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = if *torn { "\n" } else { "" };
        let written = fs::append(&self.file, &self.path, format!("{begin}{line}\n").as_bytes());
        *torn = written.is_err();
        written
    }

    /// The run is about to look a key up, or to compute it.
    ///
    /// # Errors
    /// If the line can't be written; the key must then not be looked up.
    pub fn wanted(&self, stage: &str, key: Digest) -> Result<(), StoreError> {
        self.append(&Line::StageWanted { stage: stage.to_owned(), key })
    }

    /// The same, where a full disk is no reason to stop: what is stored can be used all the same, as without a journal.
    /// The first time it gives the error, so that somebody can be told.
    ///
    /// # Errors
    /// If the line can't be written for another reason.
    pub fn wanted_if_room(&self, stage: &str, key: Digest) -> Result<Option<StoreError>, StoreError> {
        match self.wanted(stage, key) {
            Err(error) if error.is_full() => Ok(self.full.set(()).is_ok().then_some(error)),
            written => written.map(|()| None),
        }
    }

    /// The run is about to use the checkpoints of a set for the work on a key.
    ///
    /// # Errors
    /// If the line can't be written.
    pub fn wanted_checkpoints(&self, stage: &str, key: Digest, set: Digest) -> Result<(), StoreError> {
        self.append(&Line::CheckpointsWanted { stage: stage.to_owned(), key, set })
    }

    /// A stage has ended.
    ///
    /// # Errors
    /// If the line can't be written.
    pub fn stage_finished(&self, stage: &str, outcome: &str, key: Option<Digest>) -> Result<(), StoreError> {
        self.append(&Line::StageFinished { stage: stage.to_owned(), outcome: outcome.to_owned(), key })
    }

    /// The run has ended.
    ///
    /// # Errors
    /// If the line can't be written.
    pub fn finish(self, ok: bool, interrupted: bool) -> Result<(), StoreError> {
        self.append(&Line::RunFinished { ok, interrupted })?;
        order::append(self.path.parent().unwrap_or(&self.path), (&self.run.0, &self.run.1))
    }
}

/// A run as its journal tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct JournaledRun {
    /// How it began.
    pub start: RunStart,
    /// Whether and how it ended.
    pub state: RunState,
    /// Every key that it asked for.
    pub keys: BTreeSet<Digest>,
    /// The key of each stage that came to want one, by id.
    pub stages: BTreeMap<String, Digest>,
    /// Outcomes of the stages that ended, by id.
    pub outcomes: BTreeMap<String, String>,
    /// Sets of checkpoints that it used, each with the key that they served.
    pub sets: BTreeMap<Digest, Digest>,
    /// The journal itself.
    pub(super) path: PathBuf,
}

impl Store {
    /// Begins a run's journal and locks it.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn journal(&self, start: RunStart) -> Result<Journal, StoreError> {
        let _hold = self.share()?; // gc must not meet a journal that is not locked yet
        let folder = self.folder("journal");
        fs::create_dirs(&folder)?;
        for attempt in 0_u32.. {
            // Ids are unique in a root; runs of two roots can begin in the same millisecond.
            let suffix = if attempt == 0 { String::new() } else { format!("-{attempt}") };
            let path = folder.join(format!("{}{suffix}.jsonl", start.run));
            if let Some(file) = fs::create_to_append(&path)? {
                if self.locks_work()
                    && let Err(error) = fs::try_lock(&file, &path, Locking::Alone)
                {
                    self.note_refused_lock(&error);
                }
                let run = (start.name.clone(), start.run.clone());
                let (signs, torn) = (Signs::of(&path), Mutex::new(false));
                let journal = Journal { file, path, run, torn, full: OnceLock::new(), _signs: signs };
                let begun = order::append(&folder, (&start.name, &start.run)).and_then(|()| {
                    journal.append(&Line::RunStarted { format: FORMAT, start: start.clone(), owner: Owner::text() })
                });
                return match begun {
                    Ok(()) => Ok(journal),
                    Err(error) => {
                        drop(fs::remove_file(&journal.path)); // it has said nothing, and nobody wants it
                        Err(error)
                    }
                };
            }
        }
        unreachable!("2^32 runs can't share an id")
    }

    /// Every run that has a journal, oldest first.
    ///
    /// # Errors
    /// If a journal can't be read, or a newer simpipe writes it: what its run wants is then not known.
    pub fn journaled_runs(&self) -> Result<Vec<JournaledRun>, StoreError> {
        self.runs_not_silent_for(SILENT)
    }

    /// The same but for runs whose ids are `known`: their journals are not even opened.
    ///
    /// # Errors
    /// As [`journaled_runs`](Self::journaled_runs).
    pub fn journaled_runs_but(&self, known: &BTreeSet<&str>) -> Result<Vec<JournaledRun>, StoreError> {
        let of_known = |path: &Path| path.file_stem().and_then(|id| id.to_str()).is_some_and(|id| known.contains(id));
        let items = walkdir::WalkDir::new(self.folder("journal")).into_iter().filter_map(Result::ok);
        let unknown = items.filter(|item| item.file_type().is_file() && !of_known(item.path()));
        self.runs_of_journals(SILENT, unknown.map(walkdir::DirEntry::into_path).collect())
    }

    /// The same. One of another machine or namespace is under way until it was `silent` for so long.
    pub(super) fn runs_not_silent_for(&self, silent: Duration) -> Result<Vec<JournaledRun>, StoreError> {
        self.runs_of_journals(silent, self.files_below("journal")?)
    }

    fn runs_of_journals(&self, silent: Duration, paths: Vec<PathBuf>) -> Result<Vec<JournaledRun>, StoreError> {
        let paths = paths.into_iter().filter(|path| !path.ends_with("order"));
        let read = paths.map(|path| self.read_journal(&path, silent));
        let mut runs = read.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
        // The order of all runs is long, and mostly nobody is without a record.
        if runs.len() > 1 {
            let order = self.run_order()?;
            runs.sort_by(|a, b| {
                order.compare(a.start.name_and_id(), b.start.name_and_id()).then_with(|| a.path.cmp(&b.path))
            });
        }
        Ok(runs)
    }

    /// `None` for a file that is gone meanwhile or does not begin as a journal does: its run never came to want anything.
    pub(super) fn read_journal(&self, path: &Path, silent: Duration) -> Result<Option<JournaledRun>, StoreError> {
        // Asked before the lines are read: a run that ends in between has written its last line.
        let mut alive = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => {
                let file = file.map_err(StoreError::io("read", path))?;
                matches!(fs::try_lock(&file, path, Locking::Shared), Ok(false))
            }
        };
        let Some((text, owner)) = lines(path)? else { return Ok(None) };
        let run = replay(path, alive, &text);
        let Some(JournaledRun { state: RunState::Killed, .. }) = run else { return Ok(run) };
        alive = owner.is_some_and(|owner| self.life_of(Some(&owner), path, silent) != Life::Dead);
        Ok(lines(path)?.and_then(|(text, _)| replay(path, alive, &text))) // it may have ended meanwhile
    }
}

/// A journal's text, and whose it is; `None` if it is gone.
fn lines(path: &Path) -> Result<Option<(String, Option<Owner>)>, StoreError> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        bytes => String::from_utf8_lossy(&bytes.map_err(StoreError::io("read", path))?).into_owned(),
    };
    let head = text.lines().next().and_then(|line| serde_json::from_str::<Head>(line).ok());
    if let Some(found) = head.as_ref().map(|head| head.format).filter(|format| *format != FORMAT) {
        return Err(StoreError::Format { path: path.to_path_buf(), found: found.to_string() });
    }
    // A first line that is whole and yet none: a name in it leads out of its folder, or something is missing.
    let begun = text.lines().next().filter(|_| head.is_some()).map_or(Ok(()), |line| {
        serde_json::from_str::<Line>(line).map(drop).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    });
    begun.map_err(StoreError::io("read the journal", path))?;
    Ok(Some((text, head.and_then(|head| head.owner.parse().ok()))))
}

/// What every format of a journal begins with.
#[derive(Deserialize)]
struct Head {
    format: u32,
    #[serde(default)]
    owner: String,
}

fn replay(path: &Path, alive: bool, text: &str) -> Option<JournaledRun> {
    let mut lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    let Some(Line::RunStarted { start, .. }) = lines.next() else { return None };
    let state = if alive { RunState::Running } else { RunState::Killed };
    let (keys, stages, outcomes, sets) = Default::default();
    let mut run = JournaledRun { start, state, keys, stages, outcomes, sets, path: path.to_path_buf() };
    for line in lines {
        match line {
            Line::RunStarted { .. } => {}
            Line::StageWanted { stage, key } => {
                run.keys.insert(key);
                run.stages.insert(stage, key);
            }
            Line::CheckpointsWanted { key, set, .. } => drop(run.sets.insert(set, key)),
            Line::StageFinished { stage, outcome, key } => {
                run.keys.extend(key);
                run.stages.extend(key.map(|key| (stage.clone(), key)));
                run.outcomes.insert(stage, outcome);
            }
            Line::RunFinished { ok, interrupted } => run.state = RunState::of_end(ok, interrupted),
        }
    }
    Some(run)
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
