//! `ac/<key>.json`: what a stage produced. The one place in the store that knows a clock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::base::digest::Digest;

/// One stored file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Of its bytes: the object's name in `cas/`.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
}

/// A stored result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AcEntry {
    /// Version of this format.
    pub format: u32,
    /// The key that it is stored under.
    pub key: Digest,
    /// What the key is the digest of, so that a later run can say what changed.
    pub key_parts: Json,
    /// Files by name; one inside a folder is named `figures/01-sample-grid.png`.
    pub files: BTreeMap<String, FileRecord>,
    /// Headline numbers of the stage.
    pub metrics: BTreeMap<String, f64>,
    /// How long the work took.
    pub seconds: f64,
    /// When it ended, in seconds since 1970.
    pub finished_unix: u64,
    /// What computed it: code version, backend and the like. Never in the key.
    pub made_by: BTreeMap<String, String>,
    /// Digest of all fields above, so that a flipped bit in the entry itself is found.
    pub seal: Digest,
}

/// What the store can't know of a result by itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Produced {
    /// See [`AcEntry::key_parts`].
    pub key_parts: Json,
    /// See [`AcEntry::metrics`]; all finite.
    pub metrics: BTreeMap<String, f64>,
    /// See [`AcEntry::seconds`].
    pub seconds: f64,
    /// See [`AcEntry::made_by`].
    pub made_by: BTreeMap<String, String>,
}

impl AcEntry {
    /// An entry of a result and its files, finished now.
    pub(super) fn new(key: Digest, outcome: Produced, files: BTreeMap<String, FileRecord>) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let mut entry = Self {
            format: super::FORMAT,
            key,
            key_parts: outcome.key_parts,
            files,
            metrics: outcome.metrics,
            seconds: outcome.seconds,
            finished_unix: now.map_or(0, |since| since.as_secs()),
            made_by: outcome.made_by,
            seal: Digest::of(b""),
        };
        entry.seal = entry.digest();
        entry
    }

    /// The digest of all fields but the seal.
    fn digest(&self) -> Digest {
        let mut json = serde_json::to_value(self).expect("an entry serializes to JSON");
        if let Json::Object(fields) = &mut json {
            fields.remove("seal");
        }
        Digest::of_json(&json)
    }

    /// Reads an entry of a key; `None` if it is damaged.
    pub(super) fn parse(key: Digest, bytes: &[u8]) -> Option<Self> {
        let entry: Self = serde_json::from_slice(bytes).ok()?;
        (entry.key == key && entry.seal == entry.digest()).then_some(entry)
    }

    /// The entry as its file's bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("an entry serializes to JSON");
        bytes.push(b'\n');
        bytes
    }

    /// The stored files that a name means: itself, or all in a folder if it ends in `/`.
    pub fn files_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a String, &'a FileRecord)> {
        let folder = name.ends_with('/');
        self.files.iter().filter(move |(file, _)| if folder { file.starts_with(name) } else { *file == name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_entry_is_not_read() {
        let metrics = BTreeMap::from([("loss".to_owned(), 0.125)]);
        let key = Digest::of(b"key");
        let entry = AcEntry::new(key, Produced { metrics, ..Produced::default() }, BTreeMap::new());
        let bytes = entry.to_bytes();
        assert_eq!(AcEntry::parse(key, &bytes), Some(entry));
        let changed = String::from_utf8(bytes.clone()).unwrap().replace("0.125", "0.126");
        assert_eq!(AcEntry::parse(key, changed.as_bytes()), None);
        assert_eq!(AcEntry::parse(Digest::of(b"other"), &bytes), None);
        assert_eq!(AcEntry::parse(key, &bytes[..bytes.len() / 2]), None);
    }
}
