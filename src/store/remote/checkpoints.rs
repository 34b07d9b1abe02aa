//! Checkpoints in the bucket: a training that was stopped on one machine goes on on another.
//!
//! A checkpoint is an ordinary entry, so it is sent and fetched like any. What is left are the marks that say which
//! steps there are, which an entry's key parts name.

use std::path::Path;

use super::error::Trouble;
use super::{Access, Remote, Stored, entry_name, object_name};
use crate::base::digest::Digest;
use crate::store::{AcEntry, Store, StoreError, fs};

/// The shelf and the step of a checkpoint's entry; `None` for any other entry.
fn place_of(entry: &AcEntry) -> Option<(String, u64)> {
    let parts = entry.key_parts.get("checkpoint")?;
    Some((Digest::of_json(parts).to_string(), entry.key_parts.get("step")?.as_u64()?))
}

fn mark_name(shelf: &str, step: u64) -> String {
    format!("checkpoints/{shelf}/{step}")
}

/// Marks a fetched checkpoint in the local store.
pub(super) fn mark_locally(store: &Store, entry: &AcEntry) -> Result<(), StoreError> {
    match place_of(entry) {
        Some((shelf, step)) => mark(&store.folder("checkpoints").join(shelf), step),
        None => Ok(()),
    }
}

fn mark(shelf: &Path, step: u64) -> Result<(), StoreError> {
    let path = shelf.join(step.to_string());
    if path.exists() {
        return Ok(());
    }
    fs::create_dirs(shelf)?;
    fs::write_synced(&path, b"")
}

/// Marks a checkpoint that was sent in the bucket.
pub(super) fn mark_remotely(remote: &Remote, entry: &AcEntry) -> Result<(), Trouble> {
    let Some((shelf, step)) = place_of(entry) else { return Ok(()) };
    remote.call(|client| async move { client.replace(&mark_name(&shelf, step), Vec::new()).await })
}

impl Store {
    /// Makes the steps of a shelf that the object store has known here. Their states are fetched when they are read.
    ///
    /// A store that can't be listed has none to offer.
    pub(in crate::store) fn adopt_checkpoint_steps(&self, shelf: &Path) {
        let Some(remote) = self.remote.as_deref().filter(|remote| remote.readable()) else { return };
        if remote.url.read_only() {
            return; // a plain web server has no lists
        }
        let name = shelf.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let listed = remote.call(|client| async move { client.list(&format!("checkpoints/{name}")).await });
        match listed {
            Ok(marks) => {
                let steps = marks.iter().filter_map(|(name, _)| name.rsplit('/').next()?.parse().ok());
                steps.for_each(|step| drop(mark(shelf, step))); // without it training begins earlier
            }
            Err(Trouble::Failed(words)) => remote.give_up(&Trouble::Failed(words)),
            Err(_) => {}
        }
    }

    /// Removes a checkpoint from the object store, as it was removed here.
    pub(in crate::store) fn remove_remote_checkpoint(&self, shelf: &Path, step: u64, key: Digest) {
        let Some(remote) = self.remote.as_deref().filter(|remote| remote.access == Access::Shared && remote.readable())
        else {
            return;
        };
        let mark = mark_name(&shelf.file_name().unwrap_or_default().to_string_lossy(), step);
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
        if let Err(Trouble::Failed(words)) = removed {
            remote.give_up(&Trouble::Failed(words)); // an old checkpoint that stays costs space and nothing else
        }
    }
}
