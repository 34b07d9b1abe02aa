//! A list of names in a text file, one a line: how people keep which image is in which split.

use std::collections::BTreeSet;
use std::path::Path;

use super::listing::wrong_lines;
use super::reader::Reader;
use crate::DataError;
use simpipe_base::contents::Contents;
use simpipe_base::digest::Digest;

/// A list is shorter than that.
const AT_MOST: u64 = 1 << 30;

/// Names, and the digest of the file that holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameList {
    /// The names: paths inside the source, with `/` between the parts.
    pub names: BTreeSet<String>,
    /// Of the very bytes.
    pub digest: Digest,
}

impl NameList {
    /// Reads a file; empty lines and those that start with `#` are left out.
    ///
    /// # Errors
    /// If it can't be read or names something twice.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let reader = Reader::default();
        let bytes = reader.read_at_most(path, AT_MOST).map_err(DataError::io("read", path))?;
        let digest = reader.digest(path).map_err(DataError::io("read", path))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| DataError::malformed(path, "it is not valid UTF-8"))?;
        let (mut names, mut wrong) = (BTreeSet::new(), Vec::new());
        for (at, line) in text.lines().enumerate() {
            let name = line.trim().trim_start_matches("./");
            if !name.is_empty() && !name.starts_with('#') && !names.insert(name.to_owned()) {
                wrong.push((at + 1, format!("`{name}` is already listed")));
            }
        }
        if wrong.is_empty() {
            Ok(Self { names, digest })
        } else {
            Err(wrong_lines(path, &wrong, "name each image once"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_one_a_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "# mine\r\na/1.png\r\n\n./b/2.png\n").unwrap();
        let list = NameList::read(file.path()).unwrap();
        assert_eq!(list.names, ["a/1.png", "b/2.png"].map(str::to_owned).into());
        assert_eq!(list.digest, Digest::of_file(file.path()).unwrap());
        std::fs::write(file.path(), "a\nb\na\n").unwrap();
        assert!(NameList::read(file.path()).unwrap_err().to_string().ends_with(": line 3: `a` is already listed"));
    }
}
