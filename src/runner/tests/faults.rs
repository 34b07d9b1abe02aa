//! A fault at each operation of a run in turn: the run says what failed, the next one gives the right results.

use std::io;

use super::*;
use simpipe_base::fault::{EACCES, EIO, ENOLCK, ENOSPC, EROFS, Fault, Faults, Op};
use simpipe_base::fs::{self, Verb};

/// Too many open files.
const EMFILE: i32 = 24;

/// What a run with a fault came to.
struct Ended {
    hit: Option<Op>,
    /// Why it failed, and what to do about it; `None` if it did not fail.
    failure: Option<(String, Option<String>)>,
    warnings: String,
    results: Option<Results>,
}

fn run_with(project: &Project, plan: &Plan, below: &Path, fault: Fault, jobs: usize) -> Ended {
    let faults = Faults::below(below, fault);
    let warnings = Mutex::new(String::new());
    let outcome = project.try_run(plan, jobs, &|event| {
        if let Event::Warning { message, .. } = event {
            *warnings.lock().unwrap() += message;
        }
    });
    let hit = faults.hit();
    drop(faults);
    let (failure, results) = match &outcome {
        Err(error) => (Some((error.to_string(), error.help().map(str::to_owned))), None),
        Ok(record) if record.ok => (None, Some(Results::of(project.folder.path(), record))),
        Ok(record) => {
            let (_, failure) = record.failure().unwrap();
            (Some((failure.message.clone(), failure.help.clone())), None)
        }
    };
    Ended { hit, failure, warnings: warnings.into_inner().unwrap(), results }
}

/// Runs with a fault at operation 0, 1, 2, .. on a new store each, until none is left; gives the number of faults.
fn sweep(fault: impl Fn(usize) -> Fault + Sync, check: impl Fn(&Ended, Fault) + Sync) -> usize {
    let expected = Results::undisturbed(&varied());
    let every_second = |first: usize| {
        for at in (first..).step_by(2) {
            let (project, plan, fault) = (Project::in_memory(), varied(), fault(at));
            let ended = run_with(&project, &plan, project.folder.path(), fault, 1 + at / 2 % 2);
            let what = format!("{fault:?} at {:?}", ended.hit);
            if let Some(results) = &ended.results {
                assert_eq!(results, &expected, "{what}: it ended well");
            }
            if ended.hit.is_none() {
                assert_eq!(ended.failure, None, "no fault was hit");
                return (at - first) / 2;
            }
            check(&ended, fault);
            assert_recovers(&project, &plan, &expected, &what);
        }
        unreachable!()
    };
    // Not `rayon::join`: runs wait for rayon's threads, so they may not be run on them.
    std::thread::scope(|scope| {
        let odd = scope.spawn(|| every_second(1));
        every_second(0) + odd.join().unwrap()
    })
}

/// The failure names the file and the reason, and helps where there is help; what went well had to.
fn assert_plain(ended: &Ended, error: i32) {
    let op = ended.hit.as_ref().unwrap();
    let error = io::Error::from_raw_os_error(error);
    let names_it = |message: &str| {
        let paths = [Some(op.path.as_path()), Some(op.to.as_path()), op.to.parent()];
        let named = paths.into_iter().flatten().any(|path| message.contains(&*path.to_string_lossy()));
        named && message.contains("can't ") && message.contains(&error.to_string())
    };
    match &ended.failure {
        Some((message, help)) => {
            assert!(names_it(message), "{op:?}: {message}");
            assert_eq!(help.as_deref(), fs::help(&error), "{op:?}");
        }
        None => {
            let tidying = matches!(op.verb, Verb::Remove | Verb::RemoveDir);
            let replaced = op.verb == Verb::Link && error.kind() == io::ErrorKind::PermissionDenied;
            let told = ended.warnings.contains("no checkpoint of step") && names_it(&ended.warnings);
            let told = told || ended.warnings.contains("journal") && names_it(&ended.warnings);
            // A store that can't be written may still be read: then nothing failed.
            let only_read = op.path.to_string_lossy().contains("/journal") && fs::is_wrong_place(&error);
            // What is remembered of files is lost, and they are read once more. On a slow machine they are old enough for it.
            let remembers = op.path.to_string_lossy().contains("/store/stat/");
            // So is what lists show of runs, which is made of the state of the record once that is written.
            let lists = [".summaries", ".details", ".fields"].iter().any(|name| op.path.ends_with(name));
            let remembers = remembers || lists || op.verb == Verb::Read && op.path.ends_with("run.json");
            // The locks of the whole store are made by whoever needs them, where they could not be made before.
            let later = op.verb == Verb::Lock && op.path.extension().is_none();
            assert!(
                tidying || replaced || told || only_read || remembers || later,
                "{op:?} went unnoticed; warnings: {}",
                ended.warnings
            );
        }
    }
}

#[test]
fn a_refused_operation_fails_with_a_plain_message_and_harms_nothing() {
    let error = |at: usize| [ENOSPC, EIO, EROFS, EACCES][at % 4];
    let points = sweep(
        |at| Fault::Refuse(at, error(at / 2)),
        |ended, fault| {
            let Fault::Refuse(_, error) = fault else { unreachable!() };
            assert_plain(ended, error);
        },
    );
    assert!(points >= 200, "{points} operations");
}

#[test]
fn a_torn_write_is_never_taken_for_a_whole_one() {
    let points = sweep(Fault::Tear, |ended, _| assert_plain(ended, ENOSPC));
    assert!(points >= 30, "{points} writes");
}

#[test]
fn a_full_disk_fails_with_a_plain_message_and_harms_nothing() {
    let points = sweep(Fault::Full, |ended, _| {
        // The disk stays full, so it may be the run's record that can't be written in the end.
        let Some((message, help)) = ended.failure.as_ref() else {
            assert!(ended.warnings.contains("the end of the run is not in the store's journal"), "{}", ended.warnings);
            return;
        };
        assert!(message.starts_with("can't ") && message.contains("/artifacts/"), "{message}");
        assert!(message.ends_with("No space left on device (os error 28)"), "{message}");
        assert!(help.as_deref().is_some_and(|help| help.starts_with("free some space")), "{help:?}");
    });
    assert!(points >= 200, "{points} operations");
}

#[test]
fn a_process_that_dies_before_any_operation_leaves_a_usable_store() {
    let points = sweep(Fault::Die, |_, _| {});
    assert!(points >= 200, "{points} operations");
}

#[test]
fn a_process_that_dies_in_the_middle_of_a_write_leaves_a_usable_store() {
    let points = sweep(Fault::DieTorn, |_, _| {});
    assert!(points >= 30, "{points} writes");
}

#[test]
fn a_failed_read_never_gives_a_wrong_result() {
    let plan = varied();
    let expected = Results::undisturbed(&plan);
    let mut points = 0;
    for (error, recompute) in [(EIO, false), (EIO, true), (EACCES, false), (EMFILE, true)] {
        let project = Project::in_memory();
        let join = project.run(&plan).stage("join").unwrap().key.unwrap();
        std::thread::sleep(Duration::from_millis(60));
        project.run(&plan); // remembers the objects, which have settled
        for at in 0.. {
            if recompute {
                fs::remove_file(&project.store_folder().join("ac").join(format!("{join}.json"))).unwrap();
            }
            let ended = run_with(&project, &plan, project.folder.path(), Fault::RefuseRead(at, error), 1);
            let what = format!("{:?} refused with {error}", ended.hit);
            if let Some(results) = &ended.results {
                assert_eq!(results, &expected, "{what}");
            }
            if let Some((message, _)) = &ended.failure {
                assert!(message.contains(&io::Error::from_raw_os_error(error).to_string()), "{what}: {message}");
            }
            assert_recovers(&project, &plan, &expected, &what);
            if ended.hit.is_none() {
                points += at;
                break;
            }
        }
        let quarantine = fs::list(&project.store_folder().join("quarantine")).unwrap();
        assert!(quarantine.is_empty(), "a read that fails once makes nothing suspect: {quarantine:?}");
    }
    assert!(points >= 100, "{points} reads");
}

#[test]
fn a_read_only_store_still_gives_its_results() {
    let project = Project::in_memory();
    let expected = Results::of(project.folder.path(), &project.run(&varied()));
    let store = project.store_folder();
    let hits = run_with(&project, &varied(), &store, Fault::ReadOnly, 2);
    assert_eq!((hits.failure, hits.results), (None, Some(expected)));

    let misses = run_with(&project, &diamond("new", "l"), &store, Fault::ReadOnly, 1);
    let (message, help) = misses.failure.unwrap();
    assert!(
        message.starts_with("can't lock ") && message.ends_with("Read-only file system (os error 30)"),
        "{message}"
    );
    assert!(help.unwrap().contains("--store DIR"));
}

#[test]
fn a_full_store_still_gives_its_results() {
    const EDQUOT: i32 = 122;
    for error in [ENOSPC, EDQUOT] {
        let project = Project::in_memory();
        let expected = Results::of(project.folder.path(), &project.run(&varied()));
        let hits = run_with(&project, &varied(), &project.store_folder(), Fault::NoRoom(error), 2);
        assert_eq!((hits.failure, hits.results), (None, Some(expected)));
        assert!(hits.warnings.contains("without a journal of this run, gc may remove what"), "{}", hits.warnings);
        let journals = fs::list(&project.store_folder().join("journal")).unwrap();
        assert_eq!(journals.len(), 2, "that of the first run, and the order of runs");

        let misses = run_with(&project, &diamond("new", "l"), &project.store_folder(), Fault::NoRoom(error), 1);
        let (message, help) = misses.failure.unwrap();
        assert!(message.starts_with("can't lock "), "{message}");
        assert!(help.unwrap().starts_with("free some space"));
    }
}

#[test]
fn a_run_without_locks_is_a_run_and_says_so_once() {
    let expected = Results::undisturbed(&varied());
    for fault in [Fault::IdleLocks, Fault::NoLocks(ENOLCK)] {
        let project = Project::in_memory();
        let first = run_with(&project, &varied(), project.folder.path(), fault, 2);
        assert_eq!((first.failure, first.results.as_ref()), (None, Some(&expected)), "{fault:?}");
        assert_eq!(first.warnings.matches("locks do not work in ").count(), 1, "{}", first.warnings);
        assert_recovers(&project, &varied(), &expected, &format!("{fault:?}"));
    }
}

#[test]
fn two_runners_without_locks_compute_a_key_once() {
    for fault in [Fault::IdleLocks, Fault::NoLocks(ENOLCK)] {
        let project = Project::in_memory();
        project.store();
        let _faults = Faults::below(project.folder.path(), fault);
        let plan = plan(&[("slow", "s", "slow", &[])]);
        let records: Vec<RunRecord> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| project.run(&plan))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(records.iter().filter(|record| with(record, Outcome::Ran) == ["slow"]).count(), 1, "{fault:?}");
        let tmp = fs::list(&project.store_folder().join("tmp")).unwrap();
        assert!(tmp.is_empty(), "{tmp:?}");
    }
}
