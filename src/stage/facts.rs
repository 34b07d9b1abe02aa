//! Facts: what is known of a stage's output before anything runs.
//!
//! One mechanism serves every semantic check (a kernel larger than its input, k larger than the index, overlapping
//! sets) and `check`'s model summary. A field that is `None` is known only once the data is there: `infer` is asked again
//! when the stage's turn comes, with facts that are complete.

use std::collections::BTreeMap;
use std::ops::Range;

use simpipe_artifact::{Distance, ModelSummary, ModelUse};

/// What a port takes and a stage gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Images with labels.
    Dataset,
    /// A drawn pool of examples and the recipe of its batches.
    Samples,
    /// A trained network.
    Model,
    /// Embedded examples.
    Embeddings,
    /// A searchable set of embeddings.
    Index,
    /// Thresholds and cutpoints.
    Calibration,
    /// Queries with their neighbours and verdicts.
    Matches,
    /// How good a search is, and how sure that is.
    Evaluation,
    /// What needs no training, measured as the embedding is.
    Baseline,
    /// Accuracies from a few examples of each class.
    FewShot,
    /// Embeddings on a plane.
    Projection,
    /// Images of one pool that look like images of another.
    NearCopies,
    /// Pictures and numbers for people.
    Report,
}

impl Kind {
    /// With its article, as in "gives ..".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Dataset => "a dataset",
            Self::Samples => "samples",
            Self::Model => "a model",
            Self::Embeddings => "embeddings",
            Self::Index => "an index",
            Self::Calibration => "a calibration",
            Self::Matches => "matches",
            Self::Evaluation => "an evaluation",
            Self::Baseline => "baselines",
            Self::FewShot => "few-shot accuracies",
            Self::Projection => "a projection",
            Self::NearCopies => "near copies",
            Self::Report => "a report",
        }
    }
}

/// What is known of one output.
#[derive(Debug, Clone, PartialEq)]
pub enum Facts {
    /// Of a dataset.
    Dataset(DatasetFacts),
    /// Of samples.
    Samples(SamplesFacts),
    /// Of a model.
    Model(ModelFacts),
    /// Of embeddings.
    Embeddings(EmbeddingsFacts),
    /// Of an index.
    Index(IndexFacts),
    /// Of a calibration.
    Calibration(CalibrationFacts),
    /// Of matches.
    Matches(MatchesFacts),
    /// Of an evaluation.
    Evaluation(EvaluationFacts),
    /// Of baselines.
    Baseline,
    /// Of few-shot accuracies.
    FewShot,
    /// Of a projection.
    Projection(ProjectionFacts),
    /// Of near copies.
    NearCopies,
    /// Of a report.
    Report,
}

/// Of a dataset.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DatasetFacts {
    /// The same text means the same images in the same order; empty while that is not known.
    pub identity: String,
    /// Names by label.
    pub classes: Option<Vec<String>>,
    /// Height, width, channels, if all images share them.
    pub image: Option<[usize; 3]>,
    /// Split name to counts; `None` while unknown.
    pub splits: Option<BTreeMap<String, SplitFacts>>,
    /// What is known of each image beside its class, by columns of [`Belonging`](simpipe_artifact::Belonging); `None` while
    /// unknown.
    pub columns: Option<Vec<String>>,
}

/// Of one split.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SplitFacts {
    /// Examples.
    pub count: usize,
    /// Examples by label.
    pub per_class: Option<Vec<usize>>,
}

/// Of samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SamplesFacts {
    /// The same text means the same pool in the same order: tells whether two slices can overlap.
    pub identity: String,
    /// The identity of the dataset drawn from: [`DatasetFacts::identity`].
    pub dataset: String,
    /// The split drawn from.
    pub split: String,
    /// The dataset's class names.
    pub classes: Option<Vec<String>>,
    /// The dataset's columns: [`DatasetFacts::columns`].
    pub columns: Option<Vec<String>>,
    /// The labels that the pool has examples of, each once, in ascending order.
    pub labels: Option<Vec<i32>>,
    /// Height, width, channels.
    pub image: Option<[usize; 3]>,
    /// Examples in the pool.
    pub count: Option<usize>,
    /// Distinct classes in a batch; 0 while that is unknown or where it is open.
    pub classes_per_batch: usize,
    /// Examples of each class in a batch; of all classes together where these are open.
    pub examples_per_class: usize,
    /// Whether every example counts as a class of its own.
    pub own_classes: bool,
    /// Whether the sampler makes passes over its pool.
    pub makes_passes: bool,
    /// Batches of a pass, where it makes any.
    pub steps_per_pass: Option<usize>,
}

/// Of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFacts {
    /// Length of an embedding; unknown while the image shape is.
    pub dim: Option<usize>,
    /// The loss' distance: the index follows it.
    pub distance: Distance,
    /// The identity of the samples it was trained on.
    pub trained_on: String,
    /// The layer table, once the image shape is known.
    pub summary: Option<ModelSummary>,
    /// Whether it takes the features of another model in place of images.
    pub takes_features: bool,
}

/// Of embeddings.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingsFacts {
    /// The pool that the rows are from.
    pub pool: SamplesFacts,
    /// Positions in that pool; `None` while the pool's size is unknown.
    pub range: Option<Range<usize>>,
    /// Length of a row.
    pub dim: Option<usize>,
    /// The distance that the model was trained for.
    pub distance: Distance,
    /// Whether the model was trained on this very pool.
    pub seen_in_training: bool,
    /// What a row is made of; unknown while the layers that are named are.
    pub model_use: Option<ModelUse>,
}

/// Of an index.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexFacts {
    /// The pool that its vectors are from.
    pub pool: SamplesFacts,
    /// Positions in that pool.
    pub range: Option<Range<usize>>,
    /// Length of a vector.
    pub dim: Option<usize>,
    /// How near is measured.
    pub distance: Distance,
    /// What a vector is made of, where that is known.
    pub model_use: Option<ModelUse>,
    /// Whether a vector is the mean of a class.
    pub class_means: bool,
}

impl IndexFacts {
    /// Vectors in the index; of means of classes, at most.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        let rows = self.range.as_ref().map(ExactSizeIterator::len);
        match self.class_means {
            true => rows.zip(self.pool.labels.as_ref()).map(|(rows, labels)| rows.min(labels.len())),
            false => rows,
        }
    }
}

/// Of a calibration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CalibrationFacts {
    /// Names that `match` may use.
    pub cutpoints: Vec<String>,
    /// The distance that its thresholds are of.
    pub distance: Option<Distance>,
    /// Neighbours that its matcher looks at.
    pub neighbours: usize,
    /// What the vectors that it was made with are made of, where that is known.
    pub model_use: Option<ModelUse>,
    /// The identity of the pool that its queries are from, and their positions there, where known.
    pub queries: Option<(String, Range<usize>)>,
}

/// Of matches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MatchesFacts {
    /// Queries, where known.
    pub count: Option<usize>,
    /// Neighbours kept of each.
    pub neighbours: usize,
}

/// Of an evaluation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EvaluationFacts {
    /// The names that figures are left under, those of re-ranked neighbours included.
    pub metrics: Vec<String>,
}

/// Of a projection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectionFacts {
    /// How embeddings become points, by its name in a spec.
    pub method: String,
    /// Embeddings placed at most.
    pub most: usize,
    /// Embeddings that there are, where known.
    pub of: Option<usize>,
}

/// Facts by port name.
#[derive(Debug, Clone, Default)]
pub struct InputFacts(pub BTreeMap<String, Facts>);

macro_rules! typed_lookup {
    ($($name:ident: $variant:ident($ty:ty)),* $(,)?) => {$(
        #[doc = concat!("The facts of a port that takes [`Facts::", stringify!($variant), "`].")]
        #[must_use]
        pub fn $name(&self, port: &str) -> Option<&$ty> {
            if let Some(Facts::$variant(facts)) = self.0.get(port) { Some(facts) } else { None }
        }
    )*};
}

impl InputFacts {
    typed_lookup! {
        dataset: Dataset(DatasetFacts),
        samples: Samples(SamplesFacts),
        model: Model(ModelFacts),
        embeddings: Embeddings(EmbeddingsFacts),
        index: Index(IndexFacts),
        calibration: Calibration(CalibrationFacts),
        matches: Matches(MatchesFacts),
        evaluation: Evaluation(EvaluationFacts),
        projection: Projection(ProjectionFacts),
    }
}
