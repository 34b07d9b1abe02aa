//! `samples.parquet` and `sampler.json`: a drawn pool of examples and the recipe of its batches.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ArtifactError;
use super::table::{Column, Columns, write_parquet};

/// The pool in shuffled order: slices of later stages count positions in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples {
    /// Which example stands at each position.
    pub example_id: Vec<u64>,
    /// Its label.
    pub label: Vec<i32>,
}

impl Samples {
    /// Writes the table.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let positions: Vec<u64> = (0..).take(self.label.len()).collect();
        write_parquet(
            path,
            vec![
                Column::u64("position", &positions),
                Column::u64("example_id", &self.example_id),
                Column::i32("label", &self.label),
            ],
        )
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::read_parquet(path, None)?;
        Ok(Self { example_id: columns.u64("example_id")?, label: columns.i32("label")? })
    }
}

/// `sampler.json`: all that is needed, beside the pool, to draw batch(i).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SamplerFile {
    /// Version of this format: 1.
    pub format: u32,
    /// The split drawn from.
    pub split: String,
    /// Labels in the pool, in order.
    pub labels: Vec<i32>,
    /// Names of all classes of the dataset, by label.
    pub classes: Vec<String>,
    /// Examples in the pool.
    pub count: usize,
    /// The sampler as the spec writes it, every parameter spelled out.
    pub sampler: serde_json::Value,
    /// The sampler's seed, in hexadecimal.
    pub seed: String,
}
