//! `journal.jsonl` of a sweep: what happened, one line an event, appended by every process that works on it and never
//! changed. What it comes to is the [`State`].
//!
//! Each line begins with a checksum of the rest and is synced before anybody acts on it. Where two processes say the same
//! thing at one time (the next trial, the end of one), the line that stands first counts for both. A line that is torn or
//! damaged is left out, and said to be.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::error::SweepError;
use super::state::State;
use crate::base::digest::Digest;
use crate::base::{clock, file_name, fs};
use crate::plan::sweep::{Bound, Goal};
use crate::runner::RunError;
use crate::sweep::{Point, Value};

/// Version of the lines' format.
pub const FORMAT: u32 = 1;

/// The name of the file in a sweep's folder.
const NAME: &str = "journal.jsonl";

/// What a line begins with; the checksum and what [`AFTER`] it follow.
const BEFORE: &str = "{\"check\":\"";
const AFTER: &str = "\",";

/// What is laid over the config, to plan the sweep again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SavedOverlay {
    /// `--set`.
    Set(String),
    /// `--set-file`.
    File(PathBuf),
}

/// A sweep as it begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Its id.
    #[serde(deserialize_with = "file_name::word")]
    pub sweep: String,
    /// The experiment's name.
    #[serde(deserialize_with = "file_name::word")]
    pub name: String,
    /// The config as the user named it.
    pub config: String,
    /// Where the config is.
    pub path: PathBuf,
    /// What is laid over it.
    pub overlays: Vec<SavedOverlay>,
    /// How points are chosen.
    pub method: String,
    /// What trials are compared by.
    pub goals: Vec<Goal>,
    /// What a trial must keep.
    pub bounds: Vec<Bound>,
    /// What must not change: see [`Sweep::identity`](crate::plan::Sweep::identity).
    pub identity: Json,
    /// Digests of what the stages read from outside, by stage and source.
    pub sources: BTreeMap<String, BTreeMap<String, Digest>>,
    /// When it began, in UTC.
    pub started: String,
    /// The simpipe that began it.
    pub version: String,
    /// What the method was told before the first trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Earlier>,
}

/// What another sweep has found out, as far as it says something of this one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Earlier {
    /// Its id.
    #[serde(deserialize_with = "file_name::word")]
    pub sweep: String,
    /// Its trials in the order of completion.
    pub trials: Vec<Told>,
    /// How many others there are, by why they say nothing.
    pub left_out: BTreeMap<String, usize>,
}

/// A trial of another sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Its number there.
    pub trial: usize,
    /// Its place in the space of this sweep.
    pub point: Vec<Option<Coordinate>>,
    /// What it gave, as far as trials are compared by it.
    pub metrics: BTreeMap<String, f64>,
}

/// The value of one dimension in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coordinate {
    /// Any number.
    Real(f64),
    /// A whole number.
    Integer(i64),
    /// An item of a list.
    Item(usize),
}

/// A run of a trial, one for each seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialRun {
    /// The seed.
    pub seed: u64,
    /// The run's id.
    #[serde(deserialize_with = "file_name::word")]
    pub run: String,
    /// Its folder, relative to the root.
    #[serde(deserialize_with = "file_name::inside")]
    pub dir: String,
    /// Its headline numbers.
    pub metrics: BTreeMap<String, f64>,
}

/// Who works on a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// The machine.
    pub host: String,
    /// When it took the trial, in UTC.
    pub since: String,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Entry {
    /// The first line.
    SweepStarted {
        /// Of all lines.
        format: u32,
        /// What it is.
        head: Box<Head>,
    },
    /// A process begins to work on it, or does so again after it was stopped.
    Joined {
        /// Finished points in the end, as it stands in the config now.
        trials: usize,
    },
    /// A point is to be tried.
    TrialAsked {
        /// Its number.
        trial: usize,
        /// Its place in the space; `None` for the config's own values where they lie outside.
        point: Option<Vec<Option<Coordinate>>>,
        /// Its values by their paths.
        parameters: BTreeMap<String, Json>,
        /// Of one run each.
        seeds: Vec<u64>,
        /// The trial whose point is trained with further seeds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again: Option<usize>,
        /// The trial that began the training which goes on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        further: Option<usize>,
        /// How far it is trained, counted from 0; the only rung where all are trained alike.
        #[serde(default)]
        rung: usize,
        /// The same in epochs, where it is not the same for all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epochs: Option<u32>,
        /// Whether somebody has chosen it, and no method.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        added: bool,
    },
    /// Somebody works on a trial.
    TrialClaimed {
        /// Its number.
        trial: usize,
        /// How often it was claimed before.
        attempt: u32,
        /// Who that is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Worker>,
    },
    /// A trial has all its numbers.
    TrialFinished {
        /// Its number.
        trial: usize,
        /// Of its claim.
        attempt: u32,
        /// One for each seed.
        runs: Vec<TrialRun>,
        /// Means over the seeds.
        metrics: BTreeMap<String, f64>,
        /// How long it took.
        seconds: f64,
    },
    /// A trial has no number to be compared by.
    TrialFailed {
        /// Its number.
        trial: usize,
        /// Of its claim.
        attempt: u32,
        /// Those that were begun.
        runs: Vec<TrialRun>,
        /// Why.
        reason: String,
        /// How long it took.
        seconds: f64,
    },
    /// Who worked on a trial was asked to stop: another may go on with it at once.
    TrialReleased {
        /// Its number.
        trial: usize,
        /// Of its claim.
        attempt: u32,
    },
    /// Nothing is left to do.
    SweepDone {},
    /// No further trial begins until somebody joins.
    SweepStopped {
        /// Why.
        why: String,
        /// Whether trials under way stop too, after a checkpoint.
        at_once: bool,
    },
}

#[derive(Serialize, Deserialize)]
struct Line {
    at: String,
    entry: Entry,
}

impl Worker {
    /// This process, from now on.
    pub(super) fn here() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self { host: host.trim().to_owned(), since: clock::now().rfc3339() }
    }
}

impl Coordinate {
    /// A point in JSON.
    pub(super) fn of_point(point: &Point) -> Vec<Option<Self>> {
        let of_value = |value: Value| match value {
            Value::Real(real) => Self::Real(real),
            Value::Integer(integer) => Self::Integer(integer),
            Value::Item(item) => Self::Item(item),
        };
        point.0.iter().map(|value| value.map(of_value)).collect()
    }

    /// The point that JSON tells.
    pub(super) fn point(coordinates: &[Option<Self>]) -> Point {
        let value = |coordinate: Self| match coordinate {
            Self::Real(real) => Value::Real(real),
            Self::Integer(integer) => Value::Integer(integer),
            Self::Item(item) => Value::Item(item),
        };
        Point(coordinates.iter().map(|coordinate| coordinate.map(value)).collect())
    }
}

/// The journal of a sweep, and what it comes to so far.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// `None` for who only reads.
    file: Option<File>,
    /// Bytes that are read.
    offset: u64,
    /// Lines that are read.
    lines: usize,
    /// What they come to.
    pub state: State,
}

impl Journal {
    /// Begins a journal in a folder that has none.
    pub(super) fn create(folder: &Path, head: Head) -> Result<(), RunError> {
        let path = folder.join(NAME);
        let line = text_of(&Entry::SweepStarted { format: FORMAT, head: Box::new(head) });
        fs::write_atomic(&path, line.as_bytes()).map_err(RunError::io("write", &path))
    }

    /// Reads a sweep's journal.
    ///
    /// # Errors
    /// If it can't be read, is none, of another format or of another sweep.
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(NAME);
        let first = first_line(&path).map_err(RunError::io("read", &path))?;
        let head = head_of(&path, &first)?;
        let expected = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if head.sweep != expected {
            return Err(SweepError::OtherSweep { path, found: head.sweep, expected }.into());
        }
        let mut journal = Self { offset: first.len() as u64, path, file: None, lines: 1, state: State::new(head) };
        journal.refresh()?;
        if journal.has_tail().map_err(RunError::io("read", &journal.path))? {
            journal.state.notes.push("the last line of the sweep's journal is torn and left out".to_owned());
        }
        Ok(journal)
    }

    /// The same, to be added to.
    ///
    /// # Errors
    /// The same, and if it can't be written.
    pub(super) fn open(folder: &Path) -> Result<Self, RunError> {
        let mut journal = Self::read(folder)?;
        journal.file = Some(fs::open_to_append(&journal.path).map_err(RunError::io("write", &journal.path))?);
        Ok(journal)
    }

    /// Adds a line, synced, and reads on: what others have said before it counts first.
    pub(super) fn append(&mut self, entry: &Entry) -> Result<(), RunError> {
        let torn = self.has_tail().map_err(RunError::io("read", &self.path))?;
        let line = format!("{}{}", if torn { "\n" } else { "" }, text_of(entry));
        if let Some(file) = &self.file {
            let written = fs::append(file, &self.path, line.as_bytes()).and_then(|()| fs::sync(&self.path));
            written.map_err(RunError::io("write", &self.path))?;
        }
        self.refresh()
    }

    /// Reads what others have said meanwhile.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn refresh(&mut self) -> Result<(), RunError> {
        let bytes = read_from(&self.path, self.offset).map_err(RunError::io("read", &self.path))?;
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        for line in bytes[..end].split(|byte| *byte == b'\n') {
            self.lines += 1;
            match parse(line) {
                Some(entry) => self.state.apply(entry),
                None if line.is_empty() => {}
                None => {
                    let note = format!("line {} of the sweep's journal is damaged and left out", self.lines);
                    self.state.notes.push(note);
                }
            }
        }
        self.offset += end as u64 + 1;
        Ok(())
    }

    /// Whether the file ends within a line.
    fn has_tail(&self) -> std::io::Result<bool> {
        let mut file = File::open(&self.path)?;
        if file.metadata()?.len() == 0 {
            return Ok(false);
        }
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        Ok(last[0] != b'\n')
    }
}

/// All bytes of a file from an offset on.
fn read_from(path: &Path, offset: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A line with its end.
fn text_of(entry: &Entry) -> String {
    let line = Line { at: clock::now().rfc3339(), entry: entry.clone() };
    let body = serde_json::to_string(&line).expect("a line serializes to JSON");
    let rest = &body[1..];
    format!("{BEFORE}{}{AFTER}{rest}\n", Digest::of(rest.as_bytes()).short())
}

/// What a line says; `None` if it is damaged.
fn parse(line: &[u8]) -> Option<Entry> {
    let text = std::str::from_utf8(line).ok()?;
    let (check, rest) = text.strip_prefix(BEFORE)?.split_once(AFTER)?;
    (Digest::of(rest.as_bytes()).short() == check).then_some(())?;
    serde_json::from_str::<Line>(text).ok().map(|line| line.entry)
}

/// The first line with its end; all there is if it has none.
fn first_line(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut reader = std::io::BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    std::io::BufRead::read_until(&mut reader, b'\n', &mut line)?;
    Ok(line)
}

fn head_of(path: &Path, first: &[u8]) -> Result<Head, RunError> {
    let path = path.to_path_buf();
    // Every format says which it is, in the same place.
    let json: Json = serde_json::from_slice(first).unwrap_or_default();
    if let Some(found) = json["entry"].get("format").filter(|found| **found != FORMAT) {
        return Err(SweepError::Format { path, found: found.to_string() }.into());
    }
    match parse(first.strip_suffix(b"\n").unwrap_or(first)) {
        Some(Entry::SweepStarted { head, .. }) => Ok(*head),
        Some(_) => {
            Err(SweepError::NoJournal { path, reason: "it does not begin with the sweep's start".to_owned() }.into())
        }
        None => Err(SweepError::NoJournal { path, reason: "its first line is damaged".to_owned() }.into()),
    }
}
