//! tracing for developers: a log file in each run folder, and standard error with `-v`. Users read events instead. Of a server the
//! warnings go to standard error.

use std::backtrace::Backtrace;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::screen;
use simpipe_base::fs;

/// Where log lines go once a run has a folder; until then they are dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct LogFile(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    file: Option<File>,
    /// Why lines are missing, until somebody was told.
    failure: Option<String>,
    /// Whether somebody was told: a full disk is so for every line.
    told: bool,
}

impl State {
    fn fail(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.told, true) {
            self.failure = Some(format!("the run's log can't be written: {error}"));
        }
    }
}

impl LogFile {
    /// Sends lines to `log.txt` of a run's folder from here on. A run without a log is better than none: what went
    /// wrong is kept for [`take_failure`](Self::take_failure).
    pub(super) fn open(&self, folder: &Path) {
        let mut state = self.state();
        *state = State::default();
        match fs::create_to_append(&folder.join("log.txt")) {
            Ok(file) => state.file = Some(file),
            Err(error) => state.fail(&error),
        }
    }

    /// Ends the log: what comes now is of no run.
    pub(super) fn close(&self) {
        self.state().file = None;
    }

    /// Why lines are missing in the log, if that is new.
    pub(super) fn take_failure(&self) -> Option<String> {
        self.state().failure.take()
    }

    fn is_open(&self) -> bool {
        self.state().file.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        if let Some(Err(error)) = state.file.as_mut().map(|file| file.write_all(&screen::cleaned(bytes, false))) {
            state.fail(&error);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Sends panics to the log with their backtrace from here on: in a run a panic is the failure of a stage, which is
/// shown as such, and a backtrace between the bars would hide it. While no log is open they are shown as ever.
pub(super) fn log_panics(file: &LogFile) {
    let (file, usual) = (file.clone(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        if file.is_open() {
            tracing::error!("{panic}\n{}", Backtrace::force_capture());
        } else {
            usual(panic);
        }
    }));
}

/// Sets tracing up: debug level of this crate to the file, and to standard error as `verbose` says.
pub(super) fn start(verbose: u8) -> LogFile {
    let file = LogFile::default();
    let to_file = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(file.clone());
    let level = match verbose {
        0 => LevelFilter::OFF,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let to_stderr = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(screen::messages).with_filter(level);
    let ours = tracing_subscriber::filter::filter_fn(|metadata| metadata.target().starts_with("simpipe"));
    let layers = to_file.with_filter(LevelFilter::DEBUG).and_then(to_stderr).with_filter(ours);
    // A second call, as in tests, keeps the first subscriber.
    drop(tracing_subscriber::registry().with(layers).try_init());
    file
}

/// Sends warnings to standard error, each with its time: those of a server, which has no run and so no log file.
pub(super) fn start_for_server() {
    let ours = tracing_subscriber::filter::filter_fn(|metadata| {
        *metadata.level() <= LevelFilter::WARN && metadata.target().starts_with("simpipe")
    });
    let to_stderr = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(screen::messages).with_filter(ours);
    drop(tracing_subscriber::registry().with(to_stderr).try_init());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_cannot_be_written_is_told_of_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::default();
        log.open(&folder.path().join("missing"));
        assert!(log.take_failure().unwrap().starts_with("the run's log can't be written: "));
        log.open(folder.path());
        assert!(folder.path().join("log.txt").is_file());
        log.state().file = Some(File::options().append(true).open("/dev/full").unwrap());
        assert_eq!(log.take_failure(), None);
        log.write_all(b"a line\n").unwrap();
        log.write_all(b"another\n").unwrap();
        assert!(log.take_failure().unwrap().contains("No space left"));
        log.write_all(b"a third\n").unwrap();
        assert_eq!(log.take_failure(), None);
    }
}
