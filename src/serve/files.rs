//! The files of what was added to an index: the log, the lock of the one who writes it, and a shorter log on its way.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::ServeError;
use super::log::{self, Change, Origin};
use simpipe_base::fs::{self, Locking};
use simpipe_base::interrupt::LeftToEnd;

/// Changes of one frame, where a log is written anew.
const IN_A_FRAME: usize = 1024;

/// A shorter log that says the same as the first bytes of another.
pub(super) struct Draft {
    path: PathBuf,
    origin: Origin,
    /// Bytes of the old log that it says.
    says: u64,
    /// Changes that it holds.
    changes: usize,
}

/// The files of a name, with the right to write them.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    pub(super) log: File,
    length: u64,
    /// Changes in the log.
    changes: usize,
    origin: Origin,
    /// Held as long as there is a writer.
    _lock: File,
}

impl Files {
    /// Takes the lock and reads the log; `None` if another server has the lock. A torn tail is cut off.
    pub(super) fn open(folder: &Path, origin: &Origin) -> Result<Option<(Self, log::Replay)>, ServeError> {
        let io = |verb: &'static str, path: &Path| {
            let path = path.to_path_buf();
            move |error| ServeError::io(verb, &path, error)
        };
        fs::create_dirs_synced(folder).map_err(io("create", folder))?;
        let at = folder.join("lock");
        let lock = fs::open_lock(&at).map_err(io("open", &at))?;
        if !fs::try_lock(&lock, &at, Locking::Alone).map_err(io("lock", &at))? {
            return Ok(None);
        }
        let path = folder.join(log::FILE);
        let mut replay = log::read(&path, origin)?;
        fs::remove_file(&draft(folder)).map_err(io("remove", &path))?;
        let file = fs::open_to_append(&path).map_err(io("open", &path))?;
        if replay.torn > 0 {
            fs::cut(&file, &path, replay.length).map_err(io("cut off the torn end of", &path))?;
        }
        if replay.length == 0 {
            let head = log::head(origin);
            let begun = fs::append(&file, &path, &head).and_then(|()| file.sync_all());
            begun.and_then(|()| fs::sync_dir(folder)).map_err(io("begin", &path))?;
            replay.length = head.len() as u64;
        }
        let files = Self {
            folder: folder.to_path_buf(),
            log: file,
            length: replay.length,
            changes: replay.changes.len(),
            origin: origin.clone(),
            _lock: lock,
        };
        Ok(Some((files, replay)))
    }

    fn path(&self) -> PathBuf {
        self.folder.join(log::FILE)
    }

    /// Changes in the log.
    pub(super) const fn changes(&self) -> usize {
        self.changes
    }

    /// A shorter log of what this one says now.
    pub(super) fn draft(&self) -> Draft {
        Draft { path: draft(&self.folder), origin: self.origin.clone(), says: self.length, changes: 0 }
    }

    /// Appends changes and makes them durable. What an append that failed has left is cut off again.
    pub(super) fn append(&mut self, changes: &[Change]) -> Result<(), Unwritten> {
        let (path, frame) = (self.path(), log::frame_of(changes));
        match fs::append(&self.log, &path, &frame).and_then(|()| fs::sync_appended(&self.log, &path)) {
            Ok(()) => {
                self.length += frame.len() as u64;
                self.changes += changes.len();
                Ok(())
            }
            Err(error) => {
                let whole = fs::cut(&self.log, &path, self.length).is_ok();
                Err(Unwritten { words: format!("can't write the log: {error}"), whole })
            }
        }
    }

    /// Takes a shorter log's place for this one, with what came after it was begun.
    pub(super) fn replace(
        &mut self,
        Draft { path: draft, says, changes, .. }: &Draft,
        since: &[Change],
    ) -> std::io::Result<()> {
        let _end = LeftToEnd::begin();
        let path = self.path();
        let file = fs::open_to_append(draft)?;
        if !since.is_empty() {
            fs::append(&file, draft, &log::frame_of(since))?;
        }
        file.sync_all()?;
        debug_assert!(*says <= self.length, "a log only grows");
        fs::rename(draft, &path)?;
        self.length = file.metadata()?.len();
        self.log = file;
        self.changes = changes + since.len();
        fs::sync_dir(&self.folder)
    }
}

/// Why an append has failed.
pub(super) struct Unwritten {
    pub(super) words: String,
    /// Whether the log is as it was before.
    pub(super) whole: bool,
}

/// Where a shorter log is written.
pub(super) fn draft(folder: &Path) -> PathBuf {
    folder.join("log.shorter")
}

impl Draft {
    /// Writes it: these changes.
    pub(super) fn write(mut self, changes: &[Change]) -> std::io::Result<Self> {
        let mut file = fs::NewFile::create(&self.path)?;
        file.write(&log::head(&self.origin))?;
        changes.chunks(IN_A_FRAME).try_for_each(|some| file.write(&log::frame_of(some)))?;
        file.sync()?;
        self.changes = changes.len();
        Ok(self)
    }
}
