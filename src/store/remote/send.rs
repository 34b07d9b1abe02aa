//! From the local store to the bucket: objects first, then the entry, put-if-absent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::client::Client;
use super::connect::PARALLEL;
use super::error::RequestError;
use super::fetch::Moved;
use super::{Remote, Stored, checkpoints, entry_name, object_name};
use crate::{AcEntry, FileRecord, Store, StoreError};
use simpipe_base::digest::Digest;

/// How to know what the bucket has.
#[derive(Debug, Clone)]
pub(super) enum Presence {
    /// By a request for each object: cheap for a few.
    Ask,
    /// From a list of everything, name and size: cheap for many.
    Listed(Arc<BTreeMap<String, u64>>),
}

impl Presence {
    async fn has(&self, client: &Client, name: &str, size: u64) -> Result<bool, RequestError> {
        match self {
            Self::Ask => Ok(client.size(name).await? == Some(size)),
            Self::Listed(names) => Ok(names.get(name) == Some(&size)),
        }
    }
}

impl Store {
    /// Sends a new result to the object store. If another machine was first, its result is what comes back, and is
    /// what the local store holds from then on: everybody sees the same bytes.
    ///
    /// RequestError with the object store is a warning: the result stays local.
    ///
    /// # Errors
    /// If the local store refuses.
    pub(crate) fn send_to_remote(&self, entry: AcEntry) -> Result<AcEntry, StoreError> {
        let Some(remote) = self.remote.as_deref().filter(|remote| remote.writable()) else { return Ok(entry) };
        let sent = self.send_objects(remote, &entry, &Presence::Ask, false).and_then(|moved| {
            tracing::debug!(key = entry.key.short(), objects = moved.objects, bytes = moved.bytes, "sent");
            self.send_entry(remote, &entry)
        });
        match sent {
            Ok(theirs) => Ok(theirs.unwrap_or(entry)),
            Err(RequestError::Local(error)) => Err(error),
            Err(RequestError::Interrupted) => {
                remote.warn(format!("stopped before everything was sent to {}: it stays local", remote.url));
                Ok(entry)
            }
            Err(RequestError::Unsound(words)) => {
                remote.warn(words);
                Ok(entry)
            }
            Err(trouble) => {
                remote.give_up(&trouble);
                Ok(entry)
            }
        }
    }

    /// Sends the objects that the bucket lacks, several at once. `dry`: only count them.
    pub(super) fn send_objects(
        &self,
        remote: &Remote,
        entry: &AcEntry,
        presence: &Presence,
        dry: bool,
    ) -> Result<Moved, RequestError> {
        let files: BTreeMap<Digest, FileRecord> = entry.files.values().map(|file| (file.digest, *file)).collect();
        let files: Vec<(FileRecord, PathBuf)> =
            files.into_values().map(|file| (file, self.object(file.digest))).collect();
        let (presence, again) = (presence.clone(), remote.state().damaged.clone());
        let sent = remote.call(|client| async move {
            let send = |(file, path): (FileRecord, PathBuf)| {
                let (client, presence, again) = (&client, &presence, &again);
                async move {
                    let sent = send_object(client, file, &path, presence, again, dry).await?;
                    Ok::<_, RequestError>((file, sent))
                }
            };
            let sending = stream::iter(files.into_iter().map(send)).buffered(PARALLEL);
            sending.try_collect::<Vec<(FileRecord, bool)>>().await
        })?;
        let mut moved = Moved::default();
        for (file, sent) in sent {
            if sent {
                moved.objects += 1;
                moved.bytes += file.size;
                remote.state().damaged.remove(&file.digest);
            } else {
                moved.skipped += 1;
            }
        }
        Ok(moved)
    }

    /// Sends an entry whose objects are there. Another machine's, if that was first, replaces the local one and comes
    /// back.
    pub(super) fn send_entry(&self, remote: &Remote, entry: &AcEntry) -> Result<Option<AcEntry>, RequestError> {
        let (name, bytes) = (entry_name(entry.key), entry.to_bytes());
        let created = remote.call(|client| async move { client.create(&name, bytes).await })?;
        let theirs = if created { None } else { self.settle(remote, entry)? };
        checkpoints::mark_remotely(remote, entry)?;
        Ok(theirs)
    }

    /// Takes over the entry that is there already, unless it is one's own or can't be used: then it is replaced.
    fn settle(&self, remote: &Remote, entry: &AcEntry) -> Result<Option<AcEntry>, RequestError> {
        if let Stored::Entry(theirs) = remote.stored(entry.key)? {
            if theirs == *entry {
                return Ok(None);
            }
            // The same stage made both, so theirs has the same files, but for what lies in folders.
            let whole = theirs.lacks(entry.files.keys().map(|name| name.as_str()).filter(|name| !name.contains('/')));
            let (_, damaged, _hold) = self.fetch_and_hold(remote, &theirs)?;
            if damaged.is_empty() && whole.is_none() {
                self.replace_entry(&theirs)?;
                return Ok(Some(theirs));
            }
        }
        let (name, bytes) = (entry_name(entry.key), entry.to_bytes());
        remote.call(|client| async move { client.replace(&name, bytes).await })?;
        Ok(None)
    }
}

/// Sends an object unless it is there; `true` if it was sent.
async fn send_object(
    client: &Client,
    file: FileRecord,
    path: &Path,
    presence: &Presence,
    again: &BTreeSet<Digest>,
    dry: bool,
) -> Result<bool, RequestError> {
    let name = object_name(file.digest);
    let damaged = again.contains(&file.digest);
    if !damaged && presence.has(client, &name, file.size).await? {
        return Ok(false);
    }
    if !dry {
        if damaged {
            client.remove(&name).await?; // its size may be right, which is how a sent object is told from a lost one
        }
        client.upload(&name, file, path).await?;
    }
    Ok(true)
}
