use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::RwLock;
use std::time::{Duration, Instant};

use super::*;
use crate::collection::Searching;
use crate::files::draft;
use crate::log::{self, Origin};
use simpipe_artifact::{Distance, IndexRows};
use simpipe_base::fault::{EIO, ENOSPC, Fault, Faults};
use simpipe_base::fs::Verb;
use simpipe_search::Search;

struct Served {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

fn origin() -> Origin {
    Origin { model: "ab".to_owned(), dim: 2 }
}

/// A run with two images, `a` and `b`, both cats.
fn of_run() -> Collection {
    let rows = IndexRows {
        example_id: vec![1, 2],
        label: vec![0, 0],
        digest: vec!["a".to_owned(), "b".to_owned()],
        dim: 2,
        ..IndexRows::default()
    };
    let searching = Searching { dim: 2, distance: Distance::Euclidean, search: &Search::Exact };
    Collection::new(&rows, &["cat".to_owned()], searching)
}

impl Served {
    fn new() -> Self {
        Self::below(tempfile::tempdir().unwrap())
    }

    /// In memory, where syncs cost nothing.
    fn in_memory() -> Self {
        Self::below(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    fn below(folder: tempfile::TempDir) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self { folder, runtime }
    }

    /// Reads the log and starts a writer; `None` if another has the lock.
    fn start(&self, slack: usize) -> Option<(Writer, super::Served)> {
        let (files, replay) = Files::open(self.folder.path(), &origin()).unwrap()?;
        let mut index = of_run();
        replay.changes.iter().for_each(|change| index.apply(change).unwrap());
        let index = Arc::new(RwLock::new(Arc::new(index)));
        Some((Writer::start(files, index.clone(), slack).unwrap(), index))
    }

    /// The same once the last writer has ended, which takes a moment.
    fn restart(&self, slack: usize) -> (Writer, super::Served) {
        let began = Instant::now();
        loop {
            if let Some(started) = self.start(slack) {
                return started;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "the lock goes with the writer");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn ask(&self, writer: &Writer, wish: Wish) -> Answer {
        self.runtime.block_on(writer.ask(wish))
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join(log::FILE)
    }
}

fn add(images: &[(&str, &str)]) -> Wish {
    let addition = |(digest, class): &(&str, &str)| Addition {
        digest: (*digest).into(),
        class: (*class).into(),
        vector: vec![1.0, 2.0],
    };
    Wish::Add(images.iter().map(addition).collect())
}

#[test]
fn a_wish_is_granted_whole_or_not_at_all() {
    let served = Served::new();
    let (writer, index) = served.start(SLACK).unwrap();
    let conflict = Problem::conflict("other-label", "");
    assert_eq!(served.ask(&writer, add(&[("c", "dog"), ("d", "dog"), ("c", "dog")])), Ok(vec![true, true, false]));
    assert_eq!(served.ask(&writer, add(&[("c", "dog"), ("a", "cat")])), Ok(vec![false, false]), "unchanged");
    for images in [&[("c", "cat")][..], &[("a", "dog")], &[("e", "dog"), ("c", "cat")], &[("f", "dog"), ("f", "cat")]] {
        assert!(served.ask(&writer, add(images)).unwrap_err().same_kind(&conflict), "{images:?}");
    }
    assert_eq!(index.read().unwrap().counts(), (2, 2), "of a refused wish nothing is added");
    assert!(served.ask(&writer, Wish::Delete("e".into())).unwrap_err().same_kind(&Problem::not_found("")));
    for digest in ["a", "c", "b"] {
        assert_eq!(served.ask(&writer, Wish::Delete(digest.into())), Ok(vec![true]));
    }
    let last = served.ask(&writer, Wish::Delete("d".into())).unwrap_err();
    assert!(last.same_kind(&Problem::conflict("last-vector", "")), "{last:?}");
    assert_eq!(index.read().unwrap().counts(), (0, 1));
}

#[test]
fn one_writes_and_the_next_finds_all_of_it() {
    let served = Served::new();
    let (writer, _) = served.start(SLACK).unwrap();
    assert!(served.start(SLACK).is_none(), "one has the lock");
    served.ask(&writer, add(&[("c", "dog")])).unwrap();
    served.ask(&writer, Wish::Delete("a".into())).unwrap();
    drop(writer);
    // What a crash leaves of a frame.
    let whole = std::fs::read(served.log()).unwrap();
    let torn = log::frame_of(&[Change::Delete { digest: "c".into() }]);
    std::fs::write(served.log(), [&whole[..], &torn[..torn.len() - 1]].concat()).unwrap();
    std::fs::write(draft(served.folder.path()), "half a draft").unwrap();
    let (writer, index) = served.restart(SLACK);
    assert_eq!(index.read().unwrap().counts(), (1, 1));
    assert_eq!(std::fs::read(served.log()).unwrap(), whole, "the torn end is cut off");
    assert!(!draft(served.folder.path()).exists());
    served.ask(&writer, add(&[("e", "dog")])).unwrap();
    drop(writer);
    let (_, index) = served.restart(SLACK);
    assert_eq!(index.read().unwrap().counts(), (1, 2));
}

#[test]
fn a_long_log_is_written_anew_while_more_is_added() {
    let served = Served::new();
    let (writer, index) = served.start(8).unwrap();
    let mut longest = 0;
    for round in 0..60 {
        let name = format!("image {round}");
        served.ask(&writer, add(&[(&name, "dog")])).unwrap();
        if round % 5 != 0 {
            served.ask(&writer, Wish::Delete(name)).unwrap();
        }
        longest = longest.max(std::fs::metadata(served.log()).unwrap().len());
    }
    let began = Instant::now();
    while std::fs::metadata(served.log()).unwrap().len() >= longest {
        // It is written anew behind the next change at the latest.
        served.ask(&writer, add(&[("image 0", "dog")])).unwrap();
        assert!(began.elapsed() < Duration::from_secs(30), "108 changes where 12 would do");
        std::thread::sleep(Duration::from_millis(5));
    }
    let expected = index.read().unwrap().changes();
    assert_eq!(index.read().unwrap().counts(), (2, 12));
    drop((writer, index));
    let (_, index) = served.restart(8);
    assert_eq!(index.read().unwrap().changes(), expected);
}

#[test]
fn what_can_not_be_written_is_not_shown() {
    let served = Served::new();
    let (mut files, _) = Files::open(served.folder.path(), &origin()).unwrap().unwrap();
    // A file that can only be read: every write fails, as on a full disk.
    files.log = File::open(served.log()).unwrap();
    let index = Arc::new(RwLock::new(Arc::new(of_run())));
    let writer = Writer::start(files, index.clone(), SLACK).unwrap();
    for _ in 0..2 {
        let refused = served.ask(&writer, add(&[("c", "dog")])).unwrap_err();
        assert!(refused.same_kind(&Problem::unwritten("")), "{refused:?}");
    }
    assert_eq!(index.read().unwrap().counts(), (2, 0));
}

#[test]
fn an_answer_comes_once_the_disk_has_what_it_says() {
    let served = Served::new();
    let (writer, index) = served.start(SLACK).unwrap();
    let faults = Faults::below(served.folder.path(), Fault::Nothing);
    served.ask(&writer, add(&[("c", "dog")])).unwrap();
    served.ask(&writer, add(&[("c", "dog")])).unwrap();
    served.ask(&writer, Wish::Delete("c".into())).unwrap();
    let done: Vec<(Verb, PathBuf)> = faults.trace().into_iter().map(|op| (op.verb, op.path)).collect();
    let written = [(Verb::Write, served.log()), (Verb::Sync, served.log())];
    assert_eq!(done, [written.clone(), written].concat(), "the second wish changes nothing");
    drop(faults);

    // A disk that does not say that it has it: it is not granted, nobody sees it, and nothing of it is left.
    let faults = Faults::below(served.folder.path(), Fault::Refuse(1, EIO));
    let refused = served.ask(&writer, add(&[("d", "dog")])).unwrap_err();
    assert!(refused.same_kind(&Problem::unwritten("")), "{refused:?}");
    assert_eq!(faults.hit().map(|op| op.verb), Some(Verb::Sync));
    drop(faults);
    assert_eq!(index.read().unwrap().counts(), (2, 0));
    drop(writer);
    let (_, index) = served.restart(SLACK);
    assert_eq!(index.read().unwrap().counts(), (2, 0));
}

#[test]
fn a_shorter_log_that_finds_no_room_is_tried_again_once_the_long_one_has_grown() {
    let served = Served::in_memory();
    let (writer, index) = served.start(2).unwrap();
    let faults = Faults::below(&draft(served.folder.path()), Fault::NoRoom(ENOSPC));
    for _ in 0..10 {
        served.ask(&writer, add(&[("c", "dog")])).unwrap();
        served.ask(&writer, Wish::Delete("c".into())).unwrap();
    }
    std::thread::sleep(Duration::from_millis(50));
    let tried = faults.trace().len();
    assert!((1..=10).contains(&tried), "{tried} times, behind every second change at most");
    drop(faults);
    let long = std::fs::metadata(served.log()).unwrap().len();
    let began = Instant::now();
    while std::fs::metadata(served.log()).unwrap().len() >= long {
        served.ask(&writer, add(&[("c", "dog")])).unwrap();
        served.ask(&writer, Wish::Delete("c".into())).unwrap();
        assert!(began.elapsed() < Duration::from_secs(30), "there is room again");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(index.read().unwrap().counts(), (2, 0));
}

/// What is wished for, with whether it is to be there then. Behind the fifth the log is written anew: five changes for one image.
const WISHES: [(&str, bool); 7] =
    [("kept", true), ("c", true), ("c", false), ("d", true), ("d", false), ("later", true), ("a", false)];

/// The process dies before or in the midst of each of its operations, also while a shorter log takes the place of the long one.
#[test]
fn what_was_granted_survives_a_death_at_any_operation() {
    for fault in [Fault::Die as fn(usize) -> Fault, Fault::DieTorn] {
        let mut hit = BTreeSet::new();
        for at in 0.. {
            let Some(verb) = die(fault(at)) else { break };
            hit.insert(verb);
        }
        let all = [Verb::Create, Verb::Write, Verb::Sync, Verb::SyncDir, Verb::Rename];
        let torn = matches!(fault(0), Fault::DieTorn(_));
        let expected: BTreeSet<Verb> = if torn { [Verb::Write].into() } else { all.into() };
        assert_eq!(hit, expected);
    }
}

/// The operation that a process died of, if there are as many; checks that all that it has granted is found by the next one.
fn die(fault: Fault) -> Option<Verb> {
    let served = Served::in_memory();
    let (writer, index) = served.start(2).unwrap();
    let faults = Faults::below(served.folder.path(), fault);
    let wait = |until: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !until() {
            assert!(began.elapsed() < Duration::from_secs(30), "{fault:?}: the log is not written anew");
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let mut granted: BTreeMap<&str, bool> = BTreeMap::new();
    for (number, (name, there)) in WISHES.into_iter().enumerate() {
        let wish = if there { add(&[(name, "dog")]) } else { Wish::Delete(name.into()) };
        if served.ask(&writer, wish).is_ok() {
            granted.insert(name, there);
        } else {
            // Of what was not granted nothing is known.
            granted.remove(name);
        }
        if number == 4 {
            // Else which operation comes when would hang on two threads.
            wait(&|| faults.hit().is_some() || faults.trace().iter().any(|op| op.verb == Verb::SyncDir));
        }
    }
    drop(writer);
    wait(&|| Arc::strong_count(&index) == 1);
    let hit = faults.hit().map(|op| op.verb);
    drop(faults);
    let (_, index) = served.restart(2);
    for (name, there) in granted {
        assert_eq!(index.read().unwrap().known(name) != Known::No, there, "{fault:?}: {name}");
    }
    hit
}
