//! Small made-up inputs for tests, deterministic and without any file.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Evaluated, FurtherMatches, ReportData};
use simpipe_artifact::{
    BootstrapInfo, Calibration, Confusion, ConfusionCell, Cutpoint, DatasetInfo, Distance, Embeddings, Estimate,
    Evaluation, EvaluationCounts, Figure, History, HistoryRow, Image, ImageShape, IndexInfo, IndexRows, Knot,
    MatchInfo, MatchRow, Matches, ModelFile, ModelUse, Neighbour, PerClass, PerQuery, Samples, Thresholds,
};

/// Ten classes, a pool of 30, an index of 20, 12 queries that are not in it.
pub fn small() -> ReportData {
    with(10, 12, ImageShape { height: 8, width: 8, channels: 3 })
}

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
            logged: std::collections::BTreeMap::new(),
        }
    };
    History((0..epochs * steps).map(row).collect())
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
        seen_in_training: true,
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

/// Real images with made-up embeddings: classes as the folders of `jpegs`, 100 images each, the first 200 of the
/// shuffled pool indexed, all queried, as the tutorial does.
pub fn real(jpegs: &std::path::Path) -> ReportData {
    let mut classes: Vec<String> = std::fs::read_dir(jpegs)
        .expect("folders of pictures")
        .map(|entry| entry.expect("folders of pictures").file_name().into_string().expect("folders of pictures"))
        .collect();
    classes.sort();
    let shape = ImageShape { height: 32, width: 32, channels: 3 };
    let mut data = with(classes.len(), 10, shape);
    data.dataset.classes = classes.iter().map(|name| name[..1].to_uppercase() + &name[1..]).collect();
    let count = 1000;
    let order: Vec<usize> = (0..count).map(|at| at * 389 % count).collect();
    let read = |at: usize, offset: usize| {
        let (class, number) = (order[at] % classes.len(), order[at] / classes.len() + offset);
        let mut files: Vec<_> = std::fs::read_dir(jpegs.join(&classes[class]))
            .expect("folders of pictures")
            .map(|e| e.expect("folders of pictures").path())
            .collect();
        files.sort();
        (
            class as i32,
            Image { shape, pixels: image::open(&files[number]).expect("folders of pictures").into_rgb8().into_raw() },
        )
    };
    for (at, id) in data.samples.example_id.clone().into_iter().enumerate() {
        let (label, image) = read(at, 300);
        data.samples.label[at] = label;
        data.images.insert(id, image);
    }
    data.samples.label.extend((30..50_000).map(|at| label(at, classes.len())));
    let dim = 64;
    let mut embeddings = Embeddings { dim, ..Embeddings::default() };
    for at in 0..count {
        let (label, image) = read(at, 0);
        embeddings.position.push(at as u64);
        embeddings.example_id.push(10_000 + at as u64);
        embeddings.label.push(label);
        embeddings.split.push("test".to_owned());
        embeddings.digest.push(image.digest().to_string());
        let value = |column: usize| {
            let centre = noise(label as usize * 641 + column * 13, 2000) as f32 / 1000.0 - 1.0;
            let own: f32 = (0..4).map(|n| noise((at * dim + column) * 4 + n, 2000) as f32 / 1000.0 - 1.0).sum();
            centre + own
        };
        let row: Vec<f32> = (0..dim).map(value).collect();
        let norm = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        embeddings.values.extend(row.iter().map(|value| value / norm));
        data.images.insert(10_000 + at as u64, image);
    }
    search(&mut data, &embeddings, 200);
    data.embeddings = embeddings;
    data.confusion = confusion(&data.matches);
    data.history = history(3, 4000);
    data
}

fn search(data: &mut ReportData, embeddings: &Embeddings, indexed: usize) {
    let distance = |one: usize, other: usize| {
        let dot: f32 = embeddings.row(one).iter().zip(embeddings.row(other)).map(|(a, b)| a * b).sum();
        (1.0 - dot).max(0.0)
    };
    let row = |query: usize| {
        let mut found: Vec<(f32, usize)> = (0..indexed).map(|at| (distance(query, at), at)).collect();
        found.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        let neighbour = |(rank, (distance, at)): (usize, &(f32, usize))| Neighbour {
            rank: rank as u32 + 1,
            example_id: embeddings.example_id[*at],
            label: embeddings.label[*at],
            distance: *distance,
        };
        let neighbours: Vec<Neighbour> = found.iter().take(5).enumerate().map(neighbour).collect();
        MatchRow {
            query_id: embeddings.example_id[query],
            label: embeddings.label[query],
            predicted: Some(neighbours[0].label),
            distance: neighbours[0].distance,
            matched: neighbours[0].distance <= 0.74,
            probability: 1.0 - f64::from(neighbours[0].distance.min(1.0)),
            neighbours,
        }
    };
    data.matches = Matches((0..embeddings.len()).map(row).collect());
    data.index.example_id = embeddings.example_id[..indexed].to_vec();
    data.index.label = embeddings.label[..indexed].to_vec();
    data.index.digest = embeddings.digest[..indexed].to_vec();
    data.index_info.count = indexed;
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
