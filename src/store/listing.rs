//! What lies in `cas/` and `ac/`, whatever it is: files, and what is in a file's place. Links are followed, so that a
//! shard, or all of `cas/`, may lie on another disk.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Store, StoreError, fs};
use simpipe_base::digest::Digest;

/// What some file systems put into their topmost folder.
const OF_THE_SYSTEM: &str = "lost+found";

impl Store {
    /// Paths of everything in `cas/` that could be an object or is in the place of one, and of what else lies there;
    /// drafts and other hidden files apart. Shards that can't be listed are left to `unlisted`.
    pub(super) fn in_cas(&self, unlisted: &mut dyn FnMut(StoreError)) -> Result<Vec<PathBuf>, StoreError> {
        let mut paths = Vec::new();
        for shard in list(&self.folder("cas"))? {
            if shard.ends_with(OF_THE_SYSTEM) || fs::is_hidden(&shard) {
                continue;
            }
            if is_shard(&shard) && shard.is_dir() {
                match list(&shard) {
                    Ok(objects) => paths.extend(objects.into_iter().filter(|path| !fs::is_hidden(path))),
                    Err(error) => unlisted(error),
                }
            } else {
                paths.push(shard);
            }
        }
        Ok(paths)
    }

    /// Objects by path and digest, as far as something of such a name is in its place.
    pub(super) fn named_objects(&self) -> Result<Vec<(Digest, PathBuf)>, StoreError> {
        let mut failed = None;
        let paths = self.in_cas(&mut |error| failed = Some(error))?;
        let named = |path: PathBuf| Some((self.object_at(&path)?, path));
        failed.map_or_else(|| Ok(paths.into_iter().filter_map(named).collect()), Err)
    }

    /// The digest that a path in `cas/` is the place of.
    pub(super) fn object_at(&self, path: &Path) -> Option<Digest> {
        let digest: Digest = path.file_name()?.to_str()?.parse().ok()?;
        (self.object(digest) == path).then_some(digest)
    }

    /// Paths of everything in `ac/`, hidden files apart.
    pub(super) fn in_ac(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut paths = list(&self.folder("ac"))?;
        paths.retain(|path| !path.ends_with(OF_THE_SYSTEM) && !fs::is_hidden(path));
        Ok(paths)
    }

    /// The key that a path in `ac/` is the place of.
    pub(super) fn entry_at(&self, path: &Path) -> Option<Digest> {
        let key: Digest = path.file_name()?.to_str()?.strip_suffix(".json")?.parse().ok()?;
        (self.entry_path(key) == path).then_some(key)
    }

    /// Removes drafts of writers that were killed, for whoever has the store alone.
    pub(super) fn remove_dead_drafts(&self) {
        let cas = self.folder("cas");
        let shards = fs::list_or_none(&cas).into_iter().filter(|path| is_shard(path));
        for folder in shards.chain([cas.clone(), self.folder("ac"), self.folder("quarantine")]) {
            let drafts = fs::list_or_none(&folder).into_iter().filter(|path| fs::is_draft(path));
            drafts.for_each(|draft| drop(fs::remove_file(&draft)));
        }
    }
}

fn is_shard(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.len() == 2 && name.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Paths in a folder, sorted; none if it is gone.
fn list(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    match fs::list(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(StoreError::io("read", folder)),
    }
}
