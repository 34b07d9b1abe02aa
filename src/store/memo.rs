//! `stat/`: what was read of files already, remembered by path and by a [stamp](super::stamp). Never enters a key.
//!
//! A file has one memo; the files of a source folder share one, so that a rerun on ten thousand images reads one memo
//! and asks for ten thousand states. A file that was changed a moment ago is not remembered: a second change within the
//! clock's tick would go unseen.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::stamp::{Look, SETTLED, SourceStamp, Stamp, Volumes, look_at_object};
use super::{FileRecord, Store, StoreError, fs};
use simpipe_base::contents::{Compute, Contents};
use simpipe_base::digest::Digest;

/// Bytes of an object from which on it takes longer to be read than to be remembered.
const WORTH_REMEMBERING: u64 = 4 << 20;

/// What a memo is of.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Place {
    /// A path inside the store, so that the store may be moved: an object, or a source that somebody put there.
    Object(String),
    /// A path outside.
    Source(String),
    /// A folder outside.
    Folder(String),
    /// A server, by its address.
    Server(String),
}

impl Place {
    /// The files below a folder; `path` is absolute.
    fn folder(path: &Path) -> Self {
        Self::Folder(path.to_string_lossy().into_owned())
    }
}

/// Digests of files that were only looked at, by the state that they are of.
#[derive(Debug, Default)]
pub(super) struct Looked(Mutex<BTreeMap<PathBuf, (Stamp, Digest)>>);

/// The memo of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Memo {
    place: Place,
    /// The state that it is of; `None` before there is one to keep it by.
    stamp: Option<Stamp>,
    digest: Option<Digest>,
    /// Whatever else was found out about the content.
    #[serde(default)]
    facts: BTreeMap<String, String>,
}

/// The memo of a source folder.
#[derive(Debug, Serialize, Deserialize)]
struct FolderMemo {
    place: Place,
    files: BTreeMap<String, (SourceStamp, Digest)>,
}

/// The part that all memos share.
#[derive(Deserialize)]
struct Placed {
    place: Place,
}

impl Store {
    /// The digest of a file's content, read only if its stamp differs from the last time.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn digest_file(&self, path: &Path) -> io::Result<Digest> {
        let path = &std::path::absolute(path)?;
        let (look, mut memo) = self.recall(path)?;
        if let Some(digest) = memo.digest.filter(|_| !self.verifying) {
            return Ok(digest);
        }
        let mut file = fs::open(path)?;
        let digest = self.digest_open(&mut file)?;
        if memo.digest.replace(digest).is_some_and(|old| old != digest) {
            memo.facts.clear(); // they are of the other content
        }
        self.remember(path, &file, look, memo);
        Ok(digest)
    }

    /// The same, and nothing is written: a file that is not remembered is read again by the next process, and by this one once.
    pub(super) fn digest_unremembered(&self, path: &Path) -> io::Result<Digest> {
        let path = &std::path::absolute(path)?;
        let (look, memo) = self.recall(path)?;
        if let Some(digest) = memo.digest.filter(|_| !self.verifying) {
            return Ok(digest);
        }
        let looked = || self.looked.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, digest)) = looked().get(path).filter(|(stamp, _)| look.stamp == Some(*stamp)) {
            return Ok(*digest);
        }
        let mut file = fs::open(path)?;
        let digest = self.digest_open(&mut file)?;
        if let Some(stamp) = look.lasted(fs::stat_open(&file, path).map(|stat| self.look(path, &stat))) {
            looked().insert(path.clone(), (stamp, digest));
        }
        Ok(digest)
    }

    /// Remembers a large object that was just stored, so that whoever only looks need not read it each time. The small ones are
    /// read as fast as a memo of them.
    pub(super) fn remember_stored(&self, file: FileRecord) {
        if file.size < WORTH_REMEMBERING {
            return;
        }
        let path = self.object(file.digest);
        let Ok(stat) = fs::stat(&path) else { return };
        let mut look = look_at_object(&stat);
        if !look.is_settled() {
            // Until the clock of the file system has surely ticked: so long a file took longer to be written.
            std::thread::sleep(SETTLED);
            look = look_at_object(&stat);
        }
        if let Ok(opened) = fs::open(&path) {
            let (place, digest, facts) = (self.place(&path), Some(file.digest), BTreeMap::new());
            self.remember(&path, &opened, look, Memo { place, stamp: None, digest, facts });
        }
    }

    /// Reads an open file, unless the user wants to stop.
    fn digest_open(&self, file: &mut std::fs::File) -> io::Result<Digest> {
        Digest::of_open_unless(file, &|| self.cancelled())
    }

    /// Forgets what is remembered of a file.
    pub(super) fn forget(&self, path: &Path) {
        drop(fs::remove_file(&self.memo_path(&self.place(path))));
    }

    /// `path` is absolute.
    fn place(&self, path: &Path) -> Place {
        match path.strip_prefix(&self.root) {
            Ok(inside) => Place::Object(inside.to_string_lossy().into_owned()),
            Err(_) => Place::Source(path.to_string_lossy().into_owned()),
        }
    }

    /// Objects alone are written by nobody else. `path` is absolute.
    fn look(&self, path: &Path, stat: &fs::Stat) -> Look<Stamp> {
        let object = path.starts_with(self.folder("cas"));
        if object { look_at_object(stat) } else { Volumes::default().look(path, stat).any() }
    }

    fn memo_path(&self, place: &Place) -> PathBuf {
        let name = Digest::of_json(place).to_string();
        self.folder("stat").join(&name[..2]).join(&name[2..])
    }

    /// A look at a file, and what is remembered of it in that state; an empty memo if nothing is. `path` is absolute.
    fn recall(&self, path: &Path) -> io::Result<(Look<Stamp>, Memo)> {
        let (look, place) = (self.look(path, &fs::stat(path)?), self.place(path));
        let kept: Option<Memo> = read(&self.memo_path(&place));
        let kept = kept.filter(|memo| memo.stamp.is_some() && memo.stamp == look.stamp);
        let empty = Memo { place, stamp: None, digest: None, facts: BTreeMap::new() };
        Ok((look, kept.unwrap_or(empty)))
    }

    /// Keeps a memo if the file that was read is the one that was looked at before, and was not written since.
    fn remember(&self, path: &Path, file: &File, look: Look<Stamp>, mut memo: Memo) {
        memo.stamp = look.lasted(fs::stat_open(file, path).map(|stat| self.look(path, &stat)));
        if memo.stamp.is_some() {
            self.write_memo(&memo.place, &memo);
        }
    }

    fn write_memo<T: Serialize>(&self, place: &Place, memo: &T) {
        if !self.folder("stat").exists() {
            return; // who only looks for a store does not make one
        }
        let bytes = serde_json::to_vec(memo).expect("a memo serializes to JSON");
        drop(fs::replace_unsynced(&self.memo_path(place), &bytes)); // without it files are read again: nothing is lost
    }

    /// Memos of files that are gone, or that `gone` knows will be, and files in `stat/` that are no memos.
    pub(super) fn stale_memos(&self, gone: &(dyn Fn(&Path) -> bool + Sync)) -> Result<Vec<PathBuf>, StoreError> {
        let stale = |path: &PathBuf| {
            let of = match read::<Placed>(path).map(|memo| memo.place) {
                Some(Place::Object(inside)) => self.root.join(inside),
                Some(Place::Source(of) | Place::Folder(of)) => PathBuf::from(of),
                Some(Place::Server(_)) => return false, // out of date in a day, and not worth a request until then
                None => return true,
            };
            gone(&of) || !of.exists()
        };
        Ok(self.files_below("stat")?.into_par_iter().filter(stale).collect())
    }
}

impl Contents for Store {
    fn digest(&self, path: &Path) -> io::Result<Digest> {
        self.digest_file(path)
    }

    fn digests(&self, folder: &Path, paths: &[&Path]) -> Result<Vec<Digest>, (PathBuf, io::Error)> {
        let place = Place::folder(&std::path::absolute(folder).map_err(|error| (folder.to_path_buf(), error))?);
        let memo: Option<FolderMemo> = read(&self.memo_path(&place));
        let known = memo.map(|memo| memo.files).unwrap_or_default();
        let name = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
        let volumes = Volumes::default();
        // The digest, and the state to remember it by if that is new.
        let look = |path: &&Path| {
            let look = volumes.look(path, &fs::stat(path)?);
            match known.get(&name(path)) {
                Some((kept, digest)) if look.stamp == Some(*kept) && !self.verifying => {
                    Ok((*digest, look.stamp, false))
                }
                _ => {
                    let mut file = fs::open(path)?;
                    let digest = self.digest_open(&mut file)?;
                    let read = fs::stat_open(&file, path).map(|stat| volumes.look(path, &stat));
                    Ok((digest, look.lasted(read), true))
                }
            }
        };
        let look = |path: &&Path| look(path).map_err(|error| (path.to_path_buf(), error));
        let found: Vec<(Digest, Option<SourceStamp>, bool)> = paths.par_iter().map(look).collect::<Result<_, _>>()?;
        if found.len() != known.len() || found.iter().any(|(_, _, new)| *new) {
            let kept = paths.iter().zip(&found);
            let files = kept.filter_map(|(path, (digest, stamp, _))| Some((name(path), ((*stamp)?, *digest))));
            let memo = FolderMemo { files: files.collect(), place };
            self.write_memo(&memo.place, &memo);
        }
        Ok(found.into_iter().map(|(digest, _, _)| digest).collect())
    }

    fn fact(&self, path: &Path, what: &'static str, compute: &Compute<'_>) -> io::Result<String> {
        let path = &std::path::absolute(path)?;
        let (look, mut memo) = self.recall(path)?;
        if let Some(fact) = memo.facts.get(what).filter(|_| !self.verifying) {
            return Ok(fact.clone());
        }
        let mut file = fs::open(path)?;
        let fact = compute(&mut file)?;
        memo.facts.insert(what.to_owned(), fact.clone());
        self.remember(path, &file, look, memo);
        Ok(fact)
    }

    fn forget(&self, path: &Path) {
        let Ok(path) = std::path::absolute(path) else { return };
        Self::forget(self, &path);
        drop(fs::remove_file(&self.memo_path(&Place::folder(&path))));
    }
}

fn read<T: for<'a> Deserialize<'a>>(memo: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(memo).ok()?).ok()
}

#[cfg(test)]
#[path = "memo_tests.rs"]
mod tests;
