//! The figures: one a file, each with its parameters, the images that it needs and its drawing.
//!
//! A figure is drawn even where it has nothing to show: it then says so.

mod confusion_matrix;
mod metrics_over_distance;
mod near_copies;
mod neighbours;
mod no_match;
mod precision_recall;
mod projection;
mod reliability;
mod sample_grid;
mod training_curves;

use std::collections::BTreeMap;
use std::path::Path;

pub use confusion_matrix::ConfusionMatrix;
pub use near_copies::NearCopies;
pub use neighbours::{Neighbours, Order, QueryRange};
pub use no_match::NoMatch;
pub use projection::{Method, Projection};
pub use sample_grid::SampleGrid;

use super::{ReportData, ReportError, Stop};
use crate::base::param;
use crate::choice;

choice! {
    /// A picture of the report.
    pub enum FigureSpec {
        /// The first images of the training pool with their classes.
        "sample-grid" => SampleGrid(SampleGrid),
        /// Loss of every step and validation loss of every epoch.
        #[aka("loss", "loss_curve", "learning_curves", "history")]
        "training-curves" => TrainingCurves,
        /// Queries with their nearest neighbours, one strip each.
        #[aka("k", "top_k", "n_neighbors", "num_neighbors", "neighbors", "knn", "nn")]
        "neighbours" => Neighbours(Neighbours),
        /// Precision, recall and F1 at every threshold.
        "metrics-over-distance" => MetricsOverDistance,
        /// Precision against recall over all thresholds.
        #[aka("pr", "pr_curve")]
        "precision-recall" => PrecisionRecall,
        /// How often labels are right against how probable that was said to be, in 15 bins of as many queries each.
        #[aka("calibration_curve", "reliability_diagram", "ece")]
        "reliability" => Reliability,
        /// True class against predicted class, with a column for no match.
        "confusion-matrix" => ConfusionMatrix(ConfusionMatrix),
        /// Queries beyond the distance threshold.
        "no-match" => NoMatch(NoMatch),
        /// The embeddings in two dimensions.
        #[aka("pca", "tsne", "umap", "embeddings", "projector")]
        "projection" => Projection(Projection),
        /// Queries beside references that look like them.
        #[aka("duplicates", "near_duplicates")]
        "near-copies" => NearCopies(NearCopies),
    }
}

/// What a drawn figure is, for `report.md` and `metrics.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The title, as it stands in the picture.
    pub title: String,
    /// What is seen, for those who can't see it.
    pub alt: String,
    /// How to read it, in a sentence.
    pub reading: String,
    /// The numbers that the picture shows beside its data.
    pub numbers: BTreeMap<String, f64>,
}

impl FigureSpec {
    /// Every figure of the tutorial with default parameters, the two-dimensional map in both ways; not those that show what
    /// only some graphs have.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let names = Self::NAMES.iter().filter(|name| **name != "near-copies");
        let mut figures: Vec<Self> =
            names.filter_map(|name| param::from_json(&serde_json::Value::from(*name)).ok()).collect();
        figures.push(Self::Projection(Projection { method: Method::TSne, ..param::defaults() }));
        figures
    }

    /// The examples whose images the figure shows.
    #[must_use]
    pub fn images(&self, data: &ReportData) -> Vec<u64> {
        match self {
            Self::SampleGrid(grid) => grid.images(data),
            Self::Neighbours(neighbours) => neighbours.images(data),
            Self::NoMatch(no_match) => no_match.images(data),
            Self::Projection(projection) => projection.images(data),
            Self::NearCopies(copies) => copies.images(data),
            Self::TrainingCurves
            | Self::MetricsOverDistance
            | Self::PrecisionRecall
            | Self::Reliability
            | Self::ConfusionMatrix(_) => Vec::new(),
        }
    }

    /// Draws the figure into a PNG file.
    ///
    /// # Errors
    /// If an image was not loaded, the file can't be written, or the user asked to stop.
    pub fn draw(&self, data: &ReportData, path: &Path, stop: Stop<'_>) -> Result<Drawn, ReportError> {
        match self {
            Self::SampleGrid(grid) => grid.draw(data, path, stop),
            Self::TrainingCurves => training_curves::draw(data, path),
            Self::Neighbours(neighbours) => neighbours.draw(data, path, stop),
            Self::MetricsOverDistance => metrics_over_distance::draw(data, path),
            Self::PrecisionRecall => precision_recall::draw(data, path),
            Self::Reliability => reliability::draw(data, path),
            Self::ConfusionMatrix(matrix) => matrix.draw(data, path),
            Self::NoMatch(no_match) => no_match.draw(data, path, stop),
            Self::Projection(projection) => projection.draw(data, path, stop),
            Self::NearCopies(copies) => copies.draw(data, path, stop),
        }
    }

    /// `NN-name.png`, where `position` counts from 0.
    #[must_use]
    pub fn file_name(&self, position: usize) -> String {
        let method = match self {
            Self::Projection(projection) => format!("-{}", projection.method.name()),
            _ => String::new(),
        };
        format!("{:02}-{}{method}.png", position + 1, self.name())
    }
}

/// Number of examples with the right ending.
fn count_of(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", super::chart::number(count as f64, 0), if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests;
