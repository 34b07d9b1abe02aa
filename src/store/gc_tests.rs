//! What gc keeps and removes, and that it is safe beside writers and readers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{CheckpointSet, Found, Journal, Pin, Produced, RunStart, RunState};
use simpipe_base::digest::Digest;
use simpipe_base::fault::{Fault, Faults};

fn begin(store: &Store, run: &str, name: &str) -> Journal {
    store.journal(RunStart { run: run.to_owned(), name: name.to_owned(), ..RunStart::default() }).unwrap()
}

fn parts(name: &str) -> serde_json::Value {
    json!({ "stage": "train", "params": { "source": { "mnist": {} } }, "name": name })
}

fn key(name: &str) -> Digest {
    Digest::of_json(&parts(name))
}

fn publish(store: &Store, name: &str, content: &str) -> Digest {
    let scratch = store.scratch().unwrap();
    std::fs::write(scratch.output().join("file"), content).unwrap();
    store.publish(scratch, key(name), Produced { key_parts: parts(name), ..Produced::default() }).unwrap();
    key(name)
}

/// A run of `name` that publishes each of `contents` under a key of the same text.
fn run(store: &Store, id: &str, name: &str, contents: &[&str]) {
    let journal = begin(store, id, name);
    for content in contents {
        journal.wanted("train", key(content)).unwrap();
        publish(store, content, content);
        journal.stage_finished("train", "ran", Some(key(content))).unwrap();
    }
    journal.finish(true, false).unwrap();
}

fn policy(keep_runs: usize) -> GcPolicy {
    GcPolicy { keep_runs, grace: Duration::ZERO, quarantine_age: Duration::ZERO, delete: true, ..GcPolicy::default() }
}

fn there(store: &Store, name: &str) -> bool {
    matches!(store.inspect(key(name)).unwrap(), Found::Hit(_))
}

fn opened(folder: &Path) -> Store {
    Store::open(folder).unwrap()
}

#[test]
fn what_no_kept_run_reaches_goes_and_the_dry_run_says_so_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    run(&store, "1", "a", &["old", "both"]);
    run(&store, "2", "a", &["both", "new"]);
    run(&store, "1", "b", &["other experiment"]);
    publish(&store, "nobody's", "nobody's");
    let dry = store.gc(&GcPolicy { delete: false, ..policy(1) }, &[]).unwrap();
    let groups = [(None, 8), (Some("1".to_owned()), 3)];
    let removed: Vec<_> = dry.removed.iter().map(|group| (group.run.clone(), group.bytes)).collect();
    assert_eq!(removed, groups);
    assert_eq!((dry.deleted, dry.objects, dry.linked.count), (false, Amount { count: 2, bytes: 11 }, 0));
    assert!(there(&store, "old") && there(&store, "nobody's"));

    let done = store.gc(&policy(1), &[]).unwrap();
    // What the test looked at in between is remembered.
    assert_eq!(GcReport { deleted: false, memos: 0, ..done }, dry, "what was done is what was said");
    assert!(!there(&store, "old") && !there(&store, "nobody's"));
    assert!(there(&store, "both") && there(&store, "new") && there(&store, "other experiment"));
    assert!(!store.object(Digest::of(b"old")).exists());
    assert!(store.verify().unwrap().clean());
    assert_eq!(std::fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);
    let again = store.gc(&policy(1), &[]).unwrap();
    assert_eq!((again.removed.len(), again.objects.count, again.journals.len()), (0, 0, 0));
}

#[test]
fn pins_runs_under_way_and_young_entries_stay() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    run(&store, "1", "a", &["pinned"]);
    run(&store, "2", "a", &["unpinned"]);
    run(&store, "3", "a", &["last"]);
    let keys = BTreeMap::from([("train".to_owned(), key("pinned"))]);
    let [tag, run_id, name] = ["v1", "1", "a"].map(str::to_owned);
    let (root, dir, sets) = Default::default();
    store.pin(&Pin { tag, run: run_id, name, root, dir, keys, sets }).unwrap();
    let journal = begin(&store, "0", "a");
    journal.wanted("train", publish(&store, "under way", "under way")).unwrap();

    let report = store.gc(&GcPolicy { grace: Duration::from_secs(600), delete: false, ..policy(1) }, &[]).unwrap();
    assert_eq!((report.objects.count, report.removed.len()), (0, 0));
    let report = store.gc(&policy(1), &[]).unwrap();
    assert!(["pinned", "last", "under way"].iter().all(|name| there(&store, name)));
    assert!(!there(&store, "unpinned"));
    let why: Vec<&str> = report.kept.iter().map(|group| group.why.as_str()).collect();
    assert_eq!(why, ["a run is under way", "pinned as `v1`", "last runs of `a`"]);
    assert_eq!(report.journals, ["2"]);

    drop(journal); // killed, and no longer under way
    run(&store, "4", "a", &["last"]);
    // A process that another test is just starting has the journal open, and locked, until it becomes another program.
    for _ in 0..1000 {
        if store.journaled_runs().unwrap().iter().all(|run| run.state != RunState::Running) {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(store.unpin("v1").unwrap());
    store.gc(&policy(1), &[]).unwrap();
    assert!(!there(&store, "under way") && !there(&store, "pinned") && there(&store, "last"));
}

#[test]
fn runs_without_a_journal_count_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    publish(&store, "old", "old");
    let (name, sets) = ("a".to_owned(), BTreeMap::new());
    let keys = BTreeSet::from([key("old")]);
    let old = RunReach { run: "1".to_owned(), name, group: None, state: RunState::Done, keys, sets };
    store.gc(&policy(1), std::slice::from_ref(&old)).unwrap();
    assert!(there(&store, "old"));
    run(&store, "2", "a", &["new"]);
    store.gc(&policy(1), &[old]).unwrap();
    assert!(!there(&store, "old") && there(&store, "new"));
}

#[test]
fn checkpoints_stay_with_their_run_and_while_the_training_has_no_result() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    let set = CheckpointSet::new(&store, json!({ "params": 1 }));
    let journal = begin(&store, "1", "a");
    journal.wanted_checkpoints("train", key("model"), set.id()).unwrap();
    set.save(5, b"state").unwrap();
    drop(journal); // killed before the model is there
    run(&store, "2", "a", &["something else"]);
    store.gc(&policy(1), &[]).unwrap();
    assert!(set.latest(9).is_some(), "it can be resumed");

    run(&store, "3", "a", &["model"]);
    let journal = begin(&store, "4", "a");
    journal.wanted_checkpoints("train", key("model"), set.id()).unwrap();
    journal.finish(true, false).unwrap();
    store.gc(&policy(2), &[]).unwrap();
    assert!(set.latest(9).is_some(), "a kept run used it");
    for id in ["5", "6"] {
        run(&store, id, "a", &["model", "something else"]);
    }
    let report = store.gc(&policy(2), &[]).unwrap();
    assert_eq!((set.latest(9), report.markers), (None, 1));
    assert_eq!(std::fs::read_dir(folder.path().join("checkpoints")).unwrap().count(), 0);
    assert!(there(&store, "model"));
}

#[test]
fn an_abandoned_training_keeps_its_checkpoints_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    let set = CheckpointSet::new(&store, json!({ "params": 1 }));
    set.save(5, b"state").unwrap();
    store.gc(&policy(1), &[]).unwrap();
    assert!(set.latest(9).is_some());
    store.gc(&GcPolicy { checkpoint_age: Duration::ZERO, ..policy(1) }, &[]).unwrap();
    assert!(set.latest(9).is_none());
}

#[test]
fn rubbish_goes_downloads_stay_unless_asked() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    run(&store, "1", "a", &["kept"]);
    let file = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(file("cas/aa")).unwrap();
    std::fs::write(file("cas/aa").join("aa".repeat(32)), "orphan").unwrap();
    std::fs::write(file("quarantine/x.1-a"), "bad").unwrap();
    std::fs::write(file("downloads/archive"), "archive").unwrap();
    std::fs::write(file("locks/dead.lock"), "1").unwrap();
    std::fs::create_dir_all(file("checkpoints/none")).unwrap();
    std::fs::write(file("checkpoints/none/7"), "").unwrap();
    std::fs::create_dir_all(file("stat/aa")).unwrap();
    std::fs::write(file("stat/aa/x"), "no memo").unwrap();
    let held = store.lock(key("held"), &|_| {}, &|| false).unwrap();
    let report = store.gc(&policy(1), &[]).unwrap();
    assert_eq!((report.orphans.count, report.quarantine.count, report.downloads.count), (1, 1, 0));
    assert_eq!((report.locks, report.markers, report.memos), (1, 1, 1));
    assert!(file("downloads/archive").exists() && !file("locks/dead.lock").exists());
    assert!(file("locks").join(format!("{}.lock", key("held"))).exists());
    drop(held);
    store.gc(&GcPolicy { downloads: true, ..policy(1) }, &[]).unwrap();
    assert!(!file("downloads/archive").exists() && there(&store, "kept"));
}

#[test]
fn objects_that_a_run_folder_holds_are_said_to_free_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(&folder.path().join("store"));
    run(&store, "1", "a", &["linked"]);
    let Found::Hit(entry) = store.lookup(key("linked")).unwrap() else { panic!("it was published") };
    let run = fs::Inside::open(folder.path()).unwrap().make("run").unwrap();
    store.materialise(&entry.files, &run).unwrap();
    let report = store.gc(&policy(0), &[]).unwrap();
    assert_eq!((report.objects.bytes, report.linked.bytes), (6, 6));
    assert_eq!(std::fs::read(folder.path().join("run/file")).unwrap(), b"linked");
}

/// Runs that look up and publish as the runner does, over few contents, so that gc and reuse meet all the time.
fn churn(store: &Store, thread: usize, enough: &dyn Fn() -> bool) -> Vec<Digest> {
    let mut last = Vec::new();
    for at in (0..2000).take_while(|at| *at < 10 || !enough()) {
        let id = format!("{at:06}-{thread}");
        let journal = begin(store, &id, &format!("experiment {thread}"));
        last = (0..3).map(|stage| key(&format!("{}", (at * 7 + stage * 3 + thread) % 37))).collect();
        for (stage, wanted) in last.iter().enumerate() {
            journal.wanted("stage", *wanted).unwrap();
            let entry = match store.lookup(*wanted).unwrap() {
                Found::Hit(entry) => entry,
                Found::Miss => {
                    let scratch = store.scratch().unwrap();
                    // Two keys share each content, and every key has one of its own.
                    std::fs::write(scratch.output().join("shared"), format!("{}", (at + stage) % 2)).unwrap();
                    std::fs::write(scratch.output().join("own"), wanted.to_string()).unwrap();
                    store.publish(scratch, *wanted, Produced::default()).unwrap()
                }
                Found::Damaged(damage) => panic!("gc left {damage}"),
            };
            // What a run has reached can be read until it ends.
            for file in entry.files.values() {
                assert!(store.object(file.digest).is_file(), "gone under a run that reached it");
            }
        }
        for wanted in &last {
            assert!(matches!(store.lookup(*wanted).unwrap(), Found::Hit(_)), "lost by a run that reached it");
        }
        journal.finish(true, false).unwrap();
    }
    last
}

#[test]
fn gc_in_a_loop_beside_four_writers_loses_nothing_that_a_run_reached() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    let (ended, removed) = (AtomicBool::new(false), AtomicUsize::new(0));
    let enough = || removed.load(Ordering::Relaxed) >= 50;
    let last: Vec<Digest> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                // Each its own handle, as another process has.
                let report = opened(folder.path()).gc(&policy(1), &[]).unwrap();
                removed.fetch_add(report.objects.count, Ordering::Relaxed);
            }
        });
        let writers: Vec<_> = (0..4)
            .map(|thread| {
                let store = opened(folder.path());
                let enough = &enough;
                scope.spawn(move || churn(&store, thread, enough))
            })
            .collect();
        let last = writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>();
        ended.store(true, Ordering::Relaxed);
        last.into_iter().flat_map(Result::unwrap).collect()
    });
    assert!(enough(), "gc and the writers never met");
    assert!(last.iter().all(|key| matches!(store.lookup(*key).unwrap(), Found::Hit(_))));
    assert!(store.verify().unwrap().clean());
}

#[test]
fn the_first_checkpoint_of_a_training_is_safe_beside_gc() {
    let folder = tempfile::tempdir().unwrap();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                opened(folder.path()).gc(&policy(1), &[]).unwrap();
            }
        });
        let store = opened(folder.path());
        let saved = (0..40).map(|params| {
            let set = CheckpointSet::new(&store, json!({ "params": params }));
            set.save(1, b"state 1").map(|()| set.latest(1).is_some())
        });
        let saved: Vec<_> = saved.collect();
        ended.store(true, Ordering::Relaxed);
        assert!(saved.iter().all(|saved| matches!(saved, Ok(true))), "{saved:?}");
    });
}

/// A checkpoint's key in hexadecimal digits, and its state.
const STATE: u64 = 64 + 7;

#[test]
fn disk_use_counts_a_shared_object_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path());
    run(&store, "1", "a", &["one", "shared"]);
    run(&store, "2", "a", &["shared", "three"]);
    let set = CheckpointSet::new(&store, json!({ "params": 1 }));
    set.save(5, b"state 5").unwrap();
    let du = store.disk_use(&[]).unwrap();
    assert_eq!(du.objects, Amount { count: 4, bytes: 3 + 6 + 5 + STATE });
    assert_eq!((du.shared_bytes, du.checkpoints), (6, Amount { count: 1, bytes: STATE }));
    let runs: Vec<_> = du.runs.iter().map(|run| (run.run.as_str(), run.bytes, run.own_bytes)).collect();
    assert_eq!(runs, [("2", 11, 5), ("1", 9, 3)]);
    let kinds: Vec<_> = du.kinds.iter().map(|of| (of.kind.as_str(), of.entries, of.bytes)).collect();
    assert_eq!(kinds, [("checkpoint", 1, STATE), ("train", 3, 14)]);
    let datasets: Vec<_> = du.datasets.iter().map(|of| (of.source.as_str(), of.bytes)).collect();
    assert_eq!(datasets, [("mnist", 6), ("mnist", 5), ("mnist", 3)]);
    assert!(du.total_bytes > du.objects.bytes + du.entries.bytes);
}

#[test]
fn the_last_run_is_the_one_that_the_journal_got_last_whatever_its_date() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let [future, now] = ["20990101T000000.000Z-a", "20260801T000000.000Z-b"];
    run(&store, future, "x", &["of the future"]);
    run(&store, now, "x", &["of now"]);
    let report = store.gc(&policy(1), &[]).unwrap();
    assert_eq!(report.kept_runs.iter().collect::<Vec<_>>(), [now]);
    assert!(there(&store, "of now") && !there(&store, "of the future"));
}

#[test]
fn a_cas_on_another_disk_is_collected_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let _other_disk = Faults::below(&folder.path().join("cas"), Fault::OtherDisk);
    run(&store, "1", "x", &["old"]);
    run(&store, "2", "x", &["new"]);
    assert!(there(&store, "old") && there(&store, "new"), "published by copy");
    let report = store.gc(&policy(1), &[]).unwrap();
    assert_eq!((report.objects.count, store.named_objects().unwrap().len()), (1, 1));
    assert!(there(&store, "new") && !there(&store, "old"));
}

#[test]
fn drafts_of_a_killed_writer_go_and_nothing_else_takes_them_for_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    publish(&store, "kept", "bytes");
    let shard = store.object(Digest::of(b"bytes")).parent().unwrap().to_path_buf();
    std::fs::write(shard.join(".1-abc.draft"), "half").unwrap();
    assert!(store.verify().unwrap().clean());
    assert_eq!(std::fs::read_dir(&shard).unwrap().count(), 2, "its writer may be alive");
    store.gc(&GcPolicy { delete: true, ..GcPolicy::default() }, &[]).unwrap();
    assert_eq!(std::fs::read_dir(&shard).unwrap().count(), 1);
}
