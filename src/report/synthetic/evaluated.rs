//! What `evaluate` and further stages `match` would leave of made-up data.

use std::collections::BTreeMap;

use serde_json::json;
use simpipe_artifact::{BootstrapInfo, Distance, Estimate, Evaluation, EvaluationCounts, Figure, PerClass, PerQuery};

use super::{judged_by, label};
use crate::{Evaluated, FurtherMatches};

/// An evaluation of three figures with a value and one without: of 12 queries, `q0` to `q11`, every other one finds its class,
/// and the last two have nothing to find.
pub fn evaluated(stage: &str) -> Evaluated {
    let figure = |value, ends: Option<(f64, f64)>| Figure {
        estimate: Estimate { value, low: ends.map(|ends| ends.0), high: ends.map(|ends| ends.1) },
        interval: if ends.is_some() { "classes-then-queries" } else { "none: copies" }.to_owned(),
        queries: 12,
        unit: "mean precision".to_owned(),
        higher_is_better: true,
    };
    let metrics = [
        ("recall@1", figure(0.5, Some((0.4, 0.6)))),
        ("map@r", figure(0.5, Some((0.45, 0.55)))),
        ("hubness@10", figure(1.25, None)),
    ];
    let evaluation = Evaluation {
        format: 1,
        distance: Distance::Cosine,
        average: "micro".to_owned(),
        leave_one_out: false,
        excluded: None,
        allow_overlap: false,
        counts: EvaluationCounts { queries: 14, lone: 2, classes: 10, indexed: 20, indexed_classes: 9, overlap: 0 },
        bootstrap: BootstrapInfo { draws: 2000, level: 0.95, seed: "00".to_owned() },
        order: metrics.iter().map(|(name, _)| (*name).to_owned()).collect(),
        metrics: metrics.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect(),
        undefined: BTreeMap::from([("silhouette".to_owned(), "too few images".to_owned())]),
        disjoint: BTreeMap::new(),
        breakdown: BTreeMap::new(),
        pairs: None,
        clustering: None,
        hubs: None,
        rerank: None,
    };
    let values = (0..12).map(|at| (at < 10).then(|| f64::from(u8::from(at % 2 == 0)))).collect();
    let queries = PerQuery {
        query_id: (0..12).collect(),
        digest: (0..12).map(|at| format!("q{at}")).collect(),
        label: (0..12).map(|at| label(at, 10)).collect(),
        relevant: (0..12).map(|at| u64::from(at < 10)).collect(),
        overlap: vec![false; 12],
        nearest_id: vec![None; 12],
        nearest_label: vec![None; 12],
        nearest_distance: vec![None; 12],
        metrics: vec![("recall@1".to_owned(), values)],
    };
    let classes = PerClass {
        label: (0..10).collect(),
        class: (0..10).map(|at| format!("Class {at}")).collect(),
        queries: vec![2; 10],
        lone: vec![0; 10],
        indexed: vec![2; 10],
        metrics: Vec::new(),
    };
    Evaluated { stage: stage.to_owned(), evaluation, queries, classes }
}

/// A hundred queries of two classes, 60 of them right.
pub fn further_matches(stage: &str) -> FurtherMatches {
    let metrics = json!({ "accuracy": 0.6, "matched": 0.8, "overlap": 0.0, "recall@1": 0.7 });
    FurtherMatches {
        stage: stage.to_owned(),
        queries: 100,
        classes: ["Class 0", "Class 1"].map(str::to_owned).into(),
        metrics: metrics.as_object().cloned().unwrap_or_default(),
        info: judged_by(),
    }
}
