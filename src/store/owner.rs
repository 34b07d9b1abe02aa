//! Whose something is: a process, so named that no other is taken for it, and whether it still lives.
//!
//! A `flock` says that better where it works. Some file systems have none, some give it to everybody, and some to one
//! on each machine. So whoever makes a private folder or a journal writes down who it is: the process number and when
//! the process began, with the machine since it last started and the namespace that both are of. A process of the same
//! namespace is then dead or alive, and nobody has to guess. Of another one's nothing is known but its last sign of
//! life, which is the time of a file's last change and measured by the file system's own clock: see [`signs`].
//!
//! [`signs`]: super::signs

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use super::{Store, fs, signs};
use simpipe_base::digest::Digest;

/// A process, of whichever machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) pid: u32,
    /// When it began, in the kernel's ticks since the machine started.
    start: u64,
    /// The start of the machine and the namespaces that both numbers are of, as 12 digits.
    realm: String,
}

/// What is known of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    Dead,
    /// It is of another machine or namespace, or this system doesn't tell.
    Elsewhere,
}

static HERE: LazyLock<Option<Owner>> = LazyLock::new(|| {
    let link = |path: &str| std::fs::read_link(path).map(|to| to.to_string_lossy().into_owned()).unwrap_or_default();
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let realm = Digest::of_json(&(boot.trim(), link("/proc/self/ns/pid"), link("/proc/self/ns/time"))).short();
    Some(Owner { pid: std::process::id(), start: Process::read("self").ok()?.start, realm })
});

#[cfg(any(test, feature = "testing"))]
thread_local! {
    /// Whom a thread takes itself for.
    static PRETENDED: std::cell::Cell<Option<&'static Owner>> = const { std::cell::Cell::new(None) };
}

/// From here on this thread is a process of another machine, to itself and to all others.
#[cfg(any(test, feature = "testing"))]
pub fn pretend_elsewhere() {
    let realm = Digest::of_json(&format!("{:?}", std::thread::current().id())).short();
    PRETENDED.set(Some(Box::leak(Box::new(Owner { pid: std::process::id(), start: 1, realm }))));
}

/// What `/proc/<pid>/stat` says.
struct Process {
    start: u64,
    /// It has ended, and nobody has asked yet how.
    ended: bool,
}

impl Process {
    fn read(pid: &str) -> std::io::Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name comes second, in parentheses, and may hold anything.
        let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let start = fields.get(19).and_then(|field| field.parse().ok()).ok_or(ErrorKind::InvalidData)?;
        Ok(Self { start, ended: matches!(fields[0], "Z" | "X") })
    }
}

impl Owner {
    /// This process; `None` where the system doesn't tell.
    pub(super) fn here() -> Option<&'static Self> {
        #[cfg(any(test, feature = "testing"))]
        if let Some(elsewhere) = PRETENDED.get() {
            return Some(elsewhere);
        }
        HERE.as_ref()
    }

    /// For names and journals.
    pub(super) fn text() -> String {
        Self::here().map_or_else(|| std::process::id().to_string(), ToString::to_string)
    }

    /// Whether its number means anything to processes here.
    pub(super) fn is_near(&self) -> bool {
        Self::here().is_some_and(|here| here.realm == self.realm)
    }

    fn life(&self) -> Life {
        let Some(here) = Self::here().filter(|_| self.is_near()) else { return Life::Elsewhere };
        if self.pid == here.pid {
            return if self.start == here.start { Life::Alive } else { Life::Dead };
        }
        // Where `/proc` is that of another namespace, it tells of other processes.
        if std::fs::read_link("/proc/self").ok() != Some(PathBuf::from(here.pid.to_string())) {
            return Life::Elsewhere;
        }
        match Process::read(&self.pid.to_string()) {
            Ok(process) if process.start == self.start && !process.ended => Life::Alive,
            Ok(_) => Life::Dead,
            // Some systems hide other users' processes, the first one too.
            Err(error) if error.kind() == ErrorKind::NotFound && Path::new("/proc/1").exists() => Life::Dead,
            Err(_) => Life::Elsewhere,
        }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}", self.pid, self.start, self.realm)
    }
}

impl FromStr for Owner {
    type Err = ();

    /// Of the text, or of a name that begins with it.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.trim().split('-');
        let mut part = || parts.next().ok_or(());
        let (pid, start) = (part()?.parse().map_err(drop)?, part()?.parse().map_err(drop)?);
        let realm = part()?.to_owned();
        if realm.len() == 12 { Ok(Self { pid, start, realm }) } else { Err(()) }
    }
}

impl Store {
    /// Whether the owner of a file that shows signs of life is alive. One that is nowhere near counts as alive for
    /// `silent` after its last sign; one that nobody knows, such as that of an older simpipe, as dead: it has a lock.
    pub(super) fn life_of(&self, owner: Option<&Owner>, sign: &Path, silent: Duration) -> Life {
        match owner.map(Owner::life) {
            None if self.locks_work() => Life::Dead,
            Some(Life::Alive) if owner == Owner::here() => {
                if signs::shows(sign) {
                    Life::Alive
                } else {
                    Life::Dead
                }
            }
            Some(known @ (Life::Alive | Life::Dead)) => known,
            None | Some(Life::Elsewhere) => match fs::metadata(sign).and_then(|metadata| metadata.modified()) {
                Ok(last) if self.is_of_an_earlier_start(last) => Life::Dead,
                Ok(last) if self.clock().duration_since(last).unwrap_or_default() >= silent => Life::Dead,
                Ok(_) => Life::Elsewhere,
                Err(_) => Life::Dead,
            },
        }
    }

    /// How long ago a file gave its last sign of life.
    pub(super) fn silent_for(&self, sign: &Path) -> Duration {
        let last = fs::metadata(sign).and_then(|metadata| metadata.modified());
        last.map_or(Duration::MAX, |last| self.clock().duration_since(last).unwrap_or_default())
    }

    /// Now, as the file system that the store is on counts it: machines that share one have clocks of their own.
    fn clock(&self) -> SystemTime {
        let gate = self.folder("locks").join("gate");
        let now = fs::touch(&gate).and_then(|()| fs::metadata(&gate)?.modified());
        now.unwrap_or_else(|_| SystemTime::now())
    }

    /// Whether a sign of life comes from before this machine was started, on a disk that only this machine has.
    fn is_of_an_earlier_start(&self, last: SystemTime) -> bool {
        let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let began = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
        let began = began.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        began.is_some_and(|began| last + Duration::from_secs(2) < began) && is_local(self.root())
    }
}

/// Whether a folder is on a file system that one machine alone can have: ext, XFS, Btrfs, F2FS, ZFS, tmpfs.
fn is_local(folder: &Path) -> bool {
    const LOCAL: [i128; 6] = [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x2FC1_2FC1, 0x0102_1994];
    rustix::fs::statfs(folder).is_ok_and(|stat| LOCAL.contains(&i128::from(stat.f_type)))
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Owner {
        pub(crate) fn start_of(pid: u32) -> Option<u64> {
            Some(Process::read(&pid.to_string()).ok()?.start)
        }
    }

    #[test]
    fn a_process_is_alive_until_it_ends_and_its_number_is_not_enough() {
        let here = Owner::here().unwrap();
        assert_eq!(here.to_string().parse(), Ok(here.clone()));
        assert_eq!(format!("{here}-0123456789ab").parse(), Ok(here.clone()), "the name of a private folder");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let start = Process::read(&child.id().to_string()).unwrap().start;
        let owner = Owner { pid: child.id(), start, ..here.clone() };
        assert_eq!(owner.life(), Life::Alive);
        assert_eq!(Owner { start: start + 1, ..owner.clone() }.life(), Life::Dead, "another process of that number");
        assert_eq!(Owner { realm: "0123456789ab".to_owned(), ..owner.clone() }.life(), Life::Elsewhere);
        child.kill().unwrap();
        for _ in 0..1000 {
            if owner.life() == Life::Dead {
                break; // before anybody has asked how it ended
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(owner.life(), Life::Dead);
        child.wait().unwrap();
        assert_eq!(owner.life(), Life::Dead);
    }

    #[test]
    fn what_is_no_owner_is_not_taken_for_one() {
        for text in ["", "4000000", "4000000-abc", "1-2-3", "a-2-0123456789ab", "-1-2-0123456789ab"] {
            assert_eq!(text.parse::<Owner>(), Err(()), "{text}");
        }
    }
}
