//! Verification of damaged stores.

use std::sync::Mutex;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;

use super::*;
use crate::{CheckpointSet, Produced};
use simpipe_base::digest::Digest;
use simpipe_base::fault::{EIO, Fault, Faults};

fn stored(folder: &Path) -> Store {
    let store = Store::open(folder).unwrap();
    for name in ["a", "b"] {
        let scratch = store.scratch().unwrap();
        std::fs::write(scratch.output().join("file"), name).unwrap();
        store.publish(scratch, Digest::of_json(&name), Produced::default()).unwrap();
    }
    store
}

fn overwrite(path: &Path, bytes: &str) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn damage_that_keeps_size_and_mtime_is_found_and_the_next_verify_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let store = stored(folder.path());
    let report = store.verify().unwrap();
    assert_eq!((report.objects, report.bytes, report.entries, report.clean()), (2, 2, 2, true));

    let object = store.object(Digest::of(b"a"));
    let modified = std::fs::metadata(&object).unwrap().modified().unwrap();
    overwrite(&object, "x");
    std::fs::File::options().write(true).open(&object).unwrap().set_modified(modified).unwrap();
    let report = store.verify().unwrap();
    assert_eq!(report.damaged_objects, [Digest::of(b"a").to_string()]);
    assert_eq!(report.dropped_entries, [Digest::of_json(&"a").to_string()]);
    let report = store.verify().unwrap();
    assert_eq!((report.objects, report.entries, report.clean()), (1, 1, true));
}

#[test]
fn strays_lost_checkpoints_and_writable_objects_are_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let store = stored(folder.path());
    let set = CheckpointSet::new(&store, json!({ "params": 1 }));
    set.save(5, b"state 5").unwrap();
    set.save(9, b"state 9").unwrap();
    let last = set.digest(9);
    overwrite(&store.object(last), "state X");
    std::fs::write(folder.path().join("cas/notes.txt"), "stray").unwrap();
    overwrite(&store.object(Digest::of(b"b")), "b");

    let report = store.verify().unwrap();
    assert_eq!(report.damaged_objects, [last.to_string(), "notes.txt".to_owned()]);
    assert_eq!(report.dropped_entries.len(), 1);
    assert_eq!(report.removed_markers, [format!("{}/9", set.id())]);
    assert_eq!(report.writable_objects, [Digest::of(b"b").to_string()]);
    assert!(std::fs::metadata(store.object(Digest::of(b"b"))).unwrap().permissions().readonly());
    assert_eq!(set.latest(u64::MAX), Some((5, b"state 5".to_vec())));

    let report = store.verify().unwrap();
    assert!(report.clean() && report.removed_markers.is_empty() && report.writable_objects.is_empty());
}

#[test]
fn progress_ends_with_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let store = stored(folder.path());
    let seen = Mutex::new(Vec::new());
    store.verify_with(WHATEVER, &|progress| seen.lock().unwrap().push(progress)).unwrap();
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen.len(), 2);
    assert!(seen.contains(&VerifyProgress { done: 2, total: 2 }));
}

/// What Linux says when something passes: interrupted, would block, no memory, too many open files (of all, of this
/// process), a server that has no answer or no such file any more, a folder that is forbidden.
const PASSING: [i32; 8] = [4, 11, 12, 23, 24, 110, 116, 13];

#[test]
fn what_can_not_be_read_for_now_is_not_damaged() {
    for error in PASSING {
        for at in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let store = stored(folder.path());
            let faults = Faults::below(folder.path(), Fault::RefuseRead(at, error));
            let report = store.verify();
            if faults.hit().is_none() {
                assert!(at > 6, "every folder, object and entry was refused once");
                break;
            }
            drop(faults);
            if let Ok(report) = report {
                assert!(!report.damaged(), "error {error}, read {at}: {report:?}");
            }
            let report = store.verify().unwrap();
            assert_eq!((report.objects, report.entries, report.clean()), (2, 2, true), "error {error}, read {at}");
        }
    }
}

#[test]
fn a_lookup_moves_nothing_that_can_not_be_read_for_now() {
    for error in PASSING {
        for at in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let store = stored(folder.path());
            let faults = Faults::below(folder.path(), Fault::RefuseRead(at, error));
            let found = store.verifying().lookup(Digest::of_json(&"a"));
            let hit = faults.hit();
            drop(faults);
            assert!(found.is_err() || matches!(found, Ok(Found::Hit(_))), "error {error}, read {at}: {found:?}");
            assert_eq!(std::fs::read_dir(folder.path().join("quarantine")).unwrap().count(), 0);
            if hit.is_none() {
                break;
            }
        }
    }
}

#[test]
fn bytes_that_the_disk_refuses_again_and_again_are_damaged() {
    for (times, moved) in [(1, 0), (3, 2)] {
        let folder = tempfile::tempdir().unwrap();
        let store = stored(folder.path());
        let object = store.object(Digest::of(b"a"));
        let _failing: Vec<Faults> = (0..times).map(|_| Faults::below(&object, Fault::RefuseRead(0, EIO))).collect();
        let found = store.lookup(Digest::of_json(&"a")).unwrap();
        assert_eq!(matches!(found, Found::Damaged(_)), moved > 0);
        assert_eq!(std::fs::read_dir(folder.path().join("quarantine")).unwrap().count(), moved);
    }
}

#[test]
fn what_was_healed_since_it_was_read_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = stored(folder.path());
    let (object, key) = (store.object(Digest::of(b"a")), Digest::of_json(&"a"));
    overwrite(&object, "x");
    assert!(matches!(store.check_object(&object), Checked::Damaged));
    // A run finds it too, moves it aside and computes it again.
    assert!(matches!(store.lookup(key).unwrap(), Found::Damaged(_)));
    let scratch = store.scratch().unwrap();
    std::fs::write(scratch.output().join("file"), "a").unwrap();
    store.publish(scratch, key, Produced::default()).unwrap();
    assert_eq!(store.move_damaged(&[&object], &|path| store.check_object(path)).unwrap(), [""; 0]);
    assert!(matches!(store.set_aside(key, WHATEVER).unwrap(), Found::Hit(_)), "another run that found the damage");
    assert!(matches!(store.lookup(key).unwrap(), Found::Hit(_)));
}

#[test]
fn an_entry_that_lies_about_a_size_takes_no_intact_object_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = stored(folder.path());
    let key = Digest::of_json(&"a");
    resealed(&store, key, |entry| entry["files"]["file"]["size"] = json!(7));
    assert!(matches!(store.lookup(key).unwrap(), Found::Damaged(damage) if damage.what == "its size has changed"));
    assert!(store.object(Digest::of(b"a")).exists());
    assert_eq!(store.verify().unwrap().damaged_objects, [""; 0]);
}

/// Changes an entry and gives it the right seal again, as whoever may write the store can.
fn resealed(store: &Store, key: Digest, change: impl FnOnce(&mut serde_json::Value)) {
    let path = store.entry_path(key);
    let mut entry: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut entry);
    entry.as_object_mut().unwrap().remove("seal");
    entry["seal"] = json!(Digest::of_json(&entry));
    overwrite(&path, &entry.to_string());
}

#[test]
fn an_entry_that_would_write_elsewhere_is_damaged_and_writes_nowhere() {
    for name in ["../../x", "/tmp/simpipe-planted", "", ".", "a//b", "file/b", "\u{0}"] {
        let folder = tempfile::tempdir().unwrap();
        let store = stored(folder.path());
        let key = Digest::of_json(&"a");
        let plant = || {
            resealed(&store, key, |entry| {
                let file = entry["files"]["file"].clone();
                entry["files"].as_object_mut().unwrap().insert(name.to_owned(), file);
            });
        };
        plant();
        let report = store.verify().unwrap();
        assert_eq!((report.dropped_entries, report.damaged_objects), (vec![key.to_string()], vec![]), "{name:?}");
        assert!(store.verify().unwrap().clean());
        let scratch = store.scratch().unwrap();
        std::fs::write(scratch.output().join("file"), "a").unwrap();
        store.publish(scratch, key, Produced::default()).unwrap();
        plant();
        let Found::Damaged(damage) = store.lookup(key).unwrap() else { panic!("{name:?} must be refused") };
        assert!(
            damage.to_string().starts_with("stored `entry` is damaged: it can't be read: the file name"),
            "{damage}"
        );
        assert_eq!(store.lookup(key).unwrap(), Found::Miss);
    }
}

#[test]
fn a_result_without_a_file_that_its_stage_declares_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let store = stored(folder.path());
    let [a, b] = ["a", "b"].map(|name| Digest::of_json(&name));
    resealed(&store, a, |entry| entry["files"] = json!({}));
    let declared: Declared<'_> = &|_| Some(&["file", "figures/"]);
    let Found::Damaged(damage) = store.lookup_declared(a, declared).unwrap() else { panic!("it lacks a file") };
    assert_eq!(damage.to_string(), "stored `entry` is damaged: it lacks the file `file`");
    assert_eq!(store.lookup(a).unwrap(), Found::Miss);
    assert!(matches!(store.inspect_declared(b, declared).unwrap(), Found::Hit(_)), "a folder may be empty");
    resealed(&store, b, |entry| entry["files"] = json!({}));
    assert_eq!(store.verify_with(declared, &|_| {}).unwrap().dropped_entries, [b.to_string()]);

    let set = CheckpointSet::new(&store, json!({ "params": 1 }));
    set.save(5, b"state").unwrap();
    let key = *store.stored().unwrap().0.keys().next().unwrap();
    resealed(&store, key, |entry| entry["files"] = json!({}));
    assert_eq!(
        store.verify().unwrap().dropped_entries,
        [key.to_string()],
        "what a checkpoint has is known to the store"
    );
}

/// What can be at a path and is no file, and a way to put it there.
type Obstacle<'a> = (&'static str, Box<dyn Fn() + 'a>);

fn obstacles(at: &Path) -> Vec<Obstacle<'_>> {
    use std::os::unix::fs::symlink;
    vec![
        ("folder", Box::new(move || std::fs::create_dir_all(at.join("inside")).unwrap())),
        ("pipe", Box::new(move || mknodat(CWD, at, FileType::Fifo, Mode::RUSR, 0).unwrap())),
        ("link to nothing", Box::new(move || symlink("nothing", at).unwrap())),
        ("link to itself", Box::new(move || symlink(at, at).unwrap())),
        ("endless device", Box::new(move || symlink("/dev/zero", at).unwrap())),
    ]
}

#[test]
fn what_is_no_file_in_the_place_of_an_object_or_an_entry_makes_way() {
    for kind in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let store = stored(folder.path());
        let key = Digest::of_json(&"a");
        for path in [store.object(Digest::of(b"a")), store.entry_path(key)] {
            let obstacles = obstacles(&path);
            let (what, put) = &obstacles[kind];
            let replace = || {
                drop(std::fs::remove_file(&path));
                put();
            };
            replace();
            assert!(matches!(store.lookup(key).unwrap(), Found::Damaged(_)), "{what}");
            replace();
            let scratch = store.scratch().unwrap();
            std::fs::write(scratch.output().join("file"), "a").unwrap();
            let entry = store.publish(scratch, key, Produced::default()).unwrap();
            assert_eq!(store.lookup(key).unwrap(), Found::Hit(entry), "{what}");
            replace();
            let report = store.verify().unwrap();
            assert_eq!((report.damaged(), report.dropped_entries.len()), (true, 1), "{what}: {report:?}");
            assert!(store.verify().unwrap().clean(), "{what}");
            let scratch = store.scratch().unwrap();
            std::fs::write(scratch.output().join("file"), "a").unwrap();
            store.publish(scratch, key, Produced::default()).unwrap();
        }
    }
}

#[test]
fn a_file_in_a_shards_place_makes_way() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let object = store.object(Digest::of(b"a"));
    std::fs::write(object.parent().unwrap(), "no folder").unwrap();
    let scratch = store.scratch().unwrap();
    std::fs::write(scratch.output().join("file"), "a").unwrap();
    store.publish(scratch, Digest::of(b"key"), Produced::default()).unwrap();
    assert!(matches!(store.lookup(Digest::of(b"key")).unwrap(), Found::Hit(_)));
}

#[test]
fn objects_behind_links_are_read_too() {
    use std::os::unix::fs::symlink;
    let (folder, disk) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = stored(folder.path());
    let [object, shard] = ["a", "b"].map(|name| store.object(Digest::of(name.as_bytes())));
    let (moved, shard) = (disk.path().join("a"), shard.parent().unwrap().to_path_buf());
    std::fs::rename(&object, &moved).unwrap();
    symlink(&moved, &object).unwrap();
    std::fs::rename(&shard, disk.path().join("shard")).unwrap();
    symlink(disk.path().join("shard"), &shard).unwrap();
    let report = store.verify().unwrap();
    assert_eq!((report.objects, report.bytes, report.clean()), (2, 2, true));
    assert_eq!(store.stored_objects().unwrap().len(), 2, "gc and du see them");
    assert!(matches!(store.lookup(Digest::of_json(&"a")).unwrap(), Found::Hit(_)));

    overwrite(&moved, "x");
    let report = store.verify().unwrap();
    assert_eq!((report.damaged_objects, report.dropped_entries.len()), (vec![Digest::of(b"a").to_string()], 1));
    assert_eq!(std::fs::read(&moved).unwrap(), b"x", "the link was moved aside, not what it leads to");
}

#[test]
fn entries_that_are_no_entries_are_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let store = stored(folder.path());
    let ac = folder.path().join("ac");
    std::fs::create_dir(ac.join("sub")).unwrap();
    std::fs::write(ac.join("n".repeat(250)), "").unwrap();
    std::fs::write(ac.join(".nfs0001"), "").unwrap();
    let [a, b] = ["a", "b"].map(|name| store.entry_path(Digest::of_json(&name)));
    std::fs::copy(&a, &b).unwrap(); // of another key
    let bytes = std::fs::read(&a).unwrap();
    overwrite(&a, &String::from_utf8_lossy(&bytes[..bytes.len() / 2]));
    assert_eq!(store.verify().unwrap().dropped_entries.len(), 4);
    assert!(store.verify().unwrap().clean());
    assert_eq!(std::fs::read_dir(&ac).unwrap().count(), 1);
}

#[test]
fn a_shared_store_is_its_groups() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o2770)).unwrap();
    let store = stored(&folder.path().join("store"));
    store.journal(crate::RunStart { run: "1".to_owned(), ..Default::default() }).unwrap();
    for item in walkdir::WalkDir::new(store.root()) {
        let item = item.unwrap();
        let mode = item.metadata().unwrap().mode() & 0o7777;
        let (wanted, never) = if item.file_type().is_dir() {
            (0o2070, 0o002)
        } else if item.path().starts_with(store.root().join("cas")) {
            (0o040, 0o222)
        } else {
            (0o060, 0o002)
        };
        assert_eq!((mode & wanted, mode & never), (wanted, 0), "{} {mode:o}", item.path().display());
    }
}
