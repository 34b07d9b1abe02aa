//! Downloads of published files: resumed, checked, and there whole or not at all.
//!
//! Bytes go to `<name>.part`, which a later run resumes; only a file with the published SHA-256 gets its name.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::published::{Published, sha256_of_file};
use super::request::{Answer, Limits, Silence};
use super::{Access, Step};
use crate::DataError;
use simpipe_base::fs::{create_dirs, share, sync_dir};
use simpipe_base::pace::Least;

/// How long to put up with a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Pauses before the second, third, .. try in a row that brings next to nothing new.
    pub pauses: &'static [Duration],
    /// Of each try.
    pub limits: Limits,
}

/// Some servers need a moment, and some networks half a minute.
pub(crate) const PATIENCE: Patience = Patience {
    pauses: &[
        Duration::from_millis(500),
        Duration::from_secs(1),
        Duration::from_secs(2),
        Duration::from_secs(4),
        Duration::from_secs(8),
    ],
    limits: Limits { head: Duration::from_secs(60), least: Least::over(Duration::from_secs(30)) },
};

/// The share of a file that a try has to bring to count as progress, unless that is less than a byte.
const WORTH: u64 = 1000;
/// Reasons that an error names, the last ones.
const NAMED: usize = 5;
/// Bytes between two reports of progress.
const REPORT: u64 = 1 << 20;

/// Fetches files into a folder.
pub(crate) struct Downloader<'a> {
    /// Where they go.
    pub folder: &'a Path,
    /// How long to put up with the server.
    pub patience: Patience,
    /// The ways to provide the data, for messages.
    pub help: &'a str,
    /// Progress and the wish to stop.
    pub access: &'a Access<'a>,
}

/// Why a try failed.
enum Failure {
    /// Nothing answers: no network, most likely.
    Unreached(String),
    /// Another try may do better.
    Passing(String),
    /// The server takes so long that even what came is no progress.
    Slow(String),
    /// No other try will do better.
    Final(DataError),
}

impl Downloader<'_> {
    /// The path of the whole, checked file, fetched from `base` if it is not there yet.
    ///
    /// # Errors
    /// [`DataError::Download`] if it can't be had, [`DataError::Changed`] if the source offers another file.
    pub(crate) fn fetch(&self, file: &Published, base: &str) -> Result<PathBuf, DataError> {
        let target = self.folder.join(file.name);
        if self.is_there(file, &target) {
            return Ok(target);
        }
        create_dirs(self.folder).map_err(DataError::io("create", self.folder))?;
        let path = self.folder.join(format!("{}.part", file.name));
        let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let part = open.map_err(DataError::io("write", &path))?;
        share(&part, &path); // another user may have to go on with it
        // Another process may be at it: its file is as good as ours.
        self.lock(&part, &path)?;
        if self.is_there(file, &target) {
            // Whoever made it has renamed its part; ours is empty or gone.
            std::fs::remove_file(&path).ok();
            return Ok(target);
        }
        let mut transfer = Transfer { downloader: self, file, url: format!("{base}{}", file.name), path, part };
        transfer.complete()?;
        transfer.part.sync_all().map_err(DataError::io("write", &transfer.path))?;
        std::fs::rename(&transfer.path, &target).map_err(DataError::io("rename", &transfer.path))?;
        sync_dir(self.folder).map_err(DataError::io("sync", self.folder))?;
        Ok(target)
    }

    fn lock(&self, part: &File, path: &Path) -> Result<(), DataError> {
        loop {
            match part.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => self.pause(Duration::from_millis(100))?,
                // Some network file systems know no locks: then two processes may fetch the same file.
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => return Ok(()),
                Err(TryLockError::Error(error)) => return Err(DataError::io("lock", path)(error)),
            }
        }
    }

    /// Waits, but not longer than the user.
    fn pause(&self, length: Duration) -> Result<(), DataError> {
        let slice = Duration::from_millis(100);
        let mut left = length;
        loop {
            if (self.access.stop)() {
                return Err(DataError::Stopped);
            }
            std::thread::sleep(left.min(slice));
            left = left.saturating_sub(slice);
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    /// A damaged file counts as absent: the download replaces it.
    fn is_there(&self, file: &Published, path: &Path) -> bool {
        path.is_file() && file.verify(path, self.help, self.access.stop).is_ok()
    }
}

/// One file under way.
struct Transfer<'a> {
    downloader: &'a Downloader<'a>,
    file: &'a Published,
    url: String,
    path: PathBuf,
    part: File,
}

impl Transfer<'_> {
    /// Tries until the part is the published file.
    fn complete(&mut self) -> Result<(), DataError> {
        let pauses = self.downloader.patience.pauses;
        let worth = (self.file.bytes / WORTH).max(1);
        let (mut furthest, mut in_vain, mut answered, mut tries) = (self.length()?, 0, false, Vec::new());
        loop {
            let (reason, slow) = match self.attempt() {
                Ok(()) => return Ok(()),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Unreached(reason)) if !answered => {
                    tries.push(reason);
                    return Err(self.given_up(&tries));
                }
                Err(Failure::Unreached(reason)) => (reason, false),
                Err(Failure::Passing(reason)) => {
                    answered = true;
                    (reason, false)
                }
                Err(Failure::Slow(reason)) => {
                    answered = true;
                    (reason, true)
                }
            };
            tracing::debug!(url = self.url, reason, "download interrupted");
            tries.push(reason);
            let length = self.length()?;
            if length >= furthest + worth {
                furthest = length;
                in_vain = if slow { in_vain } else { 0 };
            }
            let Some(pause) = pauses.get(in_vain) else { return Err(self.given_up(&tries)) };
            in_vain += 1;
            self.downloader.pause(*pause)?;
        }
    }

    /// Fetches what is missing, then checks the whole.
    fn attempt(&mut self) -> Result<(), Failure> {
        let mut had = self.length().map_err(Failure::Final)?;
        if had > self.file.bytes {
            self.restart()?;
            had = 0;
        }
        if had < self.file.bytes {
            self.transfer(had)?;
        }
        let (found, _) =
            sha256_of_file(&self.path, self.downloader.access.stop).map_err(|error| self.refused("read", error))?;
        if found == self.file.sha256 {
            return Ok(());
        }
        self.restart()?;
        if had > 0 {
            // The old piece may have been of another version, or damaged: only a fresh download tells.
            return Err(Failure::Passing("the resumed file has a wrong checksum".to_owned()));
        }
        std::fs::remove_file(&self.path).map_err(|error| self.refused("remove", error))?;
        Err(self.changed(format!("expected SHA-256 {}, found {found}", self.file.sha256)))
    }

    /// One request; appends the answer to the part.
    fn transfer(&mut self, had: u64) -> Result<(), Failure> {
        let access = self.downloader.access;
        let mut answer = Answer::ask(&self.url, had, self.downloader.patience.limits, access.stop)
            .map_err(|error| Failure::Passing(format!("can't start a thread: {error}")))?;
        let head = answer.head().map_err(|silence| self.no_answer(silence))?;
        let start = match head.status {
            200 => {
                self.expect_length(head.content_length.as_deref())?;
                self.restart()?;
                0
            }
            206 => {
                let (start, total) = content_range(head.content_range.as_deref().unwrap_or_default());
                self.expect_length(total)?;
                if start != Some(had) {
                    self.restart()?;
                    return Err(Failure::Passing("the server sent another range than asked for".to_owned()));
                }
                had
            }
            416 => {
                self.restart()?;
                return Err(Failure::Passing("the server refused to resume (416)".to_owned()));
            }
            status @ (408 | 425 | 429 | 500..=599) => {
                return Err(Failure::Passing(format!("the server answered {status}")));
            }
            status => return Err(Failure::Final(self.given_up(&[format!("the server answered {status}")]))),
        };
        self.append(&mut answer, start)
    }

    fn append(&mut self, answer: &mut Answer<'_>, start: u64) -> Result<(), Failure> {
        self.part.seek(SeekFrom::Start(start)).map_err(|error| self.refused("write", error))?;
        let (mut done, mut reported, total) = (start, start, self.file.bytes);
        loop {
            let piece = match answer.piece() {
                Ok(Some(piece)) => piece,
                Ok(None) if done == total => return Ok(()),
                Ok(None) => return Err(Failure::Passing(format!("cut off after {done} of {total} bytes"))),
                Err(Silence::Broken(error)) => {
                    return Err(Failure::Passing(format!("cut off after {done} of {total} bytes ({error})")));
                }
                Err(silence) => return Err(self.no_answer(silence)),
            };
            done += piece.len() as u64;
            if done > total {
                return Err(self.changed(format!("expected {total} bytes, found more")));
            }
            self.part.write_all(&piece).map_err(|error| self.refused("write", error))?;
            if done - reported >= REPORT || done == total {
                reported = done;
                (self.downloader.access.on_progress)(Step {
                    done,
                    total,
                    unit: "bytes",
                    message: self.file.name.to_owned(),
                });
            }
        }
    }

    /// A length that the server states must be the published one.
    fn expect_length(&self, stated: Option<&str>) -> Result<(), Failure> {
        match stated.and_then(|text| text.trim().parse::<u64>().ok()) {
            Some(bytes) if bytes != self.file.bytes => {
                Err(self.changed(format!("expected {} bytes, the server has {bytes}", self.file.bytes)))
            }
            _ => Ok(()),
        }
    }

    fn length(&self) -> Result<u64, DataError> {
        Ok(self.part.metadata().map_err(DataError::io("read", &self.path))?.len())
    }

    fn restart(&mut self) -> Result<(), Failure> {
        self.part.set_len(0).map_err(|error| self.refused("write", error))
    }

    fn refused(&self, action: &'static str, source: std::io::Error) -> Failure {
        Failure::Final(DataError::io(action, &self.path)(source))
    }

    fn no_answer(&self, silence: Silence) -> Failure {
        use ErrorKind::{ConnectionAborted, ConnectionReset, UnexpectedEof};
        use ureq::Timeout;
        let error = match silence {
            Silence::Stopped => return Failure::Final(DataError::Stopped),
            Silence::Slow(words) => return Failure::Slow(format!("the server is too slow: {words}")),
            Silence::Broken(error) => return Failure::Passing(format!("the server closed the connection ({error})")),
            Silence::Refused(error) => error,
        };
        match error {
            ureq::Error::Io(error) if matches!(error.kind(), ConnectionAborted | ConnectionReset | UnexpectedEof) => {
                Failure::Passing(format!("the server closed the connection ({error})"))
            }
            ureq::Error::Timeout(timeout) if !matches!(timeout, Timeout::Resolve | Timeout::Connect) => {
                Failure::Passing("the server does not answer".to_owned())
            }
            ureq::Error::Protocol(error) => Failure::Passing(format!("the server's answer was invalid ({error})")),
            ureq::Error::LargeResponseHeader(..) => {
                Failure::Passing(format!("the server's answer was invalid ({error})"))
            }
            ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed | ureq::Error::BadUri(_) => {
                Failure::Final(self.given_up(&[error.to_string()]))
            }
            error => Failure::Unreached(format!("no connection ({error})")),
        }
    }

    fn changed(&self, reason: String) -> Failure {
        let help = self.downloader.help.to_owned();
        Failure::Final(DataError::Changed { url: self.url.clone(), reason, help })
    }

    fn given_up(&self, tries: &[String]) -> DataError {
        let reason = match tries {
            [only] => only.clone(),
            all => {
                let runs = runs(all);
                let before = if runs.len() > NAMED { ".. ; " } else { "" };
                format!("{} tries: {before}{}", all.len(), runs[runs.len().saturating_sub(NAMED)..].join("; "))
            }
        };
        DataError::Download { url: self.url.clone(), reason, help: self.downloader.help.to_owned() }
    }
}

/// The same reason several times in a row, said once.
fn runs(reasons: &[String]) -> Vec<String> {
    let same = reasons.chunk_by(|a, b| a == b);
    same.map(|run| if run.len() == 1 { run[0].clone() } else { format!("{} ({} times)", run[0], run.len()) }).collect()
}

/// `bytes 5-9/10` -> 5 and "10".
fn content_range(text: &str) -> (Option<u64>, Option<&str>) {
    let Some((range, total)) = text.trim().strip_prefix("bytes ").and_then(|rest| rest.split_once('/')) else {
        return (None, None);
    };
    (range.split_once('-').and_then(|(start, _)| start.parse().ok()), Some(total))
}

#[cfg(test)]
#[path = "download_tests.rs"]
pub(crate) mod tests;
