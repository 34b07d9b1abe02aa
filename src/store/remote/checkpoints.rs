//! Checkpoints in the bucket: a training that was stopped on one machine goes on on another.
//!
//! A checkpoint is an ordinary entry, so it is sent and fetched like any. What is left are the marks that say which
//! steps there are, which an entry's key parts name.

use std::collections::BTreeSet;

use super::error::RequestError;
use super::{Access, Remote, Stored, entry_name, object_name};
use crate::{AcEntry, Store, StoreError};
use simpipe_base::digest::Digest;

fn mark_name(set: Digest, step: u64) -> String {
    format!("checkpoints/{set}/{step}")
}

/// Marks a fetched checkpoint in the local store.
pub(super) fn mark_locally(store: &Store, entry: &AcEntry) -> Result<(), StoreError> {
    entry.checkpoint().map_or(Ok(()), |(set, step)| store.mark_checkpoint(set, step))
}

/// Marks a checkpoint that was sent in the bucket.
pub(super) fn mark_remotely(remote: &Remote, entry: &AcEntry) -> Result<(), RequestError> {
    let Some((set, step)) = entry.checkpoint() else { return Ok(()) };
    remote.call(|client| async move { client.replace(&mark_name(set, step), Vec::new()).await })
}

impl Store {
    /// The steps of a set that the object store has. One that can't be listed has none to offer.
    pub(crate) fn remote_checkpoints(&self, set: Digest) -> BTreeSet<u64> {
        let Some(remote) = self.remote.as_deref().filter(|remote| remote.readable()) else { return BTreeSet::new() };
        if remote.url.read_only() {
            return BTreeSet::new(); // a plain web server has no lists
        }
        let listed = remote.call(|client| async move { client.list(&format!("checkpoints/{set}")).await });
        match listed {
            Ok(marks) => marks.keys().filter_map(|name| name.rsplit('/').next()?.parse().ok()).collect(),
            Err(trouble) => {
                if let RequestError::Failed(_) = trouble {
                    remote.give_up(&trouble);
                }
                BTreeSet::new() // training begins earlier
            }
        }
    }

    /// Removes a checkpoint from the object store, as it was removed here.
    pub(crate) fn remove_remote_checkpoint(&self, set: Digest, step: u64, key: Digest) {
        let Some(remote) = self.remote.as_deref().filter(|remote| remote.access == Access::Shared && remote.readable())
        else {
            return;
        };
        let mark = mark_name(set, step);
        let removed = remote.stored(key).and_then(|stored| {
            let mut names = vec![mark, entry_name(key)];
            if let Stored::Entry(entry) = stored {
                names.extend(entry.files.values().map(|file| object_name(file.digest)));
            }
            remote.call(|client| async move {
                for name in names {
                    client.remove(&name).await?;
                }
                Ok(())
            })
        });
        if let Err(RequestError::Failed(words)) = removed {
            remote.give_up(&RequestError::Failed(words)); // an old checkpoint that stays costs space and nothing else
        }
    }
}
