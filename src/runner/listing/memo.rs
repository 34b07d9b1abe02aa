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
use serde_json::Value as Json;

use super::brief::Brief;
use super::fields;
use crate::{RunRecord, notes};
use simpipe_base::fs::{self, Inside, Stat};

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
    /// Sorted; of several lines of a run the last one counts. Most files are in this order already.
    lines: Vec<(&'a str, Line<'a>)>,
    /// How many lines there were, those of runs that are gone and earlier ones of the same run too.
    count: usize,
}

impl<'a> Index<'a> {
    /// What the line of a run says, if it is of a record in this state.
    pub(super) fn read<T: DeserializeOwned>(&self, key: &str, stamp: &str) -> Option<T> {
        serde_json::from_str(self.payload(key, stamp)?).ok()
    }

    /// The same as it is written.
    pub(super) fn payload(&self, key: &str, stamp: &str) -> Option<&'a str> {
        let after = self.lines.partition_point(|(other, _)| *other <= key);
        let (found, line) = self.lines.get(after.checked_sub(1)?)?;
        (*found == key && line.stamp == stamp).then_some(line.payload)
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
        let mut lines: Vec<(&str, Line<'_>)> = self.lines().map(|(key, line, _)| (key, line)).collect();
        lines.sort_by_key(|(key, _)| *key); // stable: the last of a run stays its last
        Index { count: lines.len(), lines }
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

/// What stands behind a key of a payload that has it in one place at most. A line is searched in a fraction of the time that
/// it is read in.
pub(super) fn value_at(payload: &str, key: &str) -> Option<Json> {
    // Within a text quotes are escaped, so nothing else looks like a key.
    let key = format!("{}:", Json::from(key));
    let (at, _) = payload.match_indices(&key).find(|(at, _)| !payload[..*at].ends_with('\\'))?;
    let rest = &payload[at + key.len()..];
    serde_json::Deserializer::from_str(rest).into_iter().next()?.ok()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_value_is_found_among_all_whatever_stands_in_texts() {
        let fields = json!({
            "description": "say \"train.epochs\":9, or \\\"train.epochs\":8", "train.epochs": 7, "train.epochs-more": 6,
            "train.sizes": [1, 2], "train.loss": "triplet", "train.rate": 1e-3, "a\"b": true,
        });
        let payload = fields.to_string();
        for (key, value) in fields.as_object().unwrap() {
            assert_eq!(value_at(&payload, key).as_ref(), Some(value), "{key}");
        }
        assert_eq!(["epochs", "train", "b", ""].map(|key| value_at(&payload, key)), [None, None, None, None]);
    }

    #[test]
    fn the_last_line_of_a_run_is_its_line() {
        let memo = Memo("b/2\tx\t1\n\na/1\tx\t2\nb/2\ty\t3\ntorn\nb/1\tx\t4\n".to_owned());
        let index = memo.index();
        assert_eq!(index.read::<u32>("b/2", "y"), Some(3));
        assert_eq!(index.read::<u32>("a/1", "x"), Some(2));
        assert_eq!(index.read::<u32>("b/1", "x"), Some(4));
        assert_eq!([("b/2", "x"), ("a/0", "x"), ("c", "x")].map(|(key, stamp)| index.payload(key, stamp)), [None; 3]);
        assert_eq!(index.count, 4);
    }
}
