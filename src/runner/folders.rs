//! Run folders: `<root>/artifacts/runs/<name>/<time>-<id>/`, and finding them again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::sweep::{is_of_sweep, trials};
use super::{RunError, RunRecord, clock::Moment};
use simpipe_base::digest::Digest;
use simpipe_base::file_name::FileName;
use simpipe_base::fs::{self, Inside};
use simpipe_plan::Plan;
use simpipe_store::{Future, JournaledRun, RunName, RunOrder, RunReach, RunState, Store};

/// Where all runs of a root are.
#[must_use]
pub fn runs_folder(root: &Path) -> PathBuf {
    root.join("artifacts").join("runs")
}

/// Where the store of a root is, unless the user puts it elsewhere.
#[must_use]
pub fn store_folder(root: &Path) -> PathBuf {
    root.join("artifacts").join("store")
}

/// A new run's id and folder, which is held open: what is put into it later gets nowhere else.
///
/// `artifacts/` and `runs/` may be links to a larger disk; below them no link is followed.
pub(super) fn create(root: &Path, name: &str, started: Moment) -> Result<(String, Inside), RunError> {
    create_below(&runs_folder(root), name, started)
}

/// The same in a folder `name` of another folder than that of runs.
pub(super) fn create_below(runs: &Path, name: &str, started: Moment) -> Result<(String, Inside), RunError> {
    fs::create_dirs_synced(runs).map_err(RunError::io("create", runs))?;
    let parent = runs.join(name);
    let new = std::fs::symlink_metadata(&parent).is_err();
    let opened = Inside::open(runs).and_then(|runs| runs.enter(name));
    let named = opened.map_err(RunError::io("create", &parent))?;
    if new {
        fs::sync_dir(runs).map_err(RunError::io("sync", runs))?;
    }
    for attempt in 0_u32.. {
        let salt = Digest::of_json(&(std::process::id(), started.0, attempt)).short();
        let run = format!("{}-{}", started.compact(), &salt[..6]);
        match named.make(&run) {
            Ok(folder) => return Ok((run, folder)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(RunError::io("create", &parent.join(&run))(error)),
        }
    }
    unreachable!("2^32 runs can't begin in one millisecond")
}

/// Folders of the runs of one name, newest first; none if there are none.
#[must_use]
pub fn of_name(root: &Path, name: &str, order: &RunOrder) -> Vec<PathBuf> {
    let plain = FileName::try_from(name).is_ok_and(|name| name.parts().count() == 1);
    let mut folders = if plain { subfolders(&runs_folder(root).join(name)) } else { Vec::new() };
    order.newest_first(&mut folders, |folder| name_and_id(folder));
    folders
}

/// Folders of all runs, newest first.
#[must_use]
pub fn all(root: &Path, order: &RunOrder) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = subfolders(&runs_folder(root)).iter().flat_map(|named| subfolders(named)).collect();
    order.newest_first(&mut folders, |folder| name_and_id(folder));
    folders
}

/// The experiment's name and the run's id, which name its folders.
fn name_and_id(folder: &Path) -> RunName<'_> {
    fn text(part: Option<&std::ffi::OsStr>) -> &str {
        part.and_then(std::ffi::OsStr::to_str).unwrap_or_default()
    }
    (text(folder.parent().and_then(Path::file_name)), text(folder.file_name()))
}

/// What to say if a run is dated in the future.
#[must_use]
pub fn warning_of_future<'a>(runs: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let future = Future::begin();
    let run = runs.into_iter().find(|run| future.holds(run))?;
    Some(format!(
        "the run {run} is dated in the future: the clock was wrong when it began, or is wrong now; runs are taken in the \
         order in which the store's journal got them"
    ))
}

/// The order of a store's runs; that of their times where there is none, or its journal can't be read.
#[must_use]
pub fn order_of(store: Option<&Store>) -> RunOrder {
    store.and_then(|store| store.run_order().ok()).unwrap_or_default()
}

/// Ids of the runs of one name.
pub(super) fn ids_of_name(root: &Path, name: &str) -> Vec<String> {
    of_name(root, name, &RunOrder::default()).iter().map(|folder| name_and_id(folder).1.to_owned()).collect()
}

/// The folders of experiments, opened, each with its name: all, or that of one name.
pub(super) fn homes(root: &Path, name: Option<&str>) -> Vec<(Inside, String)> {
    let runs = runs_folder(root);
    let is_name = |name: &str| FileName::try_from(name).is_ok_and(|name| name.parts().count() == 1);
    let names = match name {
        Some(name) if is_name(name) => vec![name.to_owned()],
        Some(_) => Vec::new(),
        None => names_in(&runs),
    };
    names.into_iter().filter_map(|name| Some((Inside::open(&runs.join(&name)).ok()?, name))).collect()
}

/// Names of the folders in a folder, in no order that means anything.
pub(super) fn names_in(folder: &Path) -> Vec<String> {
    let Ok(items) = std::fs::read_dir(folder) else { return Vec::new() };
    items.flatten().filter(is_folder).filter_map(|item| item.file_name().into_string().ok()).collect()
}

/// The folder's list says what most are; only a link is looked at.
fn is_folder(item: &std::fs::DirEntry) -> bool {
    item.file_type().is_ok_and(|kind| kind.is_dir() || kind.is_symlink() && item.path().is_dir())
}

pub(super) fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let Ok(items) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut folders: Vec<PathBuf> = items.flatten().filter(is_folder).map(|item| item.path()).collect();
    folders.sort();
    folders
}

/// The folder that a user means: a path, `latest` (the last that the journal got), an experiment's name (its newest
/// run), or (the start or end of) an id.
///
/// # Errors
/// If there is no such run, or parts of several ids are so.
pub fn find(root: &Path, order: &RunOrder, wanted: &str) -> Result<PathBuf, RunError> {
    let path = Path::new(wanted);
    if path.join("run.json").is_file() {
        return Ok(path.to_path_buf());
    }
    if root.join(path).join("run.json").is_file() {
        return Ok(root.join(path));
    }
    let recorded = |folder: &&PathBuf| folder.join("run.json").is_file();
    let called =
        |folder: &&PathBuf| folder.parent().and_then(Path::file_name).is_some_and(|name| name == Path::new(wanted));
    let all = all(root, order);
    let whole = |folder: &&PathBuf| wanted == "latest" || called(folder) || id_of(folder) == wanted;
    if let Some(folder) = all.iter().filter(recorded).find(whole) {
        return Ok(folder.clone());
    }
    let part = |folder: &&PathBuf| id_of(folder).starts_with(wanted) || id_of(folder).ends_with(wanted);
    let mut parts: Vec<&PathBuf> =
        all.iter().filter(|folder| !wanted.is_empty() && part(folder)).filter(recorded).collect();
    let trials = if parts.is_empty() { trials(root) } else { Vec::new() };
    parts.extend(trials.iter().filter(|folder| !wanted.is_empty() && part(folder)).filter(recorded));
    match parts.as_slice() {
        [] => Err(RunError::NoRun { name: wanted.to_owned(), folder: runs_folder(root) }),
        [folder] => Ok((*folder).clone()),
        several => {
            let mut readings: Vec<String> =
                several.iter().take(READINGS).map(|folder| format!("the run {}", id_of(folder))).collect();
            if several.len() > READINGS {
                readings.push(format!("one of {} more", several.len() - READINGS));
            }
            Err(RunError::Ambiguous { name: wanted.to_owned(), readings })
        }
    }
}

/// Runs that a message names where a word may mean many.
const READINGS: usize = 3;

/// A run's id.
fn id_of(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The same, where the store's tags are names too.
///
/// # Errors
/// If there is no such run, it left no record, or a tag and the newest run of an experiment of that name differ.
pub fn find_tagged(root: &Path, store: &Store, wanted: &str) -> Result<PathBuf, RunError> {
    let order = order_of(Some(store));
    if let Some(pin) = store.pinned(wanted) {
        let places = [Path::new(&pin.root).join(&pin.dir), root.join(&pin.dir)];
        if let Some(folder) = places.into_iter().find(|folder| folder.join("run.json").is_file()) {
            let named = of_name(root, wanted, &order).into_iter().find(|folder| folder.join("run.json").is_file());
            return match named.filter(|named| id_of(named) != pin.run) {
                None => Ok(folder),
                Some(named) => Err(RunError::Ambiguous {
                    name: wanted.to_owned(),
                    readings: vec![
                        format!("the run of this tag, {}", pin.run),
                        format!("the newest of the experiment of this name, {}", id_of(&named)),
                    ],
                }),
            };
        }
    }
    find(root, &order, wanted).map_err(|error| {
        match unrecorded(root, store).into_iter().find(|run| run.start.run.starts_with(wanted)) {
            Some(run) if !wanted.is_empty() => RunError::Unrecorded {
                run: run.start.run,
                state: run.state.word(),
                done: run.outcomes.len(),
                stages: run.start.stages.len(),
            },
            _ => error,
        }
    })
}

/// Runs of a root that have no record, newest first: those under way, and those that were killed.
#[must_use]
pub fn unrecorded(root: &Path, store: &Store) -> Vec<JournaledRun> {
    unrecorded_but(root, store, &BTreeSet::new())
}

/// The folder of a root as journals name it.
pub(super) fn journaled_root(root: &Path) -> String {
    std::path::absolute(root).unwrap_or_default().to_string_lossy().into_owned()
}

/// The same, where runs of `known` ids have a record: their journals are not read.
#[must_use]
pub fn unrecorded_but(root: &Path, store: &Store, known: &BTreeSet<&str>) -> Vec<JournaledRun> {
    let here = journaled_root(root);
    let mut runs = store.journaled_runs_but(known).unwrap_or_default();
    // Those of a sweep are told of by the sweep.
    runs.retain(|run| !is_of_sweep(&run.start.dir));
    runs.retain(|run| run.start.root == here && !root.join(&run.start.dir).join("run.json").is_file());
    runs.retain(|run| matches!(run.state, RunState::Killed | RunState::Running));
    runs.reverse();
    runs
}

/// What every recorded run of a root reached, for a store whose journal does not know all of them.
#[must_use]
pub fn reach(root: &Path) -> Vec<RunReach> {
    let of = |record: RunRecord| RunReach {
        state: record.state(),
        keys: record.stages.iter().filter_map(|stage| stage.key).collect(),
        sets: std::collections::BTreeMap::new(),
        group: record.group,
        run: record.run,
        name: record.name,
    };
    let folders = all(root, &RunOrder::default()).into_iter();
    folders.filter_map(|folder| RunRecord::read_of_any_format(&folder)).map(of).collect()
}

/// The newest run of a name that has a usable result of each stage: what "changed" is measured against.
#[derive(Debug, Default)]
pub struct History(Vec<RunRecord>);

impl History {
    /// Reads records of the experiment's name, newest first, until every stage in `ids` has been seen with a result. The
    /// record of a group is passed over: its runs have records of their own. For one of several seeds the newest run of
    /// that seed is told from before those of others.
    #[must_use]
    pub fn read<'a>(root: &Path, order: &RunOrder, plan: &Plan, ids: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut wanted, experiment) = (ids.into_iter().collect::<Vec<&str>>(), &plan.experiment);
        let any_seed = experiment.seeds.is_empty();
        let (mut records, mut others) = (Vec::new(), Vec::new());
        for folder in of_name(root, &experiment.name, order) {
            if wanted.is_empty() || others.len() > experiment.seeds.len() {
                break;
            }
            // A run that was killed left no record; it says nothing of any stage.
            let Some(record) = RunRecord::read(&folder).ok().filter(|record| !record.is_group()) else { continue };
            if !any_seed && record.spec["seed"].as_u64() != Some(experiment.seed) {
                others.push(record);
                continue;
            }
            wanted.retain(|id| record.stage(id).is_none_or(|stage| !stage.outcome.done()));
            records.push(record);
        }
        records.append(&mut others);
        Self(records)
    }

    /// The newest run that has a result of a stage.
    #[must_use]
    pub fn run_of(&self, id: &str) -> Option<&RunRecord> {
        self.0.iter().find(|record| record.stage(id).is_some_and(|stage| stage.outcome.done()))
    }

    /// A stage as it was in that run.
    #[must_use]
    pub fn snapshot_of(&self, id: &str) -> Option<simpipe_plan::Snapshot> {
        self.run_of(id)?.stage(id)?.snapshot()
    }
}
