//! The store-wide lock between gc and everybody else: `locks/store`, shared by many or held by one.
//!
//! Looking a result up and publishing one hold it shared, for as long as they rely on objects that they have seen: two
//! system calls. Gc holds it exclusively while it decides and moves things out of the way. Whoever looks up before gc
//! has said in its journal what it wants, so gc keeps that; whoever looks up after it finds a miss. A publish that reuses
//! an object which is there already puts its entry before gc sees either, or sees the object gone and writes it anew.
//! Commands that only look take no lock: see [`Store::inspect`].
//!
//! The kernel lets any number of sharers in before one that waits for all of them to leave. So whoever waits for the
//! exclusive lock holds `locks/gate` meanwhile, and those who come to share stand back: for a moment when they first see
//! it held, and from then on all at the same moments, which are a tenth of the time.
//!
//! Both files are made with the store, opened for reading, and never removed: a full disk and another user's rights
//! are then in nobody's way. Holding the lock shared twice is fine; taking it exclusively while holding it shared is not.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::lock::names;
use super::wait::holders;
use super::{Store, StoreError, fs};
use simpipe_base::fs::{Locking, is_full, is_wrong_place};

/// How long a sharer stands back at a time for somebody who wants the store alone.
const PATIENCE: Duration = Duration::from_millis(200);

/// How often.
const EVERY: Duration = Duration::from_secs(2);

/// The two lock files of the whole store.
const FILES: [&str; 2] = ["store", "gate"];

/// The store-wide lock, held; dropping it frees it.
#[derive(Debug)]
pub struct StoreLock {
    /// `None` where locks do nothing.
    _file: Option<File>,
}

/// What an open store knows of its locks.
#[derive(Debug, Default)]
pub(super) struct Locks {
    /// Why they do nothing.
    idle: OnceLock<String>,
    /// Somebody was told.
    told: OnceLock<()>,
    /// Since when the gate is held, as far as this process has seen.
    shut: Mutex<Option<Instant>>,
}

impl Store {
    /// Whether a lock keeps anybody out, as far as is known.
    pub(super) fn locks_work(&self) -> bool {
        self.locks.idle.get().is_none()
    }

    /// Takes note of a lock that the file system did not give, for whatever reason.
    fn note_idle_locks(&self, why: &str) {
        drop(self.locks.idle.set(why.to_owned()));
    }

    pub(super) fn note_refused_lock(&self, error: &io::Error) {
        self.note_idle_locks(&format!("the file system refuses them ({error})"));
    }

    /// That locks do nothing, if somebody should know and has not been told.
    pub(super) fn idle_locks_warning(&self) -> Option<String> {
        let why = self.locks.idle.get().filter(|_| self.locks.told.set(()).is_ok())?;
        let root = self.root.display();
        Some(format!(
            "locks do not work in {root} ({why}): processes are recognised by their numbers and signs of life, two on \
             different machines may compute the same result, and `simpipe store gc --delete` needs `--alone`"
        ))
    }

    /// Makes the lock files, where they are missing and can be made, and finds out whether locks work: a second lock
    /// through another opening of the same file must fail.
    pub(super) fn prepare_locks(&self) {
        for name in FILES {
            let path = self.folder("locks").join(name);
            if !path.exists() {
                drop(fs::create_lock(&path)); // a full disk or a read-only one: whoever needs it says so
            }
        }
        let path = self.folder("locks").join("gate");
        let Ok(first) = take(&path, Locking::Shared) else { return }; // nothing is known of its locks
        match (&first, &take(&path, Locking::Alone)) {
            (Taken::Idle(error), _) | (_, Ok(Taken::Idle(error))) => self.note_refused_lock(error),
            (Taken::Held(_), Ok(Taken::Held(_))) => {
                self.note_idle_locks("the file system grants each lock to everyone")
            }
            (Taken::Held(_) | Taken::Busy, _) => {}
        }
    }

    /// Keeps gc from removing anything until the value is dropped.
    ///
    /// # Errors
    /// If the lock file can't be opened, or [`StoreError::Interrupted`].
    pub fn share(&self) -> Result<StoreLock, StoreError> {
        self.stand_back();
        self.hold("store", Locking::Shared, "is about to remove results")
    }

    /// The same; `None` for who may only read the store, and so could not even take its lock.
    pub(super) fn share_if_writable(&self) -> Result<Option<StoreLock>, StoreError> {
        match self.share() {
            Err(StoreError::Io { source, .. }) if is_wrong_place(&source) || is_full(&source) => Ok(None),
            hold => hold.map(Some),
        }
    }

    /// Waits until nobody relies on what the store holds, and keeps everybody waiting until the value is dropped.
    /// `alone`: the user says that nobody else is there, so it may go on where locks do nothing.
    pub(super) fn exclude(&self, alone: bool) -> Result<StoreLock, StoreError> {
        let _gate = match self.hold("gate", Locking::Alone, "removes results too") {
            Err(StoreError::Interrupted) => return Err(StoreError::Interrupted),
            gate => gate.ok(), // without it newcomers don't stand back, and that is all
        };
        let hold = self.hold("store", Locking::Alone, "uses the store")?;
        match self.locks.idle.get() {
            Some(why) if !alone => Err(StoreError::IdleLocks { path: self.root.clone(), why: why.clone() }),
            _ => Ok(hold),
        }
    }

    fn hold(&self, name: &str, how: Locking, what: &str) -> Result<StoreLock, StoreError> {
        let path = self.folder("locks").join(name);
        let mut wait = self.wait();
        loop {
            if !self.locks_work() {
                return Ok(StoreLock { _file: None });
            }
            match take(&path, how).map_err(StoreError::io("lock", &path))? {
                // Somebody may have cleared `locks/` by hand: a lock on a file without a name excludes nobody.
                Taken::Held(file) if !names(&path, &file).map_err(StoreError::io("lock", &path))? => {}
                Taken::Held(file) => return Ok(StoreLock { _file: Some(file) }),
                Taken::Busy => wait.pass(&|| holders(&path, what))?,
                Taken::Idle(error) => self.note_refused_lock(&error),
            }
        }
    }

    /// Lets somebody in who wants the store alone.
    fn stand_back(&self) {
        let gate = self.folder("locks").join("gate");
        while self.locks_work() && !self.cancelled() {
            let is_shut = matches!(take(&gate, Locking::Shared), Ok(Taken::Busy));
            let mut shut = self.locks.shut.lock().unwrap_or_else(PoisonError::into_inner);
            if !is_shut {
                *shut = None;
                return;
            }
            if shut.get_or_insert_with(Instant::now).elapsed() >= PATIENCE && !is_time_for_others() {
                return; // it has had its chance, and gets others
            }
            drop(shut);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Whether it is one of the moments at which all processes of a machine stand back.
fn is_time_for_others() -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.as_millis() % EVERY.as_millis() < PATIENCE.as_millis()
}

/// What came of asking for a lock.
enum Taken {
    Held(File),
    Busy,
    /// The file system gives none.
    Idle(io::Error),
}

/// # Errors
/// If the file can't be opened.
fn take(path: &Path, how: Locking) -> io::Result<Taken> {
    // For reading where that is enough, so that users with different rights can share a store.
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => fs::open_lock(path)?,
        opened => opened?,
    };
    let mut tried = fs::try_lock(&file, path, how);
    if tried.as_ref().is_err_and(wants_writing) {
        file = fs::open_lock(path)?;
        tried = fs::try_lock(&file, path, how);
    }
    Ok(match tried {
        Ok(true) => Taken::Held(file),
        Ok(false) => Taken::Busy,
        Err(error) => Taken::Idle(error),
    })
}

/// File servers give the lock that keeps everybody out only to who may write the file.
fn wants_writing(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::BADF)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;
    use simpipe_base::digest::Digest;
    use simpipe_base::fault::{ENOLCK, Fault, Faults};

    fn opened(folder: &Path) -> (Store, Arc<Mutex<Vec<String>>>) {
        let said = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&said);
        (Store::open(folder).unwrap().saying(move |text| listener.lock().unwrap().push(text.to_owned())), said)
    }

    #[test]
    fn who_waits_for_gc_says_so_and_can_be_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let (gc, _) = opened(folder.path());
        let held = gc.exclude(false).unwrap();
        let (store, said) = opened(folder.path());
        let cancel = Arc::new(AtomicBool::new(false));
        let store = store.cancelled_by(&cancel);
        std::thread::scope(|scope| {
            let waiting = [scope.spawn(|| store.share().map(drop)), scope.spawn(|| store.exclude(false).map(drop))];
            while said.lock().unwrap().len() < 2 {
                std::thread::sleep(Duration::from_millis(1));
            }
            cancel.store(true, Ordering::Relaxed);
            let asked = Instant::now();
            for waiting in waiting {
                assert!(matches!(waiting.join().unwrap(), Err(StoreError::Interrupted)));
            }
            assert!(asked.elapsed() < Duration::from_secs(1));
        });
        let said = said.lock().unwrap();
        assert!(said.iter().all(|text| text.starts_with("waiting for another process, which ")), "{said:?}");
        assert_eq!(store.inspect(Digest::of(b"k")).unwrap(), crate::Found::Miss, "who only looks does not wait");
        drop(held);
    }

    #[test]
    fn a_gc_that_waits_for_long_holds_nobody_up_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = opened(folder.path());
        let stuck = store.share().unwrap();
        let cancel = Arc::new(AtomicBool::new(false));
        let gc = opened(folder.path()).0.cancelled_by(&cancel);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| gc.exclude(false).map(drop));
            let gate = folder.path().join("locks/gate");
            while !matches!(take(&gate, Locking::Shared), Ok(Taken::Busy)) {
                std::thread::sleep(Duration::from_millis(1));
            }
            let began = Instant::now();
            for _ in 0..20 {
                drop(store.share().unwrap());
            }
            // Once as it sees the gate shut, and once more if all stand back just then.
            assert!(began.elapsed() < 5 * PATIENCE, "{:?}", began.elapsed());
            cancel.store(true, Ordering::Relaxed);
            assert!(waiting.join().unwrap().is_err());
        });
        drop(stuck);
    }

    #[test]
    fn gc_gets_its_turn_between_sharers_that_never_end() {
        let folder = tempfile::tempdir().unwrap();
        let (ended, shared) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let (store, _) = opened(folder.path());
                    while !ended.load(Ordering::Relaxed) {
                        let _hold = store.share().unwrap();
                        shared.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(Duration::from_millis(3));
                    }
                });
            }
            let (gc, _) = opened(folder.path());
            for _ in 0..3 {
                let before = shared.load(Ordering::Relaxed);
                while shared.load(Ordering::Relaxed) < before + 8 {
                    std::thread::sleep(Duration::from_millis(1));
                }
                drop(gc.exclude(false).unwrap());
            }
            ended.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn locks_that_do_nothing_are_found_out_and_said_once() {
        for (fault, why) in [
            (Fault::IdleLocks, "the file system grants each lock to everyone"),
            (Fault::NoLocks(ENOLCK), "the file system refuses them (No locks available (os error 37))"),
            (Fault::NoLocks(38), "the file system refuses them (Function not implemented (os error 38))"),
            (Fault::NoLocks(95), "the file system refuses them (Operation not supported (os error 95))"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let _faults = Faults::below(folder.path(), fault);
            let (store, _) = opened(folder.path());
            let warnings = store.take_warnings();
            let begins = format!("locks do not work in {} ({why}): ", folder.path().display());
            assert!(warnings.len() == 1 && warnings[0].starts_with(&begins), "{warnings:?}");
            assert_eq!(store.take_warnings(), [""; 0]);
            drop(store.share().unwrap());
            let refused = store.exclude(false).unwrap_err();
            assert!(refused.to_string().contains(why) && refused.help().unwrap().contains("--alone"), "{refused}");
            store.exclude(true).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(opened(folder.path()).0.take_warnings(), [""; 0]);
    }
}
