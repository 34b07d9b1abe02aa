//! `projection.parquet` and `projection.json`: embeddings as points on a plane.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::table::{Column, Columns, write_parquet};
use super::{ArtifactError, Distance};

/// `projection.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectionInfo {
    /// Version of this format: 1.
    pub format: u32,
    /// How embeddings became points: `pca`, `t-sne` or `umap`.
    pub method: String,
    /// The method's parameters, every one.
    pub parameters: serde_json::Value,
    /// Embeddings that were to be placed.
    pub count: usize,
    /// Embeddings that there are.
    pub of: usize,
    /// Embeddings that have no place because they hold something else than numbers.
    pub left_out: usize,
    /// Numbers of an embedding.
    pub dim: usize,
    /// The distance that the map is of: rows were scaled to unit length for cosine.
    pub distance: Distance,
    /// The share of the variance that each principal component explains; only of `pca`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained: Option<[f64; 2]>,
}

impl ProjectionInfo {
    /// The file's name.
    pub const FILE: &'static str = "projection.json";
}

/// `projection.parquet`: the points in the order of the embeddings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Projection {
    /// Position in the sampler's pool.
    pub position: Vec<u64>,
    /// The example.
    pub example_id: Vec<u64>,
    /// Its label.
    pub label: Vec<i32>,
    /// Its place.
    pub point: Vec<[f64; 2]>,
}

impl Projection {
    /// The file's name.
    pub const FILE: &'static str = "projection.parquet";

    /// Writes the table.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let axis = |axis: usize| self.point.iter().map(|point| point[axis]).collect::<Vec<f64>>();
        write_parquet(
            path,
            vec![
                Column::u64("position", &self.position),
                Column::u64("example_id", &self.example_id),
                Column::i32("label", &self.label),
                Column::f64("x", &axis(0)),
                Column::f64("y", &axis(1)),
            ],
        )
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::read_parquet(path, None)?;
        let (x, y) = (columns.f64("x")?, columns.f64("y")?);
        Ok(Self {
            position: columns.u64("position")?,
            example_id: columns.u64("example_id")?,
            label: columns.i32("label")?,
            point: x.into_iter().zip(y).map(|(x, y)| [x, y]).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_come_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Projection::FILE);
        let projection = Projection {
            position: vec![3, 4],
            example_id: vec![9, 7],
            label: vec![1, 0],
            point: vec![[0.1, -1e300], [1.0 / 3.0, 0.0]],
        };
        projection.write(&path).unwrap();
        assert_eq!(Projection::read(&path).unwrap(), projection);
    }
}
