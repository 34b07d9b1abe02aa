//! Reading what others made: regular files only, so that nothing waits for a pipe or reads a device without end.

use std::fs::{File, FileType, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file for reading. Nothing waits: what is no regular file is not opened, and if it takes the file's
/// place in between, it is opened without blocking and refused.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] with what it is instead, or whatever the file system refuses.
pub fn open_regular(path: &Path) -> io::Result<File> {
    expect_regular(std::fs::metadata(path)?.file_type())?;
    // On a regular file the flags do nothing.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    expect_regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// The content of a regular file.
///
/// # Errors
/// As [`open_regular`], and if it can't be read.
pub fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = open_regular(path)?;
    let mut bytes = Vec::with_capacity(length(&file.metadata()?));
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// How much a file says that it holds; what it really holds is found out by reading.
fn length(metadata: &Metadata) -> usize {
    const AT_MOST: u64 = 1 << 30;
    usize::try_from(metadata.len().min(AT_MOST)).unwrap_or(0)
}

/// The content of a file that should have no more bytes than `most`.
///
/// # Errors
/// [`ErrorKind::FileTooLarge`] if it has more: it is not read then. Else if it can't be read.
pub fn read_at_most(file: &File, most: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    let too_large = |length: u64| {
        let words = format!("it has {length} bytes, but at most {most} are expected");
        io::Error::new(ErrorKind::FileTooLarge, words)
    };
    if length > most {
        return Err(too_large(length));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    // A file may grow while it is read, and on some file systems none says its length.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}

/// Whether this is a regular file.
///
/// # Errors
/// What it is instead, as words that follow "can't read it: ".
pub fn expect_regular(kind: FileType) -> io::Result<()> {
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "something else"
    };
    Err(io::Error::new(ErrorKind::InvalidInput, format!("it is {what}, not a regular file")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType as Kind, Mode, mknodat};

    use super::*;

    #[test]
    fn only_regular_files_are_read_and_nothing_waits() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "bytes").unwrap();
        symlink(at("file"), at("link")).unwrap();
        let read = |name: &str| open_regular(&at(name)).and_then(|file| read_at_most(&file, 5));
        assert_eq!(read("file").unwrap(), b"bytes");
        assert_eq!(read("link").unwrap(), b"bytes");

        mknodat(CWD, at("pipe"), Kind::Fifo, Mode::RUSR, 0).unwrap();
        symlink(at("pipe"), at("link-to-pipe")).unwrap();
        symlink("/dev/zero", at("zero")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for (name, what) in [
            ("pipe", "a named pipe"),
            ("link-to-pipe", "a named pipe"),
            ("zero", "a device"),
            ("folder", "a folder"),
            ("socket", "a socket"),
        ] {
            let error = read(name).unwrap_err();
            assert_eq!(error.to_string(), format!("it is {what}, not a regular file"));
        }
        assert_eq!(read("none").unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(1 << 40).unwrap(); // all of it would not fit into memory
        let error = read_at_most(&open_regular(&path).unwrap(), 1 << 20).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
        // The kernel says 0 bytes of this one, and gives more.
        let grown = open_regular(Path::new("/proc/self/status")).unwrap();
        assert_eq!(read_at_most(&grown, 9).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert!(!read_at_most(&grown, 1 << 20).unwrap().is_empty());
    }
}
