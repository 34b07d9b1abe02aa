//! `samples.parquet` and `sampler.json`: a drawn pool of examples and the recipe of its batches.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::table::{Column, Columns, write_parquet};
use super::{ArtifactError, Belonging};

/// The pool in shuffled order: slices of later stages count positions in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples {
    /// Which example stands at each position.
    pub example_id: Vec<u64>,
    /// Its label.
    pub label: Vec<i32>,
    /// The split that all of them are of.
    pub split: String,
    /// What the examples belong to, where the dataset says it.
    pub belonging: Belonging,
}

impl Samples {
    /// Brings examples and labels into the order of the dataset's numbers, before anything is known of what they belong to.
    pub fn sort(&mut self) {
        let mut pool: Vec<(u64, i32)> = self.example_id.drain(..).zip(self.label.drain(..)).collect();
        pool.sort_unstable();
        (self.example_id, self.label) = pool.into_iter().unzip();
    }

    /// Writes the table.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let positions: Vec<u64> = (0..).take(self.label.len()).collect();
        let fixed = [
            Column::u64("position", &positions),
            Column::u64("example_id", &self.example_id),
            Column::i32("label", &self.label),
            Column::text("split", &vec![self.split.as_str(); self.label.len()]),
        ];
        write_parquet(path, fixed.into_iter().chain(self.belonging.columns()).collect())
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::read_parquet(path, None)?;
        let split = columns.text("split")?.into_iter().next().unwrap_or_default();
        let (example_id, label) = (columns.u64("example_id")?, columns.i32("label")?);
        Ok(Self { example_id, label, split, belonging: Belonging::of(&columns)? })
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
    /// Names by label of the classes in the pool, with no name for others: what only other splits hold is not this pool's. Of
    /// all classes of the dataset where the sampler names classes.
    pub classes: Vec<String>,
    /// Examples in the pool.
    pub count: usize,
    /// The sampler as the spec writes it, every parameter spelled out.
    pub sampler: serde_json::Value,
    /// The sampler's seed, in hexadecimal.
    pub seed: String,
}
