//! Names of files below a folder, as somebody else has written them: in an entry, a journal, a pin or a record.
//!
//! Such a text becomes a path only as a [`FileName`], and that can only be made by parsing: whatever comes from a file,
//! a bucket or an archive is refused where it is read, not where it would be written.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The longest name of one file or folder, in bytes: that of the usual file systems.
const LONGEST_PART: usize = 255;
/// The longest name of all, in bytes: it still fits below any folder.
const LONGEST: usize = 1024;
/// Characters of a bad name that are shown.
const SHOWN: usize = 80;

/// The name of a file below some folder: one part or several with `/` between them, none of which leads out of it.
///
/// Names that differ only in case are two names, as they are on the file systems that a store is made for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

/// Why a text is no name of a file below a folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the file name `{name}` {what}")]
pub struct BadName {
    /// The text, shortened, with nothing that a terminal would obey.
    name: String,
    /// What is wrong with it.
    what: &'static str,
}

impl BadName {
    /// That something is wrong with a name.
    #[must_use]
    pub fn new(name: &str, what: &'static str) -> Self {
        Self { name: name.chars().take(SHOWN).flat_map(char::escape_debug).collect(), what }
    }
}

impl FileName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts between its slashes; at least one.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The names of the folders that it lies in, the outermost first.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }
}

/// What is wrong with a name; `None` if nothing is.
fn problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("is empty");
    }
    if name.starts_with('/') {
        return Some("begins at the root");
    }
    // A backslash parts folders elsewhere.
    if name.contains(|letter: char| letter.is_control() || letter == '\\') {
        return Some("has a character that no name may have");
    }
    if name.len() > LONGEST || name.split('/').any(|part| part.len() > LONGEST_PART) {
        return Some("is too long");
    }
    match name.split('/').find(|part| matches!(*part, "" | "." | "..")) {
        Some("..") => Some("leaves its folder"),
        Some(_) => Some("has a part that is empty or `.`"),
        None => None,
    }
}

impl TryFrom<String> for FileName {
    type Error = BadName;

    fn try_from(name: String) -> Result<Self, BadName> {
        match problem(&name) {
            Some(what) => Err(BadName::new(&name, what)),
            None => Ok(Self(name)),
        }
    }
}

impl TryFrom<&str> for FileName {
    type Error = BadName;

    fn try_from(name: &str) -> Result<Self, BadName> {
        Self::try_from(name.to_owned())
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

impl Deref for FileName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<Path> for FileName {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl Borrow<str> for FileName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for FileName {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a [`word`] that may be missing, for `#[serde(deserialize_with)]` beside `default`.
///
/// # Errors
/// If it is there and no [`FileName`] of one part.
pub fn optional_word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    struct Word(#[serde(deserialize_with = "word")] String);
    Ok(Option::<Word>::deserialize(deserializer)?.map(|word| word.0))
}

/// Reads a text that is joined to a folder later, for `#[serde(deserialize_with)]`. An empty one means the folder.
///
/// # Errors
/// If it is no [`FileName`].
pub fn inside<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(text) } else { FileName::try_from(text).map(String::from).map_err(D::Error::custom) }
}

/// The same for a word that is one part of a path, such as a run's id.
///
/// # Errors
/// If it is no [`FileName`], or has several parts.
pub fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = inside(deserializer)?;
    let several = text.contains('/').then(|| BadName::new(&text, "has more than one part"));
    several.map_or(Ok(text), |bad| Err(D::Error::custom(bad)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(name: &str) -> String {
        FileName::try_from(name).unwrap_err().to_string()
    }

    #[test]
    fn a_plain_name_is_taken_as_it_is() {
        for name in ["a", "figures/01-a.png", "...", "a..b/.c", "Größe", "a b", "-", &"x".repeat(255)] {
            assert_eq!(FileName::try_from(name).unwrap().as_str(), name);
        }
        let name = FileName::try_from("a/b/c").unwrap();
        assert_eq!(name.parts().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(name.folders().collect::<Vec<_>>(), ["a", "a/b"]);
    }

    #[test]
    fn a_name_that_leads_anywhere_else_is_refused() {
        for name in ["..", "../x", "a/..", "a/../../x"] {
            assert!(why(name).ends_with("leaves its folder"), "{name}");
        }
        for name in [".", "./a", "a//b", "a/", "a/./b"] {
            assert!(why(name).ends_with("has a part that is empty or `.`"), "{name}");
        }
        assert_eq!(why(""), "the file name `` is empty");
        assert!(why("/etc/passwd").ends_with("begins at the root"));
        for name in ["a\0b", "a\nb", "\u{1b}[2J", "a\\b", "\u{9b}x"] {
            assert!(why(name).ends_with("has a character that no name may have"), "{name:?}");
            assert!(!why(name).contains(|letter: char| letter.is_control()), "{name:?}");
        }
        assert!(why(&"x".repeat(256)).ends_with("is too long"));
        assert!(why(&"x/".repeat(600)).len() < 200, "the message is not as long as the name");
    }

    #[test]
    fn a_bad_name_in_json_is_no_name() {
        assert!(serde_json::from_str::<FileName>("\"a/b\"").is_ok());
        let error = serde_json::from_str::<FileName>("\"../../x\"").unwrap_err();
        assert!(error.to_string().starts_with("the file name `../../x` leaves its folder"), "{error}");
    }
}
