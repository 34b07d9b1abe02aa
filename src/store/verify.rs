//! `store verify`: reads every object and every entry, moves damaged ones aside.

use std::path::PathBuf;

use rayon::prelude::*;
use serde::Serialize;

use super::{AcEntry, Store, StoreError};
use crate::base::digest::Digest;

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Objects read.
    pub objects: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Entries read.
    pub entries: usize,
    /// Names of objects moved to `quarantine/`.
    pub damaged_objects: Vec<String>,
    /// Keys whose entry was dropped: it was unreadable or named an object that is damaged or gone.
    pub dropped_entries: Vec<String>,
}

impl VerifyReport {
    /// Whether everything was as it should be.
    #[must_use]
    pub fn clean(&self) -> bool {
        self.damaged_objects.is_empty() && self.dropped_entries.is_empty()
    }
}

impl Store {
    /// Reads everything, whatever the memo says; what is damaged is moved to `quarantine/`.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn verify(&self) -> Result<VerifyReport, StoreError> {
        let objects = self.files_below("cas")?;
        let checked = objects.par_iter().map(|path| self.verify_object(path)).collect::<Result<Vec<_>, _>>()?;
        let entries = self.files_below("ac")?;
        let dropped = entries.par_iter().map(|path| self.verify_entry(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(VerifyReport {
            objects: objects.len(),
            bytes: checked.iter().map(|(bytes, _)| bytes).sum(),
            entries: entries.len(),
            damaged_objects: checked.into_iter().filter_map(|(_, damaged)| damaged).collect(),
            dropped_entries: dropped.into_iter().flatten().collect(),
        })
    }

    fn files_below(&self, folder: &str) -> Result<Vec<PathBuf>, StoreError> {
        let folder = self.folder(folder);
        let mut paths = Vec::new();
        for item in walkdir::WalkDir::new(&folder).sort_by_file_name() {
            let item = item.map_err(|error| StoreError::io("read", &folder)(error.into()))?;
            if item.file_type().is_file() {
                paths.push(item.into_path());
            }
        }
        Ok(paths)
    }

    /// The bytes read, and the object's name if it was damaged.
    fn verify_object(&self, path: &PathBuf) -> Result<(u64, Option<String>), StoreError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let named = name.parse::<Digest>().ok().filter(|digest| self.object(*digest) == *path);
        if named.is_some() && Digest::of_file(path).ok() == named {
            return Ok((size, None));
        }
        if !path.exists() {
            return Ok((0, None)); // a running training has pruned a checkpoint meanwhile
        }
        self.forget(path);
        self.quarantine(path, &name)?;
        Ok((size, Some(name)))
    }

    /// The entry's name if it was dropped.
    fn verify_entry(&self, path: &PathBuf) -> Result<Option<String>, StoreError> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None), // gone meanwhile
            bytes => bytes.map_err(StoreError::io("read", path))?,
        };
        let entry = name.parse().ok().and_then(|key| AcEntry::parse(key, &bytes));
        let size_of = |digest| std::fs::metadata(self.object(digest)).map(|metadata| metadata.len()).ok();
        if entry.is_some_and(|entry| entry.files.values().all(|file| size_of(file.digest) == Some(file.size))) {
            return Ok(None);
        }
        if !path.exists() {
            return Ok(None); // gone together with its objects
        }
        self.quarantine(path, &format!("{name}.json"))?;
        Ok(Some(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Produced;

    #[test]
    fn damage_that_keeps_size_and_mtime_is_found_and_the_next_verify_is_clean() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for name in ["a", "b"] {
            let scratch = store.scratch().unwrap();
            std::fs::write(scratch.output().join("file"), name).unwrap();
            store.publish(scratch, Digest::of_json(&name), Produced::default()).unwrap();
        }
        let report = store.verify().unwrap();
        assert_eq!((report.objects, report.bytes, report.entries, report.clean()), (2, 2, 2, true));

        let object = store.object(Digest::of(b"a"));
        let modified = std::fs::metadata(&object).unwrap().modified().unwrap();
        std::fs::remove_file(&object).unwrap();
        std::fs::write(&object, "x").unwrap();
        std::fs::File::options().write(true).open(&object).unwrap().set_modified(modified).unwrap();
        let report = store.verify().unwrap();
        assert_eq!(report.damaged_objects, [Digest::of(b"a").to_string()]);
        assert_eq!(report.dropped_entries, [Digest::of_json(&"a").to_string()]);
        let report = store.verify().unwrap();
        assert_eq!((report.objects, report.entries, report.clean()), (1, 1, true));
    }
}
