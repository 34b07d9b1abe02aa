//! Gc on a full disk, and killed before each of its operations; and runs of machines that no lock reaches.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{CheckpointSet, Found, Journal, Produced, RunStart};
use simpipe_base::digest::Digest;
use simpipe_base::fault::{ENOSPC, Fault, Faults, Op};
use simpipe_base::fs::Verb;

/// Disk quota exceeded.
const EDQUOT: i32 = 122;

/// In memory, where syncs cost nothing.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn key(name: &str) -> Digest {
    Digest::of_json(&name)
}

fn publish(store: &Store, name: &str, contents: &[&str]) {
    let scratch = store.scratch().unwrap();
    for content in contents {
        std::fs::write(scratch.output().join(content), content).unwrap();
    }
    store.publish(scratch, key(name), Produced::default()).unwrap();
}

fn begin(store: &Store, run: &str) -> Journal {
    store.journal(RunStart { run: run.to_owned(), name: "a".to_owned(), ..RunStart::default() }).unwrap()
}

fn run(store: &Store, id: &str, name: &str, contents: &[&str]) {
    let journal = begin(store, id);
    journal.wanted("train", key(name)).unwrap();
    publish(store, name, contents);
    journal.finish(true, false).unwrap();
}

fn policy() -> GcPolicy {
    let age = Duration::ZERO;
    GcPolicy { keep_runs: 1, grace: age, checkpoint_age: age, quarantine_age: age, delete: true, ..GcPolicy::default() }
}

/// A store with something of each kind that gc removes.
fn varied(folder: &Path) {
    let store = Store::open(folder).unwrap();
    run(&store, "1", "old", &["old", "both", "older"]);
    run(&store, "2", "new", &["new", "both"]);
    CheckpointSet::new(&store, json!({ "params": 1 })).save(5, b"state").unwrap();
    for (file, text) in [
        ("quarantine/x", "bad"),
        ("locks/dead.lock", "4000000"),
        ("tmp/4000000-abc.lock", "4000000"),
        ("tmp/4000000-abc/out/half", "ha"),
        ("stat/aa/x", "no memo"),
    ] {
        std::fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
        std::fs::write(folder.join(file), text).unwrap();
    }
}

fn gc(folder: &Path) -> Result<GcReport, StoreError> {
    Store::open(folder)?.gc(&policy(), &[])
}

/// Whatever has become of a gc: results are whole or not there, and the next gc ends its work.
fn assert_whole(folder: &Path, what: &str) {
    let store = Store::open(folder).unwrap();
    assert!(!matches!(store.lookup(key("old")).unwrap(), Found::Damaged(_)), "{what}");
    assert!(matches!(store.lookup(key("new")).unwrap(), Found::Hit(_)), "{what}");
    let report = store.verify().unwrap();
    assert!(report.clean(), "{what}: {report:?}");
    gc(folder).unwrap();
    assert_eq!(store.lookup(key("old")).unwrap(), Found::Miss, "{what}");
    assert_eq!(store.files_below("cas").unwrap().len(), 2, "{what}");
    let left = |name: &str| std::fs::read_dir(folder.join(name)).unwrap().map(|item| item.unwrap().file_name());
    assert_eq!(left("tmp").count() + left("quarantine").count() + left("checkpoints").count(), 0, "{what}");
    assert!(left("locks").all(|name| name == "store" || name == "gate"), "{what}");
}

/// Entries go first, and that is on the disk before any object goes.
fn assert_order(trace: &[Op]) {
    let goes =
        |op: &Op, part: &str| matches!(op.verb, Verb::Remove | Verb::Rename) && op.path.iter().any(|name| name == part);
    let last_entry = trace.iter().rposition(|op| goes(op, "ac")).unwrap();
    let first_object = trace.iter().position(|op| goes(op, "cas")).unwrap();
    let synced = |op: &Op| op.verb == Verb::SyncDir && op.path.ends_with("ac");
    assert!(trace[last_entry..first_object].iter().any(synced), "{trace:?}");
}

#[test]
fn gc_runs_on_a_full_disk() {
    for error in [ENOSPC, EDQUOT] {
        let folder = folder();
        varied(folder.path());
        // Somebody has cleared it by hand.
        std::fs::remove_dir_all(folder.path().join("downloads")).unwrap();
        let faults = Faults::below(folder.path(), Fault::NoRoom(error));
        let report = gc(folder.path()).unwrap();
        assert_eq!((report.removed.len(), report.objects.count, report.markers), (2, 3, 1));
        assert!(faults.hit().is_some(), "it has tried to make a private folder");
        assert_order(&faults.trace());
        drop(faults);
        assert!(!Store::open(folder.path()).unwrap().object(Digest::of(b"old")).exists());
        assert_whole(folder.path(), "on a full disk");
    }
}

#[test]
fn a_gc_that_dies_before_any_operation_leaves_whole_results() {
    for room in [Fault::Nothing, Fault::NoRoom(ENOSPC), Fault::NoRoom(EDQUOT)] {
        for at in 0.. {
            let folder = folder();
            varied(folder.path());
            let (death, full) = (Faults::below(folder.path(), Fault::Die(at)), Faults::below(folder.path(), room));
            let ended = gc(folder.path());
            let hit = death.hit();
            drop((death, full));
            assert_whole(folder.path(), &format!("{room:?}, dead at {at}: {hit:?}"));
            if hit.is_none() {
                ended.unwrap();
                assert!(at >= 15, "{at} operations");
                break;
            }
        }
    }
}

#[test]
fn a_refused_operation_of_gc_leaves_whole_results() {
    for at in 0.. {
        let folder = folder();
        varied(folder.path());
        let faults = Faults::below(folder.path(), Fault::Refuse(at, [ENOSPC, EDQUOT, 5, 18][at % 4]));
        drop(gc(folder.path()));
        let hit = faults.hit();
        drop(faults);
        assert_whole(folder.path(), &format!("refused: {hit:?}"));
        if hit.is_none() {
            break;
        }
    }
}

#[test]
fn what_a_machine_beyond_all_locks_asks_for_meanwhile_is_brought_back() {
    for room in [true, false] {
        let folder = folder();
        varied(folder.path());
        let store = Store::open(folder.path()).unwrap();
        let seen = store.seen().unwrap();
        let (_, doomed) = Sweep::of(&store, &policy(), &[]).unwrap().finish().unwrap();
        assert_eq!((doomed.entries.len(), doomed.objects.len()), (2, 3));
        // Now the other machine comes: one run wants an old result, another stores a new one with an old object.
        begin(&store, "3").wanted("train", key("old")).unwrap();
        publish(&store, "newer", &["state-less", "older"]);
        let scratch = room.then(|| store.scratch().unwrap());
        store.take_away(&doomed, seen, &Trash { folder: scratch.as_ref(), store: &store }).unwrap();
        drop(scratch);
        let old = store.lookup(key("old")).unwrap();
        assert!(if room { matches!(old, Found::Hit(_)) } else { old == Found::Miss }, "{room}: {old:?}");
        let whole = |content: &str| store.object(Digest::of(content.as_bytes())).is_file();
        assert!(whole("old") && whole("older"), "a run that has found them can read them");
        assert!(matches!(store.lookup(key("newer")).unwrap(), Found::Hit(_)));
        assert!(store.verify().unwrap().clean());
    }
}

#[test]
fn gc_without_locks_acts_only_for_who_says_that_nobody_else_is_there() {
    let folder = folder();
    varied(folder.path());
    let _faults = Faults::below(folder.path(), Fault::IdleLocks);
    let store = Store::open(folder.path()).unwrap();
    assert!(matches!(gc(folder.path()), Err(StoreError::IdleLocks { .. })));
    assert!(matches!(store.lookup(key("old")).unwrap(), Found::Hit(_)));
    assert!(store.gc(&GcPolicy { delete: false, ..policy() }, &[]).unwrap().objects.count > 0, "who only looks may");
    // A run under way keeps what it wants all the same.
    let journal = begin(&store, "0");
    journal.wanted("train", key("old")).unwrap();
    store.gc(&GcPolicy { alone: true, ..policy() }, &[]).unwrap();
    assert!(matches!(store.lookup(key("old")).unwrap(), Found::Hit(_)));
    drop(journal);
    begin(&store, "3").finish(true, false).unwrap(); // the last run of the name, which wants nothing
    store.gc(&GcPolicy { alone: true, ..policy() }, &[]).unwrap();
    assert_eq!(store.lookup(key("old")).unwrap(), Found::Miss);
}
