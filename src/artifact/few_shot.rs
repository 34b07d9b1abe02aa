//! `episodes.parquet` and `few-shot.json`: how well new classes are told apart from a few examples.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Int32Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use serde::{Deserialize, Serialize};

use super::table::{Column, write_parquet};
use super::{ArtifactError, Estimate};

/// `few-shot.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FewShotFile {
    /// Version of this format: 1.
    pub format: u32,
    /// Number of classes per episode.
    pub ways: usize,
    /// Number of examples of each class that are shown.
    pub shots: usize,
    /// Number of examples of each class that are queries.
    pub queries: usize,
    /// How many episodes.
    pub episodes: usize,
    /// What the classes of one episode share: `class` (nothing) or `group`.
    pub by: String,
    /// Classes that have enough examples, among which episodes draw.
    pub classes: usize,
    /// Groups with enough such classes; only where episodes stay within a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// Whether rows were scaled to unit length: where the network's distance is cosine.
    pub unit_length: bool,
    /// What a guess gives: 1 / ways.
    pub chance: f64,
    /// How intervals are made, in words.
    pub interval: String,
    /// By method: the mean accuracy over episodes with its interval.
    pub accuracy: BTreeMap<String, Estimate>,
}

/// One episode by one method.
#[derive(Debug, Clone, PartialEq)]
pub struct EpisodeRow {
    /// Its number, from 0.
    pub episode: u64,
    /// How its queries were labelled.
    pub method: &'static str,
    /// The share of its queries that were given their class.
    pub accuracy: f64,
    /// The labels of its classes, in the order drawn.
    pub classes: Vec<i32>,
}

/// Writes `episodes.parquet`.
///
/// # Errors
/// If the file can't be written.
pub fn write_episodes(path: &Path, rows: &[EpisodeRow]) -> Result<(), ArtifactError> {
    let labels: Vec<i32> = rows.iter().flat_map(|row| row.classes.iter().copied()).collect();
    let item = Arc::new(Field::new("item", DataType::Int32, false));
    let offsets = OffsetBuffer::from_lengths(rows.iter().map(|row| row.classes.len()));
    write_parquet(
        path,
        vec![
            Column::u64("episode", &rows.iter().map(|row| row.episode).collect::<Vec<_>>()),
            Column::text("method", &rows.iter().map(|row| row.method).collect::<Vec<_>>()),
            Column::f64("accuracy", &rows.iter().map(|row| row.accuracy).collect::<Vec<_>>()),
            Column::new("classes", ListArray::new(item, offsets, Arc::new(Int32Array::from(labels)), None)),
        ],
    )
}
