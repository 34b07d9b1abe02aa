//! `index.arrow` and `index.json`: a searchable set of embeddings.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::table::{Column, Columns, write_arrow};
use super::{ArtifactError, Belonging, Distance, ModelUse};

/// `index.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexInfo {
    /// Version of this format: 1.
    pub format: u32,
    /// How near is measured.
    pub metric: Distance,
    /// How it is searched: `exact`, `hnsw`, `int8` or `binary`; never `auto`, but what that stood for.
    pub search: String,
    /// Vectors.
    pub count: usize,
    /// Numbers in a vector.
    pub dim: usize,
    /// Share of the ten true nearest neighbours that the search finds: 1 when it is exact, else measured over a sample of
    /// 1,000 vectors, each without itself.
    pub recall: f64,
    /// What a search that is not exact needs beside the vectors; written only of such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structure: Option<IndexStructure>,
    /// Whether vectors were scaled to unit length, for the cosine distance of a network whose rows are not; written
    /// only where they were.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub normalized: bool,
    /// What a vector is made of; written only where it is more than the network's output for the image.
    #[serde(default, skip_serializing_if = "ModelUse::is_plain")]
    pub model_use: ModelUse,
    /// Class names by label.
    pub classes: Vec<String>,
}

/// What a search has beside the vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexStructure {
    /// The search with all its settings, as a spec writes it.
    pub settings: serde_json::Value,
    /// Bytes that a search reads for each vector at most: its numbers, and what the search adds.
    pub bytes_per_vector: usize,
}

/// `index.arrow`: the vectors in index order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IndexRows {
    /// The example.
    pub example_id: Vec<u64>,
    /// Its label.
    pub label: Vec<i32>,
    /// Its image's digest.
    pub digest: Vec<String>,
    /// `[rows, dim]`, row after row; of unit length where the distance is cosine.
    pub vectors: Vec<f32>,
    /// Numbers in a vector.
    pub dim: usize,
    /// What the examples belong to, where the dataset says it.
    pub belonging: Belonging,
}

impl IndexRows {
    /// Writes the table.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let fixed = [
            Column::u64("example_id", &self.example_id),
            Column::i32("label", &self.label),
            Column::vectors("vector", &self.vectors, self.dim),
            Column::text("digest", &self.digest),
        ];
        write_arrow(path, fixed.into_iter().chain(self.belonging.columns()).collect())
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::read_arrow(path)?;
        let (vectors, dim) = columns.vectors("vector")?;
        Ok(Self {
            example_id: columns.u64("example_id")?,
            label: columns.i32("label")?,
            digest: columns.text("digest")?,
            vectors,
            dim,
            belonging: Belonging::of(&columns)?,
        })
    }
}
