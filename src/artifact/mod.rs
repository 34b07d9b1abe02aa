//! What stages leave behind: the schema of every table and JSON file, written and read here and nowhere else.
//!
//! Knows nothing of stages, keys or the store. No clock, host or path enters a file; each format carries its
//! version.

mod calibration;
mod dataset;
mod distance;
mod embeddings;
mod error;
mod history;
mod index;
mod matches;
mod model;
mod row_groups;
mod samples;
pub mod table;

pub use calibration::{Calibration, Cutpoint, Thresholds};
pub use dataset::{DatasetInfo, Examples, ExamplesSummary, ExamplesWriter, Image, ImageShape};
pub use distance::Distance;
pub use embeddings::{Embeddings, EmbeddingsInfo};
pub use error::ArtifactError;
pub use history::{History, HistoryRow};
pub use index::{IndexInfo, IndexRows};
pub use matches::{Confusion, ConfusionCell, MatchInfo, MatchRow, Matches, Neighbour};
pub use model::{ModelFile, Weights};
pub use samples::{SamplerFile, Samples};

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes a value as indented JSON with sorted keys and a final line feed.
///
/// # Errors
/// If the file can't be written.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), ArtifactError> {
    // Through `Value`, whose maps are sorted.
    let value = serde_json::to_value(value).map_err(|error| ArtifactError::malformed(path, error))?;
    let text = serde_json::to_string_pretty(&value).map_err(|error| ArtifactError::malformed(path, error))?;
    std::fs::write(path, text + "\n").map_err(|error| ArtifactError::io("write", path, error))
}

/// Reads a JSON file.
///
/// # Errors
/// If the file can't be read or does not hold a `T`.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ArtifactError> {
    let text = std::fs::read(path).map_err(|error| ArtifactError::io("read", path, error))?;
    serde_json::from_slice(&text).map_err(|error| ArtifactError::malformed(path, error))
}
