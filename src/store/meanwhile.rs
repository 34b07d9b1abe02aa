//! What machines that no lock of this one reaches have done while gc was at work.
//!
//! A run says in its journal what it wants before it looks it up. So gc takes entries away first and then reads what
//! was written into journals meanwhile: whoever asked before that finds its entry back and the objects in place, and
//! whoever asks later finds a miss. Where locks reach everybody nothing has changed, and that is all this costs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::reach::{Stored, read_entry};
use super::{Store, StoreError, fs};
use simpipe_base::digest::Digest;

/// What was there when gc began to look.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Journals and their sizes: they only grow.
    journals: BTreeMap<PathBuf, u64>,
    entries: BTreeSet<PathBuf>,
}

impl Seen {
    /// Gc has taken an entry away: one of its name is new.
    pub(super) fn forget(&mut self, entry: &Path) {
        self.entries.remove(entry);
    }
}

/// What has come since.
#[derive(Debug, Default)]
pub(super) struct Asked {
    keys: BTreeSet<Digest>,
    sets: BTreeSet<Digest>,
    /// Objects of entries that are new.
    pub(super) objects: BTreeSet<Digest>,
}

impl Asked {
    /// Whether somebody wants an entry.
    pub(super) fn wants(&self, key: Digest, entry: &Stored) -> bool {
        match entry.set {
            Some((set, _)) => self.sets.contains(&set),
            None => self.keys.contains(&key),
        }
    }
}

impl Store {
    pub(super) fn seen(&self) -> Result<Seen, StoreError> {
        Ok(Seen { journals: self.journal_sizes()?, entries: self.files_below("ac")?.into_iter().collect() })
    }

    fn journal_sizes(&self) -> Result<BTreeMap<PathBuf, u64>, StoreError> {
        let size = |path: PathBuf| Some((path.clone(), fs::metadata(&path).ok()?.len()));
        Ok(self.files_below("journal")?.into_iter().filter_map(size).collect())
    }

    /// What was asked for and stored since.
    pub(super) fn asked_since(&self, seen: &Seen) -> Result<Asked, StoreError> {
        let mut asked = Asked::default();
        for (path, size) in self.journal_sizes()? {
            if seen.journals.get(&path) == Some(&size) {
                continue;
            }
            if let Some(run) = self.read_journal(&path, Duration::MAX)? {
                asked.keys.extend(run.keys);
                asked.sets.extend(run.sets.keys());
            }
        }
        for path in self.files_below("ac")?.iter().filter(|path| !seen.entries.contains(*path)) {
            if let Some(Some((_, entry))) = read_entry(path)? {
                asked.objects.extend(entry.files.iter().map(|file| file.digest));
            }
        }
        Ok(asked)
    }

    /// Gives an entry that was moved away its name back, unless somebody has stored it again.
    pub(super) fn bring_back(&self, moved: &Path, entry: &Stored) -> Result<(), StoreError> {
        if moved.exists() && !entry.path.exists() { fs::rename(moved, &entry.path) } else { Ok(()) }
    }
}
