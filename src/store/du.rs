//! `store du`: where the bytes are. Every object counts once in a total, however many results name it.
//!
//! Run folders hold hard links to the store's objects where the file system can: they cost nothing beside it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::reach::{Object, Stored, runs_of};
use super::{Amount, RunReach, Store, StoreError};
use simpipe_base::digest::Digest;

/// A kind of stage, or what several kinds share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KindUse {
    /// The stage's kind, `checkpoint`, `shared` for objects that several kinds name, or `orphan` for those that none does.
    pub kind: String,
    /// Entries.
    pub entries: usize,
    /// Objects that no other kind names.
    pub objects: usize,
    /// Theirs.
    pub bytes: u64,
}

/// What a run reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunUse {
    /// Its id.
    pub run: String,
    /// The experiment's name.
    pub name: String,
    /// Bytes of everything that it reaches.
    pub bytes: u64,
    /// Those that no other run reaches: what its removal would free.
    pub own_bytes: u64,
}

/// A stored dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatasetUse {
    /// The source's name, such as `cifar10`.
    pub source: String,
    /// The key of its result.
    pub key: Digest,
    /// Of its files.
    pub bytes: u64,
}

/// Where the bytes are, the largest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DuReport {
    /// Entries in `ac/`.
    pub entries: Amount,
    /// Objects in `cas/`.
    pub objects: Amount,
    /// Those of them that run folders hold too.
    pub linked: Amount,
    /// Of objects that several runs reach: in each of their `bytes`, in nobody's `own_bytes`.
    pub shared_bytes: u64,
    /// Files in `quarantine/`.
    pub quarantine: Amount,
    /// Files in `tmp/`.
    pub tmp: Amount,
    /// Of `objects`, those of checkpoints.
    pub checkpoints: Amount,
    /// Files in `downloads/`.
    pub downloads: Amount,
    /// Of all files in the store's folder.
    pub total_bytes: u64,
    /// By stage kind.
    pub kinds: Vec<KindUse>,
    /// By run.
    pub runs: Vec<RunUse>,
    /// By dataset.
    pub datasets: Vec<DatasetUse>,
}

impl Store {
    /// Measures the store. `others` are runs that have no journal.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn disk_use(&self, others: &[RunReach]) -> Result<DuReport, StoreError> {
        let (entries, _) = self.stored()?;
        let objects = self.stored_objects()?;
        let mut report = DuReport {
            entries: self.amount_below("ac")?,
            quarantine: self.amount_below("quarantine")?,
            tmp: self.amount_below("tmp")?,
            downloads: self.amount_below("downloads")?,
            total_bytes: self.amount_below("")?.bytes,
            kinds: by_kind(&entries, &objects),
            datasets: datasets(&entries),
            ..DuReport::default()
        };
        for object in objects.values() {
            report.objects.add(object.bytes);
            if object.linked {
                report.linked.add(object.bytes);
            }
        }
        let checkpoints = entries.values().filter(|entry| entry.set.is_some());
        let checkpoints: BTreeSet<Digest> = checkpoints.flat_map(digests).collect();
        checkpoints.iter().filter_map(|digest| objects.get(digest)).for_each(|of| report.checkpoints.add(of.bytes));
        (report.runs, report.shared_bytes) = by_run(&runs_of(&self.journaled_runs()?, others), &entries, &objects);
        Ok(report)
    }

    fn amount_below(&self, folder: &str) -> Result<Amount, StoreError> {
        let mut amount = Amount::default();
        let sizes = self.files_below(folder)?.into_iter().filter_map(|path| std::fs::metadata(path).ok());
        sizes.for_each(|metadata| amount.add(metadata.len()));
        Ok(amount)
    }
}

fn digests(entry: &Stored) -> impl Iterator<Item = Digest> + '_ {
    entry.files.iter().map(|file| file.digest)
}

fn by_kind(entries: &BTreeMap<Digest, Stored>, objects: &BTreeMap<Digest, Object>) -> Vec<KindUse> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut kinds_of: BTreeMap<Digest, BTreeSet<&str>> = BTreeMap::new();
    for entry in entries.values() {
        *counts.entry(&entry.kind).or_default() += 1;
        for digest in digests(entry) {
            kinds_of.entry(digest).or_default().insert(&entry.kind);
        }
    }
    let mut amounts: BTreeMap<&str, Amount> = counts.keys().map(|kind| (*kind, Amount::default())).collect();
    for (digest, object) in objects {
        let kinds: Vec<&str> = kinds_of.get(digest).into_iter().flatten().copied().collect();
        let kind = match kinds[..] {
            [] => "orphan",
            [only] => only,
            _ => "shared",
        };
        amounts.entry(kind).or_default().add(object.bytes);
    }
    let of = |(kind, amount): (&str, Amount)| KindUse {
        kind: kind.to_owned(),
        entries: counts.get(kind).copied().unwrap_or(0),
        objects: amount.count,
        bytes: amount.bytes,
    };
    let mut kinds: Vec<KindUse> = amounts.into_iter().map(of).collect();
    kinds.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.kind.cmp(&b.kind)));
    kinds
}

/// What each run reaches, and the bytes that several do.
fn by_run(
    runs: &[RunReach],
    entries: &BTreeMap<Digest, Stored>,
    objects: &BTreeMap<Digest, Object>,
) -> (Vec<RunUse>, u64) {
    let mut sets: BTreeMap<Digest, Vec<&Stored>> = BTreeMap::new();
    for entry in entries.values() {
        if let Some((set, _)) = entry.set {
            sets.entry(set).or_default().push(entry);
        }
    }
    let reach = |run: &RunReach| -> BTreeSet<Digest> {
        let results = run.keys.iter().filter_map(|key| entries.get(key));
        let checkpoints = run.sets.keys().filter_map(|set| sets.get(set)).flatten().copied();
        results.chain(checkpoints).flat_map(digests).filter(|digest| objects.contains_key(digest)).collect()
    };
    let reached: Vec<BTreeSet<Digest>> = runs.iter().map(reach).collect();
    let mut readers: BTreeMap<Digest, usize> = BTreeMap::new();
    for digest in reached.iter().flatten() {
        *readers.entry(*digest).or_default() += 1;
    }
    let bytes = |digest: &Digest| objects[digest].bytes;
    let use_of = |(run, reached): (&RunReach, &BTreeSet<Digest>)| RunUse {
        run: run.run.clone(),
        name: run.name.clone(),
        bytes: reached.iter().map(bytes).sum(),
        own_bytes: reached.iter().filter(|digest| readers[*digest] == 1).map(bytes).sum(),
    };
    let mut uses: Vec<RunUse> = runs.iter().zip(&reached).map(use_of).collect();
    // Of equal ones the newest first: an id begins with the time.
    uses.sort_by(|a, b| (b.own_bytes, b.bytes, &b.run).cmp(&(a.own_bytes, a.bytes, &a.run)));
    let shared = readers.iter().filter(|(_, count)| **count > 1).map(|(digest, _)| bytes(digest)).sum();
    (uses, shared)
}

fn datasets(entries: &BTreeMap<Digest, Stored>) -> Vec<DatasetUse> {
    let of = |(key, entry): (&Digest, &Stored)| {
        let bytes = entry.files.iter().map(|file| file.size).sum();
        Some(DatasetUse { source: entry.source.clone()?, key: *key, bytes })
    };
    let mut datasets: Vec<DatasetUse> = entries.iter().filter_map(of).collect();
    datasets.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| (&a.source, a.key).cmp(&(&b.source, b.key))));
    datasets
}
