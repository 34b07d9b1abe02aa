//! Reads what sources decode and hashes it on the way, so that the bytes of a result are those that its key names.
//!
//! A key is made of digests that may be remembered, or are of bytes that somebody has replaced since. So whatever a
//! source decodes comes from here, and [`Access::has_read`](super::Access::has_read) is told what it was: the runner
//! compares it with the key before anything is stored.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::published::{Published, hex};
use crate::base::contents::Contents;
use crate::base::digest::Digest;
use crate::data::DataError;

/// Reads whole files, from any number of threads, and knows afterwards what was in them.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// What came of each file: its digest, or why it can't be read.
    read: Mutex<BTreeMap<PathBuf, Result<Digest, io::ErrorKind>>>,
}

impl Reader {
    /// A file's bytes; they are hashed by the thread that asks for them.
    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let bytes = std::fs::read(path);
        let found = bytes.as_ref().map(|bytes| Digest::of(bytes)).map_err(io::Error::kind);
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_path_buf(), found);
        bytes
    }
}

/// Digests of what was read, and of nothing else: a source gives what its key is made of and what it has decoded by the
/// same function.
impl Contents for Reader {
    fn digest(&self, path: &Path) -> io::Result<Digest> {
        match self.read.lock().unwrap_or_else(PoisonError::into_inner).get(path) {
            Some(Ok(digest)) => Ok(*digest),
            Some(Err(kind)) => Err((*kind).into()),
            None => Err(io::Error::other("it was not read")),
        }
    }
}

/// A published file that is decoded while it is read, and hashed on the way.
pub(super) struct PublishedReader<'a> {
    published: &'a Published,
    path: &'a Path,
    file: File,
    before: Metadata,
    sha256: Sha256,
    bytes: u64,
}

impl<'a> PublishedReader<'a> {
    /// Opens it.
    pub(super) fn open(published: &'a Published, path: &'a Path) -> Result<Self, DataError> {
        let open = || {
            let file = File::open(path)?;
            Ok((file.metadata()?, file))
        };
        let (before, file) = open().map_err(DataError::io("read", path))?;
        Ok(Self { published, path, file, before, sha256: Sha256::new(), bytes: 0 })
    }

    /// Reads what is left, so that all of it is hashed, and says whether it was the published content.
    ///
    /// # Errors
    /// [`DataError::Checksum`] if it was not, [`DataError::Moved`] if somebody has written to it meanwhile.
    pub(super) fn finish(mut self, help: &str) -> Result<(), DataError> {
        io::copy(&mut self, &mut io::sink()).map_err(DataError::io("read", self.path))?;
        let found = hex(&self.sha256.finalize());
        if found == self.published.sha256 {
            return Ok(());
        }
        let state = |of: &Metadata| (of.size(), of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec());
        let after = self.file.metadata().map_err(DataError::io("read", self.path))?;
        if state(&after) != state(&self.before) {
            return Err(DataError::Moved { path: self.path.to_path_buf() });
        }
        Err(self.published.mismatch(self.path, found, self.bytes, help))
    }
}

impl Read for PublishedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.sha256.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_of_the_bytes_that_were_handed_out() {
        let folder = tempfile::tempdir().unwrap();
        let [file, other, gone] = ["file", "other", "gone"].map(|name| folder.path().join(name));
        std::fs::write(&file, "one").unwrap();
        std::fs::write(&other, "other").unwrap();
        let reader = Reader::default();
        assert_eq!(reader.read(&file).unwrap(), b"one");
        assert_eq!(reader.read(&gone).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&file, "two").unwrap();
        std::fs::write(&gone, "back").unwrap();
        assert_eq!(reader.digest(&file).unwrap(), Digest::of(b"one"));
        assert_eq!(reader.digest(&gone).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(reader.digest(&other).is_err(), "nobody has read it");
    }

    #[test]
    fn what_is_decoded_in_part_is_hashed_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let content = vec![7; 300_000];
        std::fs::write(file.path(), &content).unwrap();
        let published =
            Published { name: "x", base: "", bytes: 300_000, sha256: super::super::published::sha256(&content).leak() };
        let start = |published| {
            let mut reader = PublishedReader::open(published, file.path()).unwrap();
            reader.read_exact(&mut [0; 5]).unwrap();
            reader
        };
        start(&published).finish("").unwrap();
        let other = Published { sha256: "00", ..published.clone() };
        assert!(matches!(start(&other).finish("").unwrap_err(), DataError::Checksum(_)));
        let reader = start(&published);
        std::fs::File::options().append(true).open(file.path()).and_then(|file| file.set_len(300_001)).unwrap();
        let error = reader.finish("").unwrap_err();
        assert!(error.to_string().ends_with(" changed while it was read"), "{error}");
    }
}
