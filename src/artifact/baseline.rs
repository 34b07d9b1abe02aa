//! `baseline.json`: what needs no training, measured as the embedding is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Distance, Estimate, ExcludedInfo};

/// How much more the embedding has than the best baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// The baseline that is best in this metric.
    pub over: String,
    /// The difference, of the same queries, with its interval.
    pub difference: Estimate,
    /// Whether the whole interval is above 0.
    pub better: bool,
}

/// `baseline.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineFile {
    /// Version of this format: 1.
    pub format: u32,
    /// Queries that were looked up.
    pub queries: usize,
    /// Queries that there are: where these are more, the ones looked up are a sample drawn by the seed.
    pub of_queries: usize,
    /// Queries looked up that are in the index, and were left out of their own neighbours.
    pub in_index: usize,
    /// What else no query looked at, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excluded: Option<ExcludedInfo>,
    /// Queries looked up without another example of their class in the index: no figure counts them.
    pub lone: usize,
    /// Vectors in the index.
    pub indexed: usize,
    /// The distance of the embedding and of the untrained network.
    pub distance: Distance,
    /// The embedding by metric.
    pub embedding: BTreeMap<String, Estimate>,
    /// By baseline, then by metric.
    pub baselines: BTreeMap<String, BTreeMap<String, Estimate>>,
    /// Baselines that there are not, with the reason as a sentence.
    pub skipped: BTreeMap<String, String>,
    /// By metric: the embedding against the best baseline.
    pub gain: BTreeMap<String, Gain>,
}

impl BaselineFile {
    /// The file's name.
    pub const FILE: &'static str = "baseline.json";
}
