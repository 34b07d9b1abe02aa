//! The figures: one a file, each with its parameters, the ports and images that it needs, what it says and how it is drawn.
//!
//! A figure is data before it is drawn: a [`Figure`] is built from what stages left, and its `Body` becomes the
//! picture, the chart of a page and the table behind that. It is drawn even where it has nothing to show: it then says so.

mod absent;
mod bars;
pub(super) mod body;
mod confusion_blocks;
mod confusion_grid;
mod confusion_matrix;
mod det;
mod distance_histogram;
mod epochs;
mod learning_rate;
mod lines;
pub(super) mod losses_beside;
mod metrics_over_distance;
mod near_copies;
mod neighbours;
mod no_match;
mod pair_distances;
mod plot;
mod precision_recall;
mod projection;
mod reliability;
mod roc;
mod sample_grid;
mod table;
mod training_curves;
mod trust;
mod verdicts;

use std::collections::BTreeMap;
use std::path::Path;

use simpipe_base::choice;
use simpipe_base::param;

use self::body::Body;
pub(super) use self::body::Tone;
pub(super) use self::plot::Part;
use self::plot::Plot;
pub(super) use confusion_blocks::{Blocks, Pair};
pub use confusion_matrix::ConfusionMatrix;
pub use near_copies::NearCopies;
pub use neighbours::{Neighbours, Order, QueryRange};
pub use no_match::NoMatch;
pub use projection::{Method, Projection};
pub use sample_grid::SampleGrid;

use super::canvas::Canvas;
use super::{ReportData, ReportError, Stop, svg};

choice! {
    /// A picture of the report.
    pub enum FigureSpec {
        /// The first images of the training pool with their classes.
        "sample-grid" => SampleGrid(SampleGrid),
        /// Loss of every step and validation loss of every epoch.
        #[aka("loss", "loss_curve", "learning_curves", "history")]
        "training-curves" => TrainingCurves,
        /// The learning rate of every step.
        #[aka("lr", "lr_schedule", "learning_rate_schedule")]
        "learning-rate" => LearningRate,
        /// The distances of pairs of one class and of two classes in batches of the training: what 5, 50 and 95 % of them have
        /// at most, in the last batch of every epoch, or of every step where `train.metrics` asks for it.
        #[aka("positive_distances", "negative_distances", "pos_neg_distances", "collapse")]
        "pair-distances" => PairDistances,
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
        /// How far queries with the right label are from it, and how far queries with a wrong one.
        #[aka("histogram", "distances", "score_distribution", "distance_distribution")]
        "distance-histogram" => DistanceHistogram,
        /// Right labels accepted against wrong labels accepted, over all thresholds.
        #[aka("roc_curve", "auc", "receiver_operating_characteristic")]
        "roc" => Roc,
        /// Right labels refused against wrong labels accepted, on axes of normal deviates (Martin et al., 1997).
        #[aka("det_curve", "eer", "detection_error_tradeoff")]
        "det" => Det,
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
    /// What stands under it: how many of what are shown, and what marks mean.
    pub subtitle: String,
    /// What is seen, for those who can't see it.
    pub alt: String,
    /// How to read it, in a sentence.
    pub reading: String,
    /// The numbers that the picture shows beside its data.
    pub numbers: BTreeMap<String, f64>,
}

/// A figure as data.
#[derive(Debug, Clone)]
pub struct Figure {
    /// The title, as it stands in the picture.
    pub title: String,
    /// What stands under it: how many of what are shown.
    pub subtitle: String,
    /// What is seen, for those who can't see it.
    pub alt: String,
    /// How to read it, in a sentence.
    pub reading: String,
    /// The numbers that the picture shows beside its data.
    pub numbers: BTreeMap<String, f64>,
    /// What is shown.
    pub(super) body: Body,
}

impl Figure {
    /// What `report.md` and `metrics.json` say of it.
    #[must_use]
    pub fn drawn(&self) -> Drawn {
        let Self { title, subtitle, alt, reading, numbers, .. } = self.clone();
        Drawn { title, subtitle, alt, reading, numbers }
    }
}

/// A figure with its picture beside the page, and the same picture as the page shows it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The file of the picture, relative to the page.
    pub file: String,
    /// Where it stands on the page.
    pub(super) part: Part,
    /// What it says.
    pub figure: Figure,
    /// A chart as SVG; nothing for images, which a page shows as such.
    pub svg: Option<String>,
}

impl FigureSpec {
    /// Every figure of the tutorial with default parameters, the two-dimensional map by PCA and t-SNE, and neighbours of
    /// the worst, some and the best queries too; not those that show what only some graphs have.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let names = Self::NAMES.iter().filter(|name| **name != "near-copies");
        let mut figures: Vec<Self> =
            names.filter_map(|name| param::from_json(&serde_json::Value::from(*name)).ok()).collect();
        figures.push(Self::Projection(Projection { method: Method::TSne, ..param::defaults() }));
        for order in [Order::Worst, Order::Random, Order::Best] {
            figures.push(Self::Neighbours(Neighbours { order, ..param::defaults() }));
        }
        figures
    }

    /// The kind of figure.
    fn plot(&self) -> &dyn Plot {
        match self {
            Self::SampleGrid(grid) => grid,
            Self::TrainingCurves => &training_curves::TrainingCurves,
            Self::LearningRate => &learning_rate::LearningRate,
            Self::PairDistances => &pair_distances::PairDistances,
            Self::Neighbours(neighbours) => neighbours,
            Self::MetricsOverDistance => &metrics_over_distance::MetricsOverDistance,
            Self::PrecisionRecall => &precision_recall::PrecisionRecall,
            Self::Reliability => &reliability::Reliability,
            Self::DistanceHistogram => &distance_histogram::DistanceHistogram,
            Self::Roc => &roc::RocCurve,
            Self::Det => &det::DetCurve,
            Self::ConfusionMatrix(matrix) => matrix,
            Self::NoMatch(no_match) => no_match,
            Self::Projection(projection) => projection,
            Self::NearCopies(copies) => copies,
        }
    }

    /// The ports without which there is nothing to show.
    #[must_use]
    pub fn needs(&self) -> &'static [&'static str] {
        self.plot().needs()
    }

    /// The examples whose images the figure shows.
    #[must_use]
    pub fn images(&self, data: &ReportData) -> Vec<u64> {
        self.plot().images(data)
    }

    /// What the figure says of these data.
    ///
    /// # Errors
    /// If the user asked to stop.
    pub fn build(&self, data: &ReportData, stop: Stop<'_>) -> Result<Figure, ReportError> {
        match self.needs().iter().find(|port| data.lacks(port)) {
            Some(port) => Ok(absent::build(self.name(), port)),
            None => self.plot().build(data, stop),
        }
    }

    /// Puts what the figure says on a page of its own.
    fn paint(&self, figure: &Figure, data: &ReportData, stop: Stop<'_>) -> Result<Canvas, ReportError> {
        match figure.body {
            Body::Absent => Ok(absent::paint(figure)),
            _ => self.plot().paint(figure, data, stop),
        }
    }

    /// Draws the figure into a PNG file.
    ///
    /// # Errors
    /// If an image was not loaded, the file can't be written, or the user asked to stop.
    pub fn draw(&self, data: &ReportData, path: &Path, stop: Stop<'_>) -> Result<Figure, ReportError> {
        let figure = self.build(data, stop)?;
        self.paint(&figure, data, stop)?.save(path)?;
        Ok(figure)
    }

    /// Draws the figure into `folder`, as the `position`th from 0, and for the page.
    ///
    /// # Errors
    /// As [`Self::draw`].
    pub fn show(
        &self,
        data: &ReportData,
        (folder, position): (&Path, usize),
        stop: Stop<'_>,
    ) -> Result<Shown, ReportError> {
        let figure = self.build(data, stop)?;
        let canvas = self.paint(&figure, data, stop)?;
        let name = self.file_name(position);
        canvas.save(&folder.join(&name))?;
        let svg = match figure.body {
            Body::Lines(_) | Body::Bars(_) | Body::Scatter(_) | Body::HeatMap(_) => {
                Some(svg::svg(&canvas, position, &figure.alt)?)
            }
            Body::Gallery(_) | Body::Absent => None,
        };
        Ok(Shown { file: format!("figures/{name}"), part: self.plot().part(), figure, svg })
    }

    /// `NN-name.parquet`: what the picture of that name shows.
    #[must_use]
    pub fn table_name(&self, position: usize) -> String {
        Path::new(&self.file_name(position)).with_extension("parquet").to_string_lossy().into_owned()
    }

    /// `NN-name.svg`: a chart that scales.
    #[must_use]
    pub fn svg_name(&self, position: usize) -> String {
        Path::new(&self.file_name(position)).with_extension("svg").to_string_lossy().into_owned()
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
