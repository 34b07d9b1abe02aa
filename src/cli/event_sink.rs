//! Where `--events` goes: JSONL to a file, a pipe or standard output, until that takes no more.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{print, sink};

/// A sink of lines. The first one that can't be written is the last: a gap in the middle would go unseen.
pub(super) struct EventSink {
    path: PathBuf,
    state: Mutex<State>,
}

enum State {
    Open(Box<dyn Write + Send>),
    /// Why it takes no more.
    Closed(io::Error),
}

impl EventSink {
    /// Opens a file, or standard output for `-`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let to: Box<dyn Write + Send> =
            if path == Path::new("-") { Box::new(io::stdout()) } else { Box::new(sink::create(path)?) };
        Ok(Self { path: path.to_path_buf(), state: Mutex::new(State::Open(to)) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line; gives what to say where it is the first that could not be written.
    pub(super) fn write(&self, line: &str) -> Option<String> {
        let mut state = self.state();
        let State::Open(to) = &mut *state else { return None };
        let error = writeln!(to, "{line}").and_then(|()| to.flush()).err()?;
        let said = format!("events can no longer be written to `{}`: {error}; the run continues", self.shown());
        *state = State::Closed(error);
        Some(said)
    }

    /// Why events are missing. A reader who has gone has seen enough, so that is no reason.
    pub(super) fn lost(&self) -> Option<String> {
        match &*self.state() {
            State::Closed(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Some(format!("not all events were written to `{}`: {error}", self.shown()))
            }
            State::Open(_) | State::Closed(_) => None,
        }
    }

    fn shown(&self) -> String {
        print::shown(self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_said_once_and_remembered() {
        let events = EventSink::open(Path::new("/dev/full")).unwrap();
        assert_eq!(events.lost(), None);
        assert!(events.write("{}").unwrap().contains("`/dev/full`: No space left"));
        assert_eq!(events.write("{}"), None);
        assert!(events.lost().unwrap().starts_with("not all events were written to `/dev/full`"));
    }

    #[test]
    fn a_reader_who_goes_is_told_of_and_no_error() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let events = EventSink { path: "-".into(), state: Mutex::new(State::Open(Box::new(writer))) };
        assert!(events.write("{}").unwrap().contains("the run continues"));
        assert_eq!(events.lost(), None);
    }
}
