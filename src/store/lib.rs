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
use std::time::Duration;

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

/// The folders that every store has.
const FOLDERS: [&str; 8] = ["ac", "cas", "tmp", "locks", "stat", "checkpoints", "downloads", "quarantine"];

/// Names that a folder may hold and still become a store: those of one whose creation was cut short, or is another
/// process' work and just done, and what file systems put into their topmost folder.
const HARMLESS: [&str; 4] = ["format", "journal", "pins", "lost+found"];

impl Store {
    /// Opens a store, creating it if it is missing, and sweeps what dead processes left in `tmp/`.
    ///
    /// # Errors
    /// If the folder can't be written, holds something else, or a newer simpipe wrote it.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = Self::at(root)?;
        if store.has_format()? {
            // Somebody may have cleared some by hand. What needs one on a full disk says so; gc needs none.
            store.create_folders().or_else(|error| if error.is_full() { Ok(()) } else { Err(error) })?;
        } else {
            store.create(&store.root.join("format"))?;
        }
        store.prepare_locks();
        store.sweep(Duration::MAX);
        store.sweep_locks(Duration::MAX);
        Ok(store)
    }

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

    /// Opens a store that is there and changes nothing; `None` if there is none.
    ///
    /// # Errors
    /// If a newer simpipe wrote it.
    pub fn existing(root: &Path) -> Result<Option<Self>, StoreError> {
        let store = Self::at(root)?;
        Ok(store.has_format()?.then_some(store))
    }

    /// Opens a store to look results up. It need not be there: then it has none, and is not made.
    ///
    /// # Errors
    /// If the folder holds something else, or a newer simpipe wrote it.
    pub fn to_look_at(root: &Path) -> Result<Self, StoreError> {
        let store = Self::at(root)?;
        if !store.has_format()? {
            store.refuse_foreign_folder()?;
        }
        Ok(store)
    }

    fn at(root: &Path) -> Result<Self, StoreError> {
        let root = std::path::absolute(root).map_err(StoreError::io("open", root))?;
        let (cancel, listener, locks) = Default::default();
        Ok(Self { root, remote: None, verifying: false, looked: Arc::default(), cancel, listener, locks })
    }

    /// `false` if there is no store.
    fn has_format(&self) -> Result<bool, StoreError> {
        let path = self.root.join("format");
        match fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()) {
            Ok(found) if found == FORMAT.to_string() => Ok(true),
            Ok(found) => Err(StoreError::Format { path: self.root.clone(), found }),
            // Its folder may be somebody's file.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(StoreError::io("read", &path)(error)),
        }
    }

    /// Makes a new store: the format comes last, and by rename, so that a half-made store is made again.
    fn create(&self, format: &Path) -> Result<(), StoreError> {
        self.refuse_foreign_folder()?;
        fs::create_dirs_synced(&self.root)?;
        self.create_folders()?;
        let scratch = self.scratch()?;
        let draft = scratch.path().join("format");
        fs::write_synced(&draft, format!("{FORMAT}\n").as_bytes())?;
        fs::rename(&draft, format)?;
        fs::sync_dir(&self.root)
    }

    fn create_folders(&self) -> Result<(), StoreError> {
        FOLDERS.iter().try_for_each(|name| fs::create_dirs(&self.folder(name)))
    }

    /// A wrong `--store` must not scatter folders among somebody's files.
    fn refuse_foreign_folder(&self) -> Result<(), StoreError> {
        let known = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            FOLDERS.contains(&&*name) || HARMLESS.contains(&&*name)
        };
        match fs::list(&self.root) {
            Ok(paths) if paths.iter().all(known) => Ok(()),
            Ok(_) => Err(StoreError::NotAStore { path: self.root.clone() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(StoreError::io("open", &self.root)(error)),
        }
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
    fn a_store_of_another_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).unwrap();
        Store::open(folder.path()).unwrap();
        std::fs::write(folder.path().join("format"), "2\n").unwrap();
        let error = Store::open(folder.path()).unwrap_err();
        assert!(error.to_string().ends_with("has format `2`, this simpipe knows format 1"), "{error}");
    }

    #[test]
    fn a_folder_with_something_else_in_it_is_refused_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("notes.txt"), "").unwrap();
        let error = Store::open(folder.path()).unwrap_err();
        assert!(error.to_string().ends_with("is not empty and is not a store"), "{error}");
        assert!(error.help().unwrap().contains("--store DIR"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn who_only_looks_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Store::existing(folder.path()).unwrap().is_none());
        Store::open(folder.path()).unwrap();
        std::fs::remove_dir(folder.path().join("stat")).unwrap();
        let store = Store::existing(folder.path()).unwrap().unwrap();
        assert_eq!(store.disk_use(&[]).unwrap().entries.count, 0);
        assert_eq!(store.inspect(Digest::of(b"k")).unwrap(), Found::Miss);
        assert!(!folder.path().join("stat").exists());
        Store::open(folder.path()).unwrap();
        assert!(folder.path().join("stat").exists(), "who may write puts it right");
    }

    #[test]
    fn a_store_whose_creation_was_cut_short_is_made_whole() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["ac", "tmp", "lost+found"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Store::open(folder.path()).unwrap();
        assert!(folder.path().join("format").is_file() && folder.path().join("quarantine").is_dir());
    }

    #[test]
    fn a_store_that_another_process_has_just_made_is_no_foreign_folder() {
        let folder = tempfile::tempdir().unwrap();
        // Who has found no format is about to make the store when another process is done with that.
        let late = Store::open(folder.path()).unwrap();
        late.create(&folder.path().join("format")).unwrap();
        Store::open(folder.path()).unwrap();
    }

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

    #[test]
    fn locks_of_dead_processes_are_swept_and_held_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let held = store.lock(Digest::of(b"held"), &|_| {}, &|| false).unwrap();
        std::fs::write(folder.path().join("locks/dead.lock"), "4000000").unwrap();
        Store::open(folder.path()).unwrap();
        let left = || fs::list(&folder.path().join("locks")).unwrap();
        assert_eq!(left().len(), 3, "one is held, and two are of the store: {:?}", left());
        drop(held);
        assert!(left().iter().all(|path| path.extension().is_none()), "{:?}", left());
    }
}
