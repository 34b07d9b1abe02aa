//! `calibration.json` and `thresholds.parquet`: distance thresholds and what they achieve.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::table::{Column, Columns, write_parquet};
use super::{ArtifactError, Distance};

/// `calibration.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The metric that `optimal` is best in, as columns name it: `f1`.
    pub metric: String,
    /// How neighbours become a label: `nearest`.
    pub matcher: String,
    /// Neighbours looked at.
    pub k: usize,
    /// `lookup` or `open-set`.
    pub counting: String,
    /// How near is measured.
    pub distance_metric: Distance,
    /// Queries that were calibrated on.
    pub queries: usize,
    /// Other metrics that each cutpoint lists, in the spec's order.
    pub extra_metrics: Vec<String>,
    /// By name; `optimal` is always there.
    pub cutpoints: BTreeMap<String, Cutpoint>,
    /// Named targets that no threshold reaches.
    pub unreachable: Vec<String>,
    /// Queries whose images the model was trained on.
    #[serde(default)]
    pub trained_queries: usize,
    /// How probable it is that a label is right, by distance: the corners of a falling function, from the nearest to the
    /// farthest. Between them it is straight, beyond them constant.
    #[serde(default)]
    pub probability: Vec<Knot>,
}

/// A corner of the function from distance to probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Knot {
    /// The distance, or similarity.
    pub distance: f64,
    /// The share of right labels there.
    pub probability: f64,
}

/// A named threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cutpoint {
    /// A match is a distance at or below this.
    pub distance: f64,
    /// The calibration metric there.
    pub value: f64,
    /// What it was to reach; `optimal` has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<Target>,
    /// All metrics there, by column name.
    #[serde(flatten)]
    pub metrics: BTreeMap<String, f64>,
}

/// What a cutpoint was to reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The metric, as columns name it.
    pub metric: String,
    /// At least, or for a metric of which less is better at most.
    pub value: f64,
}

/// `thresholds.parquet`: every threshold from the strictest: by increasing distance, or by decreasing similarity.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Thresholds {
    /// The thresholds.
    pub distance: Vec<f64>,
    /// One column a metric.
    pub metrics: BTreeMap<String, Vec<f64>>,
    /// Right label, within.
    pub true_positive: Vec<u64>,
    /// Wrong label, within.
    pub false_positive: Vec<u64>,
    /// Wrong label, beyond.
    pub true_negative: Vec<u64>,
    /// Right label, beyond.
    pub false_negative: Vec<u64>,
}

impl Thresholds {
    /// Writes the table.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ArtifactError> {
        let mut columns = vec![Column::f64("distance", &self.distance)];
        columns.extend(self.metrics.iter().map(|(name, values)| Column::f64(name, values)));
        columns.push(Column::u64("tp", &self.true_positive));
        columns.push(Column::u64("fp", &self.false_positive));
        columns.push(Column::u64("tn", &self.true_negative));
        columns.push(Column::u64("fn", &self.false_negative));
        write_parquet(path, columns)
    }

    /// Reads the table.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let columns = Columns::read_parquet(path, None)?;
        let fixed = ["distance", "tp", "fp", "tn", "fn"];
        let metrics = columns
            .names()
            .into_iter()
            .filter(|name| !fixed.contains(&name.as_str()))
            .map(|name| columns.f64(&name).map(|values| (name, values)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            distance: columns.f64("distance")?,
            metrics,
            true_positive: columns.u64("tp")?,
            false_positive: columns.u64("fp")?,
            true_negative: columns.u64("tn")?,
            false_negative: columns.u64("fn")?,
        })
    }
}
