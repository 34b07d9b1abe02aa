//! `ac/<key>.json`: what a stage produced. The one place in the store that knows a clock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{FileRecord, Files};
use simpipe_base::digest::Digest;
use simpipe_base::file_name::FileName;

/// A stored result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AcEntry {
    /// Version of this format.
    pub format: u32,
    /// The key that it is stored under.
    pub key: Digest,
    /// What the key is the digest of, so that a later run can say what changed.
    pub key_parts: Json,
    /// What it consists of.
    pub files: Files,
    /// Headline numbers of the stage.
    pub metrics: BTreeMap<String, f64>,
    /// How long the work took.
    pub seconds: f64,
    /// How long parts of it took, where the stage tells them.
    #[serde(default, skip_serializing_if = "Timings::is_empty")]
    pub timings: Box<Timings>,
    /// When it ended, in seconds since 1970.
    pub finished_unix: u64,
    /// What computed it: code version, backend and the like. Never in the key.
    pub made_by: BTreeMap<String, String>,
    /// Digest of all fields above, so that a flipped bit in the entry itself is found.
    pub seal: Digest,
}

/// Seconds of the parts of a stage's work, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timings(pub BTreeMap<String, f64>);

impl Timings {
    /// Whether nothing was timed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
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
    /// See [`AcEntry::timings`]: seconds by part.
    pub timings: BTreeMap<String, f64>,
    /// See [`AcEntry::made_by`].
    pub made_by: BTreeMap<String, String>,
}

impl AcEntry {
    /// An entry of a result and its files, finished now.
    pub(super) fn new(key: Digest, outcome: Produced, files: Files) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let mut entry = Self {
            format: super::FORMAT,
            key,
            key_parts: outcome.key_parts,
            files,
            metrics: outcome.metrics,
            seconds: outcome.seconds,
            timings: Box::new(Timings(outcome.timings)),
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

    /// Reads an entry of a key.
    ///
    /// # Errors
    /// Why it can't be used: it is cut or changed, of another key, or names files that no result may have.
    pub(super) fn parse(key: Digest, bytes: &[u8]) -> Result<Self, String> {
        let unreadable = |error: serde_json::Error| {
            let words = error.to_string();
            // Where in the file says nothing to anybody.
            format!("it can't be read: {}", words.rsplit_once(" at line ").map_or(&*words, |(what, _)| what))
        };
        let entry: Self = serde_json::from_slice(bytes).map_err(unreadable)?;
        if entry.key != key {
            return Err("it is of another key".to_owned());
        }
        if entry.seal != entry.digest() {
            return Err("it has changed".to_owned());
        }
        // Only tests leave the parts out.
        if !entry.key_parts.is_null() && Digest::of_json(&entry.key_parts) != key {
            return Err("its key is not that of its parts".to_owned());
        }
        Ok(entry)
    }

    /// A file that a result must have and that this one lacks.
    pub(super) fn lacking(&self, declared: Declared<'_>) -> Option<&'static str> {
        let of_checkpoint = || self.checkpoint().map(|_| super::checkpoint::FILES);
        self.lacks(declared(&self.key_parts).or_else(of_checkpoint)?.iter().copied())
    }

    /// The first of the files that a stage declares which is not there. A name that ends in `/` is a folder, which may
    /// be empty.
    pub(super) fn lacks<'a>(&self, declared: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        declared.into_iter().find(|name| !name.ends_with('/') && !self.files.contains_key(*name))
    }

    /// The entry as its file's bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("an entry serializes to JSON");
        bytes.push(b'\n');
        bytes
    }

    /// The stored files that a name means: itself, or all in a folder if it ends in `/`.
    pub fn files_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a FileName, &'a FileRecord)> {
        let folder = name.ends_with('/');
        self.files.iter().filter(move |(file, _)| if folder { file.starts_with(name) } else { file.as_str() == name })
    }
}

/// Which files a result has, as far as its key's parts tell what made it; `None` if nobody knows.
pub type Declared<'a> = &'a (dyn Fn(&Json) -> Option<&'static [&'static str]> + Sync);

/// For who knows no stages: whatever files a result has.
pub const WHATEVER: Declared<'static> = &|_| None;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_entry_is_not_read() {
        let metrics = BTreeMap::from([("loss".to_owned(), 0.125)]);
        let key = Digest::of(b"key");
        let entry = AcEntry::new(key, Produced { metrics, ..Produced::default() }, Files::default());
        let bytes = entry.to_bytes();
        assert_eq!(AcEntry::parse(key, &bytes), Ok(entry));
        let changed = String::from_utf8(bytes.clone()).unwrap().replace("0.125", "0.126");
        assert_eq!(AcEntry::parse(key, changed.as_bytes()).unwrap_err(), "it has changed");
        assert_eq!(AcEntry::parse(Digest::of(b"other"), &bytes).unwrap_err(), "it is of another key");
        assert!(AcEntry::parse(key, &bytes[..bytes.len() / 2]).unwrap_err().starts_with("it can't be read: EOF"));
    }

    #[test]
    fn an_entry_with_a_right_seal_and_a_bad_name_or_another_results_parts_is_not_read() {
        let key = Digest::of_json(&serde_json::json!({ "stage": "a" }));
        let sealed = |parts: Json, name: &str| {
            let entry = AcEntry::new(key, Produced { key_parts: parts, ..Produced::default() }, Files::default());
            let mut json = serde_json::to_value(&entry).unwrap();
            json["files"][name] = serde_json::json!({ "digest": key, "size": 1 });
            json.as_object_mut().unwrap().remove("seal");
            json["seal"] = serde_json::json!(Digest::of_json(&json));
            AcEntry::parse(key, &serde_json::to_vec(&json).unwrap())
        };
        let parts = || serde_json::json!({ "stage": "a" });
        let entry = sealed(parts(), "a.json").unwrap();
        assert_eq!((entry.lacks(["a.json", "figures/"]), entry.lacks(["a.json", "b"])), (None, Some("b")));
        for name in ["../../x", "/tmp/x", "", ".", "a\0b"] {
            let why = sealed(parts(), &name.replace("\\0", "\0")).unwrap_err();
            assert!(why.starts_with("it can't be read: the file name `"), "{why}");
        }
        assert_eq!(sealed(serde_json::json!({ "stage": "b" }), "a").unwrap_err(), "its key is not that of its parts");
    }
}
