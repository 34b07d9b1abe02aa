//! What tells a state of a file from another without reading it, and when that is to be trusted.
//!
//! A program that may write a file can give it any size, name and mtime (`cp -p`, `tar`, `touch -d`), and a file system
//! gives the inode of a removed file to the next one. Only the ctime is the kernel's own, so it is in the stamp of
//! everything that others write. What it and the inode are worth depends on the file system: see [`Kind`].

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::StatVfsMountFlags;
use serde::{Deserialize, Serialize};

use super::fs;
use simpipe_base::digest::Digest;
use simpipe_base::fs::FileTime;

/// Longer than the tick of any file system's clock that keeps fractions of a second.
pub(super) const SETTLED: Duration = Duration::from_millis(50);

/// The same for clocks of whole seconds, and for the two seconds of FAT.
const SETTLED_WHOLE: Duration = Duration::from_secs(2);

/// State of an object of the store: size, mtime in seconds and nanoseconds, inode. Not its ctime, which each link from
/// a run folder changes; and nobody but the store writes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ObjectStamp(u64, i64, i64, u64);

/// State of a file that others write: size, mtime and ctime in seconds and nanoseconds, inode, and the number of its
/// [`Volume`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SourceStamp(u64, i64, i64, i64, i64, u64, u64);

/// Either. They have different lengths, so that no memo is taken for one of the other kind, or of an older format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Stamp {
    Object(ObjectStamp),
    Source(SourceStamp),
}

/// A look at a file before it is read: whatever comes later is a change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<S> {
    /// Its state; `None` where nothing would tell it from another.
    pub(super) stamp: Option<S>,
    /// Whether a change from now on surely gives it another stamp.
    settled: bool,
}

impl<S> Look<S> {
    /// Whether a change from now on surely gives it another stamp.
    pub(super) const fn is_settled(&self) -> bool {
        self.settled
    }
}

impl<S: Copy + PartialEq> Look<S> {
    /// The state to remember of a file that was read after this look, by what the open file said in the end: none if
    /// its name led to another one by then, or if it may have been written meanwhile.
    pub(super) fn lasted(self, read: io::Result<Self>) -> Option<S> {
        self.stamp.filter(|_| self.settled && read.is_ok_and(|read| read.stamp == self.stamp))
    }
}

impl Look<SourceStamp> {
    pub(super) fn any(self) -> Look<Stamp> {
        Look { stamp: self.stamp.map(Stamp::Source), settled: self.settled }
    }
}

/// A look at an object of the store.
pub(super) fn look_at_object(stat: &fs::Stat) -> Look<Stamp> {
    let fs::Stat { size, modified, inode, .. } = *stat;
    let stamp = Stamp::Object(ObjectStamp(size, modified.0, modified.1, inode));
    Look { stamp: Some(stamp), settled: settled(modified, modified, SystemTime::now()) }
}

/// Whether a file was last changed long enough before `now`: its clock has ticked since. One that is dated later than
/// now never is: when its clock will tick is not known.
fn settled(modified: FileTime, changed: FileTime, now: SystemTime) -> bool {
    let limit = if changed.1 == 0 { SETTLED_WHOLE } else { SETTLED };
    let Some(now) = now.duration_since(UNIX_EPOCH).ok().and_then(|since| i128::try_from(since.as_nanos()).ok()) else {
        return false;
    };
    let (seconds, nanos) = modified.max(changed);
    let age = now - (i128::from(seconds) * 1_000_000_000 + i128::from(nanos));
    u128::try_from(age).is_ok_and(|age| age > limit.as_nanos())
}

/// Why a file is read by every run, though nobody changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unremembered {
    /// Nothing says that its bytes were changed.
    #[error("the file system keeps no time of change")]
    NoChangeTime,
    /// Nothing tells its file system from another one at the same place.
    #[error("another file system mounted there could not be told from this one")]
    NoMount,
    /// Its times lie in the future.
    #[error("the date is in the future")]
    Future,
}

impl Unremembered {
    /// Why a file would be read by every run; `None` if it is remembered.
    ///
    /// # Errors
    /// If the file can't be looked at.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        let stat = fs::stat(path)?;
        if let Err(why) = Volumes::default().of(path, &stat).stamp(&stat) {
            return Ok(Some(why));
        }
        // What was written just now is remembered by the run after the next: that is no reason to worry.
        let soon = SystemTime::now() + SETTLED_WHOLE * 2;
        Ok((!settled(stat.modified, stat.changed, soon)).then_some(Self::Future))
    }

    /// What to do about it.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::NoChangeTime | Self::NoMount => "that is safe but slow: copy the data to a file system of a disk",
            Self::Future => "set the clock right, or the files' dates (`touch`)",
        }
    }
}

/// What inode and ctime are worth in a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Both lie on a disk (that of a server, maybe), and a change of a file always moves its ctime: they hold over a
    /// restart.
    Lasting,
    /// They hold as long as it is mounted. In memory (tmpfs) numbers start anew with each mount; an overlay numbers its
    /// files by its layers; FAT keeps no ctime and no inode on the disk, but one that was dropped from memory comes back
    /// with another inode.
    Mounted,
    /// An image that nobody can write while it is mounted, whatever its times say: those of squashfs and ISO 9660 are
    /// what its maker chose, often all the same.
    Image,
    /// A program or another machine tells them (FUSE, 9p, SMB, and whatever is not known here). Many know only the mtime
    /// and give it as the ctime too, or give zero: then nothing shows that bytes were replaced and the mtime set back. So
    /// the ctime counts only where it is another.
    Told,
}

/// `f_type` of statfs(2), as far as it is known what its inode and ctime are worth.
const KINDS: [(u64, Kind); 23] = [
    (0xef53, Kind::Lasting),      // ext2, ext3, ext4
    (0x5846_5342, Kind::Lasting), // xfs
    (0x9123_683e, Kind::Lasting), // btrfs
    (0xf2f5_2010, Kind::Lasting), // f2fs
    (0x2fc1_2fc1, Kind::Lasting), // zfs
    (0xca45_1a4e, Kind::Lasting), // bcachefs
    (0x3153_464a, Kind::Lasting), // jfs
    (0x7461_636f, Kind::Lasting), // ocfs2
    (0x0116_1970, Kind::Lasting), // gfs2
    (0x6969, Kind::Lasting),      // nfs: the server's own, which it keeps on its disk
    (0x00c3_6400, Kind::Lasting), // ceph
    (0x0bd0_0bd0, Kind::Lasting), // lustre
    (0x4750_4653, Kind::Lasting), // gpfs
    (0x0102_1994, Kind::Mounted), // tmpfs
    (0x8584_58f6, Kind::Mounted), // ramfs
    (0x794c_7630, Kind::Mounted), // overlay
    (0x4d44, Kind::Mounted),      // vfat
    (0x2011_bab0, Kind::Mounted), // exfat
    (0x7371_7368, Kind::Image),   // squashfs
    (0x9660, Kind::Image),        // iso9660
    (0xe0f5_e1e2, Kind::Image),   // erofs
    (0x28cd_3d45, Kind::Image),   // cramfs
    (0x7275, Kind::Image),        // romfs
];

/// Major numbers of devices that get another file system at any time: loop and nbd.
const HANDED_OUT: [u32; 2] = [7, 43];

impl Kind {
    #[cfg(target_os = "linux")]
    fn of(path: &Path) -> rustix::io::Result<Self> {
        // Its type differs between machines, and negative numbers are extended.
        let number = rustix::fs::statfs(path)?.f_type as u64 & 0xffff_ffff;
        Ok(KINDS.iter().find(|(known, _)| *known == number).map_or(Self::Told, |(_, kind)| *kind))
    }

    #[cfg(not(target_os = "linux"))]
    fn of(_: &Path) -> rustix::io::Result<Self> {
        Ok(Self::Lasting)
    }
}

/// A mounted file system, as far as stamps of its files need to know it.
#[derive(Debug, Clone, Copy)]
struct Volume {
    kind: Kind,
    /// Stands for the device, for the file system's own number, and, where those may come to mean another file system
    /// (another image at the same place), for the mount and the start of the machine. `None` where that can't be told.
    number: Option<u64>,
}

impl Volume {
    fn at(path: &Path, stat: &fs::Stat) -> rustix::io::Result<Self> {
        let (kind, whole) = (Kind::of(path)?, rustix::fs::statvfs(path)?);
        let lasting = kind == Kind::Lasting
            && !whole.f_flag.contains(StatVfsMountFlags::RDONLY)
            && !HANDED_OUT.contains(&rustix::fs::major(stat.device));
        let mount = stat.mount.zip(boot());
        let digest = || Digest::of_json(&(stat.device, whole.f_fsid, mount.filter(|_| !lasting))).to_string();
        let number = (lasting || mount.is_some()).then(|| u64::from_str_radix(&digest()[..16], 16).ok()).flatten();
        Ok(Self { kind, number })
    }

    fn stamp(self, stat: &fs::Stat) -> Result<SourceStamp, Unremembered> {
        let fs::Stat { size, modified, changed, inode, .. } = *stat;
        let tells = match self.kind {
            Kind::Lasting | Kind::Mounted => changed != (0, 0),
            Kind::Image => true,
            Kind::Told => changed != (0, 0) && changed != modified,
        };
        if !tells {
            return Err(Unremembered::NoChangeTime);
        }
        let number = self.number.ok_or(Unremembered::NoMount)?;
        Ok(SourceStamp(size, modified.0, modified.1, changed.0, changed.1, inode, number))
    }
}

/// Another after each start of the machine.
fn boot() -> Option<&'static str> {
    static BOOT: OnceLock<Option<String>> = OnceLock::new();
    BOOT.get_or_init(|| std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()).as_deref()
}

/// The file systems that files were found on, so that each is asked once.
#[derive(Debug, Default)]
pub(super) struct Volumes(RwLock<BTreeMap<(u64, Option<u64>), Volume>>);

impl Volumes {
    /// A look at a file that others write.
    pub(super) fn look(&self, path: &Path, stat: &fs::Stat) -> Look<SourceStamp> {
        let stamp = self.of(path, stat).stamp(stat).ok();
        Look { stamp, settled: settled(stat.modified, stat.changed, SystemTime::now()) }
    }

    fn of(&self, path: &Path, stat: &fs::Stat) -> Volume {
        let at = (stat.device, stat.mount);
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&at) {
            return *known;
        }
        // Of what can't be asked nothing is trusted.
        let volume = Volume::at(path, stat).unwrap_or(Volume { kind: Kind::Told, number: None });
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(at, volume);
        volume
    }
}

#[cfg(test)]
#[path = "stamp_tests.rs"]
mod tests;
