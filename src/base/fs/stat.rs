//! What the system knows of a file, as far as it tells one state of its content from another.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

#[cfg(target_os = "linux")]
use rustix::fs::AtFlags;

use super::{Verb, before};

/// A time of a file: seconds since 1970, and nanoseconds.
pub type FileTime = (i64, i64);

/// A file, links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Its length.
    pub size: u64,
    /// When its bytes were last written; whoever may write them can set it at will (`touch`, `tar`, `cp -p`).
    pub modified: FileTime,
    /// When its bytes or anything else of it last changed: set by the kernel. Zero where that is not kept.
    pub changed: FileTime,
    /// Its number in its file system.
    pub inode: u64,
    /// The device of its file system.
    pub device: u64,
    /// The mount that it was reached through. No two mounts share the number until the machine is started anew; `None`
    /// where the kernel has no such number (Linux before 6.8: its older ones are given again).
    pub mount: Option<u64>,
}

/// What the system knows of a file.
///
/// # Errors
/// [`ErrorKind::NotFound`](io::ErrorKind::NotFound) if there is none.
pub fn stat(path: &Path) -> io::Result<Stat> {
    before(Verb::Read, path, path)?;
    by_path(path).unwrap_or_else(|| std::fs::metadata(path).map(|found| without_mount(&found)))
}

/// What the system knows of an open file, whatever its path leads to by now.
///
/// # Errors
/// If the system does not say it.
pub fn stat_open(file: &File, path: &Path) -> io::Result<Stat> {
    before(Verb::Read, path, path)?;
    by_file(file).unwrap_or_else(|| file.metadata().map(|found| without_mount(&found)))
}

/// The same of a file below an open folder: for many files of one folder, whose own path need not be walked each time.
///
/// # Errors
/// As [`stat`], and [`io::ErrorKind::Unsupported`] where there is no such call.
#[cfg(target_os = "linux")]
pub(super) fn stat_below(folder: impl std::os::fd::AsFd, path: &str) -> io::Result<Stat> {
    let found = with_mount(|mask| rustix::fs::statx(folder, path, AtFlags::STATX_FORCE_SYNC, mask));
    found.unwrap_or_else(|| Err(io::ErrorKind::Unsupported.into()))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn stat_below(_: impl std::os::fd::AsFd, _: &str) -> io::Result<Stat> {
    Err(io::ErrorKind::Unsupported.into())
}

/// All in one call to the system, so that ten thousand files cost ten thousand calls; `None` where there is no such call.
/// A file system that is told of its files by others (NFS, FUSE) asks them: what it remembers may be a minute old.
#[cfg(target_os = "linux")]
fn by_path(path: &Path) -> Option<io::Result<Stat>> {
    with_mount(|mask| rustix::fs::statx(rustix::fs::CWD, path, AtFlags::STATX_FORCE_SYNC, mask))
}

#[cfg(target_os = "linux")]
fn by_file(file: &File) -> Option<io::Result<Stat>> {
    with_mount(|mask| rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH | AtFlags::STATX_FORCE_SYNC, mask))
}

#[cfg(target_os = "linux")]
fn with_mount(
    ask: impl FnOnce(rustix::fs::StatxFlags) -> rustix::io::Result<rustix::fs::Statx>,
) -> Option<io::Result<Stat>> {
    use rustix::fs::StatxFlags;
    const UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000); // STATX_MNT_ID_UNIQUE

    match ask(StatxFlags::BASIC_STATS | UNIQUE) {
        Err(rustix::io::Errno::NOSYS) => None,
        Err(error) => Some(Err(error.into())),
        Ok(found) => {
            let has = |what: StatxFlags| found.stx_mask & what.bits() != 0;
            let time = |what, time: rustix::fs::StatxTimestamp| {
                if has(what) { (time.tv_sec, i64::from(time.tv_nsec)) } else { (0, 0) }
            };
            Some(Ok(Stat {
                size: found.stx_size,
                modified: time(StatxFlags::MTIME, found.stx_mtime),
                changed: time(StatxFlags::CTIME, found.stx_ctime),
                inode: found.stx_ino,
                device: rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor),
                mount: has(UNIQUE).then_some(found.stx_mnt_id),
            }))
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn by_path(_: &Path) -> Option<io::Result<Stat>> {
    None
}

#[cfg(not(target_os = "linux"))]
fn by_file(_: &File) -> Option<io::Result<Stat>> {
    None
}

fn without_mount(found: &Metadata) -> Stat {
    Stat {
        size: found.size(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
        inode: found.ino(),
        device: found.dev(),
        mount: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_of_asking_give_the_same() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "four").unwrap();
        let plain = without_mount(&std::fs::metadata(file.path()).unwrap());
        assert_eq!(plain.size, 4);
        assert_eq!(Stat { mount: None, ..stat(file.path()).unwrap() }, plain);
        assert_eq!(stat_open(file.as_file(), file.path()).unwrap(), stat(file.path()).unwrap());
        assert_eq!(stat(Path::new("/nowhere")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
