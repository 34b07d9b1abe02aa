//! The list of a root's runs, with what each says of itself in brief.
//!
//! `run.json` is what counts. Reading ten thousand of them takes many seconds, so what a list shows of each is kept in a
//! memo beside them, which is written as a run is recorded and mended as it is read.

mod brief;
mod fields;
mod filter;
mod groups;
mod memo;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::Value as Json;

pub use brief::{Brief, Detail, StageEnd, SweepProgress};
pub use fields::fields;
pub use filter::{Condition, Field, Own, UnknownField};
pub use groups::{Group, groups};

use self::memo::Memo;
use super::{RunError, RunRecord, folders, notes, sweep};
use simpipe_base::fs::Inside;
use simpipe_store::{JournaledRun, Store};

/// A run as it is listed.
#[derive(Debug)]
pub struct ListedRun {
    /// What every list shows.
    pub brief: Brief,
    /// What it is pinned as.
    pub tags: Vec<String>,
    /// Its folder below that of all runs, as memos name it.
    key: String,
    /// The state of its record; empty where there is none.
    stamp: String,
    detail: Detail,
    fields: BTreeMap<String, Json>,
}

/// All runs of a root, or those of one name, newest first.
#[derive(Debug)]
pub struct Listing {
    /// The runs.
    pub runs: Vec<ListedRun>,
    root: PathBuf,
    /// Whether all details and all fields are read; else the metrics and the paths that are.
    detailed: bool,
    fielded: bool,
    some: BTreeSet<(&'static str, String)>,
}

/// Remembers what lists show of a run that was just recorded in `folder`, or got another note. What can't be written costs a
/// reread.
pub(super) fn remember(folder: &Path, record: &RunRecord) {
    let runs = folder.parent().and_then(Path::parent).filter(|runs| runs.ends_with("artifacts/runs"));
    let Some(runs) = runs else { return };
    if let Some(stamp) = memo::stamp(folder) {
        memo::append(runs, &[&memo::Lines::of(folder, &stamp, record)]);
    }
}

/// Writes the note of the run in a folder, in the place of an earlier one, and remembers it; an empty one removes it.
///
/// # Errors
/// If it can't be written; an earlier one is then still whole.
pub fn write_note(folder: &Path, text: &str) -> Result<(), RunError> {
    notes::write(folder, text)?;
    if let Ok(record) = RunRecord::read(folder) {
        remember(folder, &record);
    }
    Ok(())
}

impl Listing {
    /// Reads the list: runs with a record, and those that the store's journal knows to be under way or killed.
    #[must_use]
    pub fn read(root: &Path, store: Option<&Store>, name: Option<&str>) -> Self {
        let runs_folder = folders::runs_folder(root);
        let memo = Memo::read(&runs_folder, memo::SUMMARIES);
        let index = memo.index();
        let homes = folders::homes(root, name);
        let places: Vec<(&Home, String)> = homes
            .iter()
            .flat_map(|home| folders::names_in(home.0.path()).into_iter().map(move |run| (home, run)))
            .collect();
        let found: Vec<(ListedRun, Option<memo::Lines>)> =
            places.into_par_iter().filter_map(|(home, run)| recorded(home, &run, &index)).collect();
        let stale = name.is_none() && index.is_mostly_stale(found.len());
        let lines: Vec<&memo::Lines> = found.iter().filter_map(|(_, lines)| lines.as_ref()).collect();
        memo::append(&runs_folder, &lines);
        let mut runs: Vec<ListedRun> = found.into_iter().map(|(run, _)| run).collect();
        if stale {
            memo::compact(&runs_folder, &runs.iter().map(|run| run.key.clone()).collect());
        }
        let sweeps = name.map_or_else(|| sweep::all(root), |name| sweep::of_name(root, name));
        runs.extend(sweeps.iter().filter_map(|folder| ListedRun::of_sweep(folder, root, store)));
        if let Some(store) = store {
            let known: BTreeSet<&str> = runs.iter().map(|run| run.brief.run.as_str()).collect();
            let unrecorded = folders::unrecorded_but(root, store, &known).into_iter();
            let of_name = unrecorded.filter(|run| name.is_none_or(|name| *name == run.start.name));
            let unrecorded: Vec<ListedRun> = of_name.map(|run| ListedRun::without_record(root, run)).collect();
            runs.extend(unrecorded);
            tag(&mut runs, store);
        }
        let order = folders::order_of(store);
        order.newest_first(&mut runs, |run| (&run.brief.name, &run.brief.run));
        Self { runs, root: root.to_path_buf(), detailed: false, fielded: false, some: BTreeSet::new() }
    }

    /// Reads what [`ListedRun::detail`] gives.
    pub fn read_details(&mut self) {
        if !std::mem::replace(&mut self.detailed, true) {
            let read = |payload: &str| serde_json::from_str(payload).ok();
            self.read_more(memo::DETAILS, read, |record| Brief::of(record, None).1, |run, detail| run.detail = detail);
        }
    }

    /// Reads what [`ListedRun::fields`] gives.
    pub fn read_fields(&mut self) {
        if !std::mem::replace(&mut self.fielded, true) {
            let read = |payload: &str| serde_json::from_str(payload).ok();
            self.read_more(memo::FIELDS, read, |record| fields(&record.spec), |run, fields| run.fields = fields);
        }
    }

    /// Reads one of the metrics that [`ListedRun::detail`] gives.
    fn read_metric(&mut self, name: &str) {
        let is_metric = name.contains('.'); // behind a stage's id
        if is_metric && !self.detailed && self.some.insert((memo::DETAILS, name.to_owned())) {
            let read = |payload: &str| Some(memo::value_at(payload, name).and_then(|value| value.as_f64()));
            let of = |record: &RunRecord| record.metrics.get(name).copied();
            self.read_more(memo::DETAILS, read, of, |run, value| {
                run.detail.metrics.extend(value.map(|value| (name.to_owned(), value)));
            });
        }
    }

    /// Reads one of the fields that [`ListedRun::fields`] gives.
    fn read_field(&mut self, path: &str) {
        if !self.fielded && self.some.insert((memo::FIELDS, path.to_owned())) {
            let read = |payload: &str| Some(memo::value_at(payload, path));
            let of = |record: &RunRecord| fields(&record.spec).remove(path);
            self.read_more(memo::FIELDS, read, of, |run, value| {
                run.fields.extend(value.map(|value| (path.to_owned(), value)));
            });
        }
    }

    /// Reads more of each run and puts it there: from a memo, or from the records of runs that it lacks, which it then gets.
    fn read_more<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Option<T> + Sync,
        of: impl Fn(&RunRecord) -> T + Sync,
        put: impl Fn(&mut ListedRun, T) + Sync,
    ) {
        let runs_folder = folders::runs_folder(&self.root);
        let memo = Memo::read(&runs_folder, name);
        let index = memo.index();
        let read = |run: &mut ListedRun| {
            if run.stamp.is_empty() {
                return None; // without a record there is no more
            }
            if let Some(known) = index.payload(&run.key, &run.stamp).and_then(&read) {
                put(run, known);
                return None;
            }
            let folder = runs_folder.join(&run.key);
            let record = RunRecord::read(&folder).ok()?;
            put(run, of(&record));
            Some(memo::Lines::of(&folder, &run.stamp, &record))
        };
        let lines: Vec<memo::Lines> = self.runs.par_iter_mut().filter_map(read).collect();
        memo::append(&runs_folder, &lines.iter().collect::<Vec<_>>());
    }

    /// The field that a user means.
    ///
    /// # Errors
    /// If no run has such a field.
    pub fn field(&mut self, name: &str) -> Result<Field, UnknownField> {
        if let Some(own) = Own::named(name) {
            return Ok(Field::Own(own));
        }
        self.read_metric(name);
        if self.runs.iter().any(|run| run.detail.metrics.contains_key(name)) {
            return Ok(Field::Metric(name.to_owned()));
        }
        self.read_field(name);
        // Where there are no runs, there is nothing to choose from.
        if self.runs.is_empty() || self.runs.iter().any(|run| run.fields.contains_key(name)) {
            return Ok(Field::Config(name.to_owned()));
        }
        self.read_details();
        self.read_fields();
        let known = self.runs.iter().flat_map(|run| run.detail.metrics.keys().chain(run.fields.keys()));
        let known: BTreeSet<&str> = known.map(String::as_str).collect();
        Err(UnknownField::new(name, known))
    }

    /// A field of configs of this name, where some run has it: `train.loss` is one, and a metric.
    pub fn config_field(&mut self, name: &str) -> Option<Field> {
        self.read_field(name);
        let is_there = self.runs.iter().any(|run| run.fields.contains_key(name));
        is_there.then(|| Field::Config(name.to_owned()))
    }

    /// Keeps the runs that a condition holds of.
    pub fn keep(&mut self, field: &Field, condition: &Condition) {
        self.runs.retain(|run| condition.holds(field, run.value(field).as_ref()));
    }

    /// Sorts by a field, the least first, or the greatest with `reverse`; runs without it come last, and equal ones stay
    /// newest first.
    pub fn sort(&mut self, field: &Field, reverse: bool) {
        filter::sort(&mut self.runs, |run| run.value(field), reverse);
    }
}

impl ListedRun {
    /// A run that was killed or is under way.
    fn without_record(root: &Path, run: JournaledRun) -> Self {
        let note = notes::read(&root.join(&run.start.dir));
        let (brief, detail) = Brief::of_journal(run, note);
        Self::with_detail(brief, detail)
    }

    /// A sweep, in place of the runs of its trials.
    fn of_sweep(folder: &Path, root: &Path, store: Option<&Store>) -> Option<Self> {
        let (brief, detail) = Brief::of_sweep(folder, root, store)?;
        Some(Self::with_detail(brief, detail))
    }

    /// What has no record that more could be read from.
    fn with_detail(brief: Brief, detail: Detail) -> Self {
        let (key, stamp, tags, fields) = Default::default();
        Self { key, stamp, brief, tags, detail, fields }
    }

    /// Its stages and metrics, once [`Listing::read_details`] has read them.
    #[must_use]
    pub const fn detail(&self) -> &Detail {
        &self.detail
    }

    /// The fields of its config by their dotted paths, once [`Listing::read_fields`] has read them.
    #[must_use]
    pub const fn fields(&self) -> &BTreeMap<String, Json> {
        &self.fields
    }

    /// What it has in a field that [`Listing::field`] gave.
    #[must_use]
    pub fn value(&self, field: &Field) -> Option<Json> {
        match field {
            Field::Own(own) => own.of(self),
            Field::Metric(name) => self.detail.metrics.get(name).map(|value| Json::from(*value)),
            Field::Config(path) => self.fields.get(path).cloned(),
        }
    }
}

/// The folder of an experiment's runs, with its name.
type Home = (Inside, String);

/// A run by its folder: what the memo says if it is of this very record, else what the record says, with the lines that
/// the memo lacks.
fn recorded((home, name): &Home, run: &str, index: &memo::Index<'_>) -> Option<(ListedRun, Option<memo::Lines>)> {
    let stamp = memo::stamp_of(&home.stat(&format!("{run}/run.json")).ok()?);
    let key = format!("{name}/{run}");
    let (brief, lines) = if let Some(brief) = index.read(&key, &stamp) {
        (brief, None)
    } else {
        let folder = home.path().join(run);
        let record = RunRecord::read(&folder).ok()?;
        (Brief::of(&record, notes::read(&folder)).0, Some(memo::Lines::of(&folder, &stamp, &record)))
    };
    let (tags, detail, fields) = Default::default();
    Some((ListedRun { key, stamp, brief, tags, detail, fields }, lines))
}

/// Says what runs are pinned as. A pin that can't be read is no reason to list nothing.
fn tag(runs: &mut [ListedRun], store: &Store) {
    let mut tags: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for pin in store.pins().unwrap_or_default() {
        tags.entry((pin.name, pin.run)).or_default().push(pin.tag);
    }
    if tags.is_empty() {
        return;
    }
    for run in runs {
        run.tags = tags.remove(&(run.brief.name.clone(), run.brief.run.clone())).unwrap_or_default();
    }
}
