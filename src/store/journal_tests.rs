//! Journals of runs: how a run ended, what it wanted, whose it is.

use std::io::Write;

use super::*;
use crate::GcPolicy;
use simpipe_base::fault::{ENOLCK, ENOSPC, Fault, Faults};

fn start(run: &str) -> RunStart {
    RunStart { run: run.to_owned(), name: "smoke".to_owned(), ..RunStart::default() }
}

#[test]
fn a_run_is_running_then_killed_or_done_and_a_torn_line_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let only = || store.journaled_runs().unwrap().pop().unwrap();
    let journal = store.journal(start("1")).unwrap();
    journal.wanted("a", Digest::of(b"a")).unwrap();
    journal.wanted_checkpoints("a", Digest::of(b"a"), Digest::of(b"set")).unwrap();
    assert_eq!(only().state, RunState::Running);
    journal.stage_finished("a", "ran", Some(Digest::of(b"other"))).unwrap();
    (&journal.file).write_all(b"{\"event\":\"run-fini").unwrap();
    drop(journal);
    let run = only();
    assert_eq!((run.state, run.start.clone()), (RunState::Killed, start("1")));
    assert_eq!(run.keys, BTreeSet::from([Digest::of(b"a"), Digest::of(b"other")]));
    assert_eq!(run.outcomes, BTreeMap::from([("a".to_owned(), "ran".to_owned())]));
    assert_eq!(run.sets, BTreeMap::from([(Digest::of(b"set"), Digest::of(b"a"))]));

    store.journal(start("2")).unwrap().finish(false, true).unwrap();
    assert_eq!(only().state, RunState::Interrupted);
}

#[test]
fn a_line_after_a_torn_one_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let journal = store.journal(start("1")).unwrap();
    let faults = Faults::below(&folder.path().join("journal"), Fault::Tear(0));
    assert!(journal.wanted("a", Digest::of(b"a")).is_err());
    drop(faults);
    journal.wanted("b", Digest::of(b"b")).unwrap();
    journal.finish(true, false).unwrap();
    let run = store.journaled_runs().unwrap().pop().unwrap();
    assert_eq!((run.state, run.keys), (RunState::Done, BTreeSet::from([Digest::of(b"b")])));
}

#[test]
fn a_journal_that_can_not_be_understood_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let journal = store.journal(start("1")).unwrap();
    let newer = r#"{"event":"run-started","format":2,"what":"a newer one has"}"#;
    std::fs::write(&journal.path, newer).unwrap();
    let error = store.journaled_runs().unwrap_err();
    assert!(error.to_string().ends_with("1.jsonl has format `2`, this simpipe knows format 1"), "{error}");
    assert!(store.gc(&GcPolicy::default(), &[]).is_err(), "nobody knows what that run wants");
    std::fs::write(&journal.path, r#"{"event":"run-st"#).unwrap();
    assert_eq!(store.journaled_runs().unwrap(), [], "a run that could not even begin");
}

#[test]
fn a_run_is_known_to_be_under_way_where_locks_do_nothing() {
    for fault in [Fault::IdleLocks, Fault::NoLocks(ENOLCK)] {
        let folder = tempfile::tempdir().unwrap();
        let _faults = Faults::below(folder.path(), fault);
        let store = Store::open(folder.path()).unwrap();
        let state = || store.journaled_runs().unwrap().pop().unwrap().state;
        let journal = store.journal(start("1")).unwrap();
        assert_eq!(state(), RunState::Running, "{fault:?}");
        drop(journal);
        assert_eq!(state(), RunState::Killed, "{fault:?}");
        store.journal(start("2")).unwrap().finish(true, false).unwrap();
        assert_eq!(state(), RunState::Done, "{fault:?}");
    }
}

#[test]
fn a_run_of_another_machine_is_under_way_while_it_shows_signs_of_life() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let journal = store.journal(start("1")).unwrap();
    journal.wanted("a", Digest::of(b"a")).unwrap();
    let path = journal.path.clone();
    drop(journal);
    let text = std::fs::read_to_string(&path).unwrap();
    let realm = Owner::text().rsplit('-').next().unwrap().to_owned();
    std::fs::write(&path, text.replace(&realm, "aaaaaaaaaaaa")).unwrap();
    let silent_for = |seconds| {
        let last = std::time::SystemTime::now() - Duration::from_secs(seconds);
        File::options().write(true).open(&path).unwrap().set_modified(last).unwrap();
    };
    let state = |limit| store.runs_not_silent_for(Duration::from_secs(limit)).unwrap().pop().unwrap().state;
    silent_for(20);
    assert_eq!(store.journaled_runs().unwrap()[0].state, RunState::Running);
    silent_for(100);
    assert_eq!((state(120), state(90)), (RunState::Running, RunState::Killed));
    assert_eq!(store.journaled_runs().unwrap()[0].state, RunState::Killed);
}

#[test]
fn a_journal_on_a_full_disk_says_so_once_and_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let journal = store.journal(start("1")).unwrap();
    let wanted = || journal.wanted_if_room("a", Digest::of(b"a"));
    let faults = Faults::below(folder.path(), Fault::NoRoom(ENOSPC));
    assert!(wanted().unwrap().is_some_and(|error| error.is_full()));
    assert!(wanted().unwrap().is_none());
    drop(faults);
    let _faults = Faults::below(folder.path(), Fault::ReadOnly);
    assert!(wanted().is_err(), "nobody knows what that means");
}

#[test]
fn two_runs_of_one_id_have_two_journals() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let _both = [store.journal(start("1")).unwrap(), store.journal(start("1")).unwrap()];
    let states: Vec<RunState> = store.journaled_runs().unwrap().iter().map(|run| run.state).collect();
    assert_eq!(states, [RunState::Running; 2]);
}

#[test]
fn a_journal_whose_names_lead_elsewhere_is_refused() {
    for bad in [r#""dir":"../../x""#, r#""dir":"/x""#, r#""run":"../1""#, r#""name":"a/b""#] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let journal = store.journal(start("1")).unwrap();
        let field = bad.split(':').next().unwrap();
        let good = serde_json::to_string(&Line::RunStarted { format: FORMAT, start: start("1"), owner: Owner::text() })
            .unwrap();
        let at = good.find(field).unwrap();
        let end = at + good[at..].find(',').unwrap();
        std::fs::write(&journal.path, format!("{}{bad}{}\n", &good[..at], &good[end..])).unwrap();
        let error = store.journaled_runs().unwrap_err();
        assert!(error.to_string().starts_with("can't read the journal "), "{error}");
        assert!(error.to_string().contains("the file name `"), "{error}");
    }
}
