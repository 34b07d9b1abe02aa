//! `store gc`: removes what nobody reaches any more. What is reached is decided in [`reach`](super::reach).
//!
//! Everything is decided and renamed out of the way while the store is held exclusively: entries before the objects
//! that they name, so that a reader sees a miss and never an entry without its objects, even if gc is killed half-way.
//! The bytes are freed after that, when nobody waits. Where there is no room for a private folder to move things into,
//! as on a full disk, they are removed at once, in the same order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::checkpoint::lost_markers;
use super::meanwhile::Seen;
use super::reach::{Object, Reach, Stored, Why, age_of, runs_of};
use super::signs::SILENT;
use super::trash::Trash;
use super::{JournaledRun, RunOrder, RunReach, RunStart, RunState, Store, StoreError, fs};
use simpipe_base::digest::Digest;

/// What gc keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GcPolicy {
    /// Runs of each experiment's name.
    pub keep_runs: usize,
    /// Younger entries and objects stay, whoever reaches them.
    pub grace: Duration,
    /// Checkpoints of trainings without a result stay for so long after the last one.
    pub checkpoint_age: Duration,
    /// Damaged files stay for so long.
    pub quarantine_age: Duration,
    /// Remove downloaded files too.
    pub downloads: bool,
    /// Nobody else uses the store, so it may act where locks do nothing.
    pub alone: bool,
    /// Whether to act; else only to say what would be done.
    pub delete: bool,
    /// Runs that stay with their group and need not stay whole, by id: those of a sweep's trials.
    pub trials: BTreeMap<String, TrialShare>,
}

/// What stays of a run that does not stay whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrialShare {
    /// Its checkpoints: it may be trained further.
    Checkpoints,
    /// None of its results, unless another run needs them.
    Nothing,
}

impl Default for GcPolicy {
    fn default() -> Self {
        let day = Duration::from_secs(86_400);
        Self {
            keep_runs: 5,
            grace: Duration::from_secs(3600),
            checkpoint_age: day * 30,
            quarantine_age: day * 7,
            downloads: false,
            alone: false,
            delete: false,
            trials: BTreeMap::new(),
        }
    }
}

impl GcPolicy {
    /// What another machine's process has not touched for so long is that of a dead one.
    fn silent(&self) -> Duration {
        self.grace.max(SILENT)
    }
}

/// A number of things and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// How many.
    pub count: usize,
    /// In all.
    pub bytes: u64,
}

impl Amount {
    /// Adds one thing.
    pub(super) fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

/// Results of one kind that the same run reached last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovedGroup {
    /// The stage's kind, or `checkpoint`.
    pub kind: String,
    /// The newest run that reached them; `None` if no run that is known did.
    pub run: Option<String>,
    /// Entries.
    pub entries: usize,
    /// Of the objects that only these name; one that several name counts with the first.
    pub bytes: u64,
}

/// Results that stay for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptGroup {
    /// The reason.
    pub why: String,
    /// Entries.
    pub entries: usize,
    /// Of their objects; one that several name counts with the first.
    pub bytes: u64,
}

/// What gc has removed, or would remove.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GcReport {
    /// Whether it was done.
    pub deleted: bool,
    /// Results that go.
    pub removed: Vec<RemovedGroup>,
    /// Results that stay.
    pub kept: Vec<KeptGroup>,
    /// Objects that go.
    pub objects: Amount,
    /// Those of them that run folders hold too: their bytes are freed when those folders go.
    pub linked: Amount,
    /// Objects that go though no entry ever named them, or none does any more.
    pub orphans: Amount,
    /// Checkpoint markers that go.
    pub markers: usize,
    /// Runs whose journals go.
    pub journals: Vec<String>,
    /// Old files in `quarantine/`.
    pub quarantine: Amount,
    /// What is remembered of files that are gone.
    pub memos: usize,
    /// Lock files of processes that are gone.
    pub locks: usize,
    /// Downloaded files, if the policy says so.
    pub downloads: Amount,
    /// Entries that can't be read; `store verify` moves them aside.
    pub unreadable: usize,
    /// Ids of the runs that are kept.
    pub kept_runs: BTreeSet<String>,
}

/// What to remove, in this order.
#[derive(Debug, Default)]
struct Doomed {
    entries: BTreeMap<Digest, Stored>,
    objects: BTreeMap<Digest, PathBuf>,
    rest: Vec<PathBuf>,
}

impl Store {
    /// Says what nobody reaches, and removes it if the policy says so. `others` are runs that have no journal.
    ///
    /// # Errors
    /// If the file system refuses, or a pin, a journal or an entry can't be read: it must not count as one that is not
    /// there. What was not removed then goes the next time. [`StoreError::IdleLocks`] where nobody can be kept out.
    pub fn gc(&self, policy: &GcPolicy, others: &[RunReach]) -> Result<GcReport, StoreError> {
        if !policy.delete {
            return Ok(Sweep::of(self, policy, others)?.finish()?.0); // who only looks keeps nobody out
        }
        let hold = self.exclude(policy.alone)?;
        let seen = self.seen()?;
        let (mut report, doomed) = Sweep::of(self, policy, others)?.finish()?;
        self.sweep(policy.silent());
        let folder = self.scratch().ok(); // on a full disk there is none
        self.take_away(&doomed, seen, &Trash { folder: folder.as_ref(), store: self })?;
        self.sweep_locks(policy.silent());
        self.remove_empty_sets();
        self.remove_dead_drafts();
        drop(hold);
        drop(folder); // this frees the bytes
        report.deleted = true;
        Ok(report)
    }

    fn take_away(&self, doomed: &Doomed, mut seen: Seen, trash: &Trash<'_>) -> Result<(), StoreError> {
        for entry in doomed.entries.values() {
            trash.take(&entry.path)?;
            seen.forget(&entry.path);
        }
        let asked = self.asked_since(&seen)?;
        let mut spared = asked.objects.clone();
        for (_, entry) in doomed.entries.iter().filter(|(key, entry)| asked.wants(**key, entry)) {
            spared.extend(entry.files.iter().map(|file| file.digest));
            trash.place(&entry.path).map_or(Ok(()), |moved| self.bring_back(&moved, entry))?;
        }
        fs::sync_dir(&self.folder("ac"))?; // after a power cut no entry may name an object that is gone
        for (_, object) in doomed.objects.iter().filter(|(digest, _)| !spared.contains(digest)) {
            trash.take(object)?;
            self.forget(object);
        }
        doomed.rest.iter().try_for_each(|path| trash.take(path))
    }

    /// While the store is held: whoever saves a checkpoint makes the folder and its marker while sharing it.
    fn remove_empty_sets(&self) {
        let Ok(items) = std::fs::read_dir(self.folder("checkpoints")) else { return };
        items.flatten().for_each(|item| drop(fs::remove_empty_dir(&item.path())));
    }
}

/// A result and its key.
type Keyed<'a> = (&'a Digest, &'a Stored);

/// One gc under way: everything that is there, and what keeps it.
struct Sweep<'a> {
    store: &'a Store,
    policy: &'a GcPolicy,
    runs: Vec<RunReach>,
    order: RunOrder,
    journals: Vec<JournaledRun>,
    reach: Reach,
    entries: BTreeMap<Digest, Stored>,
    objects: BTreeMap<Digest, Object>,
    report: GcReport,
    doomed: Doomed,
}

impl<'a> Sweep<'a> {
    fn of(store: &'a Store, policy: &'a GcPolicy, others: &[RunReach]) -> Result<Self, StoreError> {
        let journals = store.runs_not_silent_for(policy.silent())?;
        let runs = runs_of(&journals, others);
        let order = store.run_order()?;
        let reach = Reach::of(&runs, &order, &store.pins()?, policy);
        let (entries, unreadable) = store.stored()?;
        let report = GcReport {
            unreadable,
            kept_runs: reach.runs.iter().map(|(_, run)| run.clone()).collect(),
            ..GcReport::default()
        };
        let objects = store.stored_objects()?;
        Ok(Self { store, policy, runs, order, journals, reach, entries, objects, report, doomed: Doomed::default() })
    }

    fn finish(mut self) -> Result<(GcReport, Doomed), StoreError> {
        self.keep_unfinished_trainings();
        let kept = self.sort_entries();
        self.doom_objects(&kept);
        self.doom_markers()?;
        self.doom_journals();
        self.doom_old_files()?;
        self.report.memos = self.doom_memos()?;
        self.report.locks = self.store.dead_locks(self.policy.silent())?.len();
        Ok((self.report, self.doomed))
    }

    /// A set that serves no stored key is that of a training which was killed or goes on elsewhere.
    fn keep_unfinished_trainings(&mut self) {
        let mut youngest: BTreeMap<Digest, Duration> = BTreeMap::new();
        for entry in self.entries.values() {
            if let Some((set, _)) = entry.set {
                let age = youngest.entry(set).or_insert(entry.age);
                *age = entry.age.min(*age);
            }
        }
        for (set, age) in youngest {
            let finished =
                self.reach.served.get(&set).is_some_and(|keys| keys.iter().all(|key| self.entries.contains_key(key)));
            if !finished && age < self.policy.checkpoint_age {
                self.reach.sets.entry(set).or_insert(Why::Unfinished);
            }
        }
    }

    fn why_kept(&self, key: Digest, entry: &Stored) -> Option<Why> {
        let reached = match entry.set {
            Some((set, _)) => self.reach.sets.get(&set),
            None => self.reach.keys.get(&key),
        };
        reached.cloned().or_else(|| (entry.age < self.policy.grace).then_some(Why::Young))
    }

    /// Objects that kept entries name; the others' entries are doomed.
    fn sort_entries(&mut self) -> BTreeSet<Digest> {
        let last_run = self.last_runs();
        let mut kept: BTreeMap<Why, Vec<Keyed<'_>>> = BTreeMap::new();
        let mut removed: BTreeMap<(String, Option<String>), Vec<Keyed<'_>>> = BTreeMap::new();
        for (key, entry) in &self.entries {
            match self.why_kept(*key, entry) {
                Some(why) => kept.entry(why).or_default().push((key, entry)),
                None => {
                    let of = match entry.set {
                        Some((set, _)) => last_run.get(&set),
                        None => last_run.get(key),
                    };
                    removed.entry((entry.kind.clone(), of.cloned())).or_default().push((key, entry));
                }
            }
        }
        let mut named = BTreeSet::new();
        for (why, entries) in kept {
            let bytes = new_bytes(&entries, &mut named);
            self.report.kept.push(KeptGroup { why: why.to_string(), entries: entries.len(), bytes });
        }
        let mut seen = named.clone();
        for ((kind, run), entries) in removed {
            let bytes = new_bytes(&entries, &mut seen);
            self.doomed.entries.extend(entries.iter().map(|(key, entry)| (**key, (*entry).clone())));
            self.report.removed.push(RemovedGroup { kind, run, entries: entries.len(), bytes });
        }
        self.report
            .removed
            .sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| (&a.kind, &a.run).cmp(&(&b.kind, &b.run))));
        named
    }

    /// The newest run that reached a key or a set.
    fn last_runs(&self) -> BTreeMap<Digest, String> {
        let mut last: BTreeMap<Digest, &RunReach> = BTreeMap::new();
        for run in &self.runs {
            for digest in run.keys.iter().chain(run.sets.keys()) {
                let newest = last.entry(*digest).or_insert(run);
                if self.order.compare((&newest.name, &newest.run), (&run.name, &run.run)).is_lt() {
                    *newest = run;
                }
            }
        }
        last.into_iter().map(|(digest, run)| (digest, run.run.clone())).collect()
    }

    fn doom_objects(&mut self, kept: &BTreeSet<Digest>) {
        let doomed = self.doomed.entries.values();
        let doomed_named: BTreeSet<Digest> = doomed.flat_map(|entry| &entry.files).map(|file| file.digest).collect();
        for (digest, object) in &self.objects {
            let named = doomed_named.contains(digest);
            // An object without an entry may be of a writer that knows no store-wide lock, if it is young.
            // While an entry can't be read, nobody knows which objects it names.
            let needed = kept.contains(digest) || self.report.unreadable > 0;
            if needed || (!named && object.age < self.policy.grace) {
                continue;
            }
            self.report.objects.add(object.bytes);
            if object.linked {
                self.report.linked.add(object.bytes);
            }
            if !named {
                self.report.orphans.add(object.bytes);
            }
            self.doomed.objects.insert(*digest, object.path.clone());
        }
    }

    /// Markers of checkpoints that are not stored, or no longer.
    fn doom_markers(&mut self) -> Result<(), StoreError> {
        let stay = self.entries.iter().filter(|(key, _)| !self.doomed.entries.contains_key(*key));
        let stay = stay.filter_map(|(_, entry)| entry.set).collect();
        let lost = lost_markers(self.store.checkpoint_markers()?, &stay);
        self.report.markers = lost.len();
        self.doomed.rest.extend(lost);
        Ok(())
    }

    fn doom_journals(&mut self) {
        let kept = |run: &RunStart| self.reach.runs.contains(&(run.name.clone(), run.run.clone()));
        for journal in self.journals.iter().filter(|journal| !kept(&journal.start)) {
            self.report.journals.push(journal.start.run.clone());
            self.doomed.rest.push(journal.path.clone());
        }
    }

    fn doom_old_files(&mut self) -> Result<(), StoreError> {
        for path in self.store.files_below("quarantine")? {
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            if age_of(&metadata) >= self.policy.quarantine_age {
                self.report.quarantine.add(metadata.len());
                self.doomed.rest.push(path);
            }
        }
        // A run may be about to read what it has downloaded.
        let idle = self.runs.iter().all(|run| run.state != RunState::Running);
        for path in if self.policy.downloads && idle { self.store.files_below("downloads")? } else { Vec::new() } {
            self.report.downloads.add(std::fs::metadata(&path).map_or(0, |metadata| metadata.len()));
            self.doomed.rest.push(path);
        }
        Ok(())
    }

    fn doom_memos(&mut self) -> Result<usize, StoreError> {
        let objects: BTreeSet<&PathBuf> = self.doomed.objects.values().collect();
        let stale = self.store.stale_memos(&|path| objects.contains(&path.to_path_buf()))?;
        let count = stale.len();
        self.doomed.rest.extend(stale);
        Ok(count)
    }
}

/// Bytes of the objects that none before has named.
fn new_bytes(entries: &[Keyed<'_>], seen: &mut BTreeSet<Digest>) -> u64 {
    let files = entries.iter().flat_map(|(_, entry)| &entry.files);
    files.filter(|file| seen.insert(file.digest)).map(|file| file.size).sum()
}

#[cfg(test)]
#[path = "gc_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "gc_fault_tests.rs"]
mod fault_tests;
