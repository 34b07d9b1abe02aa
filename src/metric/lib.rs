//! Figures of merit: pure functions on slices, one file a metric, grouped by what they need.
//!
//! | group | is given | trait |
//! |---|---|---|
//! | [`rank`] | queries with ranked neighbours | [`RankMetric`] |
//! | [`pair`] | scores of genuine and impostor pairs | [`PairMetric`] |
//! | [`open_set`] | scores of queries of known and of unknown classes | [`OpenSetMetric`] |
//! | [`space`] | embeddings with labels | [`SpaceMetric`] |
//! | [`neighbour`] | the nearest index rows of queries | [`NeighbourMetric`] |
//! | [`clustering`] | labels and clusters | [`ClusteringMetric`] |
//! | [`episode`] | embeddings with labels, a seed | [`EpisodeMetric`] |
//! | [`confusion`](mod@confusion), [`classification`] | true and given labels | |
//! | [`reliability`] | probabilities and whether they came true | |
//! | [`statistics`] | a value a query, or a run: intervals and differences | |
//! | [`bounds`] | names of numbers: what they can't leave | |
//! | [`plane`] | embeddings: a point for each | |
//! | [`rerank`] | embeddings and their neighbours: better neighbours | |
//!
//! [`registry`] knows every name. A new metric is a file in its group, with its name in the group's `KNOWN` and `parse`.
//!
//! Knows relevance and labels, not files or stages. What is undefined (a mean of nothing, a rate without a pair) is
//! `None`, what is wrong (NaN, lengths that don't fit) is a [`MetricError`]; NaN never comes out. A metric of one query
//! is `None` where nothing relevant is in the index; such queries are left out of means, as in pytorch-metric-learning,
//! and counted apart.

pub mod bounds;
pub mod classification;
pub mod clustering;
pub mod confusion;
pub mod episode;
mod error;
pub mod name;
pub mod neighbour;
pub mod open_set;
pub mod pair;
pub mod plane;
pub mod rank;
pub mod reference;
pub mod registry;
pub mod reliability;
pub mod rerank;
pub mod space;
pub mod statistics;

pub use clustering::ClusteringMetric;
pub use episode::EpisodeMetric;
pub use error::MetricError;
pub use name::NameError;
pub use neighbour::NeighbourMetric;
pub use open_set::{OpenSet, OpenSetMetric};
pub use pair::{PairMetric, Roc};
pub use rank::{Average, RankMetric, Ranked, RetrievalMetric, macro_mean, micro_mean};
pub use rank::{map_at_r, precision_at_k, recall_at_k};
pub use space::{Space, SpaceMetric};

/// What every metric says of itself.
pub trait Metric: std::fmt::Debug + Send + Sync {
    /// The name in specs and JSON, such as `recall@5`.
    fn name(&self) -> String;

    /// What it measures, with its definition and source.
    fn doc(&self) -> &'static str;

    /// What a value is a fraction of.
    fn unit(&self) -> &'static str;

    /// Whether more is better.
    fn higher_is_better(&self) -> bool {
        true
    }
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts of rows and pairs are far below 2^52")]
const fn real(count: usize) -> f64 {
    count as f64
}

/// The cases of a golden file.
///
/// # Panics
/// If it can't be read.
#[cfg(any(test, feature = "testing"))]
#[must_use]
pub fn golden(name: &str) -> serde_json::Value {
    let path = format!("{}/../../tests/fixtures/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file: Result<serde_json::Value, _> = serde_json::from_slice(&bytes);
    file.unwrap_or_else(|error| panic!("{path}: {error}"))["cases"].take()
}
