//! `pins/<tag>.json`: runs whose results are kept whatever gc's policy says. A tag is also a name to find the run by.
//!
//! A pin holds the run's keys itself, so that it outlives the run's folder and journal.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Store, StoreError, fs};
use simpipe_base::digest::Digest;
use simpipe_base::file_name;

/// Longer names than this are none.
const LONGEST: usize = 64;

/// A pinned run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// What the run is pinned as: a tag, or its id.
    #[serde(deserialize_with = "file_name::word")]
    pub tag: String,
    /// The run's id.
    #[serde(deserialize_with = "file_name::word")]
    pub run: String,
    /// The experiment's name.
    #[serde(deserialize_with = "file_name::word")]
    pub name: String,
    /// The folder that `dir` is relative to, as it was when the run was pinned.
    pub root: String,
    /// The run's folder.
    #[serde(deserialize_with = "file_name::inside")]
    pub dir: String,
    /// Keys by stage id.
    pub keys: BTreeMap<String, Digest>,
    /// Sets of checkpoints that the run used, as far as its journal was there to tell.
    #[serde(rename = "shelves")]
    pub sets: BTreeSet<Digest>,
}

/// Whether a word can be a tag: letters, digits, `-`, `_` and `.`, not starting with a dot, and not `latest`.
#[must_use]
pub fn is_tag(word: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    (1..=LONGEST).contains(&word.len()) && word.chars().all(allowed) && !word.starts_with('.') && word != "latest"
}

impl Store {
    fn pin_path(&self, tag: &str) -> PathBuf {
        self.folder("pins").join(format!("{tag}.json"))
    }

    /// Keeps a run's results from now on; a pin of the same tag is replaced.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn pin(&self, pin: &Pin) -> Result<(), StoreError> {
        let _hold = self.share()?; // gc sees it, or has removed what it had to before
        let mut bytes = serde_json::to_vec_pretty(pin).expect("a pin serializes to JSON");
        bytes.push(b'\n');
        fs::replace_synced(&self.pin_path(&pin.tag), &bytes)
    }

    /// Removes a pin; `false` if there is none.
    ///
    /// # Errors
    /// If it can't be removed.
    pub fn unpin(&self, tag: &str) -> Result<bool, StoreError> {
        let path = self.pin_path(tag);
        let there = is_tag(tag) && path.is_file();
        if there {
            fs::remove_file(&path)?;
        }
        Ok(there)
    }

    /// The pin of a tag; `None` if there is none that can be read.
    #[must_use]
    pub fn pinned(&self, tag: &str) -> Option<Pin> {
        if is_tag(tag) { read(&self.pin_path(tag)).ok().flatten() } else { None }
    }

    /// Every pin, by tag.
    ///
    /// # Errors
    /// If one can't be read: it must not count as one that is not there.
    pub fn pins(&self) -> Result<Vec<Pin>, StoreError> {
        let mut paths = self.files_below("pins")?;
        // A draft that a killed process has left is no pin.
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.iter().filter_map(|path| read(path).transpose()).collect()
    }
}

/// `None` if it is gone.
fn read(path: &Path) -> Result<Option<Pin>, StoreError> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read
            .and_then(|bytes| Ok(Some(serde_json::from_slice(&bytes)?)))
            .map_err(StoreError::io("read the pin", path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GcPolicy;

    #[test]
    fn a_pin_is_kept_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let pin = Pin {
            tag: "v1.0".to_owned(),
            run: "20260801T120000.000Z-0a1b2c".to_owned(),
            name: "smoke".to_owned(),
            root: "/data".to_owned(),
            dir: "artifacts/runs/smoke/20260801T120000.000Z-0a1b2c".to_owned(),
            keys: BTreeMap::from([("train".to_owned(), Digest::of(b"k"))]),
            sets: BTreeSet::new(),
        };
        assert_eq!(store.pins().unwrap(), []);
        store.pin(&pin).unwrap();
        assert_eq!(store.pinned("v1.0"), Some(pin.clone()));
        assert_eq!(store.pins().unwrap(), [pin]);
        assert_eq!((store.unpin("v1.0").unwrap(), store.unpin("v1.0").unwrap()), (true, false));
        assert_eq!(store.pinned("v1.0"), None);
    }

    #[test]
    fn a_pin_that_can_not_be_read_is_no_missing_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        std::fs::create_dir_all(folder.path().join("pins")).unwrap();
        std::fs::write(folder.path().join("pins/v1.json"), "{").unwrap();
        let error = store.pins().unwrap_err();
        assert!(error.to_string().starts_with("can't read the pin "), "{error}");
        assert!(store.gc(&GcPolicy { delete: true, ..GcPolicy::default() }, &[]).is_err());
        assert_eq!(store.pinned("v1"), None);
    }

    #[test]
    fn a_pin_that_leads_elsewhere_can_not_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        std::fs::create_dir_all(folder.path().join("pins")).unwrap();
        for (field, bad) in [("dir", "../../x"), ("dir", "/x"), ("tag", "../x"), ("run", "a/b"), ("name", "..")] {
            let mut pin = serde_json::json!({
                "tag": "v1", "run": "1", "name": "smoke", "root": "/data", "dir": "runs/1", "keys": {}, "shelves": [],
            });
            std::fs::write(folder.path().join("pins/v1.json"), pin.to_string()).unwrap();
            assert!(store.pinned("v1").is_some());
            pin[field] = bad.into();
            std::fs::write(folder.path().join("pins/v1.json"), pin.to_string()).unwrap();
            assert!(store.pinned("v1").is_none() && store.pins().is_err(), "{field} {bad}");
        }
    }

    #[test]
    fn a_tag_is_a_plain_word() {
        assert!(is_tag("paper-2026") && is_tag("v1.0"));
        assert!(["", "latest", "../x", "a b", ".hidden", &"x".repeat(65)].iter().all(|word| !is_tag(word)));
    }
}
