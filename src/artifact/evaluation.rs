//! `evaluation.json`: how good a search is, and how sure that is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Distance, Estimate};

/// `evaluation.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Version of this format: 1.
    pub format: u32,
    /// How near is measured.
    pub distance: Distance,
    /// What a query weighs in means over queries: `micro` (all the same) or `macro` (each class the same).
    pub average: String,
    /// Whether queries that are in the index are left out of their own neighbours.
    pub leave_one_out: bool,
    /// Whether queries that are in the index may find themselves, and those that were trained on be asked.
    pub allow_overlap: bool,
    /// What was looked up in what.
    pub counts: EvaluationCounts,
    /// What queries did not look at beside themselves, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excluded: Option<ExcludedInfo>,
    /// How intervals were computed.
    pub bootstrap: BootstrapInfo,
    /// Names of [`metrics`](Self::metrics), in the order in which they were asked for.
    pub order: Vec<String>,
    /// Every figure that has a value, by name.
    pub metrics: BTreeMap<String, Figure>,
    /// Why figures that were asked for have no value, by name.
    pub undefined: BTreeMap<String, String>,
    /// The same figures of the queries that are not in the index and were not trained on, where others are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub disjoint: BTreeMap<String, Figure>,
    /// The means over the queries of each category of classes, by its name, where they were asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub breakdown: BTreeMap<String, BTreeMap<String, Figure>>,
    /// What pair metrics were computed of, where any was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairs: Option<PairsInfo>,
    /// What clustering metrics were computed of, where any was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clustering: Option<ClusteringInfo>,
    /// Who is found most often, where figures of that were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hubs: Option<HubsInfo>,
    /// What re-ranking made of the figures, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerank: Option<RerankInfo>,
}

/// What was looked up in what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationCounts {
    /// Queries.
    pub queries: usize,
    /// Queries that have no image of their class to find: means over queries leave them out.
    pub lone: usize,
    /// Classes of the queries.
    pub classes: usize,
    /// Images in the index.
    pub indexed: usize,
    /// Classes of the index.
    pub indexed_classes: usize,
    /// Queries that are in the index themselves, or whose very image is.
    pub overlap: usize,
}

/// Indexed images that queries did not look at because of what they belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExcludedInfo {
    /// The column of the data that query and image share: `group` or `source`.
    pub same: String,
    /// Queries of which the data does not say it: nothing is left out for them.
    pub unknown: usize,
    /// Queries that lose every image of their class by it. They count as `lone` too: means over queries leave them out.
    pub emptied: usize,
}

/// How intervals were computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BootstrapInfo {
    /// Resampled figures.
    pub draws: usize,
    /// The share of them within an interval.
    pub level: f64,
    /// Where the random numbers come from.
    pub seed: String,
}

/// A value with its interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The value, and the ends of its interval: `null` if there is none.
    #[serde(flatten, serialize_with = "Estimate::with_nulls")]
    pub estimate: Estimate,
    /// What was drawn for the interval: `classes-then-queries` or `queries-within-classes`; else why there is none.
    pub interval: String,
    /// Queries that it was computed of.
    pub queries: usize,
    /// What it is a fraction of.
    pub unit: String,
    /// Whether more is better.
    pub higher_is_better: bool,
}

/// What pair metrics were computed of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairsInfo {
    /// Pairs of a query and an indexed image of its class.
    pub genuine: usize,
    /// Pairs of a query and an indexed image of another class.
    pub impostor: usize,
    /// Whether these are all that there are; else they were drawn.
    pub all: bool,
}

/// What clustering metrics were computed of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusteringInfo {
    /// Clusters, as many as classes.
    pub clusters: usize,
    /// The sum of the squared distances of queries to their cluster's mean.
    pub inertia: f64,
}

/// The indexed images that most queries find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubsInfo {
    /// The nearest of each query that were looked at.
    pub neighbours: usize,
    /// Those that are found most often first, ties by their place in the index.
    pub top: Vec<Hub>,
}

/// An indexed image that queries find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hub {
    /// The example.
    pub example_id: u64,
    /// Its label.
    pub label: i32,
    /// The queries that have it among their nearest.
    pub queries: usize,
}

/// What re-ranking made of the figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RerankInfo {
    /// How neighbours were ranked anew, as a spec says it.
    pub method: serde_json::Value,
    /// The figures after it, by name.
    pub metrics: BTreeMap<String, Figure>,
    /// How much more each is than before, with the interval of that difference over the same queries.
    pub gains: BTreeMap<String, Figure>,
}

impl Evaluation {
    /// The file's name.
    pub const FILE: &'static str = "evaluation.json";

    /// Whether a query that is in the index may be among its own neighbours. Where images of its group are left out it is
    /// too, or else refused, unless that is allowed.
    #[must_use]
    pub const fn may_find_itself(&self) -> bool {
        !self.leave_one_out && (self.excluded.is_none() || self.allow_overlap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_one_flat_record_whose_ends_may_be_null() {
        let figure = |low, high| Figure {
            estimate: Estimate { value: 0.5, low, high },
            interval: "none: copies".to_owned(),
            queries: 3,
            unit: "share".to_owned(),
            higher_is_better: true,
        };
        let rest = r#""interval":"none: copies","queries":3,"unit":"share","higher_is_better":true}"#;
        for (figure, ends) in [
            (figure(None, None), r#""low":null,"high":null"#),
            (figure(Some(0.25), Some(1.0)), r#""low":0.25,"high":1.0"#),
        ] {
            let text = serde_json::to_string(&figure).unwrap();
            assert_eq!(text, format!("{{\"value\":0.5,{ends},{rest}"));
            assert_eq!(serde_json::from_str::<Figure>(&text).unwrap(), figure);
        }
    }
}
