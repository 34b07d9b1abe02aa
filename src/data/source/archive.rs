//! Members of `.tar.gz` archives, read into memory by their expected names: nothing is ever unpacked onto disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;

use crate::data::DataError;

/// A file that an archive or its unpacked folder must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its name inside the folder.
    pub name: &'static str,
    /// The most bytes that are read of it.
    pub at_most: u64,
}

impl Member {
    /// The content of the unpacked file.
    ///
    /// # Errors
    /// If it can't be read, or is longer than it may be.
    pub(crate) fn read(&self, path: &Path) -> Result<Vec<u8>, DataError> {
        let file = File::open(path).map_err(DataError::io("read", path))?;
        let mut content = Vec::new();
        file.take(self.at_most + 1).read_to_end(&mut content).map_err(DataError::io("read", path))?;
        if content.len() as u64 > self.at_most {
            return Err(DataError::malformed(path, format!("longer than {} bytes", self.at_most)));
        }
        Ok(content)
    }
}

/// The contents, by name, of those members that the archive has in `folder`; others are ignored.
///
/// # Errors
/// If the archive can't be read, a member is longer than it may be, or the user asked to stop.
pub(crate) fn read_members(
    path: &Path,
    folder: &str,
    members: &[Member],
    stop: &dyn Fn() -> bool,
) -> Result<BTreeMap<&'static str, Vec<u8>>, DataError> {
    let file = File::open(path).map_err(DataError::io("read", path))?;
    let file = BufReader::with_capacity(1 << 18, Stoppable { file, stop });
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let unreadable = |error: std::io::Error| match stop() {
        true => DataError::Stopped,
        false => DataError::malformed(path, format!("not a readable .tar.gz: {error}")),
    };
    let mut contents = BTreeMap::new();
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let name = entry.path().map_err(unreadable)?.into_owned();
        let Some(member) = members.iter().find(|member| name == Path::new(folder).join(member.name)) else {
            continue;
        };
        if entry.size() > member.at_most {
            let (bytes, most) = (entry.size(), member.at_most);
            return Err(DataError::malformed(path, format!("`{}` has {bytes} bytes, expected {most}", member.name)));
        }
        let mut content = Vec::with_capacity(usize::try_from(entry.size()).unwrap_or(0));
        entry.read_to_end(&mut content).map_err(unreadable)?;
        contents.insert(member.name, content);
    }
    Ok(contents)
}

/// A file that can't be read on once the user wants to stop.
struct Stoppable<'a> {
    file: File,
    stop: &'a dyn Fn() -> bool,
}

impl Read for Stoppable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        // Not as `interrupt::stopped`: who reads to an end takes that for a signal and goes on.
        if (self.stop)() { Err(std::io::Error::other("interrupted")) } else { self.file.read(buffer) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, &[u8])]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let gzip = flate2::write::GzEncoder::new(file.reopen().unwrap(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        for (name, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            // Written raw: the builder itself refuses names that leave the folder.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, *content).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        file
    }

    #[test]
    fn only_expected_names_are_read() {
        let file = archive(&[("set/a.bin", b"aa"), ("../set/b.bin", b"evil"), ("b.bin", b"evil"), ("set/readme", b"")]);
        let members = [Member { name: "a.bin", at_most: 2 }, Member { name: "b.bin", at_most: 9 }];
        let contents = read_members(file.path(), "set", &members, &|| false).unwrap();
        assert!(matches!(read_members(file.path(), "set", &members, &|| true), Err(DataError::Stopped)));
        assert_eq!(contents, BTreeMap::from([("a.bin", b"aa".to_vec())]));
    }

    #[test]
    fn no_more_of_an_unpacked_file_is_read_than_it_may_have() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let member = Member { name: "a.bin", at_most: 3 };
        std::fs::write(file.path(), "abc").unwrap();
        assert_eq!(member.read(file.path()).unwrap(), b"abc");
        file.as_file().set_len(1 << 42).unwrap(); // all of it would not fit into memory
        let error = member.read(file.path()).unwrap_err();
        assert!(error.to_string().ends_with("longer than 3 bytes"), "{error}");
    }

    #[test]
    fn a_member_that_is_too_long_and_a_file_that_is_no_archive_are_refused() {
        let file = archive(&[("set/a.bin", b"aaa")]);
        let members = [Member { name: "a.bin", at_most: 2 }];
        let error = read_members(file.path(), "set", &members, &|| false).unwrap_err();
        assert!(error.to_string().ends_with("`a.bin` has 3 bytes, expected 2"), "{error}");
        std::fs::write(file.path(), "no archive").unwrap();
        assert!(matches!(read_members(file.path(), "set", &members, &|| false), Err(DataError::Malformed { .. })));
    }
}
