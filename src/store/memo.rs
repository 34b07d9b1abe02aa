//! `stat/`: what was read of files already, remembered by path, size, mtime and inode. Never enters a key.
//!
//! A file has one memo; the files of a source folder share one, so that a rerun on ten thousand images reads one memo
//! and asks for ten thousand sizes. A file that was changed a moment ago is not remembered: a second change within the
//! clock's tick would go unseen.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Store, StoreError, fs};
use crate::base::contents::Contents;
use crate::base::digest::Digest;

/// Longer than the tick of any file system's clock that keeps fractions of a second.
const SETTLED: Duration = Duration::from_millis(50);

/// What identifies a state of a file without reading it: size, mtime in seconds and nanoseconds, inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp(u64, i64, i64, u64);

impl Stamp {
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self(metadata.size(), metadata.mtime(), metadata.mtime_nsec(), metadata.ino())
    }
}

/// What a memo is of.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Place {
    /// A path inside the store, so that the store may be moved.
    Object(String),
    /// A path outside.
    Source(String),
    /// A folder outside.
    Folder(String),
    /// A server, by its address.
    Server(String),
}

/// The memo of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Memo {
    place: Place,
    stamp: Stamp,
    digest: Option<Digest>,
    /// Whatever else was found out about the content.
    #[serde(default)]
    facts: BTreeMap<String, String>,
}

/// The memo of a source folder.
#[derive(Debug, Serialize, Deserialize)]
struct FolderMemo {
    place: Place,
    files: BTreeMap<String, (Stamp, Digest)>,
}

/// The part that all memos share.
#[derive(Deserialize)]
struct Placed {
    place: Place,
}

impl Store {
    /// The digest of a file's content, read only if its size, mtime or inode differ from the last time.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn digest_file(&self, path: &Path) -> io::Result<Digest> {
        let place = self.place(path)?;
        let stamp = Stamp::of(&fs::metadata(path)?);
        let mut memo = self.recall(place, stamp);
        if let Some(digest) = memo.digest.filter(|_| !self.verifying) {
            return Ok(digest);
        }
        let digest = self.read_digest(path)?;
        memo.digest = Some(digest);
        self.remember(path, &memo);
        Ok(digest)
    }

    /// Reads the file, unless the user wants to stop.
    fn read_digest(&self, path: &Path) -> io::Result<Digest> {
        fs::digest_unless(path, &|| self.cancelled())
    }

    /// Forgets what is remembered of a file.
    pub(super) fn forget(&self, path: &Path) {
        if let Ok(place) = self.place(path) {
            drop(fs::remove_file(&self.memo_path(&place)));
        }
    }

    fn place(&self, path: &Path) -> io::Result<Place> {
        let path = std::path::absolute(path)?;
        Ok(match path.strip_prefix(&self.root) {
            Ok(inside) => Place::Object(inside.to_string_lossy().into_owned()),
            Err(_) => Place::Source(path.to_string_lossy().into_owned()),
        })
    }

    fn memo_path(&self, place: &Place) -> PathBuf {
        let name = Digest::of_json(place).to_string();
        self.folder("stat").join(&name[..2]).join(&name[2..])
    }

    /// What is remembered of a file in this state; an empty memo if nothing is.
    fn recall(&self, place: Place, stamp: Stamp) -> Memo {
        let kept: Option<Memo> = read(&self.memo_path(&place)).filter(|memo: &Memo| memo.stamp == stamp);
        kept.unwrap_or(Memo { place, stamp, digest: None, facts: BTreeMap::new() })
    }

    /// Keeps a memo if the file is as it was before it was read, and has been so for a while.
    fn remember(&self, path: &Path, memo: &Memo) {
        if settled(path) == Some(memo.stamp) {
            self.write_memo(&memo.place, memo);
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
        let place = std::path::absolute(folder).map_err(|error| (folder.to_path_buf(), error))?;
        let place = Place::Folder(place.to_string_lossy().into_owned());
        let memo: Option<FolderMemo> = read(&self.memo_path(&place));
        let known = memo.map(|memo| memo.files).unwrap_or_default();
        let name = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
        // The digest, and the state to remember it by if that is new.
        let look = |path: &&Path| {
            let stamp = Stamp::of(&fs::metadata(path)?);
            match known.get(&name(path)) {
                Some((kept, digest)) if *kept == stamp && !self.verifying => Ok((*digest, Some(stamp), false)),
                _ => self.read_digest(path).map(|digest| (digest, settled(path).filter(|now| *now == stamp), true)),
            }
        };
        let look = |path: &&Path| look(path).map_err(|error| (path.to_path_buf(), error));
        let found: Vec<(Digest, Option<Stamp>, bool)> = paths.par_iter().map(look).collect::<Result<_, _>>()?;
        if found.len() != known.len() || found.iter().any(|(_, _, new)| *new) {
            let kept = paths.iter().zip(&found);
            let files = kept.filter_map(|(path, (digest, stamp, _))| Some((name(path), ((*stamp)?, *digest))));
            let memo = FolderMemo { files: files.collect(), place };
            self.write_memo(&memo.place, &memo);
        }
        Ok(found.into_iter().map(|(digest, _, _)| digest).collect())
    }

    fn fact(
        &self,
        path: &Path,
        what: &'static str,
        compute: &dyn Fn(&Path) -> io::Result<String>,
    ) -> io::Result<String> {
        let stamp = Stamp::of(&fs::metadata(path)?);
        let mut memo = self.recall(self.place(path)?, stamp);
        if let Some(fact) = memo.facts.get(what) {
            return Ok(fact.clone());
        }
        let fact = compute(path)?;
        memo.facts.insert(what.to_owned(), fact.clone());
        self.remember(path, &memo);
        Ok(fact)
    }
}

fn read<T: for<'a> Deserialize<'a>>(memo: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(memo).ok()?).ok()
}

/// The state of a file that nobody has changed for a while.
fn settled(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    let age = SystemTime::now().duration_since(metadata.modified().ok()?).ok()?;
    (age > SETTLED).then(|| Stamp::of(&metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_old(file: &Path) {
        let old = SystemTime::now() - Duration::from_secs(9);
        std::fs::File::options().write(true).open(file).unwrap().set_modified(old).unwrap();
    }

    /// Changes a file so that its stamp stays: an answer that stays too was not read from it.
    fn change_in_secret(file: &Path, bytes: &str) {
        let modified = std::fs::metadata(file).unwrap().modified().unwrap();
        std::fs::write(file, bytes).unwrap();
        std::fs::File::options().write(true).open(file).unwrap().set_modified(modified).unwrap();
    }

    #[test]
    fn a_changed_file_is_read_again_and_an_old_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, "one").unwrap();
        assert_eq!(store.digest_file(&file).unwrap(), Digest::of(b"one"));
        std::fs::write(&file, "two").unwrap();
        assert_eq!(store.digest_file(&file).unwrap(), Digest::of(b"two"));

        set_old(&file);
        assert_eq!(store.digest_file(&file).unwrap(), Digest::of(b"two"));
        change_in_secret(&file, "six");
        assert_eq!(store.digest_file(&file).unwrap(), Digest::of(b"two"));
    }

    #[test]
    fn the_files_of_a_folder_share_one_memo() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let images = folder.path().join("images");
        std::fs::create_dir_all(images.join("train")).unwrap();
        let paths: Vec<PathBuf> = ["a", "b", "c"].iter().map(|name| images.join("train").join(name)).collect();
        paths.iter().for_each(|path| std::fs::write(path, "old").unwrap());
        let digests = |paths: &[PathBuf]| {
            let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
            store.digests(&images, &paths).unwrap()
        };
        let of = |texts: [&str; 3]| texts.map(|text| Digest::of(text.as_bytes()));
        assert_eq!(digests(&paths), of(["old"; 3]));
        std::fs::write(&paths[0], "new").unwrap();
        assert_eq!(digests(&paths), of(["new", "old", "old"]), "what was written just now was not remembered");

        paths.iter().for_each(|path| set_old(path));
        digests(&paths);
        assert_eq!(store.files_below("stat").unwrap().len(), 1);
        paths.iter().for_each(|path| change_in_secret(path, "xxx"));
        assert_eq!(digests(&paths), of(["new", "old", "old"]), "remembered");
        std::fs::write(&paths[1], "longer").unwrap();
        assert_eq!(digests(&paths), of(["new", "longer", "old"]), "one is read again, the others are not");
        std::fs::remove_file(&paths[1]).unwrap();
        assert_eq!(digests(&[paths[0].clone(), paths[2].clone()]), [Digest::of(b"new"), Digest::of(b"old")]);
        assert_eq!(store.digests(&images, &[&paths[1]]).unwrap_err().0, paths[1]);
    }

    #[test]
    fn a_fact_of_a_file_is_found_out_once_and_stands_beside_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, "one").unwrap();
        set_old(&file);
        let length = |path: &Path| std::fs::read(path).map(|bytes| bytes.len().to_string());
        assert_eq!(store.fact(&file, "length", &length).unwrap(), "3");
        assert_eq!(store.fact(&file, "length", &|_| unreachable!("it is remembered")).unwrap(), "3");
        assert_eq!(store.digest_file(&file).unwrap(), Digest::of(b"one"));
        assert_eq!(store.fact(&file, "length", &|_| unreachable!("the digest took its place")).unwrap(), "3");
        std::fs::write(&file, "four").unwrap();
        assert_eq!(store.fact(&file, "length", &length).unwrap(), "4");
    }

    #[test]
    fn a_word_of_a_server_is_never_stale() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.write_memo(
            &Place::Server("s3://bucket".to_owned()),
            &serde_json::json!({ "place": { "server": "s3://bucket" } }),
        );
        assert_eq!(store.files_below("stat").unwrap().len(), 1);
        assert_eq!(store.stale_memos(&|_| true).unwrap(), [] as [PathBuf; 0]);
    }

    #[test]
    fn memos_of_files_that_are_gone_are_stale() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let [stays, goes] = ["stays", "goes"].map(|name| folder.path().join(name));
        for file in [&stays, &goes] {
            std::fs::write(file, "x").unwrap();
            set_old(file);
            store.digest_file(file).unwrap();
        }
        assert!(store.stale_memos(&|_| false).unwrap().is_empty());
        assert_eq!(store.stale_memos(&|path| path == stays).unwrap().len(), 1);
        std::fs::remove_file(&goes).unwrap();
        assert_eq!(store.stale_memos(&|_| false).unwrap().len(), 1);
    }
}
