//! `artifacts/runs/.summaries`, `.details` and `.fields`: what lists show of each run, one line a run, so that `run.json` need
//! not be read again; three files, for most lists need the first alone.
//!
//! A line holds the state of the very `run.json` that it was made from (size, times and number in its file system), and
//! counts only while that is so: a copied, changed or removed run is never taken for what it was. Lines are appended; the
//! last of a run is its line. The files may be deleted at any time, and whoever can't write them goes without.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::brief::Brief;
use super::fields;
use crate::base::fs::{self, Inside, Stat};
use crate::runner::{RunRecord, notes};

/// Version of the lines; others are passed over.
const FORMAT: u32 = 1;
/// Name of the file with a [`Brief`] a line.
pub(super) const SUMMARIES: &str = ".summaries";
/// Name of the file with a [`Detail`](super::Detail) a line.
pub(super) const DETAILS: &str = ".details";
/// Name of the file with the fields of the config.
pub(super) const FIELDS: &str = ".fields";
/// So many lines of runs that are gone are in nobody's way.
const FEW: usize = 1000;

/// The text of a memo.
#[derive(Debug)]
pub(super) struct Memo(String);

/// What a memo says of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// The state of the record that it was made from.
    pub(super) stamp: &'a str,
    /// JSON.
    pub(super) payload: &'a str,
}

/// Lines by the run's name and id.
#[derive(Debug)]
pub(super) struct Index<'a> {
    lines: BTreeMap<&'a str, Line<'a>>,
    /// How many lines there were, those of runs that are gone and earlier ones of the same run too.
    count: usize,
}

impl Index<'_> {
    /// What the line of a run says, if it is of a record in this state.
    pub(super) fn read<T: DeserializeOwned>(&self, key: &str, stamp: &str) -> Option<T> {
        let line = self.lines.get(key).filter(|line| line.stamp == stamp)?;
        serde_json::from_str(line.payload).ok()
    }

    /// Whether most lines are of runs that are gone or of earlier records, where there are so many runs.
    pub(super) const fn is_mostly_stale(&self, runs: usize) -> bool {
        self.count > 2 * runs + FEW
    }
}

/// The lines of one run, for each file.
#[derive(Debug)]
pub(super) struct Lines([(&'static str, String); 3]);

/// The experiment's name and the run's id, as they name its folder.
pub(super) fn key(folder: &Path) -> String {
    let name = |path: Option<&Path>| path.and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    format!("{}/{}", name(folder.parent()), name(Some(folder)))
}

/// The state of a run's record; `None` if it has none.
pub(super) fn stamp(folder: &Path) -> Option<String> {
    Some(stamp_of(&fs::stat(&folder.join("run.json")).ok()?))
}

/// The same, once the system was asked.
pub(super) fn stamp_of(record: &Stat) -> String {
    let Stat { size, modified, changed, inode, .. } = record;
    format!("{FORMAT}:{size}:{}.{}:{}.{}:{inode}", modified.0, modified.1, changed.0, changed.1)
}

impl Memo {
    /// Reads one; an empty one if there is none.
    pub(super) fn read(runs: &Path, name: &str) -> Self {
        let bytes = fs::read_regular(&runs.join(name)).unwrap_or_default();
        let text = String::from_utf8(bytes);
        Self(text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// Its lines by run; those that are torn are passed over.
    pub(super) fn index(&self) -> Index<'_> {
        let (mut lines, mut count) = (BTreeMap::new(), 0);
        for (key, line, _) in self.lines() {
            lines.insert(key, line);
            count += 1;
        }
        Index { lines, count }
    }

    /// Key, line and the whole line.
    fn lines(&self) -> impl Iterator<Item = (&str, Line<'_>, &str)> {
        self.0.lines().filter_map(|whole| {
            let (key, rest) = whole.split_once('\t')?;
            let (stamp, payload) = rest.split_once('\t')?;
            Some((key, Line { stamp, payload }, whole))
        })
    }
}

impl Lines {
    /// Of a record in this state.
    pub(super) fn of(folder: &Path, stamp: &str, record: &RunRecord) -> Self {
        fn json<T: serde::Serialize>(value: &T) -> String {
            serde_json::to_string(value).expect("it serializes to JSON")
        }
        let (key, (brief, detail)) = (key(folder), Brief::of(record, notes::read(folder)));
        let line = |payload: String| format!("{key}\t{stamp}\t{payload}");
        Self([
            (SUMMARIES, line(json(&brief))),
            (DETAILS, line(json(&detail))),
            (FIELDS, line(json(&fields(&record.spec)))),
        ])
    }
}

/// Appends lines to the files, as far as they can be written.
pub(super) fn append(runs: &Path, lines: &[&Lines]) {
    let (Some(first), Ok(inside)) = (lines.first(), Inside::open(runs)) else { return };
    for (at, (name, _)) in first.0.iter().enumerate() {
        let mut text = String::new();
        for Lines(files) in lines {
            // A line that a full disk has torn spoils no other.
            write!(text, "\n{}\n", files[at].1).expect("a string takes all");
        }
        if let Err(error) = inside.append(name, text.as_bytes()) {
            tracing::debug!("{name} of {} is not written: {error}", runs.display());
        }
    }
}

/// Writes the files anew with the last line of each of these runs. What another process appends meanwhile may be lost, and
/// is then read again.
pub(super) fn compact(runs: &Path, keep: &BTreeSet<String>) {
    for name in [SUMMARIES, DETAILS, FIELDS] {
        let memo = Memo::read(runs, name);
        let last: BTreeMap<&str, &str> =
            memo.lines().filter(|(key, ..)| keep.contains(*key)).map(|(key, _, whole)| (key, whole)).collect();
        let text: String = last.values().flat_map(|line| ["\n", line, "\n"]).collect();
        if let Err(error) = fs::write_atomic(&runs.join(name), text.as_bytes()) {
            tracing::debug!("{name} of {} is not written anew: {error}", runs.display());
        }
    }
}
