//! The files of a result by name: none of them leads out of the folder that they are put into.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use simpipe_base::digest::Digest;
use simpipe_base::file_name::{BadName, FileName};

/// One stored file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Of its bytes: the object's name in `cas/`.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
}

/// Files by name; one inside a folder is named `figures/01-sample-grid.png`. No name comes twice, and none is both a
/// file and a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Files(BTreeMap<FileName, FileRecord>);

impl Files {
    /// Files with their names.
    ///
    /// # Errors
    /// If a name comes twice, or is that of a file and of a folder.
    pub fn new(files: impl IntoIterator<Item = (FileName, FileRecord)>) -> Result<Self, BadName> {
        let mut all = BTreeMap::new();
        for (name, file) in files {
            if all.contains_key(&name) {
                return Err(BadName::new(&name, "comes twice"));
            }
            all.insert(name, file);
        }
        let both = all.keys().flat_map(FileName::folders).find(|folder| all.contains_key(*folder));
        if let Some(folder) = both {
            return Err(BadName::new(folder, "is that of a file and of a folder"));
        }
        Ok(Self(all))
    }
}

impl Deref for Files {
    type Target = BTreeMap<FileName, FileRecord>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'a> IntoIterator for &'a Files {
    type Item = (&'a FileName, &'a FileRecord);
    type IntoIter = std::collections::btree_map::Iter<'a, FileName, FileRecord>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Files;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("files by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Files, A::Error> {
                let mut files = Vec::new();
                while let Some(file) = map.next_entry::<FileName, FileRecord>()? {
                    files.push(file);
                }
                Files::new(files).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &[&str]) -> Result<Files, serde_json::Error> {
        let digest = Digest::of(b"x");
        let file = |name: &&str| format!("{}: {{ \"digest\": \"{digest}\", \"size\": 1 }}", serde_json::json!(name));
        serde_json::from_str(&format!("{{ {} }}", names.iter().map(file).collect::<Vec<_>>().join(", ")))
    }

    #[test]
    fn names_that_can_stand_side_by_side_are_read_back() {
        let files = read(&["a.json", "figures/01-a.png", "figures/02-b.png", "A.json", "a"]).unwrap();
        assert_eq!(files.len(), 5);
        assert_eq!(files["a"].size, 1);
        assert_eq!(serde_json::from_str::<Files>(&serde_json::to_string(&files).unwrap()).unwrap(), files);
    }

    #[test]
    fn names_that_can_not_are_refused() {
        let why = |names: &[&str]| read(names).unwrap_err().to_string();
        assert!(why(&["a", "a"]).starts_with("the file name `a` comes twice"));
        // In between sorts a third name.
        assert!(why(&["a", "a-b", "a/b"]).starts_with("the file name `a` is that of a file and of a folder"));
        assert!(why(&["a/b/c", "x", "a/b"]).starts_with("the file name `a/b` is that of a file and of a folder"));
        assert!(why(&["a", "../../x"]).starts_with("the file name `../../x` leaves its folder"));
        assert!(why(&["/tmp/x"]).contains("begins at the root"));
    }
}
