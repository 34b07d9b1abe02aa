//! The bytes of a file that holds a spec: a regular file, or a pipe that somebody writes into. No device is read, nothing
//! without end, and nobody is waited for who never comes.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// No spec that a person or a program writes is longer; a larger file is something else.
const LONGEST: u64 = 4 << 20;

/// How long a named pipe may be without anybody who writes: both ends of a pipeline start at about the same time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{0}")]
    Missing(io::Error),
    #[error("it is a folder")]
    Folder,
    #[error("it is a device or a terminal")]
    Device,
    #[error("it is a socket")]
    Socket,
    #[error("it is longer than {} MB, the most that a spec may have", LONGEST >> 20)]
    TooLong,
    #[error("nothing is written into this pipe")]
    Silent,
    #[error("{0}")]
    Io(io::Error),
}

impl Refusal {
    /// What to do about it.
    pub(super) const fn help(&self) -> &'static str {
        match self {
            Self::Missing(_) => "the path is relative to the current folder",
            Self::Folder => "name a config: a `.toml` file in it, which `simpipe init` writes",
            Self::Device | Self::Socket => "name a file, or a pipe such as `/dev/stdin`",
            Self::TooLong => "is it the right file?",
            Self::Silent => "start the program that writes it first",
            Self::Io(_) => "check its permissions",
        }
    }
}

/// All bytes of a file or a pipe.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Refusal> {
    let metadata = path.metadata().map_err(Refusal::Missing)?;
    acceptable(&metadata)?;
    let is_pipe = metadata.file_type().is_fifo();
    let flags = if is_pipe { OFlags::NONBLOCK.bits().try_into().unwrap_or(0) } else { 0 };
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(Refusal::Io)?;
    // Another file may have taken its place meanwhile.
    acceptable(&file.metadata().map_err(Refusal::Io)?)?;
    let mut bytes = Vec::new();
    if is_pipe {
        bytes = first_bytes(&file, path)?;
    }
    let room = LONGEST + 1 - bytes.len() as u64;
    (&file).take(room).read_to_end(&mut bytes).map_err(Refusal::Io)?;
    if bytes.len() as u64 > LONGEST { Err(Refusal::TooLong) } else { Ok(bytes) }
}

fn acceptable(metadata: &Metadata) -> Result<(), Refusal> {
    let kind = metadata.file_type();
    if kind.is_dir() {
        Err(Refusal::Folder)
    } else if kind.is_char_device() || kind.is_block_device() {
        Err(Refusal::Device)
    } else if kind.is_socket() {
        Err(Refusal::Socket)
    } else if kind.is_file() && metadata.len() > LONGEST {
        Err(Refusal::TooLong)
    } else {
        Ok(())
    }
}

/// What a pipe gives first, once somebody writes. From then on it is waited for as long as they take.
fn first_bytes(mut file: &File, path: &Path) -> Result<Vec<u8>, Refusal> {
    // A pipe without a name has all of its writers already: when it gives nothing they have gone.
    let named = path.canonicalize().is_ok_and(|path| path.exists());
    let (began, mut buffer) = (Instant::now(), vec![0; 1 << 16]);
    let count = loop {
        match file.read(&mut buffer) {
            Ok(0) if !named => break 0,
            Ok(0) if began.elapsed() > PATIENCE => return Err(Refusal::Silent),
            Ok(0) => std::thread::sleep(Duration::from_millis(20)),
            Ok(count) => break count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break 0,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Refusal::Io(error)),
        }
    };
    let flags = fcntl_getfl(file).map_err(|error| Refusal::Io(error.into()))?;
    fcntl_setfl(file, flags - OFlags::NONBLOCK).map_err(|error| Refusal::Io(error.into()))?;
    buffer.truncate(count);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &str) -> String {
        read(Path::new(path)).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        for device in ["/dev/zero", "/dev/urandom", "/dev/null", "/dev/full"] {
            assert_eq!(refused(device), "it is a device or a terminal", "{device}");
        }
        assert_eq!(refused("/"), "it is a folder");
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(refused(socket.to_str().unwrap()), "it is a socket");
        let link = folder.path().join("link.toml");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        assert_eq!(refused(link.to_str().unwrap()), "it is a device or a terminal");
        assert!(matches!(read(Path::new("/no/such/file")), Err(Refusal::Missing(_))));
    }

    #[test]
    fn files_and_pipes_are_read_up_to_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let limit = usize::try_from(LONGEST).unwrap();
        for (length, fits) in [(10, true), (limit, true), (limit + 1, false)] {
            let file = folder.path().join("file");
            std::fs::write(&file, vec![b'#'; length]).unwrap();
            let writer = {
                let path = path.clone();
                // Whoever has read enough goes away, so the last write may fail.
                std::thread::spawn(move || drop(std::fs::write(path, vec![b'#'; length])))
            };
            for path in [&path, &file] {
                let found = read(path);
                match fits {
                    true => assert_eq!(found.unwrap().len(), length),
                    false => assert!(matches!(found, Err(Refusal::TooLong))),
                }
            }
            writer.join().unwrap();
        }
    }

    #[test]
    fn files_without_a_length_have_an_end_too() {
        // The kernel says that it has no bytes.
        assert!(!read(Path::new("/proc/self/status")).unwrap().is_empty());
    }
}
