//! The content-addressed store: results by key, bytes by digest, shared by all runs.
//!
//! ```text
//! format             version of this layout
//! ac/<key>.json      what a stage produced; written last, put-if-absent
//! cas/<aa>/<digest>  the bytes, once each, read-only
//! tmp/               private folders of work under way; swept when their owner is gone
//! locks/             one file a key in work, and the store-wide lock
//! journal/           one file a run: what it wants and has reached; and the order of runs
//! pins/              runs to keep, by tag
//! stat/              digests of files already read
//! checkpoints/       which steps a training has left behind
//! downloads/         files fetched from outside
//! quarantine/        damaged objects, moved aside
//! ```
//!
//! An entry exists only when all its objects do, and a reader checks each before it is handed on: a damaged one is
//! moved aside and is a miss. Nothing here knows stages: keys are digests, key parts are JSON.

mod aside;
mod checkpoint;
mod claims;
mod du;
mod entry;
mod error;
mod files;
mod forget;
mod fs;
mod gc;
mod journal;
mod listing;
mod lock;
mod lookup;
mod meanwhile;
mod memo;
mod open;
mod order;
mod owner;
mod pins;
mod publish;
mod reach;
mod remote;
mod scratch;
mod signs;
mod stamp;
mod store_lock;
mod trash;
mod verify;
mod wait;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use checkpoint::CheckpointSet;
pub use claims::{Claim, Holder, put_name};
pub use du::{DatasetUse, DuReport, KindUse, RunUse};
pub use entry::{AcEntry, Declared, Produced, Timings, WHATEVER};
pub use error::StoreError;
pub use files::{FileRecord, Files};
pub use gc::{Amount, GcPolicy, GcReport, KeptGroup, RemovedGroup, TrialShare};
pub use journal::{Journal, JournaledRun, RunStart, RunState};
pub use lock::FileLock;
pub use lookup::{Damage, Found};
pub use order::{Future, RunName, RunOrder, is_future};
#[cfg(any(test, feature = "testing"))]
pub use owner::pretend_elsewhere;
pub use pins::{Pin, is_tag};
pub use reach::RunReach;
pub use remote::{OnProgress, RemoteError, RemoteErrorKind, RemoteUrl, RemoteUse, SyncReport, SyncScope};
pub use scratch::Scratch;
pub use stamp::Unremembered;
pub use store_lock::StoreLock;
pub use verify::{VerifyProgress, VerifyReport};

use simpipe_base::digest::Digest;
use simpipe_base::file_name::FileName;
use simpipe_base::fs::Inside;

/// Version of the store's layout and of its entries.
pub const FORMAT: u32 = 1;

/// A store in a local folder, with an object store behind it if one is named.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    remote: Option<Arc<remote::Remote>>,
    verifying: bool,
    /// What this process alone remembers.
    looked: Arc<memo::Looked>,
    /// Set when the user wants to stop.
    cancel: Option<Arc<AtomicBool>>,
    listener: wait::Listener,
    locks: Arc<store_lock::Locks>,
}

impl Store {
    /// The same store, which reads every byte before it hands a result on, whatever it remembers of it.
    #[must_use]
    pub fn verifying(self) -> Self {
        Self { verifying: true, looked: Arc::default(), ..self }
    }

    /// The same store, which stops waiting, reading and transferring soon after this flag is set: what is under way then
    /// ends with [`StoreError::Interrupted`]. An object store that is put behind it later stops too.
    #[must_use]
    pub fn cancelled_by(self, cancel: &Arc<AtomicBool>) -> Self {
        Self { cancel: Some(Arc::clone(cancel)), ..self }
    }

    /// Whether the user wants to stop.
    pub(crate) fn cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed))
    }

    /// Stops here if the user wants to.
    pub(crate) fn stop_if_cancelled(&self) -> Result<(), StoreError> {
        if self.cancelled() { Err(StoreError::Interrupted) } else { Ok(()) }
    }

    /// The store's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where downloaded files are kept.
    #[must_use]
    pub fn downloads(&self) -> PathBuf {
        self.folder("downloads")
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Paths of all files in a folder of the store, sorted; none if it is not there.
    fn files_below(&self, folder: &str) -> Result<Vec<PathBuf>, StoreError> {
        let folder = self.folder(folder);
        let mut paths = Vec::new();
        for item in walkdir::WalkDir::new(&folder).sort_by_file_name() {
            self.stop_if_cancelled()?;
            match item {
                Ok(item) if item.file_type().is_file() => paths.push(item.into_path()),
                Ok(_) => {}
                // Somebody else has removed a file, or the folder was never needed.
                Err(error) if error.io_error().is_some_and(|error| error.kind() == ErrorKind::NotFound) => {}
                Err(error) => return Err(StoreError::io("read", &folder)(error.into())),
            }
        }
        Ok(paths)
    }

    /// The path of an object; nothing is said of whether it is there.
    #[must_use]
    pub fn object(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        self.root.join("cas").join(&name[..2]).join(name)
    }

    fn entry_path(&self, key: Digest) -> PathBuf {
        self.root.join("ac").join(format!("{key}.json"))
    }

    /// Puts files of an entry into a folder under their names: links where the file system can, else copies. No link
    /// that somebody has put there is followed.
    ///
    /// # Errors
    /// If a file can't be written.
    pub fn materialise<'a>(
        &self,
        files: impl IntoIterator<Item = (&'a FileName, &'a FileRecord)>,
        folder: &Inside,
    ) -> Result<(), StoreError> {
        for (name, file) in files {
            let object = self.object(file.digest);
            match name.as_str().rsplit_once('/') {
                None => fs::link_or_copy(&object, folder, name)?,
                Some((above, last)) => {
                    let mut parts = above.split('/');
                    let inner = parts.try_fold(None, |inner: Option<Inside>, part| {
                        inner.as_ref().unwrap_or(folder).enter(part).map(Some)
                    });
                    let inner = inner.map_err(StoreError::io("create", &folder.path().join(above)))?;
                    fs::link_or_copy(&object, inner.as_ref().unwrap_or(folder), last)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_to_stop_reads_nothing_more_and_takes_nothing_for_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let cancel = Arc::new(AtomicBool::new(false));
        let store = Store::open(&folder.path().join("store")).unwrap().cancelled_by(&cancel);
        let (scratch, key) = (store.scratch().unwrap(), Digest::of(b"key"));
        std::fs::write(scratch.output().join("a"), "text").unwrap();
        store.publish(scratch, key, Produced::default()).unwrap();
        let source = folder.path().join("source");
        std::fs::write(&source, "new").unwrap();

        cancel.store(true, Ordering::Relaxed);
        let interrupted = |result: Result<(), StoreError>| assert!(matches!(result, Err(StoreError::Interrupted)));
        assert!(simpipe_base::interrupt::is_stopped(&store.digest_file(&source).unwrap_err()));
        interrupted(store.verify().map(drop));
        interrupted(store.disk_use(&[]).map(drop));
        interrupted(store.clone().verifying().lookup(key).map(drop));

        cancel.store(false, Ordering::Relaxed);
        assert!(store.verify().unwrap().clean());
        assert!(matches!(store.lookup(key).unwrap(), Found::Hit(_)));
    }
}
