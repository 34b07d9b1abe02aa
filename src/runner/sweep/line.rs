//! How a line of a sweep's journals is written: with a checksum of the rest in front.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::entry::{Coordinate, Entry, FORMAT, Head, TrialRun, Worker};
use super::error::SweepError;
use super::metrics::Metrics;
use crate::RunError;
use simpipe_base::clock;
use simpipe_base::digest::Digest;

/// The oldest that can be read.
const OLDEST: u32 = 1;

/// What a line begins with; the checksum and what [`AFTER`] it follow.
const BEFORE: &str = "{\"check\":\"";
const AFTER: &str = "\",";

#[derive(Serialize, Deserialize)]
struct Line {
    /// When it was written, in UTC.
    at: String,
    /// Its place among the lines of all files.
    #[serde(default)]
    order: u64,
    entry: Entry,
}

/// A line of a kind that is known before. An [`Entry`] of any kind keeps all its fields until it knows which it is; that takes
/// several times as long, and of these kinds there is a line for each trial.
#[derive(Deserialize)]
struct LineOf<E> {
    #[serde(default)]
    order: u64,
    entry: E,
}

/// [`Entry::TrialFinished`].
#[derive(Deserialize)]
struct Finished {
    trial: usize,
    attempt: u32,
    runs: Vec<TrialRun>,
    metrics: Metrics,
    seconds: f64,
}

/// [`Entry::TrialAsked`].
#[derive(Deserialize)]
struct Asked {
    trial: usize,
    point: Option<Vec<Option<Coordinate>>>,
    parameters: BTreeMap<String, Json>,
    seeds: Vec<u64>,
    #[serde(default)]
    again: Option<usize>,
    #[serde(default)]
    further: Option<usize>,
    #[serde(default)]
    rung: usize,
    #[serde(default)]
    epochs: Option<u32>,
    #[serde(default)]
    added: bool,
}

/// [`Entry::TrialClaimed`].
#[derive(Deserialize)]
struct Claimed {
    trial: usize,
    attempt: u32,
    #[serde(default)]
    by: Option<Worker>,
}

impl From<Finished> for Entry {
    fn from(Finished { trial, attempt, runs, metrics, seconds }: Finished) -> Self {
        Self::TrialFinished { trial, attempt, runs, metrics, seconds }
    }
}

impl From<Asked> for Entry {
    fn from(asked: Asked) -> Self {
        let Asked { trial, point, parameters, seeds, again, further, rung, epochs, added } = asked;
        Self::TrialAsked { trial, point, parameters, seeds, again, further, rung, epochs, added }
    }
}

impl From<Claimed> for Entry {
    fn from(Claimed { trial, attempt, by }: Claimed) -> Self {
        Self::TrialClaimed { trial, attempt, by }
    }
}

/// A line with its end.
pub(super) fn text_of(entry: &Entry, order: u64) -> String {
    let line = Line { at: clock::now().rfc3339(), order, entry: entry.clone() };
    let body = serde_json::to_string(&line).expect("a line serializes to JSON");
    let rest = &body[1..];
    format!("{BEFORE}{}{AFTER}{rest}\n", Digest::of(rest.as_bytes()).short())
}

/// The place of a line and what it says; `None` if it is damaged. Of an older format the place is its number.
pub(super) fn parse(line: &[u8], number: usize) -> Option<(u64, Entry)> {
    let text = std::str::from_utf8(line).ok()?;
    let (check, rest) = text.strip_prefix(BEFORE)?.split_once(AFTER)?;
    (Digest::of(rest.as_bytes()).short() == check).then_some(())?;
    let (order, entry) = read(text)?;
    Some((if order == 0 { number as u64 } else { order }, entry))
}

fn read(text: &str) -> Option<(u64, Entry)> {
    // Within a string its quotes would be escaped. Where a value of a parameter looks so, the line is not of that kind, and is
    // read as any other.
    let known = if text.contains(r#""event":"trial-finished""#) {
        read_as::<Finished>(text)
    } else if text.contains(r#""event":"trial-asked""#) {
        read_as::<Asked>(text)
    } else if text.contains(r#""event":"trial-claimed""#) {
        read_as::<Claimed>(text)
    } else {
        None
    };
    known.or_else(|| {
        let Line { order, entry, .. } = serde_json::from_str(text).ok()?;
        Some((order, entry))
    })
}

fn read_as<'a, E: Deserialize<'a> + Into<Entry>>(text: &'a str) -> Option<(u64, Entry)> {
    let LineOf { order, entry } = serde_json::from_str::<LineOf<E>>(text).ok()?;
    Some((order, entry.into()))
}

/// What the first line of the first file says.
pub(super) fn head_of(path: &Path, first: &[u8]) -> Result<Head, RunError> {
    let path = path.to_path_buf();
    // Every format says which it is, in the same place.
    let json: Json = serde_json::from_slice(first).unwrap_or_default();
    let known = u64::from(OLDEST)..=u64::from(FORMAT);
    let is_known = |found: &Json| found.as_u64().is_some_and(|found| known.contains(&found));
    if let Some(found) = json["entry"].get("format").filter(|found| !is_known(found)) {
        return Err(SweepError::Format { path, found: found.to_string() }.into());
    }
    match parse(first.strip_suffix(b"\n").unwrap_or(first), 1) {
        Some((_, Entry::SweepStarted { head, .. })) => Ok(*head),
        Some(_) => {
            Err(SweepError::NoJournal { path, reason: "it does not begin with the sweep's start".to_owned() }.into())
        }
        None => Err(SweepError::NoJournal { path, reason: "its first line is damaged".to_owned() }.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_line_is_read_as_an_entry_of_any_kind_is() {
        let metrics: Metrics = [("a.x".to_owned(), 0.1 + 0.2), ("a.y".to_owned(), 3.0)].into_iter().collect();
        let run = TrialRun { seed: 7, run: "r".to_owned(), dir: "d/r".to_owned(), metrics: metrics.clone() };
        let point = Some(vec![Some(Coordinate::Real(0.5)), None, Some(Coordinate::Item(2))]);
        // A value that looks like what tells the kinds.
        let parameters = BTreeMap::from([("a.x".to_owned(), json!({ "event": "trial-finished" }))]);
        let by = Some(Worker { host: "\"event\":\"trial-asked\"".to_owned(), job: None, since: "now".to_owned() });
        let (trial, attempt, seeds, rung, seconds) = (3, 1, vec![7, 8], 2, 1.5);
        let (again, further, epochs, added) = (Some(1), None, Some(9), true);
        for entry in [
            Entry::TrialAsked { trial, point, parameters, seeds, again, further, rung, epochs, added },
            Entry::TrialClaimed { trial, attempt, by },
            Entry::TrialFinished { trial, attempt, runs: vec![run], metrics, seconds },
            Entry::TrialUnwanted { trial },
        ] {
            let text = text_of(&entry, 12);
            let line: Line = serde_json::from_str(&text).unwrap();
            assert_eq!((line.order, &line.entry), (12, &entry));
            assert_eq!(parse(text.trim_end().as_bytes(), 1), Some((12, entry)), "{text}");
        }
    }
}
