//! From the bucket to the local store: objects first, hashed on the way, then the entry.

use std::path::{Path, PathBuf};

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::client::Download;
use super::connect::PARALLEL;
use super::error::RequestError;
use super::{Remote, Stored, checkpoints, object_name};
use crate::publish::draft_entry;
use crate::{AcEntry, Damage, Declared, FileRecord, Store, StoreError, StoreLock, fs};
use simpipe_base::digest::Digest;
use simpipe_base::fs::free_space;

/// What was transferred.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) objects: u64,
    pub(super) bytes: u64,
    /// Objects that were there already.
    pub(super) skipped: u64,
}

/// What came of fetching a result.
#[derive(Debug)]
pub(super) enum Fetched {
    /// The bucket has none.
    Nothing,
    /// The bucket's is damaged: names of what is.
    Damaged(Vec<String>),
    /// It is in the local store now.
    Entry(AcEntry, Moved),
}

impl Store {
    /// The result under a key, if the object store has it; it is then in the local store too.
    ///
    /// RequestError with the object store is a warning and a miss.
    ///
    /// # Errors
    /// If the local store refuses, or the user asked to stop.
    pub(crate) fn fetch_from_remote(&self, key: Digest, declared: Declared<'_>) -> Result<Option<AcEntry>, StoreError> {
        let Some(remote) = self.remote.as_deref().filter(|remote| remote.readable()) else { return Ok(None) };
        if remote.recently_absent(key) {
            return Ok(None);
        }
        match remote.or_give_up(self.fetch(remote, key, declared))? {
            Some(Fetched::Entry(entry, moved)) => {
                tracing::debug!(key = key.short(), objects = moved.objects, bytes = moved.bytes, "fetched");
                Ok(Some(entry))
            }
            Some(Fetched::Damaged(names)) => {
                remote.note_absent(key);
                remote.warn(format!(
                    "stored {} in {} is damaged: it is computed again and replaced",
                    quoted(&names),
                    remote.url
                ));
                Ok(None)
            }
            Some(Fetched::Nothing) | None => {
                remote.note_absent(key);
                Ok(None)
            }
        }
    }

    /// Says that a damaged local result was no loss.
    pub(crate) fn warn_of_fetched(&self, damage: &Damage) {
        if let Some(remote) = &self.remote {
            remote.warn(format!("{damage}: it was moved to `quarantine/` and fetched again from {}", remote.url));
        }
    }

    /// The entry under a key in the object store, without its objects: what a forecast needs.
    ///
    /// # Errors
    /// If the user asked to stop.
    pub fn remote_entry(&self, key: Digest, declared: Declared<'_>) -> Result<Option<AcEntry>, StoreError> {
        let Some(remote) = self.remote.as_deref().filter(|remote| remote.readable()) else { return Ok(None) };
        match remote.or_give_up(remote.stored(key))? {
            Some(Stored::Entry(entry)) => Ok(Some(entry).filter(|entry| entry.lacking(declared).is_none())),
            Some(Stored::Nothing | Stored::Damaged) | None => Ok(None),
        }
    }

    /// Fetches an entry with all objects that the local store lacks.
    pub(super) fn fetch(&self, remote: &Remote, key: Digest, declared: Declared<'_>) -> Result<Fetched, RequestError> {
        let entry = match remote.stored(key)? {
            Stored::Nothing => return Ok(Fetched::Nothing),
            Stored::Damaged => return Ok(Fetched::Damaged(vec!["entry".to_owned()])),
            Stored::Entry(entry) => entry,
        };
        if let Some(name) = entry.lacking(declared) {
            return Ok(Fetched::Damaged(vec![name.to_owned()]));
        }
        let scratch = self.scratch()?;
        let (moved, damaged, _hold) = self.fetch_and_hold(remote, &entry)?;
        if !damaged.is_empty() {
            return Ok(Fetched::Damaged(damaged));
        }
        let draft = scratch.path().join("entry.json");
        draft_entry(&draft, &entry)?;
        let entry = self.put_entry(&draft, entry)?;
        checkpoints::mark_locally(self, &entry)?;
        Ok(Fetched::Entry(entry, moved))
    }

    /// As [`Store::fetch_objects`]; gc can't remove any of them before the entry names them. It could while they came.
    pub(super) fn fetch_and_hold(
        &self,
        remote: &Remote,
        entry: &AcEntry,
    ) -> Result<(Moved, Vec<String>, StoreLock), RequestError> {
        let mut all = Moved::default();
        loop {
            let (moved, damaged) = self.fetch_objects(remote, entry)?;
            all = Moved { objects: all.objects + moved.objects, bytes: all.bytes + moved.bytes, ..moved };
            let hold = self.share()?;
            if !damaged.is_empty() || self.has_objects(entry)? {
                return Ok((all, damaged, hold));
            }
        }
    }

    fn has_objects(&self, entry: &AcEntry) -> Result<bool, StoreError> {
        for file in entry.files.values() {
            if self.problem(*file)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Fetches the objects of an entry that the local store lacks; also the names of those that are damaged or gone.
    fn fetch_objects(&self, remote: &Remote, entry: &AcEntry) -> Result<(Moved, Vec<String>), RequestError> {
        let scratch = self.scratch()?;
        let (mut jobs, mut moved) = (Vec::new(), Moved::default());
        for (number, (name, file)) in entry.files.iter().enumerate() {
            if self.problem(*file)?.is_none() {
                moved.skipped += 1;
            } else {
                jobs.push((name.to_string(), *file, scratch.path().join(number.to_string())));
            }
        }
        let wanted = jobs.iter().fold(0, |sum: u64, (_, file, _)| sum.saturating_add(file.size));
        fits(wanted, free_space(scratch.path()))?;
        let results = remote.download_all(jobs)?;
        let mut damaged = Vec::new();
        for (name, file, path, download) in results {
            if download == Download::Intact {
                self.place_verified(&path, file)?;
                moved.objects += 1;
                moved.bytes += file.size;
            } else {
                remote.state().damaged.insert(file.digest);
                damaged.push(name);
            }
        }
        self.sync_shards(entry.files.values().filter(|file| self.object(file.digest).exists()))?;
        Ok((moved, damaged))
    }

    /// Moves a file that was hashed while it was written into `cas/`.
    fn place_verified(&self, path: &Path, file: FileRecord) -> Result<(), StoreError> {
        let _hold = self.share()?;
        self.forget(&self.object(file.digest));
        self.move_into_cas(path, file.digest)
    }

    /// Puts another machine's entry in the place of one's own.
    pub(super) fn replace_entry(&self, entry: &AcEntry) -> Result<(), StoreError> {
        let scratch = self.scratch()?;
        let draft = scratch.path().join("entry.json");
        draft_entry(&draft, entry)?;
        fs::rename(&draft, &self.entry_path(entry.key))?;
        fs::sync_dir(&self.folder("ac"))
    }
}

/// An object to fetch: its name in the entry, what it is, where it goes.
type Job = (String, FileRecord, PathBuf);

impl Remote {
    /// Fetches objects, several at once.
    fn download_all(&self, jobs: Vec<Job>) -> Result<Vec<(String, FileRecord, PathBuf, Download)>, RequestError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        self.call(|client| async move {
            let fetch = |(name, file, path): Job| {
                let client = client.clone();
                async move {
                    let found = client.download(&object_name(file.digest), file, Some(&path)).await?;
                    Ok((name, file, path, found))
                }
            };
            stream::iter(jobs.into_iter().map(fetch)).buffered(PARALLEL).try_collect().await
        })
    }

    /// The result of something that may fail without harm; trouble with the server ends its use.
    pub(super) fn or_give_up<T>(&self, result: Result<T, RequestError>) -> Result<Option<T>, StoreError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(RequestError::Interrupted) => Err(StoreError::Interrupted),
            Err(RequestError::Local(error)) => Err(error),
            Err(trouble) => {
                self.give_up(&trouble);
                Ok(None)
            }
        }
    }
}

/// Whether what an entry names has room: anybody may have written it, and what it says can fill any disk.
fn fits(wanted: u64, free: Option<u64>) -> Result<(), RequestError> {
    match free.filter(|free| wanted > *free) {
        None => Ok(()),
        Some(free) => {
            Err(RequestError::Failed(format!("a result there has {wanted} bytes, and {free} are free on this disk")))
        }
    }
}

/// `` `a`, `b` ``.
fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_that_has_no_room_is_not_fetched() {
        fits(7, Some(7)).unwrap();
        fits(u64::MAX, None).unwrap();
        let trouble = fits(8, Some(7)).unwrap_err().to_string();
        assert_eq!(trouble, "a result there has 8 bytes, and 7 are free on this disk");
        assert!(free_space(Path::new("/")).is_some() && free_space(Path::new("/no/such")).is_none());
    }
}
