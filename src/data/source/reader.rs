//! Reads what sources decode and hashes it on the way, so that the bytes of a result are those that its key names.
//!
//! A key is made of digests that may be remembered, or are of bytes that somebody has replaced since. So whatever a
//! source decodes comes from here, and [`Access::has_read`](super::Access::has_read) is told what it was: the runner
//! compares it with the key before anything is stored.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::published::{Published, hex};
use crate::DataError;
use simpipe_base::contents::Contents;
use simpipe_base::digest::Digest;
use simpipe_base::fs::{open_regular, read_at_most};

/// Reads whole files, from any number of threads, and knows afterwards what was in them.
#[derive(Default)]
pub(super) struct Reader<'a> {
    /// What came of each file: its digest, or why it can't be read.
    read: Mutex<BTreeMap<PathBuf, Result<Digest, io::ErrorKind>>>,
    /// Until when to hash what is too long to be handed out; not at all without it.
    stop: Option<&'a (dyn Fn() -> bool + Sync)>,
}

impl<'a> Reader<'a> {
    /// A reader that hashes files which are too long too, until `stop` says so: for sources that leave such files out
    /// and have them in their key all the same.
    pub(super) fn of_all(stop: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self { read: Mutex::default(), stop: Some(stop) }
    }

    /// The length of a file that is about to be read.
    pub(super) fn length(&self, path: &Path) -> io::Result<u64> {
        let length = std::fs::metadata(path).map(|found| found.len());
        length.inspect_err(|error| self.note(path, Err(error.kind())))
    }

    /// A regular file's bytes; they are hashed by the thread that asks for them. A file of more than `most` is refused.
    pub(super) fn read_at_most(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        self.read_with_digest(path, most).map(|(bytes, _)| bytes)
    }

    /// The same with the digest of the bytes.
    pub(super) fn read_with_digest(&self, path: &Path, most: u64) -> io::Result<(Vec<u8>, Digest)> {
        let read = self.read_and_hash(path, most);
        self.note(path, read.as_ref().map(|(_, digest)| *digest).map_err(io::Error::kind));
        read.and_then(|(bytes, digest)| Ok((bytes?, digest)))
    }

    /// A file that is too large to hold: hashed whole here, then read at any place. [`Whole::finish`] says whether it was
    /// still the same.
    pub(super) fn open(&self, path: &Path) -> Result<Whole, DataError> {
        let never = || false;
        let stop: &dyn Fn() -> bool = self.stop.map_or(&never, |stop| stop);
        let open = || {
            let mut file = open_regular(path)?;
            let before = file.metadata()?;
            let digest = Digest::of_open_unless(&mut file, stop)?;
            file.rewind()?;
            Ok((Whole { path: path.to_path_buf(), file, before }, digest))
        };
        let opened = open();
        self.note(path, opened.as_ref().map(|(_, digest)| *digest).map_err(io::Error::kind));
        opened.map(|(whole, _)| whole).map_err(DataError::io("read", path))
    }

    /// The bytes, or that they are too many, with the digest of all in either case.
    fn read_and_hash(&self, path: &Path, most: u64) -> io::Result<(io::Result<Vec<u8>>, Digest)> {
        let mut file = open_regular(path)?;
        match (read_at_most(&file, most), self.stop) {
            (Ok(bytes), _) => {
                let digest = Digest::of(&bytes);
                Ok((Ok(bytes), digest))
            }
            (Err(error), Some(stop)) if error.kind() == io::ErrorKind::FileTooLarge => {
                file.rewind()?;
                Ok((Err(error), Digest::of_open_unless(&mut file, stop)?))
            }
            (Err(error), _) => Err(error),
        }
    }

    fn note(&self, path: &Path, found: Result<Digest, io::ErrorKind>) {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_path_buf(), found);
    }
}

/// A file that was hashed and is read since.
pub(super) struct Whole {
    path: PathBuf,
    file: File,
    before: Metadata,
}

impl Whole {
    /// The file, from its beginning.
    ///
    /// # Errors
    /// If the system gives no second handle.
    pub(super) fn file(&self) -> Result<File, DataError> {
        let again = || {
            let mut file = self.file.try_clone()?;
            file.rewind()?;
            Ok(file)
        };
        again().map_err(DataError::io("read", &self.path))
    }

    /// Nobody has written to it meanwhile.
    ///
    /// # Errors
    /// [`DataError::Moved`] if somebody has.
    pub(super) fn finish(self) -> Result<(), DataError> {
        let after = self.file.metadata().map_err(DataError::io("read", &self.path))?;
        if state(&after) == state(&self.before) { Ok(()) } else { Err(DataError::Moved { path: self.path }) }
    }
}

/// What writing to a file changes.
fn state(of: &Metadata) -> (u64, i64, i64, i64, i64) {
    (of.size(), of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec())
}

/// Digests of what was read, and of nothing else: a source gives what its key is made of and what it has decoded by the
/// same function.
impl Contents for Reader<'_> {
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
    stop: &'a dyn Fn() -> bool,
    file: File,
    before: Metadata,
    sha256: Sha256,
    bytes: u64,
}

impl<'a> PublishedReader<'a> {
    /// Opens it. No more is read once `stop` says so.
    pub(super) fn open(
        published: &'a Published,
        path: &'a Path,
        stop: &'a dyn Fn() -> bool,
    ) -> Result<Self, DataError> {
        let open = || {
            let file = open_regular(path)?;
            Ok((file.metadata()?, file))
        };
        let (before, file) = open().map_err(DataError::io("read", path))?;
        Ok(Self { published, path, stop, file, before, sha256: Sha256::new(), bytes: 0 })
    }

    /// Reads what is left, so that all of it is hashed, and says whether it was the published content.
    ///
    /// # Errors
    /// [`DataError::Checksum`] if it was not, [`DataError::Moved`] if somebody has written to it meanwhile,
    /// [`DataError::Stopped`] if the user wants to stop.
    pub(super) fn finish(mut self, help: &str) -> Result<(), DataError> {
        let rest = io::copy(&mut self, &mut io::sink());
        if (self.stop)() {
            return Err(DataError::Stopped);
        }
        rest.map_err(DataError::io("read", self.path))?;
        let found = hex(&self.sha256.finalize());
        if found == self.published.sha256 {
            return Ok(());
        }
        let after = self.file.metadata().map_err(DataError::io("read", self.path))?;
        if state(&after) != state(&self.before) {
            return Err(DataError::Moved { path: self.path.to_path_buf() });
        }
        Err(self.published.mismatch(self.path, found, self.bytes, help))
    }
}

impl Read for PublishedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.stop)() {
            return Err(io::Error::other("interrupted")); // `Interrupted` would be tried again
        }
        let read = self.file.read(buffer)?;
        self.sha256.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Access, Source};

    #[test]
    fn digests_are_of_the_bytes_that_were_handed_out() {
        let folder = tempfile::tempdir().unwrap();
        let [file, other, gone] = ["file", "other", "gone"].map(|name| folder.path().join(name));
        std::fs::write(&file, "one").unwrap();
        std::fs::write(&other, "other").unwrap();
        let reader = Reader::default();
        assert_eq!(reader.read_at_most(&file, 9).unwrap(), b"one");
        assert_eq!(reader.read_at_most(&gone, 9).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&file, "two").unwrap();
        std::fs::write(&gone, "back").unwrap();
        assert_eq!(reader.digest(&file).unwrap(), Digest::of(b"one"));
        assert_eq!(reader.digest(&gone).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(reader.digest(&other).is_err(), "nobody has read it");
        assert_eq!(reader.read_at_most(&other, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(reader.digest(&other).is_err(), "nor all of it");
        assert_eq!(reader.read_at_most(&other, 5).unwrap(), b"other");
        assert_eq!(reader.digest(&other).unwrap(), Digest::of(b"other"));
    }

    #[test]
    fn a_large_file_is_hashed_before_it_is_read_and_looked_at_afterwards() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "content").unwrap();
        let reader = Reader::default();
        let whole = reader.open(file.path()).unwrap();
        assert_eq!(reader.digest(file.path()).unwrap(), Digest::of(b"content"));
        for _ in 0..2 {
            let mut text = String::new();
            whole.file().unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "content", "each time from the beginning");
        }
        std::fs::File::options().append(true).open(file.path()).unwrap().set_len(9).unwrap();
        assert!(matches!(whole.finish(), Err(DataError::Moved { .. })));
        assert!(matches!(Reader::of_all(&|| true).open(file.path()), Err(DataError::Stopped)));
        assert!(reader.open(Path::new("/nowhere")).is_err());
    }

    /// What a source says that it has read, and how loading ended.
    fn read_by(source: &Source) -> (Vec<(String, Digest)>, Result<(), DataError>) {
        let read = std::cell::RefCell::new(Vec::new());
        let on_read = |name: &str, digest| read.borrow_mut().push((name.to_owned(), digest));
        let access = Access {
            downloads: Path::new(""),
            on_progress: &|_| (),
            stop: &|| false,
            on_read: &on_read,
            column: None,
            earlier: None,
            storage: &crate::Storage::Raw,
        };
        let ended = source.loader().load(&access, &mut |_| Ok(())).map(|_| ());
        (read.into_inner(), ended)
    }

    fn png(value: u8) -> Vec<u8> {
        let mut bytes = io::Cursor::new(Vec::new());
        image::GrayImage::from_pixel(2, 2, image::Luma([value])).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_folder_of_images_says_what_was_decoded_and_listed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join("train/a").join(name);
        std::fs::create_dir_all(folder.path().join("train/a")).unwrap();
        for name in ["1.png", "2.png"] {
            std::fs::write(at(name), png(1)).unwrap();
        }
        let path = folder.path().to_str().unwrap();
        let source = |rule: &str| -> Source {
            let json = serde_json::json!({ "image-folder": { "path": path, "on-corrupt": rule } });
            simpipe_base::param::from_json(&json).unwrap()
        };
        let key = || source("fail").loader().digests(&Digest::of_file).unwrap();
        let [fail, skip] = ["fail", "skip"].map(source);
        let before = key();
        assert_eq!(read_by(&fail).0, before);
        std::fs::write(at("2.png"), png(2)).unwrap();
        assert_ne!(read_by(&fail).0, before, "other bytes");
        assert_eq!(read_by(&fail).0, key());
        std::fs::write(at("2.png"), &png(1)[..30]).unwrap();
        let (read, ended) = read_by(&fail);
        assert_ne!(read, before, "half of a file that is being written");
        assert!(matches!(ended, Err(DataError::Unreadable { .. })), "and it said so before");
        assert_ne!(read_by(&skip).0, before, "which would have been left out");
        std::fs::rename(at("2.png"), at("3.png")).unwrap();
        std::fs::write(at("3.png"), png(1)).unwrap();
        assert_ne!(read_by(&fail).0, before, "another name");
        std::fs::copy(at("3.png"), at("2.png")).unwrap();
        assert_ne!(read_by(&fail).0, before, "one more");
        std::fs::remove_file(at("3.png")).unwrap();
        assert_eq!(read_by(&fail).0, before);
        std::os::unix::fs::symlink("nowhere", at("3.png")).unwrap();
        assert!(read_by(&skip).1.is_err(), "what can't be read is not left out as if it were no image");
    }

    #[test]
    fn what_is_too_long_is_left_out_and_still_a_part_of_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join("train/a").join(name);
        std::fs::create_dir_all(folder.path().join("train/a")).unwrap();
        std::fs::write(at("1.png"), png(1)).unwrap();
        let long = File::create(at("2.png")).unwrap();
        long.set_len(65 << 20).unwrap();
        let json = serde_json::json!({
            "image-folder": { "path": folder.path().to_str(), "on-corrupt": "skip", "max-pixels": 4 }
        });
        let source: Source = simpipe_base::param::from_json(&json).unwrap();
        let key = source.loader().digests(&Digest::of_file).unwrap();
        let (read, ended) = read_by(&source);
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(read, key);
        long.set_len(66 << 20).unwrap();
        assert_ne!(read_by(&source).0, key);
        let reader = Reader::of_all(&|| true);
        assert!(reader.read_at_most(&at("2.png"), 5).is_err());
        assert!(reader.digest(&at("2.png")).is_err(), "stopped");
        assert!(reader.length(&at("3.png")).is_err());
        assert_eq!(reader.digest(&at("3.png")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_sample_inside_the_program_is_what_it_is() {
        let source: Source = simpipe_base::param::from_json(&"cifar10-sample".into()).unwrap();
        assert_eq!(read_by(&source).0, source.loader().digests(&Digest::of_file).unwrap());
    }

    #[test]
    fn what_is_decoded_in_part_is_hashed_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let content = vec![7; 300_000];
        std::fs::write(file.path(), &content).unwrap();
        let published =
            Published { name: "x", base: "", bytes: 300_000, sha256: super::super::published::sha256(&content).leak() };
        let start = |published| {
            let mut reader = PublishedReader::open(published, file.path(), &|| false).unwrap();
            reader.read_exact(&mut [0; 5]).unwrap();
            reader
        };
        start(&published).finish("").unwrap();
        let mut reader = PublishedReader::open(&published, file.path(), &|| true).unwrap();
        assert!(reader.read_exact(&mut [0; 5]).is_err());
        assert!(matches!(reader.finish("").unwrap_err(), DataError::Stopped));
        let other = Published { sha256: "00", ..published.clone() };
        assert!(matches!(start(&other).finish("").unwrap_err(), DataError::Checksum(_)));
        let reader = start(&published);
        std::fs::File::options().append(true).open(file.path()).and_then(|file| file.set_len(300_001)).unwrap();
        let error = reader.finish("").unwrap_err();
        assert!(error.to_string().ends_with(" changed while it was read"), "{error}");
    }
}
