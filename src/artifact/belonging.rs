//! What rows of embeddings and of an index belong to, as their dataset says.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use arrow::array::StringArray;

use super::ArtifactError;
use super::table::{Column, Columns, parquet_names};

/// The columns of text of [`About`](super::About) that a table has: a value a row, `None` where nothing is known of it.
/// A table has those that the dataset has; one without any has the bytes that it had before there were such columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Belonging(BTreeMap<&'static str, Vec<Option<String>>>);

impl Belonging {
    /// Every such column, in the order in which tables have them.
    pub const COLUMNS: [&'static str; 3] = ["group", "source", "category"];

    /// With one more column, where that is one of [`COLUMNS`](Self::COLUMNS).
    #[must_use]
    pub fn with(mut self, column: &str, values: Vec<Option<String>>) -> Self {
        if let Some(name) = Self::COLUMNS.into_iter().find(|name| *name == column) {
            self.0.insert(name, values);
        }
        self
    }

    /// A column's values, where the table has it.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&[Option<String>]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// The columns that there are, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        Self::COLUMNS.into_iter().filter(|name| self.0.contains_key(name)).collect()
    }

    /// Which of the columns an `examples.parquet` has; nothing but its schema is read.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn told(examples: &Path) -> Result<Vec<String>, ArtifactError> {
        let names = parquet_names(examples)?;
        Ok(Self::COLUMNS
            .into_iter()
            .filter(|name| names.iter().any(|known| known == name))
            .map(str::to_owned)
            .collect())
    }

    /// Reads the columns of an `examples.parquet`.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read_examples(path: &Path) -> Result<Self, ArtifactError> {
        Self::of(&Columns::read_parquet(path, Some(&Self::COLUMNS))?)
    }

    /// Those of a table that was read.
    pub(super) fn of(columns: &Columns) -> Result<Self, ArtifactError> {
        let names = columns.names();
        let there = Self::COLUMNS.into_iter().filter(|name| names.iter().any(|known| known == name));
        Ok(Self(there.map(|name| Ok((name, columns.optional_text(name)?))).collect::<Result<_, ArtifactError>>()?))
    }

    /// Puts the rows of another table of the same columns behind these.
    pub(super) fn extend(&mut self, more: Self) {
        for (name, values) in more.0 {
            self.0.entry(name).or_default().extend(values);
        }
    }

    /// As columns of a table, to stand behind the others.
    pub(super) fn columns(&self) -> impl Iterator<Item = Column> + '_ {
        let column = move |name: &'static str| {
            Column::nullable(name, self.0[name].iter().map(Option::as_deref).collect::<StringArray>())
        };
        self.names().into_iter().map(column)
    }

    /// The rows of a range.
    #[must_use]
    pub fn slice(&self, range: &Range<usize>) -> Self {
        self.pick(range.clone())
    }

    /// Some rows, in the order asked for; nothing is known of one that is not there.
    #[must_use]
    pub fn pick(&self, rows: impl Iterator<Item = usize> + Clone) -> Self {
        let of = |values: &Vec<Option<String>>| rows.clone().map(|row| values.get(row)?.clone()).collect();
        Self(self.0.iter().map(|(name, values)| (*name, of(values))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{About, Embeddings, ExamplesWriter, Image, ImageShape, IndexRows};

    fn texts(values: &[Option<&str>]) -> Vec<Option<String>> {
        values.iter().map(|value| value.map(str::to_owned)).collect()
    }

    fn two() -> Belonging {
        let none = Belonging::default().with("is_query", texts(&[None, None]));
        none.with("source", texts(&[Some("left"), None])).with("group", texts(&[Some("a"), Some("b")]))
    }

    #[test]
    fn columns_of_a_dataset_come_back_from_its_examples() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("examples.parquet");
        let shape = ImageShape { height: 1, width: 1, channels: 1 };
        let mut writer = ExamplesWriter::new(&path).telling(&["category", "is_query", "group"].map(str::to_owned));
        for group in ["a", "b"] {
            let about = About { group: Some(group.to_owned()), ..About::default() };
            writer.push_about("train", 0, Image { shape, pixels: vec![7] }, about).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(Belonging::told(&path).unwrap(), ["group", "category"]);
        let found = Belonging::read_examples(&path).unwrap();
        let expected = Belonging::default().with("group", texts(&[Some("a"), Some("b")]));
        assert_eq!(found, expected.with("category", texts(&[None, None])));
        let picked = found.pick([1, 0, 7].into_iter());
        assert_eq!(picked.column("group").unwrap(), texts(&[Some("b"), Some("a"), None]));
    }

    #[test]
    fn tables_of_rows_carry_them_and_are_as_they_were_without() {
        let folder = tempfile::tempdir().unwrap();
        let rows = |belonging| Embeddings {
            position: vec![0, 1],
            example_id: vec![4, 5],
            label: vec![0, 1],
            split: vec!["test".into(); 2],
            digest: vec!["x".into(), "y".into()],
            values: vec![0.5, 1.5],
            dim: 1,
            belonging,
        };
        let path = folder.path().join("embeddings.parquet");
        rows(two()).write(&path).unwrap();
        let found = Embeddings::read(&path).unwrap();
        assert_eq!((found.belonging.names(), &found), (vec!["group", "source"], &rows(two())));
        assert_eq!(found.slice(1..2).belonging.column("source").unwrap(), texts(&[None]));
        rows(Belonging::default()).write(&path).unwrap();
        assert_eq!(parquet_names(&path).unwrap(), ["position", "example_id", "label", "split", "digest", "embedding"]);

        let index = |belonging| IndexRows {
            example_id: vec![4, 5],
            label: vec![0, 1],
            digest: vec!["x".into(), "y".into()],
            vectors: vec![0.5, 1.5].into(),
            dim: 1,
            belonging,
        };
        let path = folder.path().join("index.arrow");
        for belonging in [two(), Belonging::default()] {
            index(belonging.clone()).write(&path).unwrap();
            assert_eq!(IndexRows::read(&path).unwrap(), index(belonging));
        }
        assert_eq!(Columns::read_arrow(&path).unwrap().names(), ["example_id", "label", "vector", "digest"]);
    }
}
