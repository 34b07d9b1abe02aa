//! `store push` and `store pull`: many results at once, only what is missing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::connect::{PARALLEL, credentials_help, endpoint};
use super::error::RequestError;
use super::fetch::{Fetched, Moved};
use super::send::Presence;
use super::{Access, Remote, RemoteError, Stored, entry_name, object_name};
use crate::{AcEntry, Declared, Found, Store, StoreError};
use simpipe_base::digest::Digest;

/// Which results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyncScope {
    /// All that there are.
    All,
    /// Those under these keys.
    Keys(Vec<Digest>),
}

/// What was transferred, or with `dry_run` would have been.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// The object store.
    pub url: String,
    /// Whether this is only what would be done.
    pub dry_run: bool,
    /// Entries transferred.
    pub entries: u64,
    /// Objects transferred.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Entries that were there already.
    pub skipped_entries: u64,
    /// Objects that were there already.
    pub skipped_objects: u64,
    /// Keys that were asked for and have no result.
    pub missing: Vec<String>,
    /// Results that were not transferred, for they are damaged where they are.
    pub damaged: Vec<String>,
}

/// What became of one result.
enum Synced {
    Moved(Moved),
    Skipped(Moved),
    /// Nobody asked for this one, and it is gone by now.
    Gone,
    Missing,
    Damaged,
}

impl Presence {
    /// What a key without a result is: of all results, one that has vanished since they were listed.
    const fn without(&self) -> Synced {
        match self {
            Self::Listed(_) => Synced::Gone,
            Self::Ask => Synced::Missing,
        }
    }
}

/// Hears how many of how many results are done.
pub type OnProgress<'a> = &'a (dyn Fn(usize, usize) + Sync);

impl Store {
    /// Sends results of this store that the object store behind it lacks.
    ///
    /// # Errors
    /// If either store refuses, or the user asked to stop; what was transferred until then stays.
    pub fn push(
        &self,
        scope: &SyncScope,
        declared: Declared<'_>,
        dry_run: bool,
        on_progress: OnProgress<'_>,
    ) -> Result<SyncReport, StoreError> {
        let remote = self.behind()?;
        let why = match &remote.access {
            Access::Shared => None,
            Access::Read if dry_run => None,
            Access::Read => Some("it was opened read-only"),
            Access::ReadOnly(why) => Some(why.as_str()),
        };
        if let Some(why) = why {
            let message = format!("nothing can be sent to {}: {why}", remote.url);
            return Err(match remote.access {
                Access::Read => RemoteError::usage(message, "leave out `--store-read-only`"),
                _ => RemoteError::unavailable(message, "ask for the right to write there, or pull only"),
            }
            .into());
        }
        let (keys, presence) = match scope {
            SyncScope::Keys(keys) => (keys.clone(), Presence::Ask),
            SyncScope::All => {
                (self.keys()?, Presence::Listed(Arc::new(remote.names(&["ac", "cas"]).map_err(remote.as_error())?)))
            }
        };
        let push = |key: &Digest| self.push_one(remote, *key, declared, &presence, dry_run);
        remote.sync(&keys, dry_run, &push, on_progress)
    }

    /// Fetches results that this store lacks from the object store behind it.
    ///
    /// # Errors
    /// As [`Store::push`].
    pub fn pull(
        &self,
        scope: &SyncScope,
        declared: Declared<'_>,
        dry_run: bool,
        on_progress: OnProgress<'_>,
    ) -> Result<SyncReport, StoreError> {
        let remote = self.behind()?;
        let keys = match scope {
            SyncScope::Keys(keys) => keys.clone(),
            SyncScope::All => {
                let names = remote.names(&["ac"]).map_err(|trouble| match trouble {
                    RequestError::Unsupported(words) | RequestError::Denied(words) if remote.url.read_only() => {
                        let message = format!("the server of {} has no list of what is there: {words}", remote.url);
                        RemoteError::unavailable(message, "name the runs to pull").into()
                    }
                    trouble => remote.as_error()(trouble),
                })?;
                names.keys().filter_map(|name| name.strip_prefix("ac/")?.strip_suffix(".json")?.parse().ok()).collect()
            }
        };
        let pull = |key: &Digest| self.pull_one(remote, *key, declared, dry_run);
        remote.sync(&keys, dry_run, &pull, on_progress)
    }

    pub(super) fn behind(&self) -> Result<&Remote, StoreError> {
        let none = || RemoteError::usage("there is no object store", "name one with `--store s3://bucket/folder`");
        Ok(self.remote.as_deref().ok_or_else(none)?)
    }

    /// Keys of all entries of this store.
    fn keys(&self) -> Result<Vec<Digest>, StoreError> {
        let folder = self.folder("ac");
        let mut keys = Vec::new();
        for item in std::fs::read_dir(&folder).map_err(StoreError::io("read", &folder))? {
            let name = item.map_err(StoreError::io("read", &folder))?.file_name();
            keys.extend(name.to_string_lossy().strip_suffix(".json").and_then(|key| key.parse::<Digest>().ok()));
        }
        keys.sort_unstable();
        Ok(keys)
    }

    fn push_one(
        &self,
        remote: &Remote,
        key: Digest,
        declared: Declared<'_>,
        presence: &Presence,
        dry: bool,
    ) -> Result<Synced, RequestError> {
        let entry = match self.inspect_declared(key, declared)? {
            Found::Hit(entry) => entry,
            Found::Miss => return Ok(presence.without()),
            Found::Damaged(_) => return Ok(Synced::Damaged),
        };
        let there = match presence {
            Presence::Listed(names) => names.contains_key(&entry_name(key)),
            Presence::Ask => matches!(remote.stored(key)?, Stored::Entry(_)),
        };
        let moved = match self.send_objects(remote, &entry, presence, dry) {
            Err(RequestError::Unsound(_)) => return Ok(Synced::Damaged),
            // Gc, or a training that prunes its checkpoints, was faster.
            Err(RequestError::Local(_)) if matches!(self.inspect(key)?, Found::Miss) => return Ok(presence.without()),
            moved => moved?,
        };
        if there {
            return Ok(Synced::Skipped(moved));
        }
        if !dry {
            self.send_entry(remote, &entry)?;
        }
        Ok(Synced::Moved(moved))
    }

    fn pull_one(
        &self,
        remote: &Remote,
        key: Digest,
        declared: Declared<'_>,
        dry: bool,
    ) -> Result<Synced, RequestError> {
        let found = self.inspect_declared(key, declared)?;
        if let Found::Hit(entry) = found {
            let skipped = u64::try_from(entry.files.len()).unwrap_or(u64::MAX);
            return Ok(Synced::Skipped(Moved { skipped, ..Moved::default() }));
        }
        if dry {
            return Ok(match remote.stored(key)? {
                Stored::Entry(entry) if entry.lacking(declared).is_some() => Synced::Damaged,
                Stored::Entry(entry) => Synced::Moved(self.missing_of(&entry)?),
                Stored::Nothing => Synced::Missing,
                Stored::Damaged => Synced::Damaged,
            });
        }
        // A damaged entry or object of this store makes way.
        if matches!(found, Found::Damaged(_)) {
            self.set_aside(key, declared)?;
        }
        Ok(match self.fetch(remote, key, declared)? {
            Fetched::Entry(_, moved) => Synced::Moved(moved),
            Fetched::Nothing => Synced::Missing,
            Fetched::Damaged(_) => Synced::Damaged,
        })
    }

    /// What this store lacks of an entry.
    fn missing_of(&self, entry: &AcEntry) -> Result<Moved, StoreError> {
        let mut moved = Moved::default();
        for file in entry.files.values() {
            if self.problem(*file)?.is_none() {
                moved.skipped += 1;
            } else {
                moved.objects += 1;
                moved.bytes += file.size;
            }
        }
        Ok(moved)
    }
}

impl Remote {
    /// For `map_err`: here the object store is all that the command is about, so its trouble is an error.
    pub(super) fn as_error(&self) -> impl Fn(RequestError) -> StoreError + use<> {
        let url = self.url.clone();
        move |trouble| match trouble {
            RequestError::Interrupted => StoreError::Interrupted,
            RequestError::Local(error) => error,
            trouble => {
                let message = format!("can't use the store {url} at {}: {trouble}", endpoint(&url));
                RemoteError::unavailable(message, credentials_help(url.scheme)).into()
            }
        }
    }

    /// Names and sizes of everything in some folders.
    pub(super) fn names(&self, folders: &[&'static str]) -> Result<BTreeMap<String, u64>, RequestError> {
        let folders = folders.to_vec();
        self.call(|client| async move {
            let mut names = BTreeMap::new();
            for folder in folders {
                names.extend(client.list(folder).await?);
            }
            Ok(names)
        })
    }

    /// Does one thing for each key, several at once, until all are done or one can't be.
    fn sync(
        &self,
        keys: &[Digest],
        dry_run: bool,
        one: &(dyn Fn(&Digest) -> Result<Synced, RequestError> + Sync),
        on_progress: OnProgress<'_>,
    ) -> Result<SyncReport, StoreError> {
        let report = Mutex::new(SyncReport { url: self.url.to_string(), dry_run, ..SyncReport::default() });
        in_parallel(
            keys,
            |key| {
                let synced = one(key)?;
                report.lock().unwrap_or_else(PoisonError::into_inner).count(*key, &synced);
                Ok(())
            },
            on_progress,
        )
        .map_err(self.as_error())?;
        let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.missing.sort_unstable();
        report.damaged.sort_unstable();
        Ok(report)
    }
}

impl SyncReport {
    fn count(&mut self, key: Digest, synced: &Synced) {
        let moved = match synced {
            Synced::Moved(moved) => {
                self.entries += 1;
                moved
            }
            Synced::Skipped(moved) => {
                self.skipped_entries += 1;
                moved
            }
            Synced::Gone => return,
            Synced::Missing => return self.missing.push(key.to_string()),
            Synced::Damaged => return self.damaged.push(key.to_string()),
        };
        self.objects += moved.objects;
        self.bytes += moved.bytes;
        self.skipped_objects += moved.skipped;
    }
}

/// Does one thing for each item on a few threads, which wait for the network most of the time. The first trouble ends
/// it.
pub(super) fn in_parallel<T: Sync>(
    items: &[T],
    one: impl Fn(&T) -> Result<(), RequestError> + Sync,
    on_progress: OnProgress<'_>,
) -> Result<(), RequestError> {
    let (next, done, stop) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        while !stop.load(Ordering::Relaxed)
            && let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed))
        {
            if let Err(trouble) = one(item) {
                stop.store(true, Ordering::Relaxed);
                return Err(trouble);
            }
            on_progress(done.fetch_add(1, Ordering::Relaxed) + 1, items.len());
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let start = |_| std::thread::Builder::new().spawn_scoped(scope, work).ok();
        let threads: Vec<_> = (0..PARALLEL.min(items.len())).map_while(start).collect();
        // This thread is there, however few others the system gives.
        let here = if threads.is_empty() { work() } else { Ok(()) };
        let died = || Err(RequestError::Failed("a transfer died".to_owned()));
        let others = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| died()));
        others.fold(here, Result::and) // waits for all
    })
}

/// The objects of a list of names, by digest.
pub(super) fn objects_of(names: &BTreeMap<String, u64>) -> BTreeMap<Digest, u64> {
    let digest = |name: &str| name.rsplit('/').next()?.parse::<Digest>().ok().filter(|d| object_name(*d) == name);
    names.iter().filter_map(|(name, size)| Some((digest(name)?, *size))).collect()
}
