//! Moving damage aside, into `quarantine/`: only what is damaged still, while nobody else uses the store.
//!
//! What is found to be damaged may be healed by another run a moment later. So whoever found it gives back its share of
//! the store, takes the store alone and looks once more: what was read is what is moved. A file that can't be read for a
//! passing reason (too many open files, no memory, a server that does not answer) is not damaged, and stays.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::{Declared, Found, Store, StoreError, fs};
use simpipe_base::digest::Digest;
use simpipe_base::fs::{expect_regular, is_wrong_place};

/// What Linux says of bytes that a disk has lost: `EIO`, `EBADMSG`, `EUCLEAN`. A folder that is forbidden or too many
/// open files are not among them.
const BAD_DISK: [i32; 3] = [5, 74, 117];
/// Links that lead to each other: `ELOOP`.
const LINK_LOOP: i32 = 40;

/// What is wrong with something that could not be read.
///
/// # Errors
/// The error itself, if it says nothing of the bytes.
pub(super) fn damage_of(error: io::Error) -> io::Result<&'static str> {
    match error.kind() {
        // In a shard's place may be a file.
        ErrorKind::NotFound | ErrorKind::NotADirectory => Ok("it is gone"),
        _ if error.raw_os_error() == Some(LINK_LOOP) => Ok("it is a link to itself"),
        _ if error.raw_os_error().is_some_and(|code| BAD_DISK.contains(&code)) => Ok("it can't be read"),
        _ => Err(error),
    }
}

/// Characters of a name that are kept in `quarantine/`: those of an entry's, and some.
const LONGEST_NAME: usize = 100;

impl Store {
    /// What is wrong with an object's bytes, all of which are read.
    ///
    /// # Errors
    /// If that can't be said: it may be intact and out of reach for now.
    pub(super) fn reread(&self, digest: Digest) -> io::Result<Option<&'static str>> {
        let path = self.object(digest);
        let read = || {
            if expect_regular(fs::metadata(&path)?.file_type()).is_err() {
                return Ok(None);
            }
            fs::digest_unless(&path, &|| self.cancelled()).map(Some)
        };
        match read() {
            Ok(Some(found)) if found == digest => Ok(None),
            Ok(Some(_)) => Ok(Some("its bytes have changed")),
            Ok(None) => Ok(Some("it is not a file")),
            Err(error) => damage_of(error).map(Some),
        }
    }

    /// Moves a damaged result aside with those of its objects that are damaged; what somebody has healed meanwhile is
    /// found instead. Must not be called while the store is shared.
    pub(super) fn set_aside(&self, key: Digest, declared: Declared<'_>) -> Result<Found, StoreError> {
        // Where locks do nothing, looking again is all that can be done.
        let _alone = match self.exclude(true) {
            // Who may only read the store leaves it to those who may write it.
            Err(StoreError::Io { source, .. }) if is_wrong_place(&source) => return self.inspect_held(key, declared),
            hold => hold?,
        };
        let found = self.inspect_held(key, declared)?;
        if let Found::Damaged(damage) = &found {
            self.quarantine_entry(key)?;
            damage.objects.iter().try_for_each(|digest| self.quarantine_damaged(*digest).map(drop))?;
        }
        Ok(found)
    }

    /// Moves an object aside if its bytes are not what its name says, for whoever has the store alone; whether it was.
    pub(super) fn quarantine_damaged(&self, digest: Digest) -> Result<bool, StoreError> {
        let path = self.object(digest);
        let damaged = self.reread(digest).map_err(StoreError::io("read", &path))?.is_some();
        if damaged {
            self.forget(&path);
        }
        Ok(damaged && self.quarantine(&path, &digest.to_string())?)
    }

    /// Moves an entry aside, if it is there.
    pub(super) fn quarantine_entry(&self, key: Digest) -> Result<bool, StoreError> {
        self.quarantine(&self.entry_path(key), &format!("{key}.json"))
    }

    /// Moves whatever is at a path aside; `false` if nothing is.
    pub(super) fn quarantine(&self, path: &Path, name: &str) -> Result<bool, StoreError> {
        // A link to nothing is something.
        match std::fs::symlink_metadata(path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(false),
            there => _ = there.map_err(StoreError::io("read", path))?,
        }
        let name: String = name.chars().take(LONGEST_NAME).collect(); // what is no object may have a long one
        let aside = self.folder("quarantine").join(format!("{name}.{}", fs::unique_name()));
        match fs::rename_across(path, &aside) {
            // A folder, a pipe or a link on another disk: it can't be copied, and its name is needed.
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::CrossesDevices => {
                fs::rename(path, &path.with_file_name(format!(".{name}.{}", fs::unique_name())))?;
            }
            moved => moved?,
        }
        Ok(true)
    }
}
