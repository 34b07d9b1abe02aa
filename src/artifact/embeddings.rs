//! `embeddings.parquet` and `embeddings.json`: examples of a pool and their embeddings.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::table::{Column, Columns, write_parquet};
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
        let fixed = [
            Column::u64("position", &self.position),
            Column::u64("example_id", &self.example_id),
            Column::i32("label", &self.label),
            Column::text("split", &self.split),
            Column::text("digest", &self.digest),
            Column::vectors("embedding", &self.values, self.dim),
        ];
        write_parquet(path, fixed.into_iter().chain(self.belonging.columns()).collect())
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::read_parquet(path, None)?;
        let (values, dim) = columns.vectors("embedding")?;
        Ok(Self {
            position: columns.u64("position")?,
            example_id: columns.u64("example_id")?,
            label: columns.i32("label")?,
            split: columns.text("split")?,
            digest: columns.text("digest")?,
            values,
            dim,
            belonging: Belonging::of(&columns)?,
        })
    }
}
