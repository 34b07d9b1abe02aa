//! tracing for developers: a log file in each run folder, and standard error with `-v`. Users read events instead.

use std::backtrace::Backtrace;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::print;
use super::screen;
use crate::base::visible;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Where log lines go once a run has a folder; until then they are dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct LogFile(Arc<Mutex<Option<File>>>);

impl LogFile {
    /// Sends lines to `log.txt` of a run's folder from here on. A run without a log is better than none.
    pub(super) fn open(&self, folder: &Path) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = File::create(folder.join("log.txt")).ok();
    }

    /// Ends the log: what comes now is of no run.
    pub(super) fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn is_open(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(file) => file.write(bytes),
            None => Ok(bytes.len()),
        }
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
    let to_stderr = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(io::stderr).with_filter(level);
    let ours = tracing_subscriber::filter::filter_fn(|metadata| metadata.target().starts_with("simpipe"));
    let layers = to_file.with_filter(LevelFilter::DEBUG).and_then(to_stderr).with_filter(ours);
    // A second call, as in tests, keeps the first subscriber.
    drop(tracing_subscriber::registry().with(layers).try_init());
    file
}
