//! What stands for the files of ports that nothing is plugged into: nothing, in the form of the file.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use simpipe_artifact::{Calibration, Distance, IndexInfo, MatchInfo, ModelFile, ModelUse};
use simpipe_stage::Ctx;

/// The ports of an experiment that a report may lack.
const PORTS: [&str; 5] = ["sampler", "training", "index", "calibration", "matches"];

/// Those that nothing is plugged into.
pub(super) fn ports(ctx: &Ctx<'_>) -> BTreeSet<&'static str> {
    PORTS.into_iter().filter(|port| !ctx.has_input(port)).collect()
}

/// How near is measured, as far as somebody says so.
pub(super) fn distance(index: Option<&IndexInfo>, model: Option<&ModelFile>) -> Distance {
    index.map(|index| index.metric).or_else(|| model.map(|model| model.distance)).unwrap_or(Distance::Euclidean)
}

/// A network that was not trained.
pub(super) fn model(dim: usize, distance: Distance) -> ModelFile {
    ModelFile {
        format: 1,
        input: [0; 3],
        dim,
        distance,
        layers: json!([]),
        summary: Json::Null,
        steps: 0,
        best_epoch: None,
        trained_on: Vec::new(),
        features: None,
    }
}

/// An index of nothing.
pub(super) fn index(dim: usize, metric: Distance) -> IndexInfo {
    IndexInfo {
        format: 1,
        metric,
        search: "no".to_owned(),
        count: 0,
        dim,
        recall: 0.0,
        structure: None,
        normalized: false,
        class_means_of: None,
        model_use: ModelUse::default(),
        classes: Vec::new(),
    }
}

/// Thresholds that nobody has looked for.
pub(super) fn calibration(distance_metric: Distance) -> Calibration {
    Calibration {
        metric: String::new(),
        matcher: String::new(),
        k: 0,
        counting: String::new(),
        distance_metric,
        queries: 0,
        extra_metrics: Vec::new(),
        cutpoints: BTreeMap::new(),
        unreachable: Vec::new(),
        trained_queries: 0,
        probability: Vec::new(),
    }
}

/// Queries that nobody has judged.
pub(super) fn matches() -> MatchInfo {
    MatchInfo { format: 1, cutpoint: String::new(), distance: 0.0, unknown_label: "Unknown".to_owned(), achieved: None }
}
