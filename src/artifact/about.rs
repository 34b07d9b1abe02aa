//! What a dataset says of an example beside its label: who or what it belongs to, and what it may be used for.

use std::path::Path;

use arrow::array::{Array, AsArray, BooleanArray, StringArray};

use super::ArtifactError;
use super::table::{Column, Columns};

/// Columns of `examples.parquet` that most datasets don't have; one that a file lacks is null for each example.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// What must not be torn apart, such as the photos of one animal in one minute.
    pub group: Option<String>,
    /// Where it was taken from, such as a sequence of a camera.
    pub source: Option<String>,
    /// The category of its class, such as the kind of a product.
    pub category: Option<String>,
    /// Whether it may be looked up.
    pub is_query: Option<bool>,
    /// Whether it may be found.
    pub is_gallery: Option<bool>,
}

impl About {
    /// The columns, in the file's order.
    pub const COLUMNS: [&'static str; 5] = ["group", "source", "category", "is_query", "is_gallery"];

    /// A column of text, if that is one.
    #[must_use]
    pub fn text(&self, column: &str) -> Option<&str> {
        match column {
            "group" => self.group.as_deref(),
            "source" => self.source.as_deref(),
            "category" => self.category.as_deref(),
            _ => None,
        }
    }

    /// A column of truth values, if that is one.
    #[must_use]
    pub fn truth(&self, column: &str) -> Option<bool> {
        match column {
            "is_query" => self.is_query,
            "is_gallery" => self.is_gallery,
            _ => None,
        }
    }

    /// Reads what a file says of each of its examples.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn read(path: &Path) -> Result<Vec<Self>, ArtifactError> {
        let columns = Columns::read_parquet(path, Some(&[&["example_id"], &Self::COLUMNS[..]].concat()))?;
        let mut rows = vec![Self::default(); columns.rows()];
        let known = columns.names();
        for name in Self::COLUMNS.into_iter().filter(|name| known.iter().any(|known| known == name)) {
            let pieces = columns.pieces(name)?;
            let mut at = 0;
            for piece in &pieces {
                read_piece(path, name, piece, &mut rows[at..at + piece.len()])?;
                at += piece.len();
            }
        }
        Ok(rows)
    }
}

fn read_piece(path: &Path, name: &str, piece: &dyn Array, rows: &mut [About]) -> Result<(), ArtifactError> {
    let wrong = || ArtifactError::malformed(path, format!("the column `{name}` is of another type"));
    if matches!(name, "is_query" | "is_gallery") {
        let truths = piece.as_boolean_opt().ok_or_else(wrong)?;
        for (row, truth) in rows.iter_mut().zip(truths) {
            *(if name == "is_query" { &mut row.is_query } else { &mut row.is_gallery }) = truth;
        }
        return Ok(());
    }
    let texts = piece.as_string_opt::<i32>().ok_or_else(wrong)?;
    for (row, text) in rows.iter_mut().zip(texts) {
        let field = match name {
            "group" => &mut row.group,
            "source" => &mut row.source,
            _ => &mut row.category,
        };
        *field = text.map(str::to_owned);
    }
    Ok(())
}

/// These columns of some rows.
pub(super) fn columns(names: &[&'static str], rows: &[About]) -> Vec<Column> {
    let column = |name: &&'static str| match *name {
        "is_query" | "is_gallery" => {
            Column::nullable(*name, rows.iter().map(|row| row.truth(name)).collect::<BooleanArray>())
        }
        _ => Column::nullable(*name, rows.iter().map(|row| row.text(name)).collect::<StringArray>()),
    };
    names.iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Examples, ExamplesWriter, Image, ImageShape};

    fn image() -> Image {
        Image { shape: ImageShape { height: 1, width: 1, channels: 1 }, pixels: vec![7] }
    }

    #[test]
    fn what_is_told_comes_back_and_the_rest_is_null() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("examples.parquet");
        let about =
            About { group: Some("a".into()), is_query: Some(true), source: Some("s".into()), ..About::default() };
        let mut writer = ExamplesWriter::new(&path).telling(&["is_query", "group", "fold"].map(str::to_owned));
        writer.push_about("train", 0, image(), about.clone()).unwrap();
        writer.push("train", 0, image()).unwrap();
        writer.finish().unwrap();
        let found = About::read(&path).unwrap();
        assert_eq!(found, [About { source: None, ..about }, About::default()], "the file has no column `source`");
        assert_eq!(Examples::read(&path).unwrap().len(), 2);
    }

    #[test]
    fn a_file_that_tells_nothing_is_as_it_always_was() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = |columns: &[String]| {
            let path = folder.path().join("examples.parquet");
            let mut writer = ExamplesWriter::new(&path).telling(columns);
            writer.push_about("train", 0, image(), About { group: Some("a".into()), ..About::default() }).unwrap();
            writer.finish().unwrap();
            (std::fs::read(&path).unwrap(), About::read(&path).unwrap())
        };
        let (plain, about) = bytes(&[]);
        assert_eq!(about, [About::default()]);
        assert!(bytes(&["fold".to_owned()]).0 == plain && bytes(&["group".to_owned()]).0 != plain);
    }
}
