//! Small made-up inputs for tests, deterministic and without any file.

mod evaluated;
#[cfg(test)]
mod real;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use simpipe_artifact::{
    Calibration, Confusion, ConfusionCell, Cutpoint, DatasetInfo, Distance, Embeddings, History, HistoryRow, Image,
    ImageShape, IndexInfo, IndexRows, Knot, MatchInfo, MatchRow, Matches, ModelFile, ModelUse, Neighbour, Samples,
    Thresholds,
};

use super::ReportData;
pub use evaluated::{evaluated, further_matches};
#[cfg(test)]
pub use real::real;

/// Ten classes, a pool of 30, an index of 20, 12 queries that are not in it.
pub fn small() -> ReportData {
    with(10, 12, ImageShape { height: 8, width: 8, channels: 3 })
}

/// A number in `0..range` that looks random (splitmix64).
fn noise(at: usize, range: usize) -> usize {
    let mut state = (at as u64).wrapping_add(0x9E37_79B9_7F4A_7C15);
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((state ^ (state >> 31)) % range as u64) as usize
}

fn image(id: u64, shape: ImageShape) -> Image {
    let pixels = (0..shape.bytes()).map(|at| noise(at * 31 + id as usize * 977 + 5, 256) as u8).collect();
    Image { shape, pixels }
}

fn label(at: usize, classes: usize) -> i32 {
    (at % classes) as i32
}

fn index_info(count: usize, dim: usize) -> IndexInfo {
    IndexInfo {
        format: 1,
        metric: Distance::Cosine,
        search: "exact".to_owned(),
        count,
        dim,
        recall: 1.0,
        structure: None,
        normalized: false,
        class_means_of: None,
        model_use: ModelUse::default(),
        classes: Vec::new(),
    }
}

/// As [`small`] with other sizes.
pub fn with(classes: usize, queries: usize, shape: ImageShape) -> ReportData {
    let (pool, indexed) = (30, 20);
    let pool_ids: Vec<u64> = (0..pool as u64).collect();
    let index_ids: Vec<u64> = (100..100 + indexed as u64).collect();
    let query_ids: Vec<u64> = (200..200 + queries as u64).collect();
    let all = pool_ids.iter().chain(&index_ids).chain(&query_ids);
    let images: BTreeMap<u64, Image> = all.map(|id| (*id, image(*id, shape))).collect();
    let digest = |ids: &[u64]| ids.iter().map(|id| images[id].digest().to_string()).collect::<Vec<_>>();
    let labels = |count: usize| (0..count).map(|at| label(at, classes)).collect::<Vec<_>>();
    let dim = 4;
    let vectors = |count: usize| {
        let value =
            |at: usize| noise(at, 1000) as f32 / 1000.0 + if at % dim == at / dim % classes % dim { 2.0 } else { 0.0 };
        (0..count * dim).map(value).collect::<Vec<f32>>()
    };
    let matches = matches(classes, &query_ids, &index_ids);
    ReportData {
        title: None,
        absent: BTreeSet::new(),
        dataset: dataset(classes, shape),
        samples: Samples { label: labels(pool), example_id: pool_ids, ..Samples::default() },
        model: model(shape, dim),
        history: history(3, 20),
        index_info: index_info(indexed, dim),
        index: IndexRows {
            digest: digest(&index_ids),
            label: labels(indexed),
            vectors: vectors(indexed).into(),
            example_id: index_ids,
            dim,
            ..IndexRows::default()
        },
        embeddings: Embeddings {
            position: (0..queries as u64).collect(),
            digest: digest(&query_ids),
            label: labels(queries),
            split: vec!["test".to_owned(); queries],
            values: vectors(queries),
            example_id: query_ids,
            dim,
            ..Embeddings::default()
        },
        calibration: calibration(),
        thresholds: thresholds(),
        confusion: confusion(&matches),
        matches,
        match_info: judged_by(),
        evaluations: Vec::new(),
        further_matches: Vec::new(),
        match_metrics: json!({ "recall@1": 0.75, "map@r": 0.5 }),
        spec: json!({
            "name": "small", "description": "A made-up experiment", "seed": 42,
            "match": { "cutpoint": "optimal", "unknown-label": "Unknown" },
        }),
        spec_digest: None,
        digests: Vec::new(),
        images,
        projections: BTreeMap::new(),
        baseline: None,
        provenance: super::Provenance::default(),
    }
}

fn dataset(classes: usize, shape: ImageShape) -> DatasetInfo {
    DatasetInfo {
        format: 1,
        source: "synthetic".to_owned(),
        description: "made-up images".to_owned(),
        classes: (0..classes).map(|at| format!("Class {at}")).collect(),
        counts: BTreeMap::from([("train".to_owned(), 100), ("test".to_owned(), 120)]),
        image: Some(shape),
        checksum: "0".repeat(64),
        skipped: Vec::new(),
        transparent: 0,
        encoded: 0,
    }
}

fn model(shape: ImageShape, dim: usize) -> ModelFile {
    ModelFile {
        format: 1,
        input: [shape.height as usize, shape.width as usize, shape.channels as usize],
        dim,
        distance: Distance::Cosine,
        layers: json!(["flatten"]),
        summary: json!({
            "parameters": 1234, "trainable": 1200,
            "layers": [{ "name": "metric-embedding", "output": [dim], "parameters": 1234 }],
        }),
        steps: 60,
        best_epoch: None,

        trained_on: Vec::new(),
        features: None,
    }
}

/// A loss that falls, with noise.
pub fn history(epochs: u32, steps: u32) -> History {
    let row = |at: u32| {
        let loss = 1.0 + (-f64::from(at) / 30.0).exp() + noise(at as usize, 100) as f64 / 500.0;
        let last = (at + 1).is_multiple_of(steps);
        HistoryRow {
            epoch: at / steps + 1,
            step: u64::from(at) + 1,
            loss,
            val_loss: last.then_some(0.8 + 0.3 / f64::from(at + 1)),
            learning_rate: 0.002,
            logged: if last { pair_distances(at) } else { BTreeMap::new() },
        }
    };
    History((0..epochs * steps).map(row).collect())
}

/// Quantiles of the distances of pairs at the end of an epoch: those of one class fall, those of two classes grow.
fn pair_distances(step: u32) -> BTreeMap<String, f64> {
    let learnt = 1.0 - (-f64::from(step) / 30.0).exp();
    let of = |kind: &str, middle: f64| {
        [("p5", 0.5), ("p50", 1.0), ("p95", 1.5)].map(|(share, of)| (format!("{kind}-{share}"), middle * of))
    };
    of("positive", 0.4 - 0.25 * learnt).into_iter().chain(of("negative", 0.4 + 0.2 * learnt)).collect()
}

/// Eleven thresholds; precision falls, recall rises to 1.
fn thresholds() -> Thresholds {
    let steps: Vec<f64> = (0..=10).map(|at| f64::from(at) / 10.0).collect();
    let of = |value: fn(f64) -> f64| steps.iter().map(|at| value(*at)).collect::<Vec<f64>>();
    let precision = |at: f64| 1.0 - 0.2 * at * at;
    let recall = |at: f64| 1.0 - (1.0 - at).powi(3);
    let f1 = |at: f64| {
        let (p, r) = (1.0 - 0.2 * at * at, 1.0 - (1.0 - at).powi(3));
        2.0 * p * r / (p + r)
    };
    Thresholds {
        distance: of(|at| 0.08 * at),
        metrics: BTreeMap::from([
            ("precision".to_owned(), of(precision)),
            ("recall".to_owned(), of(recall)),
            ("f1".to_owned(), of(f1)),
        ]),
        true_positive: vec![8; 11],
        false_positive: vec![1; 11],
        true_negative: vec![1; 11],
        false_negative: vec![2; 11],
    }
}

fn calibration() -> Calibration {
    let metrics =
        |precision, recall| BTreeMap::from([("precision".to_owned(), precision), ("recall".to_owned(), recall)]);
    let cutpoint = |distance, value, precision, recall| Cutpoint {
        distance,
        value,
        target: None,
        metrics: metrics(precision, recall),
    };
    Calibration {
        metric: "f1".to_owned(),
        matcher: "nearest".to_owned(),
        k: 1,
        counting: "lookup".to_owned(),
        distance_metric: Distance::Cosine,
        queries: 12,
        extra_metrics: vec!["precision".to_owned(), "recall".to_owned()],
        cutpoints: BTreeMap::from([
            ("optimal".to_owned(), cutpoint(0.064, 0.926, 0.872, 0.992)),
            ("p95".to_owned(), cutpoint(0.04, 0.91, 0.95, 0.875)),
        ]),
        unreachable: vec!["p99".to_owned()],
        trained_queries: 12,
        probability: vec![Knot { distance: 0.0, probability: 1.0 }, Knot { distance: 0.1, probability: 0.25 }],
    }
}

fn matches(classes: usize, queries: &[u64], index: &[u64]) -> Matches {
    let row = |(at, query): (usize, &u64)| {
        let neighbour = |rank: usize| {
            let near = if noise(at * 7 + rank, 4) == 0 { noise(at + rank, index.len()) } else { at % index.len() };
            Neighbour {
                rank: rank as u32 + 1,
                example_id: index[near],
                label: label(near, classes),
                distance: (at % 7) as f32 * 0.01 + rank as f32 * 0.003,
            }
        };
        let neighbours: Vec<Neighbour> = (0..5).map(neighbour).collect();
        MatchRow {
            query_id: *query,
            label: label(at, classes),
            predicted: Some(neighbours[0].label),
            distance: neighbours[0].distance,
            matched: neighbours[0].distance <= 0.05,
            probability: 1.0 - 7.5 * f64::from(neighbours[0].distance),
            neighbours,
        }
    };
    Matches(queries.iter().enumerate().map(row).collect())
}

/// Counted from the matches.
pub fn confusion(matches: &Matches) -> Confusion {
    let queries = matches.0.iter().map(|row| (row.label, row.predicted.filter(|_| row.matched)));
    let cell = |(label, predicted, count)| ConfusionCell { label, predicted, count };
    Confusion(simpipe_metric::confusion::confusion(queries).into_iter().map(cell).collect())
}

/// The cutpoint and the name of no match.
fn judged_by() -> MatchInfo {
    MatchInfo {
        format: 1,
        cutpoint: "optimal".to_owned(),
        distance: 0.0,
        unknown_label: "Unknown".to_owned(),
        achieved: None,
    }
}
