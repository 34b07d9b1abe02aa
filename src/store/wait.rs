//! Waiting for the store's locks: never silent, never deaf.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Store, StoreError, fs};

/// A wait that is over by then is not worth a word.
const SILENTLY: Duration = Duration::from_millis(300);

/// How long something that is about to end anyway is still waited for after the user asked to stop: a last checkpoint
/// is worth that.
const AFTER_CANCEL: Duration = Duration::from_millis(400);

/// How often a waiting process looks again.
const POLL: Duration = Duration::from_millis(5);

/// Processes that are named one by one.
const MOST_NAMED: usize = 3;

/// Takes what is said.
type Hear = dyn Fn(&str) + Send + Sync;

/// Who hears for whom the store waits.
#[derive(Clone, Default)]
pub(super) struct Listener(Option<Arc<Hear>>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// One wait.
pub(super) struct Wait<'a> {
    store: &'a Store,
    began: Instant,
    told: bool,
    cancelled: Option<Instant>,
}

impl Store {
    /// The same store, which says whom it waits for, once a wait has taken a moment.
    #[must_use]
    pub fn saying(self, listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { listener: Listener(Some(Arc::new(listener))), ..self }
    }

    pub(super) fn wait(&self) -> Wait<'_> {
        Wait { store: self, began: Instant::now(), told: false, cancelled: None }
    }
}

impl Wait<'_> {
    /// Passes a moment; `whom` says for whom, such as `process 12, which computes the same result`.
    ///
    /// # Errors
    /// [`StoreError::Interrupted`] soon after the user asked to stop.
    pub(super) fn pass(&mut self, whom: &dyn Fn() -> String) -> Result<(), StoreError> {
        if self.store.cancelled() && self.cancelled.get_or_insert_with(Instant::now).elapsed() >= AFTER_CANCEL {
            return Err(StoreError::Interrupted);
        }
        if !self.told && self.began.elapsed() >= SILENTLY {
            self.told = true;
            let text = format!("waiting for {}", whom());
            tracing::info!("{text}");
            if let Listener(Some(listener)) = &self.store.listener {
                listener(&text);
            }
        }
        std::thread::sleep(POLL);
        Ok(())
    }
}

/// The processes that hold a lock on a file, and what they do: `process 12 (`store gc`), which is stopped`.
pub(super) fn holders(path: &Path, what: &str) -> String {
    let mut pids = flocked(path).unwrap_or_default();
    pids.retain(|pid| *pid != std::process::id());
    let named: Vec<String> = pids.iter().take(MOST_NAMED).map(|pid| named(*pid)).collect();
    match (&named[..], pids.len()) {
        ([], _) => format!("another process, which {what}"),
        ([one], _) if is_stopped(pids[0]) => format!("process {one}, which {what} and is stopped"),
        ([one], _) => format!("process {one}, which {what}"),
        (some, all) if all > some.len() => {
            format!("processes {} and {} more: each {what}", some.join(", "), all - some.len())
        }
        (some, _) => format!("processes {}: each {what}", some.join(", ")),
    }
}

/// The kernel's list of locks names each holder; only Linux has one. It says nothing of other machines.
fn flocked(path: &Path) -> Option<Vec<u32>> {
    let metadata = fs::metadata(path).ok()?;
    let device = format!("{:02x}:{:02x}", rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
    let list = std::fs::read_to_string("/proc/locks").ok()?;
    let held: Vec<(u32, &str)> = list
        .lines()
        .filter_map(flock)
        .filter(|(_, inode, _)| *inode == metadata.ino())
        .map(|(pid, _, on)| (pid, on))
        .collect();
    // Some file systems show their files with another device than the list.
    let exact = held.iter().any(|(_, on)| *on == device);
    let mut pids: Vec<u32> = held.into_iter().filter(|(_, on)| !exact || *on == device).map(|(pid, _)| pid).collect();
    pids.sort_unstable();
    pids.dedup();
    Some(pids)
}

/// The process, inode and device of a line such as `1: FLOCK  ADVISORY  WRITE 12 fe:00:345 0 EOF`; `None` for one of
/// another kind, that is only waited for, or of a process that this namespace doesn't see.
fn flock(line: &str) -> Option<(u32, u64, &str)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK", _, _, pid, file, ..] = fields[..] else { return None };
    let (device, inode) = file.rsplit_once(':')?;
    Some((pid.parse().ok().filter(|pid| *pid > 0)?, inode.parse().ok()?, device))
}

/// A process by its number and the words that it was started with, as far as they can be seen.
fn named(pid: u32) -> String {
    const LONGEST: usize = 60;
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).into_owned();
    let words = line.split('\0').skip(1).take_while(|word| !word.is_empty() && !word.starts_with('-'));
    let words = words.collect::<Vec<_>>().join(" ");
    let shown: String = words.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect();
    if shown.is_empty() { pid.to_string() } else { format!("{pid} (`{shown}`)") }
}

/// Whether somebody has stopped a process, by Ctrl-Z or SIGSTOP.
fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| matches!(rest.trim_start().chars().next(), Some('T' | 't')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_knows_who_holds_a_lock() {
        let lines = "1: FLOCK  ADVISORY  WRITE 12 fe:00:345 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 13 fe:00:345 0 EOF\n\
                     2: POSIX  ADVISORY  READ 14 fe:00:345 0 EOF\n3: FLOCK  ADVISORY  READ -1 fe:00:345 0 EOF";
        let found: Vec<_> = lines.lines().filter_map(flock).collect();
        assert_eq!(found, [(12, 345, "fe:00")]);

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let file = fs::open_lock(&path).unwrap();
        assert_eq!(flocked(&path), Some(Vec::new()));
        assert!(file.try_lock().is_ok());
        assert_eq!(flocked(&path), Some(vec![std::process::id()]));
        assert_eq!(holders(&path, "does it"), "another process, which does it", "not this one");
    }

    #[test]
    fn a_process_is_named_by_its_words() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        // It has its words a moment after it has become another program.
        while named(child.id()) == child.id().to_string() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(named(child.id()), format!("{} (`60`)", child.id()));
        assert!(!is_stopped(child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(named(child.id()), child.id().to_string());
    }
}
