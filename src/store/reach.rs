//! What is stored, and what of it somebody still needs: the mark of mark and sweep. Removes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rayon::prelude::*;
use serde_json::Value as Json;

use super::{AcEntry, FileRecord, GcPolicy, JournaledRun, Pin, RunOrder, RunState, Store, StoreError, TrialShare, fs};
use simpipe_base::digest::Digest;

/// A run and what it reached: from its journal, or from a record that predates journals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReach {
    /// Its id.
    pub run: String,
    /// The experiment's name.
    pub name: String,
    /// The id of the group that it is a run of.
    pub group: Option<String>,
    /// Whether and how it ended.
    pub state: RunState,
    /// Keys that it asked for.
    pub keys: BTreeSet<Digest>,
    /// Sets of checkpoints, each with the key that they served.
    pub sets: BTreeMap<Digest, Digest>,
}

impl RunReach {
    /// What it is kept with: its group, or itself.
    fn whole(&self) -> &str {
        self.group.as_deref().unwrap_or(&self.run)
    }
}

/// A stored result, as far as gc and du care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    /// The entry's file.
    pub(super) path: PathBuf,
    /// The stage's kind, or `checkpoint`.
    pub(super) kind: String,
    /// What the stage's parameters say of its source, for stages that have one.
    pub(super) source: Option<String>,
    /// For a checkpoint: its set and its step.
    pub(super) set: Option<(Digest, u64)>,
    /// Its objects.
    pub(super) files: Vec<FileRecord>,
    /// How long ago it was written.
    pub(super) age: Duration,
}

/// An object in `cas/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// How long ago it came or got another name.
    pub(super) age: Duration,
    /// Whether a run's folder holds it too, so that removing it here frees nothing.
    pub(super) linked: bool,
}

/// What keeps a result.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// A run under way.
    Running,
    /// A pin.
    Pinned(String),
    /// One of the last runs of an experiment.
    LastRuns(String),
    /// A training that has no result yet.
    Unfinished,
    /// Too young to judge.
    Young,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Running => f.write_str("a run is under way"),
            Self::Pinned(tag) => write!(f, "pinned as `{tag}`"),
            Self::LastRuns(name) => write!(f, "last runs of `{name}`"),
            Self::Unfinished => f.write_str("training is not finished"),
            Self::Young => f.write_str("younger than the grace period"),
        }
    }
}

/// What must stay, and why.
#[derive(Debug, Default)]
pub(super) struct Reach {
    pub(super) keys: BTreeMap<Digest, Why>,
    pub(super) sets: BTreeMap<Digest, Why>,
    /// Names and ids of runs whose journals stay.
    pub(super) runs: BTreeSet<(String, String)>,
    /// Sets that some run uses for a key, kept or not.
    pub(super) served: BTreeMap<Digest, BTreeSet<Digest>>,
}

impl Reach {
    /// Of pins, runs under way, and the last `keep` runs of each name, whatever their end, with the last that is done. A
    /// group of runs counts as one and stays as a whole; of a sweep's trials, once nobody works on it, what it needs.
    pub(super) fn of(runs: &[RunReach], order: &RunOrder, pins: &[Pin], policy: &GcPolicy) -> Self {
        let (mut reach, keep) = (Self::default(), policy.keep_runs);
        for pin in pins {
            let why = Why::Pinned(pin.tag.clone());
            reach.keep((&pin.name, &pin.run), &why, pin.keys.values(), pin.sets.iter());
        }
        let mut by_name: BTreeMap<&str, Vec<&RunReach>> = BTreeMap::new();
        for run in runs {
            by_name.entry(&run.name).or_default().push(run);
            for (set, key) in &run.sets {
                reach.served.entry(*set).or_default().insert(*key);
            }
        }
        for (name, mut runs) in by_name {
            order.newest_first(&mut runs, |run| (name, &run.run));
            let mut seen = BTreeSet::new();
            let wholes: Vec<&str> = runs.iter().map(|run| run.whole()).filter(|whole| seen.insert(*whole)).collect();
            let state = |state: RunState| runs.iter().filter(move |run| run.state == state).map(|run| run.whole());
            let done = state(RunState::Done).next().filter(|_| keep > 0);
            let running: BTreeSet<&str> = state(RunState::Running).collect();
            let last: BTreeSet<&str> = wholes.into_iter().take(keep).chain(done).collect();
            let why = Why::LastRuns(name.to_owned());
            for run in &runs {
                if running.contains(run.whole()) {
                    reach.keep((name, &run.run), &Why::Running, &run.keys, run.sets.keys());
                } else if last.contains(run.whole()) {
                    let share = policy.trials.get(&run.run);
                    let keys = run.keys.iter().filter(|_| share.is_none());
                    let sets = run.sets.keys().filter(|_| share != Some(&TrialShare::Nothing));
                    reach.keep((name, &run.run), &why, keys, sets);
                }
            }
        }
        reach
    }

    fn keep<'a>(
        &mut self,
        (name, run): (&str, &str),
        why: &Why,
        keys: impl IntoIterator<Item = &'a Digest>,
        sets: impl IntoIterator<Item = &'a Digest>,
    ) {
        self.runs.insert((name.to_owned(), run.to_owned()));
        for key in keys {
            self.keys.entry(*key).or_insert_with(|| why.clone());
        }
        for set in sets {
            self.sets.entry(*set).or_insert_with(|| why.clone());
        }
    }
}

impl Store {
    /// Every entry by key, and how many are there that are none: damaged, or of another name.
    ///
    /// # Errors
    /// If one can't be read: it must not count as one that is not there.
    pub(super) fn stored(&self) -> Result<(BTreeMap<Digest, Stored>, usize), StoreError> {
        let paths = self.in_ac()?;
        let read = paths.par_iter().filter_map(|path| read_entry(path).transpose()).collect::<Result<Vec<_>, _>>()?;
        let all = read.len();
        let entries: BTreeMap<_, _> = read.into_iter().flatten().collect();
        let damaged = all - entries.len();
        Ok((entries, damaged))
    }

    /// Every object by digest; files with other names are left to `verify`.
    pub(super) fn stored_objects(&self) -> Result<BTreeMap<Digest, Object>, StoreError> {
        let read = |(digest, path): (Digest, PathBuf)| {
            // Of a link the target counts, and a folder in an object's place is no object.
            let metadata = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
            let (bytes, age, linked) = (metadata.len(), age_of(&metadata), links(&metadata) > 1);
            Some((digest, Object { path, bytes, age, linked }))
        };
        Ok(self.named_objects()?.into_par_iter().filter_map(read).collect())
    }
}

/// The runs that have journals, and those of `others` that have none.
pub(super) fn runs_of(journals: &[JournaledRun], others: &[RunReach]) -> Vec<RunReach> {
    let journaled = journals.iter().map(|run| RunReach {
        run: run.start.run.clone(),
        name: run.start.name.clone(),
        group: run.start.group.clone(),
        state: run.state,
        keys: run.keys.clone(),
        sets: run.sets.clone(),
    });
    let mut runs: Vec<RunReach> = journaled.collect();
    let known: BTreeSet<(String, String)> = runs.iter().map(|run| (run.name.clone(), run.run.clone())).collect();
    let unknown = |run: &&RunReach| !known.contains(&(run.name.clone(), run.run.clone()));
    runs.extend(others.iter().filter(unknown).cloned());
    runs
}

/// `None` if it is gone; nothing inside if it is there and is no entry.
#[expect(clippy::option_option, reason = "gone and damaged are not the same")]
pub(super) fn read_entry(path: &Path) -> Result<Option<Option<(Digest, Stored)>>, StoreError> {
    let read = || -> io::Result<(Duration, Vec<u8>)> { Ok((age_of(&fs::metadata(path)?), fs::read(path)?)) };
    match read() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(Some(None)), // no file
        read => read.map(|(age, bytes)| Some(parse_entry(path, age, &bytes))).map_err(StoreError::io("read", path)),
    }
}

fn parse_entry(path: &Path, age: Duration, bytes: &[u8]) -> Option<(Digest, Stored)> {
    let key: Digest = path.file_stem()?.to_str()?.parse().ok()?;
    let entry = AcEntry::parse(key, bytes).ok()?;
    let parts = &entry.key_parts;
    let set = entry.checkpoint();
    let kind = if set.is_some() { "checkpoint" } else { parts["stage"].as_str().unwrap_or("unknown") };
    let source = match &parts["params"]["source"] {
        Json::String(name) => Some(name.clone()),
        Json::Object(choice) => choice.keys().next().cloned(),
        _ => None,
    };
    let files = entry.files.values().copied().collect();
    Some((key, Stored { path: path.to_path_buf(), kind: kind.to_owned(), source, set, files, age }))
}

/// Since the file was written, renamed or linked, whichever was last.
pub(super) fn age_of(metadata: &std::fs::Metadata) -> Duration {
    use std::os::unix::fs::MetadataExt;
    let changed = SystemTime::UNIX_EPOCH
        + Duration::new(metadata.ctime().try_into().unwrap_or(0), metadata.ctime_nsec().try_into().unwrap_or(0));
    SystemTime::now().duration_since(changed).unwrap_or_default()
}

fn links(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(run: &str, name: &str, state: RunState, keys: &[&str]) -> RunReach {
        let keys = keys.iter().map(|key| Digest::of(key.as_bytes())).collect();
        RunReach { run: run.to_owned(), name: name.to_owned(), group: None, state, keys, sets: BTreeMap::new() }
    }

    fn last(keep_runs: usize) -> GcPolicy {
        GcPolicy { keep_runs, ..GcPolicy::default() }
    }

    #[test]
    fn of_a_sweeps_trials_stays_what_it_needs_once_nobody_works_on_it() {
        let of = |id: &str| {
            let sets = BTreeMap::from([(Digest::of(format!("set {id}").as_bytes()), Digest::of(id.as_bytes()))]);
            RunReach { group: Some("1".to_owned()), sets, ..run(id, "a", RunState::Done, &["all", id]) }
        };
        let mut runs = vec![run("1", "a", RunState::Interrupted, &[]), of("2"), of("3"), of("4")];
        let shares = [("3", TrialShare::Checkpoints), ("4", TrialShare::Nothing)];
        let trials = shares.map(|(run, share)| (run.to_owned(), share)).into();
        let policy = GcPolicy { trials, ..last(1) };
        let reach = Reach::of(&runs, &RunOrder::default(), &[], &policy);
        let has = |reach: &Reach, name: &str| {
            let digest = Digest::of(name.as_bytes());
            reach.keys.contains_key(&digest) || reach.sets.contains_key(&digest)
        };
        let names = ["all", "2", "set 2", "3", "set 3", "4", "set 4"];
        assert_eq!(names.map(|name| has(&reach, name)), [true, true, true, false, true, false, false]);
        assert_eq!(reach.runs.len(), 4, "what is known of each stays");
        runs[0].state = RunState::Running;
        let reach = Reach::of(&runs, &RunOrder::default(), &[], &policy);
        assert_eq!(names.map(|name| has(&reach, name)), [true; 7]);
    }

    #[test]
    fn the_last_runs_of_each_name_are_kept_with_the_last_that_is_done() {
        let runs = [
            run("1", "a", RunState::Done, &["a1"]),
            run("2", "a", RunState::Done, &["a2"]),
            run("3", "a", RunState::Failed, &["a3"]),
            run("4", "a", RunState::Killed, &["a4"]),
            run("0", "b", RunState::Done, &["b0"]),
            run("0", "c", RunState::Running, &["c0"]),
        ];
        let kept = |keep| {
            Reach::of(&runs, &RunOrder::default(), &[], &last(keep))
                .runs
                .into_iter()
                .map(|(name, run)| name + &run)
                .collect::<Vec<_>>()
        };
        assert_eq!(kept(1), ["a2", "a4", "b0", "c0"], "of a: the last, and the last that is done");
        assert_eq!(kept(3), ["a2", "a3", "a4", "b0", "c0"]);
        let reach = Reach::of(&runs, &RunOrder::default(), &[], &last(0));
        assert_eq!(reach.keys, BTreeMap::from([(Digest::of(b"c0"), Why::Running)]));
    }

    #[test]
    fn a_group_of_runs_counts_as_one_and_stays_whole() {
        let of =
            |group: &str, id: &str, state| RunReach { group: Some(group.to_owned()), ..run(id, "a", state, &[id]) };
        let runs = [
            run("1", "a", RunState::Done, &[]),
            of("1", "2", RunState::Done),
            of("1", "3", RunState::Done),
            run("4", "a", RunState::Failed, &[]),
            of("4", "5", RunState::Failed),
            of("4", "6", RunState::Failed),
            run("7", "a", RunState::Running, &[]),
            of("7", "8", RunState::Done),
        ];
        let kept = |runs: &[RunReach], keep| {
            let reach = Reach::of(runs, &RunOrder::default(), &[], &last(keep));
            reach.runs.into_iter().map(|(_, run)| run).collect::<String>()
        };
        // A run that has ended stays as long as its group is under way.
        assert_eq!(kept(&runs, 0), "78");
        assert_eq!(kept(&runs, 2), "45678");
        assert_eq!(kept(&runs, 3), "12345678");
        // Of the last group one failed: the last whole in which something is done stays beside it.
        assert_eq!(kept(&runs[..6], 1), "123456");
        // Where the group's own journal is lost, its runs are still one.
        assert_eq!(kept(&[runs[1].clone(), runs[2].clone(), runs[4].clone()], 1), "235");
    }
}
