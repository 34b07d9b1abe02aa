//! `stat/`: digests of files already read, remembered by path, size, mtime and inode. Never enters a key.
//!
//! A file that was changed a moment ago is not remembered: a second change within the clock's tick would go unseen.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::{Store, fs};
use crate::base::digest::Digest;

/// Longer than the tick of any file system's clock that keeps fractions of a second.
const SETTLED: Duration = Duration::from_millis(50);

/// What identifies a state of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    mtime: i64,
    mtime_nanos: i64,
    inode: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Memo {
    stamp: Stamp,
    digest: Digest,
}

impl Stamp {
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            size: metadata.size(),
            mtime: metadata.mtime(),
            mtime_nanos: metadata.mtime_nsec(),
            inode: metadata.ino(),
        }
    }
}

impl Store {
    /// The digest of a file's content, read only if its size, mtime or inode differ from the last time.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn digest_file(&self, path: &Path) -> io::Result<Digest> {
        let memo = self.memo_path(path)?;
        let stamp = Stamp::of(&fs::metadata(path)?);
        if let Some(digest) = recall(&memo, stamp).filter(|_| !self.verifying) {
            return Ok(digest);
        }
        let digest = fs::digest(path)?;
        remember(&memo, path, stamp, digest);
        Ok(digest)
    }

    /// Forgets what is remembered of a file.
    pub(super) fn forget(&self, path: &Path) {
        if let Ok(memo) = self.memo_path(path) {
            drop(fs::remove_file(&memo));
        }
    }

    /// Objects are remembered by their path inside the store, so that the store may be moved.
    fn memo_path(&self, path: &Path) -> io::Result<PathBuf> {
        let path = std::path::absolute(path)?;
        let name = match path.strip_prefix(&self.root) {
            Ok(inside) => Digest::of_json(&("object", inside.to_string_lossy())),
            Err(_) => Digest::of_json(&("source", path.to_string_lossy())),
        };
        let name = name.to_string();
        Ok(self.folder("stat").join(&name[..2]).join(&name[2..]))
    }
}

fn recall(memo: &Path, stamp: Stamp) -> Option<Digest> {
    let memo: Memo = serde_json::from_slice(&fs::read(memo).ok()?).ok()?;
    (memo.stamp == stamp).then_some(memo.digest)
}

/// Keeps a digest if the file is as it was before it was read, and has been so for a while.
fn remember(memo: &Path, path: &Path, before: Stamp, digest: Digest) {
    let Ok(metadata) = fs::metadata(path) else { return };
    let age = metadata.modified().ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
    if Stamp::of(&metadata) == before && age.is_some_and(|age| age > SETTLED) {
        let bytes = serde_json::to_vec(&Memo { stamp: before, digest }).expect("a memo serializes to JSON");
        drop(fs::replace_unsynced(memo, &bytes)); // without it the file is read again: nothing is lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_read_again_and_an_old_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let file = folder.path().join("a");
        std::fs::write(&file, "one").unwrap();
        assert_eq!(store.digest_file(&file).unwrap(), Digest::of(b"one"));
        std::fs::write(&file, "two").unwrap();
        assert_eq!(store.digest_file(&file).unwrap(), Digest::of(b"two"));

        let old = SystemTime::now() - Duration::from_secs(9);
        let set_old = || std::fs::File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
        set_old();
        assert_eq!(store.digest_file(&file).unwrap(), Digest::of(b"two"));
        // Same size, mtime and inode: the memo answers, which shows that the file was not read.
        std::fs::write(&file, "six").unwrap();
        set_old();
        assert_eq!(store.digest_file(&file).unwrap(), Digest::of(b"two"));
    }
}
