//! `index.arrow` and `index.json`: a searchable set of embeddings.

use std::path::Path;

use arrow::buffer::ScalarBuffer;
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
    /// How it is searched: `exact`, `hnsw`, `ivf-pq`, `int8` or `binary`; never `auto`, but what that stood for.
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
    /// Of how many vectors these are the means, one of each class, under the number of the example that is nearest to it; written
    /// only where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_means_of: Option<usize>,
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
    /// The version of how the search looks for neighbours; written from the second on.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub version: u32,
}

const fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
const fn is_first(version: &u32) -> bool {
    *version == 1
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
    /// `[rows, dim]`, row after row; of unit length where the distance is cosine. In the memory of the file where it was read.
    pub vectors: ScalarBuffer<f32>,
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
            Column::shared_vectors("vector", &self.vectors, self.dim),
            Column::text("digest", &self.digest),
        ];
        write_arrow(path, fixed.into_iter().chain(self.belonging.columns()).collect())
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::map_arrow(path, None)?;
        let rows = Self { digest: columns.text("digest")?, belonging: Belonging::of(&columns)?, ..Self::of(&columns)? };
        rows.expect_whole(path)
    }

    /// Reads of the table what a search needs: no digests and nothing that examples belong to.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read_for_search(path: &Path) -> Result<Self, ArtifactError> {
        Self::of(&Columns::map_arrow(path, Some(&["example_id", "label", "vector"]))?)?.expect_whole(path)
    }

    fn of(columns: &Columns) -> Result<Self, ArtifactError> {
        let (vectors, dim) = columns.shared_vectors("vector")?;
        let (example_id, label) = (columns.u64("example_id")?, columns.i32("label")?);
        Ok(Self { example_id, label, vectors, dim, ..Self::default() })
    }

    fn expect_whole(self, path: &Path) -> Result<Self, ArtifactError> {
        match self.label.len().checked_mul(self.dim) == Some(self.vectors.len()) {
            true => Ok(self),
            false => Err(ArtifactError::malformed(path, "it has not a vector for each example")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_of_a_table_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.arrow");
        let rows = IndexRows {
            example_id: vec![5, 6, 7],
            label: vec![0, 1, 1],
            digest: ["a", "", "c"].map(str::to_owned).to_vec(),
            vectors: vec![0.5; 12].into(),
            dim: 4,
            ..IndexRows::default()
        };
        rows.write(&path).unwrap();
        assert_eq!(IndexRows::read(&path).unwrap(), rows);
        let bytes = std::fs::read(&path).unwrap();
        // Whatever is changed is refused, or a table of the same form: nothing panics.
        for at in 0..bytes.len() {
            for mask in [0x01, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= mask;
                std::fs::write(&path, &changed).unwrap();
                for found in [IndexRows::read(&path), IndexRows::read_for_search(&path)].into_iter().flatten() {
                    assert_eq!(found.label.len() * found.dim, found.vectors.len(), "byte {at}");
                }
            }
        }
        for end in 0..bytes.len() {
            std::fs::write(&path, &bytes[..end]).unwrap();
            assert!(IndexRows::read(&path).is_err() && IndexRows::read_for_search(&path).is_err(), "cut after {end}");
        }
    }
}
