//! `sources.parquet`: the file that each example came from, for whoever shows examples to people.
//!
//! No stage but the report reads it, so that a renamed file changes no key: what an example is, its digest says.

use std::collections::BTreeMap;
use std::path::Path;

use super::ArtifactError;
use super::table::{Column, Columns, ParquetWriter, ROW_GROUP};

/// Names of files by example; an example without one is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileNames(pub BTreeMap<u64, String>);

impl FileNames {
    /// The file's name.
    pub const FILE: &'static str = "sources.parquet";

    /// The path inside the source, with `/` between its parts.
    #[must_use]
    pub fn of(&self, example_id: u64) -> Option<&str> {
        self.0.get(&example_id).map(String::as_str)
    }

    /// Reads the table; a dataset whose examples come from no files has none.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let columns = Columns::read_parquet(path, Some(&["example_id", "path"]))?;
        Ok(Self(columns.u64("example_id")?.into_iter().zip(columns.text("path")?).collect()))
    }
}

/// Writes `sources.parquet` name by name; nothing is written where no example has one.
pub struct FileNamesWriter {
    writer: ParquetWriter,
    ids: Vec<u64>,
    paths: Vec<String>,
    written: bool,
}

impl FileNamesWriter {
    /// A writer to a path.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { writer: ParquetWriter::new(path), ids: Vec::new(), paths: Vec::new(), written: false }
    }

    /// Appends the name of an example; an empty one is none.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn push(&mut self, example_id: u64, path: &str) -> Result<(), ArtifactError> {
        if path.is_empty() {
            return Ok(());
        }
        self.ids.push(example_id);
        self.paths.push(path.to_owned());
        if self.ids.len() == ROW_GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ArtifactError> {
        let (ids, paths) = (std::mem::take(&mut self.ids), std::mem::take(&mut self.paths));
        if ids.is_empty() {
            return Ok(());
        }
        self.written = true;
        self.writer.append(vec![Column::u64("example_id", &ids), Column::text("path", &paths)])
    }

    /// Ends the file; says whether there is one.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn finish(mut self) -> Result<bool, ArtifactError> {
        self.flush()?;
        self.writer.finish()?;
        Ok(self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_no_names_are_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FileNames::FILE);
        let mut writer = FileNamesWriter::new(&path);
        writer.push(0, "").unwrap();
        assert!(!writer.finish().unwrap() && !path.exists());
        assert_eq!(FileNames::read(&path).unwrap(), FileNames::default());
        let mut writer = FileNamesWriter::new(&path);
        (0..10_000).for_each(|id| writer.push(id, &format!("cat/{id}.png")).unwrap());
        assert!(writer.finish().unwrap());
        let names = FileNames::read(&path).unwrap();
        assert_eq!((names.0.len(), names.of(9000), names.of(10_000)), (10_000, Some("cat/9000.png"), None));
    }
}
