//! Files of the same bytes in two classes, found without decoding anything.

use std::collections::BTreeMap;

use super::folder::{File, Folder};
use super::{ImageFolder, Reader};
use simpipe_base::digest::Digest;

/// Files that are read at most: those that share their length with one of another class, which copies do.
const READ: usize = 2000;
/// A file that is longer is not read for this.
const LONGEST: u64 = 64 << 20;

impl ImageFolder {
    /// Names of files that hold the same bytes and lie in two classes; nothing where the folder is not as it should be. Of
    /// very many files of the same length only some are looked at.
    #[must_use]
    pub fn twins(&self) -> Vec<(String, String)> {
        let whole = self.undivided();
        let folder = whole.as_ref().unwrap_or(self);
        let Ok(Folder { files, .. }) = folder.scan() else { return Vec::new() };
        let reader = Reader::default();
        let mut by_length: BTreeMap<u64, Vec<&File>> = BTreeMap::new();
        for file in &files {
            if let Ok(length) = reader.length(&file.path) {
                by_length.entry(length).or_default().push(file);
            }
        }
        let doubtful = |files: &&Vec<&File>| files.iter().any(|file| file.label != files[0].label);
        let doubtful = by_length.values().filter(doubtful).flatten().take(READ);
        let mut first: BTreeMap<Digest, &File> = BTreeMap::new();
        let mut twins = Vec::new();
        for file in doubtful {
            let Ok(bytes) = reader.read_at_most(&file.path, LONGEST) else { continue };
            let earlier = *first.entry(Digest::of(&bytes)).or_insert(file);
            if earlier.label != file.label {
                twins.push((earlier.name.clone(), file.name.clone()));
            }
        }
        twins
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::param;

    #[test]
    fn only_the_same_bytes_in_two_classes_are_twins() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in
            [("a/1.png", "same"), ("a/2.png", "same"), ("b/1.png", "same"), ("b/2.png", "else"), ("b/3.png", "longer")]
        {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let source = |path: &std::path::Path| -> ImageFolder {
            param::from_json(&serde_json::json!({ "path": path.to_str() })).unwrap()
        };
        assert_eq!(source(folder.path()).twins(), [("a/1.png".to_owned(), "b/1.png".to_owned())]);
        std::fs::write(folder.path().join("b/1.png"), "sane").unwrap();
        assert_eq!(source(folder.path()).twins(), []);
        assert_eq!(source(&folder.path().join("nowhere")).twins(), []);
    }
}
