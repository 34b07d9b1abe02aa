//! Sources whose images lie in a few large files: which files, which split each is, and reading them hashed.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::listing::is_visible;
use super::reader::{Reader, Whole};
use super::{Access, DigestFile};
use crate::DataError;
use simpipe_base::contents::Contents;
use simpipe_base::digest::Digest;

/// A large file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shard {
    /// Its path inside the source, with `/` between the parts: its name in a key.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// Its split, by its name.
    pub(super) split: String,
}

/// Words in names that are splits.
const SPLITS: [&str; 12] = [
    "train",
    "training",
    "test",
    "testing",
    "val",
    "valid",
    "validation",
    "dev",
    "eval",
    "query",
    "gallery",
    "unlabeled",
];

/// All files of this ending at a path: itself, or those at any depth of a folder, in the order of their names.
///
/// # Errors
/// If there are none.
pub(super) fn shards(path: &Path, ending: &str) -> Result<Vec<Shard>, DataError> {
    if path.is_file() {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        return Ok(vec![Shard { split: split_of(&name), name, path: path.to_path_buf() }]);
    }
    let mut found = Vec::new();
    for entry in WalkDir::new(path).follow_links(true).sort_by_file_name().into_iter().filter_entry(is_visible) {
        let entry = entry.map_err(|error| DataError::malformed(path, error.to_string()))?;
        let is_one = entry.path().extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending));
        if !is_one || entry.file_type().is_dir() {
            continue;
        }
        let relative = entry.path().strip_prefix(path).unwrap_or(entry.path());
        let name =
            relative.to_str().ok_or_else(|| DataError::malformed(entry.path(), "the name is not valid UTF-8"))?;
        found.push(Shard { name: name.to_owned(), path: entry.path().to_path_buf(), split: split_of(name) });
    }
    if found.is_empty() {
        let help = format!("name a `.{ending}` file, or a folder that holds some");
        return Err(DataError::Malformed {
            path: path.to_path_buf(),
            reason: format!("there are no `.{ending}` files"),
            help: Some(help),
        });
    }
    Ok(found)
}

/// The split that a name tells: by a word of it, by a folder, by what it starts with; else all is for training.
fn split_of(name: &str) -> String {
    let words = |text: &str| -> Option<String> {
        let is_split = |word: &&str| SPLITS.contains(&word.to_lowercase().as_str());
        text.split(['-', '_', '.']).find(is_split).map(str::to_owned)
    };
    let (folders, file) = name.rsplit_once('/').unwrap_or(("", name));
    let start = || {
        let (start, _) = file.split_once('-')?;
        start.chars().all(char::is_alphabetic).then(|| start.to_owned()).filter(|start| !start.is_empty())
    };
    let of_folders = || folders.rsplit('/').find_map(words);
    words(file).or_else(of_folders).or_else(start).unwrap_or_else(|| "train".to_owned())
}

/// One digest a file.
pub(super) fn digests(shards: &[Shard], contents: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
    let digest =
        |shard: &Shard| Ok((shard.name.clone(), contents.digest(&shard.path).map_err(DataError::unread(&shard.path))?));
    shards.iter().map(digest).collect()
}

/// Hashes a file, says that it is read, and opens it.
pub(super) fn open(shard: &Shard, reader: &Reader<'_>, access: &Access<'_>) -> Result<Whole, DataError> {
    let whole = reader.open(&shard.path)?;
    let digest = reader.digest(&shard.path).map_err(DataError::io("read", &shard.path))?;
    access.has_read(&[(shard.name.clone(), digest)]);
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::made_for_tests::write;

    #[test]
    fn names_tell_splits() {
        for (name, split) in [
            ("train-00000-of-00002.parquet", "train"),
            ("imagenet-val-000001.tar", "val"),
            ("default/test/0000.parquet", "test"),
            ("unsupervised-00000-of-00001.parquet", "unsupervised"),
            ("shard_000001.tar", "train"),
            ("0000.parquet", "train"),
        ] {
            assert_eq!(split_of(name), split, "{name}");
        }
    }

    #[test]
    fn files_of_the_ending_are_found_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b/test.tar", "a-train.TAR", ".cache/x.tar", "notes.txt"] {
            write(folder.path(), name, "");
        }
        let names: Vec<String> = shards(folder.path(), "tar").unwrap().into_iter().map(|shard| shard.name).collect();
        assert_eq!(names, ["a-train.TAR", "b/test.tar"]);
        assert!(shards(folder.path(), "parquet").unwrap_err().to_string().ends_with("there are no `.parquet` files"));
        assert_eq!(shards(&folder.path().join("b/test.tar"), "tar").unwrap()[0].split, "test");
    }
}
