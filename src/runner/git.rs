//! The state of a project's git repository, for the record of a run; never in a key or an artifact.
//!
//! `git` itself is asked, while the run is under way. Where there is no repository, no `git` or no answer in time,
//! nothing is known, which is no error.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use simpipe_base::digest::Digest;

/// How long `git` may take. It works beside the run's stages, so a short run alone waits for it.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of its output that are taken at a time.
const PIECE: usize = 1 << 16;
/// Pieces that may wait to be taken: a change may be larger than memory.
const AHEAD: usize = 64;
/// What would make it look at another repository than the project's: a run may be started by one of git's own hooks.
const ELSEWHERE: [&str; 5] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"];

/// Prints what is changed as everybody's git does, whatever this user's is told to do.
const DIFF: [&str; 15] = [
    "-c",
    "diff.noprefix=false",
    "-c",
    "diff.mnemonicPrefix=false",
    "-c",
    "diff.relative=false",
    "diff",
    "HEAD",
    "--binary",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-renames",
    "--unified=3",
    "--diff-algorithm=myers",
];

/// What was checked out, and what of it was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitState {
    /// The commit that is checked out.
    pub commit: String,
    /// Whether a file that git knows differs from the commit. Files that it does not know count for nothing.
    pub dirty: bool,
    /// Digest of what `git diff HEAD --binary` prints, where it prints something: the same changes have the same.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub diff: Option<Digest>,
}

/// A look at a repository that is under way.
#[derive(Debug)]
pub(super) struct Look(Option<Receiver<Option<GitState>>>);

impl Look {
    /// Begins to look at the repository that holds a folder.
    pub(super) fn begin(project: &Path) -> Self {
        let Some(project) = std::path::absolute(project).ok().filter(|project| is_inside(project)) else {
            return Self(None);
        };
        let (sender, receiver) = channel();
        // Nobody joins it: it ends when its time is up at the latest.
        let asking = thread::Builder::new().name("git".to_owned()).spawn(move || drop(sender.send(ask(&project))));
        Self(asking.is_ok().then_some(receiver))
    }

    /// What was found; `None` where nothing is known.
    pub(super) fn end(self) -> Option<GitState> {
        self.0?.recv_timeout(PATIENCE).ok().flatten()
    }
}

/// A look that the trials of a sweep share: what runs in one process is what was there as it began.
#[derive(Debug)]
pub(super) struct SharedLook {
    under_way: Mutex<Option<Look>>,
    found: OnceLock<Option<GitState>>,
}

impl SharedLook {
    /// As [`Look::begin`].
    pub(super) fn begin(project: &Path) -> Self {
        Self { under_way: Mutex::new(Some(Look::begin(project))), found: OnceLock::new() }
    }

    /// As [`Look::end`]; only the first who asks waits.
    pub(super) fn end(&self) -> Option<GitState> {
        let take = || self.under_way.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.found.get_or_init(|| take().and_then(Look::end)).clone()
    }
}

/// Whether some folder above has a repository: only then is it worth to start a program.
fn is_inside(project: &Path) -> bool {
    project.ancestors().any(|folder| folder.join(".git").exists())
}

fn ask(project: &Path) -> Option<GitState> {
    let until = Instant::now() + PATIENCE;
    let commit = Asked::start(project, &["rev-parse", "--verify", "HEAD"])?;
    let diff = Asked::start(project, &DIFF)?;
    let (mut words, mut changes, mut empty) = (Vec::new(), blake3::Hasher::new(), true);
    commit.read(until, &mut |piece| words.extend_from_slice(piece))?;
    diff.read(until, &mut |piece| {
        empty = false;
        changes.update(piece);
    })?;
    let commit = String::from_utf8(words).ok()?.trim().to_owned();
    let is_commit = commit.len() >= 40 && commit.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_commit.then(|| GitState { commit, dirty: !empty, diff: (!empty).then(|| Digest::from_hasher(&changes)) })
}

/// A `git` at work; it is ended when nobody waits for it any more.
struct Asked {
    child: Child,
    output: Receiver<Vec<u8>>,
}

impl Asked {
    fn start(project: &Path, arguments: &[&str]) -> Option<Self> {
        let mut command = Command::new(program()?);
        // It may neither write nor ask: an index that is not refreshed costs it time, and nothing else.
        command.arg("-C").arg(project).args(["--no-optional-locks", "-c", "core.fsmonitor=false"]).args(arguments);
        for name in ELSEWHERE {
            command.env_remove(name);
        }
        command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let mut pipe = child.stdout.take()?;
        let (sender, output) = sync_channel(AHEAD);
        let reader = thread::Builder::new().name("git-output".to_owned()).spawn(move || {
            let mut buffer = vec![0; PIECE];
            loop {
                match pipe.read(&mut buffer) {
                    Ok(read @ 1..) if sender.send(buffer[..read].to_vec()).is_ok() => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Ok(_) | Err(_) => return,
                }
            }
        });
        let asked = Self { child, output };
        reader.is_ok().then_some(asked)
    }

    /// Takes all that it prints; `None` if it fails or takes too long.
    fn read(mut self, until: Instant, take: &mut dyn FnMut(&[u8])) -> Option<()> {
        loop {
            match self.output.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(piece) => take(&piece),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return None,
            }
        }
        // It has closed its output, so it is about to end.
        loop {
            match self.child.try_wait().ok()? {
                Some(status) => return status.success().then_some(()),
                None if Instant::now() >= until => return None,
                None => thread::sleep(Duration::from_millis(1)),
            }
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // One that has ended is only collected.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The first `git` of the search path: never one that lies in the current folder.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("git"))
        .find(|at| at.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(folder: &Path, arguments: &[&str]) -> bool {
        let mut command = Command::new("git");
        command.arg("-C").arg(folder).args(["-c", "user.name=a", "-c", "user.email=a@example.org"]).args(arguments);
        for name in ELSEWHERE {
            command.env_remove(name);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "what is skipped is said")]
    fn commit_and_changes_are_found_and_what_git_does_not_know_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let look = || Look::begin(folder.path()).end();
        assert_eq!(look(), None, "there is no repository");
        if !git(folder.path(), &["init", "--quiet"]) {
            eprintln!("skipped 1 check against git: it is not on this machine");
            return;
        }
        assert_eq!(look(), None, "there is no commit");
        let file = folder.path().join("a.toml");
        std::fs::write(&file, "epochs = 1\n").unwrap();
        assert!(git(folder.path(), &["add", "."]) && git(folder.path(), &["commit", "--quiet", "-m", "a"]));
        std::fs::write(folder.path().join("notes"), "unknown to git").unwrap();
        let clean = look().unwrap();
        assert!((clean.commit.len(), clean.dirty, clean.diff) == (40, false, None), "{clean:?}");
        std::fs::write(&file, "epochs = 2\n").unwrap();
        let shared = SharedLook::begin(folder.path());
        let dirty = look().unwrap();
        assert_eq!((shared.end(), shared.end()), (Some(dirty.clone()), Some(dirty.clone())));
        assert!(dirty.commit == clean.commit && dirty.dirty && dirty.diff.is_some(), "{dirty:?}");
        assert_eq!(look().unwrap(), dirty, "the same changes have the same digest");
        std::fs::write(&file, "epochs = 3\n").unwrap();
        assert_ne!(look().unwrap().diff, dirty.diff);
        let inside = folder.path().join("configs");
        std::fs::create_dir(&inside).unwrap();
        assert_eq!(Look::begin(&inside).end().unwrap().commit, clean.commit, "a project may be a part of a repository");
    }
}
