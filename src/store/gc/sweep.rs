//! What goes and what stays: everything in the store is held against what runs, pins and ages reach.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::{GcPolicy, GcReport, KeptGroup, RemovedGroup};
use crate::checkpoint::lost_markers;
use crate::reach::{Object, Reach, Stored, Why, age_of, runs_of};
use crate::{JournaledRun, RunOrder, RunReach, RunStart, RunState, Store, StoreError};
use simpipe_base::digest::Digest;

/// What to remove, in this order.
#[derive(Debug, Default)]
pub(super) struct Doomed {
    pub(super) entries: BTreeMap<Digest, Stored>,
    pub(super) objects: BTreeMap<Digest, PathBuf>,
    pub(super) rest: Vec<PathBuf>,
}

/// A result and its key.
type Keyed<'a> = (&'a Digest, &'a Stored);

/// One gc under way: everything that is there, and what keeps it.
pub(super) struct Sweep<'a> {
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
    pub(super) fn of(store: &'a Store, policy: &'a GcPolicy, others: &[RunReach]) -> Result<Self, StoreError> {
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

    pub(super) fn finish(mut self) -> Result<(GcReport, Doomed), StoreError> {
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
