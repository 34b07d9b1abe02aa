//! `embeddings.parquet` and `embeddings.json`: examples of a pool and their embeddings.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::table::{Column, Columns, ParquetWriter, ROW_GROUP, parquet_rows};
use super::{ArtifactError, Belonging, Distance, ModelName, ModelUse};

/// `embeddings.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddingsInfo {
    /// Version of this format: 1.
    pub format: u32,
    /// The distance that the model was trained for.
    pub distance: Distance,
    /// Length of an embedding.
    pub dim: usize,
    /// Rows of the table.
    pub count: usize,
    /// Position of the first row in the sampler's pool; the others follow it.
    pub begin: u64,
    /// Whether the model was trained on any of these images, of whatever dataset they were: `trained-on.parquet` says on which.
    pub seen_in_training: bool,
    /// What a row is made of; written only where it is more than the network's output for the image.
    #[serde(default, skip_serializing_if = "ModelUse::is_plain")]
    pub model_use: ModelUse,
    /// The model that made them, for whoever takes them in place of images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<MadeBy>,
}

/// The model that made embeddings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeBy {
    /// The model.
    pub of: ModelName,
    /// Height, width and channels of the images that they are made of.
    pub image: [usize; 3],
}

impl EmbeddingsInfo {
    /// The file's name.
    pub const FILE: &'static str = "embeddings.json";
    /// The table beside it.
    pub const TABLE: &'static str = "embeddings.parquet";
}

/// Rows in the order of the pool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Embeddings {
    /// Position in the sampler's pool.
    pub position: Vec<u64>,
    /// The example.
    pub example_id: Vec<u64>,
    /// Its label.
    pub label: Vec<i32>,
    /// Its split.
    pub split: Vec<String>,
    /// Its image's digest.
    pub digest: Vec<String>,
    /// `[rows, dim]`, row after row.
    pub values: Vec<f32>,
    /// Length of an embedding.
    pub dim: usize,
    /// What the examples belong to, where the dataset says it.
    pub belonging: Belonging,
}

impl Embeddings {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.label.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.label.is_empty()
    }

    /// The embedding of a row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dim..(row + 1) * self.dim]
    }

    /// The rows of a range.
    #[must_use]
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        Self {
            position: self.position[range.clone()].to_vec(),
            example_id: self.example_id[range.clone()].to_vec(),
            label: self.label[range.clone()].to_vec(),
            split: self.split[range.clone()].to_vec(),
            digest: self.digest[range.clone()].to_vec(),
            values: self.values[range.start * self.dim..range.end * self.dim].to_vec(),
            dim: self.dim,
            belonging: self.belonging.slice(&range),
        }
    }

    /// Writes the table.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let mut writer = ParquetWriter::new(path);
        // A group of rows after the other: a second copy of all vectors may be too much. At least one, for its columns.
        for begin in (0..self.len().max(1)).step_by(ROW_GROUP) {
            writer.append(self.columns(begin..(begin + ROW_GROUP).min(self.len())))?;
        }
        writer.finish()
    }

    fn columns(&self, rows: std::ops::Range<usize>) -> Vec<Column> {
        let fixed = [
            Column::u64("position", &self.position[rows.clone()]),
            Column::u64("example_id", &self.example_id[rows.clone()]),
            Column::i32("label", &self.label[rows.clone()]),
            Column::text("split", &self.split[rows.clone()]),
            Column::text("digest", &self.digest[rows.clone()]),
            Column::vectors("embedding", &self.values[rows.start * self.dim..rows.end * self.dim], self.dim),
        ];
        fixed.into_iter().chain(self.belonging.slice(&rows).columns()).collect()
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let mut read = Self::default();
        // Once more: only one group of rows is there twice.
        Columns::each_of_parquet(path, |piece| {
            let (values, dim) = piece.vectors("embedding")?;
            if read.is_empty() {
                // Grown bit by bit, the vectors would be there twice each time. Where the file lies about its rows they are.
                let _ = parquet_rows(path)?.checked_mul(dim).map(|numbers| read.values.try_reserve_exact(numbers));
            }
            read.dim = dim;
            read.position.extend(piece.u64("position")?);
            read.example_id.extend(piece.u64("example_id")?);
            read.label.extend(piece.i32("label")?);
            read.split.extend(piece.text("split")?);
            read.digest.extend(piece.text("digest")?);
            read.values.extend(values);
            read.belonging.extend(Belonging::of(piece)?);
            Ok(())
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::write_parquet;

    #[test]
    fn a_table_of_several_groups_of_rows_has_the_bytes_of_one_written_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for count in [0, 3, ROW_GROUP, 2 * ROW_GROUP + 5] {
            let some = |row: usize| (!row.is_multiple_of(3)).then(|| format!("group {}", row % 7));
            let rows = Embeddings {
                position: (0..count as u64).collect(),
                example_id: (0..count as u64).map(|row| row * 7 % 100_003).collect(),
                label: (0..count).map(|row| i32::try_from(row % 11).unwrap()).collect(),
                split: vec!["train".to_owned(); count],
                digest: (0..count).map(|row| format!("{:064x}", row * 977)).collect(),
                values: (0..2 * count).map(|number| number as f32 * 0.25).collect(),
                dim: 2,
                belonging: Belonging::default().with("group", (0..count).map(some).collect()),
            };
            rows.write(&path("pieces.parquet")).unwrap();
            write_parquet(&path("whole.parquet"), rows.columns(0..count)).unwrap();
            let [pieces, whole] =
                ["pieces", "whole"].map(|name| std::fs::read(path(name).with_extension("parquet")).unwrap());
            assert!(pieces == whole, "{count} rows");
            let found = Embeddings::read(&path("pieces.parquet")).unwrap();
            assert!(found == rows || count == 0, "{count} rows");
            assert_eq!(found.len(), count);
        }
    }
}
