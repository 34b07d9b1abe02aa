//! An object store behind the local one: results are looked up there when the local store has none, and sent there
//! when they are new. The local store is the cache: what it has is never asked for.
//!
//! The layout in the bucket is that of the local store: `format`, `ac/<key>.json`, `cas/<aa>/<digest>` and
//! `checkpoints/<set>/<step>`. Objects go first and the entry last, put-if-absent: the first machine's entry wins,
//! and the others take it over. Every object is hashed on its way in, before it gets its place in `cas/`.
//!
//! A store that fails during a run costs one warning and never a result: see [`Remote::give_up`]. Callers block;
//! nothing asynchronous leaves this folder.

mod checkpoints;
mod client;
mod connect;
mod error;
mod fetch;
mod limit;
mod open;
mod runtime;
mod send;
mod sync;
mod timeouts;
mod url;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

pub use error::{RemoteError, RemoteErrorKind};
pub use sync::{OnProgress, SyncReport, SyncScope};
pub use url::RemoteUrl;

use super::{AcEntry, Store, StoreError};
use client::Client;
use connect::connect;
use error::RequestError;
use runtime::Runtime;
use simpipe_base::digest::Digest;
use timeouts::Limits;

/// A key that was not there a moment ago is not asked for again: a run looks before and after it takes a lock.
const ABSENT_FOR: Duration = Duration::from_secs(2);

/// What a command wants from an object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteUse {
    /// Look results up.
    Read,
    /// Look results up and send new ones.
    Share,
}

/// What may be done with an open object store.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Access {
    /// Results are read and sent.
    Shared,
    /// Results are only read, for that is all that was asked for.
    Read,
    /// Results are only read, although more was asked for: why.
    ReadOnly(String),
}

/// An open object store.
pub(super) struct Remote {
    url: RemoteUrl,
    limits: Limits,
    access: Access,
    connection: OnceLock<Result<Connection, String>>,
    cancel: Option<Arc<AtomicBool>>,
    state: Mutex<State>,
}

/// A client, and the thread that it works on.
struct Connection {
    runtime: Runtime,
    client: Client,
}

/// What changes while a store is open.
#[derive(Default)]
struct State {
    /// It failed, and is left alone until the command ends.
    off: bool,
    /// Somebody was told that results stay local.
    told_read_only: bool,
    warnings: Vec<String>,
    absent: BTreeMap<Digest, Instant>,
    /// Objects that the bucket has in another shape: sent again as soon as the right bytes are there.
    damaged: BTreeSet<Digest>,
}

/// What a bucket has under a key.
#[derive(Debug, Clone, PartialEq)]
enum Stored {
    Nothing,
    Damaged,
    Entry(AcEntry),
}

impl Connection {
    fn start(url: &RemoteUrl, limits: Limits) -> Result<Self, String> {
        let runtime = Runtime::start().map_err(|error| error.to_string())?;
        let secrets = error::Secrets::of_environment();
        let client = connect(url, limits).map_err(|error| secrets.trouble(&error).to_string())?;
        Ok(Self { runtime, client })
    }
}

impl Remote {
    fn new(url: RemoteUrl, access: Access, cancel: Option<Arc<AtomicBool>>) -> Self {
        let limits = Limits::of_environment();
        Self { url, limits, access, connection: OnceLock::new(), cancel, state: Mutex::default() }
    }

    /// Every change of the state is made whole under the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the client and waits for it. The first call connects.
    fn call<T, F>(&self, work: impl FnOnce(Client) -> F) -> Result<T, RequestError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RequestError>> + Send + 'static,
    {
        let connection = self.connection.get_or_init(|| Connection::start(&self.url, self.limits));
        let connection = connection.as_ref().map_err(|words| RequestError::Failed(words.clone()))?;
        connection.runtime.wait(self.cancel.as_deref(), work(connection.client.clone()))
    }

    /// For [`Store::take_warnings`].
    fn warn(&self, message: String) {
        self.state().warnings.push(message);
    }

    /// Leaves the store alone from here on, and says so once.
    fn give_up(&self, trouble: &RequestError) {
        if std::mem::replace(&mut self.state().off, true) {
            return;
        }
        let stay = match self.access {
            Access::Shared => "; results stay local, and `simpipe store push` sends them later",
            Access::Read | Access::ReadOnly(_) => "; only local results are used",
        };
        self.warn(format!("the store {} can no longer be used: {trouble}{stay}", self.url));
    }

    /// Whether results may be looked up.
    fn readable(&self) -> bool {
        !self.state().off
    }

    /// Whether results may be sent; the first time that they may not, although that was asked for, is worth a word.
    fn writable(&self) -> bool {
        match &self.access {
            Access::Shared => !self.state().off,
            Access::Read => false,
            Access::ReadOnly(why) => {
                if !std::mem::replace(&mut self.state().told_read_only, true) {
                    self.warn(format!("the store {} is read-only ({why}): results stay local", self.url));
                }
                false
            }
        }
    }

    fn recently_absent(&self, key: Digest) -> bool {
        self.state().absent.get(&key).is_some_and(|at| at.elapsed() < ABSENT_FOR)
    }

    fn note_absent(&self, key: Digest) {
        self.state().absent.insert(key, Instant::now());
    }

    /// The entry under a key. One that can't be read is asked for again: it may have been garbled on the way.
    fn stored(&self, key: Digest) -> Result<Stored, RequestError> {
        for _ in 0..client::READS {
            let name = entry_name(key);
            let read = self.call(|client| async move { client.read(&name).await });
            let bytes = match read {
                Ok(Some(bytes)) => bytes,
                // Who may not list is not told that nothing is there.
                Ok(None) | Err(RequestError::Denied(_)) => return Ok(Stored::Nothing),
                Err(trouble) => return Err(trouble),
            };
            if let Ok(entry) = AcEntry::parse(key, &bytes) {
                return Ok(Stored::Entry(entry));
            }
        }
        Ok(Stored::Damaged)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({}, {:?})", self.url, self.access)
    }
}

impl Store {
    /// Puts an object store behind this one.
    ///
    /// The first time it is asked whether it is there and can be shared; that is remembered for a day, so that a run
    /// of nothing but hits needs no request.
    ///
    /// # Errors
    /// [`StoreError::Remote`] if it is not there or can't be shared safely.
    pub fn with_remote(self, url: &RemoteUrl, wanted: RemoteUse) -> Result<Self, StoreError> {
        let access = open::open(&self, url, wanted)?;
        let remote = Remote::new(url.clone(), access, self.cancel.clone());
        Ok(Self { remote: Some(Arc::new(remote)), ..self })
    }

    /// What happened with the object store, or with locks, that somebody should know; each once.
    #[must_use]
    pub fn take_warnings(&self) -> Vec<String> {
        let remote = self.remote.as_ref().map(|remote| std::mem::take(&mut remote.state().warnings));
        self.idle_locks_warning().into_iter().chain(remote.unwrap_or_default()).collect()
    }
}

fn entry_name(key: Digest) -> String {
    format!("ac/{key}.json")
}

fn object_name(digest: Digest) -> String {
    let name = digest.to_string();
    format!("cas/{}/{name}", &name[..2])
}
