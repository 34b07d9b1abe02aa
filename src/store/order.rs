//! `journal/order`: names and ids of runs, in the order in which the journal got them, one line as a run begins and one as it
//! ends. The last line of a run is its place.
//!
//! Ids begin with a time, but a clock may have been wrong, or been set back since: what came last is what was written
//! last, whatever it is dated. A run that is not in the file (of an older simpipe, of a store that could only be read,
//! or of one that was deleted) has the place that its time gives it among the others; one that is dated in the future
//! has none, and comes before all.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::OnceLock;

use super::{Store, StoreError, fs};
use simpipe_base::clock::{self, Moment};
use simpipe_base::fs::is_wrong_place;

/// Clocks of two machines differ by less, in milliseconds.
const SKEW: u64 = 60_000;

/// A run by its experiment's name and its id: ids alone are unique in a root, and roots share a store.
pub type RunName<'a> = (&'a str, &'a str);

/// The order of runs; without a store that of their times.
#[derive(Debug, Clone, Default)]
pub struct RunOrder {
    /// Names and places by id.
    places: BTreeMap<String, Vec<(String, usize)>>,
    /// Ids in their own order, each with the last place of all up to it: made when a run is asked for that is not there.
    last_up_to: OnceLock<Vec<(String, usize)>>,
}

impl RunOrder {
    fn of_lines(text: &str) -> Self {
        let lines = text.lines().enumerate();
        let mut lines: Vec<(&str, &str, usize)> =
            lines.filter_map(|(at, line)| line.split_once('/').map(|(name, run)| (run, name, at + 1))).collect();
        // Nearly in order already, which a map that grows line by line makes nothing of.
        lines.sort_unstable();
        let mut places: Vec<(String, Vec<(String, usize)>)> = Vec::new();
        for of_id in lines.chunk_by(|one, other| one.0 == other.0) {
            // The last line of each name is its place.
            let last = of_id.chunk_by(|one, other| one.1 == other.1).filter_map(<[_]>::last);
            places.push((of_id[0].0.to_owned(), last.map(|(_, name, place)| ((*name).to_owned(), *place)).collect()));
        }
        Self { places: places.into_iter().collect(), last_up_to: OnceLock::new() }
    }

    fn last_up_to(&self) -> &[(String, usize)] {
        self.last_up_to.get_or_init(|| {
            let (mut last, future) = (0, Future::begin());
            let up_to = |(run, of_id): (&String, &Vec<(String, usize)>)| {
                last = of_id.iter().map(|(_, place)| *place).fold(last, usize::max);
                (run.clone(), last)
            };
            self.places.iter().filter(|(run, _)| !future.holds(run)).map(up_to).collect()
        })
    }

    /// Sorts by this: what comes later is greater.
    fn place<'a>(&self, (name, run): RunName<'a>) -> (bool, usize, bool, &'a str) {
        let known = self.places.get(run).and_then(|of_id| of_id.iter().find(|(other, _)| other == name));
        match known {
            Some((_, place)) => (true, *place, false, ""),
            None if is_future(run) => (false, 0, false, run),
            None => {
                let last_up_to = self.last_up_to();
                let before = last_up_to.partition_point(|(known, _)| known.as_str() <= run);
                (true, before.checked_sub(1).map_or(0, |at| last_up_to[at].1), true, run)
            }
        }
    }

    /// Sorts things by their runs, the last first.
    pub fn newest_first<T>(&self, things: &mut [T], run: impl Fn(&T) -> RunName<'_>) {
        // Each place is looked up once, not in every comparison.
        things.sort_by_cached_key(|thing| {
            let (known, place, later, id) = self.place(run(thing));
            Reverse((known, place, later, id.to_owned()))
        });
    }

    /// How two runs follow each other.
    #[must_use]
    pub fn compare(&self, a: RunName<'_>, b: RunName<'_>) -> std::cmp::Ordering {
        self.place(a).cmp(&self.place(b))
    }
}

/// Whether a run's id is dated after now: the clock was wrong when it began, or is wrong now.
#[must_use]
pub fn is_future(run: &str) -> bool {
    Future::begin().holds(run)
}

/// The time from which on a run is dated in the future: asked once for many runs.
#[derive(Debug)]
pub struct Future(String);

impl Future {
    /// As seen now.
    #[must_use]
    pub fn begin() -> Self {
        Self(Moment(clock::now().0.saturating_add(SKEW)).compact())
    }

    /// Whether a run's id is dated in it.
    #[must_use]
    pub fn holds(&self, run: &str) -> bool {
        let dated = run.split('-').next().unwrap_or_default();
        let is_time = dated.len() >= 8 && dated.as_bytes()[..8].iter().all(u8::is_ascii_digit);
        is_time && dated > self.0.as_str()
    }
}

impl Store {
    /// The order in which the journal got its runs.
    ///
    /// # Errors
    /// If it is there and can't be read.
    pub fn run_order(&self) -> Result<RunOrder, StoreError> {
        let path = self.folder("journal").join("order");
        match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(RunOrder::default()),
            read => Ok(RunOrder::of_lines(&String::from_utf8_lossy(&read.map_err(StoreError::io("read", &path))?))),
        }
    }
}

/// Writes down that the journal in `folder` has got a run now. A line that a full disk has torn spoils no other.
///
/// Where the file is another user's, who shares it with nobody, the run has the place of its time.
pub(super) fn append(folder: &Path, (name, run): RunName<'_>) -> Result<(), StoreError> {
    let path = folder.join("order");
    let file = match fs::open_to_append(&path) {
        Err(StoreError::Io { source, .. }) if is_wrong_place(&source) => return Ok(()),
        file => file?,
    };
    fs::append(&file, &path, format!("\n{name}/{run}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::fault::{Fault, Faults};

    fn sorted<'a>(order: &RunOrder, runs: &[&'a str]) -> Vec<&'a str> {
        let mut runs = runs.to_vec();
        order.newest_first(&mut runs, |run| ("x", run));
        runs
    }

    fn order(lines: &[&str]) -> RunOrder {
        RunOrder::of_lines(&lines.iter().map(|run| format!("\nx/{run}\n")).collect::<String>())
    }

    #[test]
    fn what_was_written_last_is_the_newest_whatever_its_date() {
        let runs = ["20260802T000000.000Z-c", "20260801T000000.000Z-b", "20990101T000000.000Z-a"];
        let mut mixed = runs;
        mixed.sort_unstable();
        assert_eq!(sorted(&order(&[runs[2], runs[1], runs[0]]), &mixed), runs);
        // One that ends after another has begun comes later.
        assert_eq!(sorted(&order(&["a", "b", "b", "a"]), &["a", "b"]), ["a", "b"]);
        // Another name's run of the same id is another run; half a line is none.
        let shared = RunOrder::of_lines("x/1\nx/2\ny/1\n\nx");
        assert!(shared.compare(("x", "1"), ("x", "2")).is_lt() && shared.compare(("y", "1"), ("x", "2")).is_gt());
    }

    #[test]
    fn a_run_that_the_journal_has_not_got_has_the_place_of_its_time_and_none_in_the_future() {
        let known = order(&["20990101T000000.000Z-a", "20260803T000000.000Z-b", "20260805T000000.000Z-c"]);
        let runs = [
            "20260806T000000.000Z-lost",
            "20260805T000000.000Z-c",
            "20260804T000000.000Z-read-only",
            "20260803T000000.000Z-b",
            "20990101T000000.000Z-a",
            "20250101T000000.000Z-old",
            "99990101T000000.000Z-planted",
        ];
        let mut mixed = runs;
        mixed.sort_unstable();
        assert_eq!(sorted(&known, &mixed), runs);
        let runs = ["20260802T000000.000Z-b", "20260801T000000.000Z-a", "99990101T000000.000Z-planted"];
        assert_eq!(sorted(&RunOrder::default(), &[runs[2], runs[1], runs[0]]), runs);
    }

    #[test]
    fn who_may_not_write_the_order_keeps_a_journal_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let path = folder.path().join("journal/order");
        let start = |run: &str| super::super::RunStart { run: run.to_owned(), ..Default::default() };
        store.journal(start("1")).unwrap().finish(true, false).unwrap();
        let _others = Faults::below(&path, Fault::ReadOnly);
        store.journal(start("2")).unwrap().finish(true, false).unwrap();
        assert_eq!(store.journaled_runs().unwrap().len(), 2);
    }

    #[test]
    fn the_future_begins_after_now() {
        assert!(is_future("99990101T000000.000Z-abc"));
        assert!(!is_future(&format!("{}-abc", clock::now().compact())) && !is_future("20200101T000000.000Z-abc"));
        assert!(!is_future("x") && !is_future("") && !is_future("zebra"));
    }
}
