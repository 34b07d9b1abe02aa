//! Members of `.tar.gz` archives, read into memory by their expected names: nothing is ever unpacked onto disk.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;

use crate::DataError;

/// A file that an archive or its unpacked folder must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its name inside the folder.
    pub name: &'static str,
    /// The most bytes that are read of it.
    pub at_most: u64,
}

/// The contents, by name, of those members that the archive has in `folder`; others are ignored, and so are links and
/// whatever else is no file. `file` reads the archive, and fails once `stop` says so; `path` is for messages.
///
/// # Errors
/// If the archive can't be read, a member is longer than it may be, or is there twice, or the user asked to stop.
pub(crate) fn read_members(
    file: impl Read,
    path: &Path,
    folder: &str,
    members: &[Member],
    stop: &dyn Fn() -> bool,
) -> Result<BTreeMap<&'static str, Vec<u8>>, DataError> {
    let file = BufReader::with_capacity(1 << 18, file);
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
        if !entry.header().entry_type().is_file() {
            continue;
        }
        if entry.size() > member.at_most {
            let (bytes, most) = (entry.size(), member.at_most);
            return Err(DataError::malformed(path, format!("`{}` has {bytes} bytes, expected {most}", member.name)));
        }
        let mut content = Vec::with_capacity(usize::try_from(entry.size()).unwrap_or(0));
        entry.read_to_end(&mut content).map_err(unreadable)?;
        if contents.insert(member.name, content).is_some() {
            return Err(DataError::malformed(path, format!("`{}` exists twice", member.name)));
        }
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

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
        let contents = read_members(File::open(file.path()).unwrap(), file.path(), "set", &members, &|| false).unwrap();
        assert_eq!(contents, BTreeMap::from([("a.bin", b"aa".to_vec())]));
    }

    #[test]
    fn a_member_is_a_file_that_is_there_once() {
        let file = archive(&[("set/a.bin", b"aa"), ("set/a.bin", b"bb")]);
        let members = [Member { name: "a.bin", at_most: 2 }];
        let error =
            read_members(File::open(file.path()).unwrap(), file.path(), "set", &members, &|| false).unwrap_err();
        assert!(error.to_string().ends_with("`a.bin` exists twice"), "{error}");

        let link = tempfile::NamedTempFile::new().unwrap();
        let gzip = flate2::write::GzEncoder::new(link.reopen().unwrap(), flate2::Compression::fast());
        let (mut tar, mut header) = (tar::Builder::new(gzip), tar::Header::new_gnu());
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, "set/a.bin", "/etc/passwd").unwrap();
        tar.into_inner().unwrap().finish().unwrap();
        assert!(
            read_members(File::open(link.path()).unwrap(), link.path(), "set", &members, &|| false).unwrap().is_empty()
        );
    }

    #[test]
    fn a_member_that_is_too_long_and_a_file_that_is_no_archive_are_refused() {
        let file = archive(&[("set/a.bin", b"aaa")]);
        let members = [Member { name: "a.bin", at_most: 2 }];
        let read = || read_members(File::open(file.path()).unwrap(), file.path(), "set", &members, &|| false);
        let error = read().unwrap_err();
        assert!(error.to_string().ends_with("`a.bin` has 3 bytes, expected 2"), "{error}");
        std::fs::write(file.path(), "no archive").unwrap();
        assert!(matches!(read(), Err(DataError::Malformed { .. })));
    }
}
