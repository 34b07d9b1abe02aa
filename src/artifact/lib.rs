//! What stages leave behind: the schema of every table and JSON file, written and read here and nowhere else.
//!
//! Knows nothing of stages, keys or the store. No clock, host or path enters a file; each format carries its
//! version.

mod about;
mod baseline;
mod belonging;
mod calibration;
mod codes;
mod comparison_report;
mod dataset;
mod decoded_from;
mod distance;
mod embeddings;
mod error;
mod estimate;
mod evaluation;
mod evaluation_tables;
mod examples_writer;
mod few_shot;
mod file_names;
mod graph;
mod history;
mod image_set;
mod images;
mod index;
mod matches;
mod model;
mod model_summary;
mod model_use;
mod near_copies;
mod new_image;
mod parts;
mod profile;
mod projection;
mod samples;
mod seeds_report;
pub mod split_name;
mod sweep_report;
pub mod table;
mod tensor_entry;
mod tensor_file;
mod torch_file;

pub use about::About;
pub use baseline::{BaselineFile, Gain};
pub use belonging::Belonging;
pub use calibration::{Calibration, Cutpoint, Knot, Target, Thresholds};
pub use codes::{BitCodes, ByteCodes, Codes, ProductCodes};
pub use comparison_report::{
    ComparedCurve, ComparedDifference, ComparedField, ComparedFlip, ComparedFlips, ComparedHeadline, ComparedMetric,
    ComparedRun, ComparedValue, ComparisonReport, Verdict,
};
pub use dataset::{DatasetInfo, Examples};
pub use decoded_from::{DecodedFrom, Decoding, Decodings};
pub use distance::Distance;
pub use embeddings::{Embeddings, EmbeddingsInfo, MadeBy};
pub use error::ArtifactError;
pub use estimate::Estimate;
pub use evaluation::{
    BootstrapInfo, ClusteringInfo, Evaluation, EvaluationCounts, ExcludedInfo, Figure, Hub, HubsInfo, PairsInfo,
    RerankInfo,
};
pub use evaluation_tables::{PerClass, PerQuery};
pub use examples_writer::{ExamplesSummary, ExamplesWriter, in_order_of_examples};
pub use few_shot::{EpisodeRow, FewShotFile, write_episodes};
pub use file_names::{FileNames, FileNamesWriter};
pub use graph::Graph;
pub use history::{History, HistoryRow, RECENT_STEPS};
pub use image_set::ImageSet;
pub use images::{IMAGES, ImagePlace, Images, images_file};
pub use index::{IndexInfo, IndexRows, IndexStructure};
pub use matches::{Achieved, Confusion, ConfusionCell, MatchInfo, MatchRow, Matches, Neighbour};
pub use model::{Features, ModelFile, ModelName, Weights};
pub use model_summary::{GroupSummary, LayerSummary, ModelSummary};
pub use model_use::ModelUse;
pub use near_copies::{NearCopies, NearCopiesInfo, NearCopy};
pub use new_image::{EncodedImage, NewImage};
pub use profile::{LayerTime, Profile, ProfileRow};
pub use projection::{Projection, ProjectionInfo};
pub use samples::{SamplerFile, Samples};
pub use seeds_report::{SeedsMetric, SeedsReport, SeedsRun, SeedsValue};
pub use simpipe_picture::{Image, ImageShape};
pub use sweep_report::{
    SweepCondition, SweepConstraint, SweepCounts, SweepDirection, SweepImportance, SweepInterval, SweepObjective,
    SweepParameter, SweepReport, SweepState, SweepTrial, SweepValue, SweepValues, SweepWinner,
};
pub use tensor_entry::TensorEntry;
pub use tensor_file::{NewTensor, Numbers, TensorFile, tensor_file};

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

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

/// Version of every format here, which the JSON files say.
pub const FORMAT: u32 = 1;

/// Reads a JSON file; one that says that it is of another format is refused before it is looked at.
///
/// # Errors
/// If the file can't be read, is of another format or does not hold a `T`.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ArtifactError> {
    #[derive(Deserialize)]
    struct Head {
        format: Option<serde_json::Value>,
    }
    let text = std::fs::read(path).map_err(|error| ArtifactError::io("read", path, error))?;
    let format = serde_json::from_slice::<Head>(&text).ok().and_then(|head| head.format);
    if let Some(found) = format.filter(|found| found.as_u64() != Some(FORMAT.into())) {
        return Err(ArtifactError::Format { path: path.to_path_buf(), found: found.to_string() });
    }
    serde_json::from_slice(&text).map_err(|error| ArtifactError::malformed(path, error))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    /// What is said of a file that is like this one but of another format; `None` if it is read.
    fn refused<T: DeserializeOwned>(file: &Json, format: &Json) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        let mut file = file.clone();
        assert_eq!(file["format"], json!(FORMAT), "the file says its format");
        file["format"] = format.clone();
        write_json(&path, &file).unwrap();
        let error = read_json::<T>(&path).err()?;
        assert!(error.help().is_some(), "{error}");
        Some(error.to_string().replace(folder.path().to_str().unwrap(), ""))
    }

    fn check<T: DeserializeOwned>(file: &Json) {
        assert_eq!(refused::<T>(file, &json!(FORMAT)), None);
        for format in [json!(2), json!(0), json!(-1), json!("1"), json!(1.5), json!(4_294_967_297_u64)] {
            let expected = format!("/file.json has format {format}, this program reads format 1");
            assert_eq!(refused::<T>(file, &format), Some(expected));
        }
        // A newer format may have other fields: they are not what is complained of.
        let mut newer = file.as_object().unwrap().clone();
        newer.retain(|name, _| name == "format");
        assert!(refused::<T>(&newer.into(), &json!(2)).unwrap().ends_with("reads format 1"));
    }

    #[test]
    fn every_file_of_another_format_is_refused() {
        let image = json!(null);
        check::<DatasetInfo>(&json!({
            "format": 1, "source": "s", "description": "", "classes": [], "counts": {}, "image": image, "checksum": "",
            "skipped": [],
        }));
        check::<SamplerFile>(&json!({
            "format": 1, "split": "train", "labels": [], "classes": [], "count": 0, "sampler": "multi-shot", "seed": "00",
        }));
        check::<ModelFile>(&json!({
            "format": 1, "input": [1, 1, 1], "dim": 1, "distance": "cosine", "layers": [], "summary": {}, "steps": 0,
            "trained_on": [],
        }));
        check::<EmbeddingsInfo>(&json!({
            "format": 1, "distance": "cosine", "dim": 1, "count": 0, "begin": 0, "seen_in_training": false,
        }));
        check::<IndexInfo>(&json!({
            "format": 1, "metric": "cosine", "search": "exact", "count": 0, "dim": 1, "recall": 1.0, "classes": [],
        }));
        check::<Evaluation>(&json!({
            "format": 1, "distance": "cosine", "average": "micro", "leave_one_out": false, "allow_overlap": false,
            "counts": { "queries": 1, "lone": 0, "classes": 1, "indexed": 1, "indexed_classes": 1, "overlap": 0 },
            "bootstrap": { "draws": 1, "level": 0.95, "seed": "00" }, "order": [], "metrics": {}, "undefined": {},
        }));
        check::<MatchInfo>(&json!({ "format": 1, "cutpoint": "optimal", "distance": 0.5, "unknown_label": "?" }));
    }

    #[test]
    fn a_file_of_no_format_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.json");
        write_json(&path, &json!({ "recall@1": 0.5 })).unwrap();
        let metrics: std::collections::BTreeMap<String, f64> = read_json(&path).unwrap();
        assert_eq!(metrics["recall@1"], 0.5);
    }
}
