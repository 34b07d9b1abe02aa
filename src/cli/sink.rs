//! Files that a command writes because its line names them: opened without waiting for ever, and never taking the
//! place of a device or a pipe.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use crate::error::Error;
use simpipe_base::fs::is_wrong_place;

const NO_READER: &str = "nothing reads this pipe";

/// How long a pipe may be without a reader: both ends of a pipeline start at about the same time.
const PATIENCE: Duration = Duration::from_secs(3);

/// Opens a file to be written from its start. A named pipe waits a moment for its reader, then that is the error.
pub(super) fn create(path: &Path) -> io::Result<File> {
    if !path.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo()) {
        return File::create(path);
    }
    let began = Instant::now();
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    loop {
        match OpenOptions::new().write(true).custom_flags(nonblocking).open(path) {
            Ok(file) => {
                // From here on it is a pipe like any other: whoever reads slowly is waited for.
                fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
                return Ok(file);
            }
            Err(error) if error.raw_os_error() != Some(Errno::NXIO.raw_os_error()) => return Err(error),
            Err(_) if began.elapsed() > PATIENCE => {
                return Err(io::Error::new(io::ErrorKind::NotConnected, NO_READER));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Writes a whole file: at once where it is or becomes a regular one, into it where it is a pipe or a device.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return create(path)?.write_all(bytes);
    }
    simpipe_base::fs::write_atomic(path, bytes)
}

/// What a command ends with that can't write such a file: the command line's mistake, or a full or failing disk.
pub(super) fn unwritable(path: &Path, error: &io::Error, help: &str) -> Error {
    // Only the kind: the error itself may name a temporary file beside the wanted one.
    let lonely = error.kind() == io::ErrorKind::NotConnected;
    let why = if lonely { NO_READER.to_owned() } else { error.kind().to_string() };
    if lonely || is_wrong_place(error) {
        return Error::usage(format!("can't write `{}`: {why}", path.display()), help);
    }
    Error::Output(io::Error::new(error.kind(), format!("`{}`: {why}", path.display())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileTypeExt;

    use super::*;

    fn pipe(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        path
    }

    #[test]
    fn a_pipe_without_a_reader_is_an_error_and_one_with_a_reader_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = pipe(folder.path());
        assert_eq!(create(&path).unwrap_err().to_string(), "nothing reads this pipe");
        let reader = {
            let path = path.clone();
            std::thread::spawn(move || std::fs::read_to_string(path).unwrap())
        };
        write(&path, b"bytes").unwrap();
        assert_eq!(reader.join().unwrap(), "bytes");
        assert!(path.metadata().unwrap().file_type().is_fifo(), "it stays what it is");
    }

    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        let error = write(Path::new("/dev/full"), b"bytes").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        write(Path::new("/dev/null"), b"bytes").unwrap();
        assert!(Path::new("/dev/null").metadata().unwrap().file_type().is_char_device());
    }
}
