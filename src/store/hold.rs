//! The store-wide lock between gc and everybody else: `locks/store`, shared by many or held by one.
//!
//! Looking a result up and publishing one hold it shared, for as long as they rely on objects that they have seen: two
//! system calls. Gc holds it exclusively while it decides and moves things out of the way. Whoever looks up before gc
//! has said in its journal what it wants, so gc keeps that; whoever looks up after it finds a miss. A publish that reuses
//! an object which is there already puts its entry before gc sees either, or sees the object gone and writes it anew.
//!
//! The kernel lets any number of sharers in before one that waits for all of them to leave. So whoever waits for the
//! exclusive lock holds `locks/gate` meanwhile, and those who come to share stand back for a moment while it is held.
//!
//! Holding it shared twice is fine, if slow while gc waits; taking it exclusively while holding it shared is not.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, Instant};

use super::lock::names;
use super::{Store, StoreError, fs};
use crate::base::fs::is_wrong_place;

/// How long a sharer stands back for somebody who wants the store alone.
const PATIENCE: Duration = Duration::from_secs(1);

/// The store-wide lock, held; dropping it frees it.
#[derive(Debug)]
pub struct Hold {
    _file: File,
}

impl Store {
    /// Keeps gc from removing anything until the value is dropped.
    ///
    /// # Errors
    /// If the lock file can't be opened.
    pub fn share(&self) -> Result<Hold, StoreError> {
        let gate = self.folder("locks").join("gate");
        let since = Instant::now();
        let shut =
            || File::open(&gate).is_ok_and(|gate| matches!(gate.try_lock_shared(), Err(TryLockError::WouldBlock)));
        while since.elapsed() < PATIENCE && shut() {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.hold("store", File::lock_shared)
    }

    /// The same; `None` for who may only read the store, and so could not even take its lock.
    pub(super) fn share_if_writable(&self) -> Result<Option<Hold>, StoreError> {
        match self.share() {
            Err(StoreError::Io { source, .. }) if is_wrong_place(&source) => Ok(None),
            hold => hold.map(Some),
        }
    }

    /// The same, for who only looks and makes nothing: `None` where nobody has taken the lock before, or may.
    pub(super) fn share_to_look(&self) -> Option<Hold> {
        let there = self.folder("locks").join("store").exists();
        there.then(|| self.share().ok()).flatten()
    }

    /// Waits until nobody relies on what the store holds, and keeps everybody waiting until the value is dropped.
    pub(super) fn exclude(&self) -> Result<Hold, StoreError> {
        let _gate = self.hold("gate", File::lock)?;
        self.hold("store", File::lock)
    }

    fn hold(&self, name: &str, lock: fn(&File) -> io::Result<()>) -> Result<Hold, StoreError> {
        let path = self.folder("locks").join(name);
        let attempt = || loop {
            let file = open(&path)?;
            lock(&file)?;
            // Somebody may have cleared `locks/` by hand: a lock on a file without a name excludes nobody.
            if names(&path, &file)? {
                return Ok(Hold { _file: file });
            }
        };
        attempt().map_err(StoreError::io("lock", &path))
    }
}

/// Opened for reading where that is enough, so that users with different rights can share a store.
fn open(path: &Path) -> io::Result<File> {
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => fs::open_lock(path),
        opened => opened,
    }
}
