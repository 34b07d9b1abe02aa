//! Calibration against TensorFlow Similarity and by hand.

use super::*;
use crate::search::matcher::{Matcher, Vote};

fn judged(label: i32, indexed: bool, verdict: Option<(i32, f32)>) -> Judged {
    Judged { label, indexed, verdict: verdict.map(|(label, distance)| Verdict { label, distance }) }
}

fn close(found: f64, expected: f64, tolerance: f64) -> bool {
    (found - expected).abs() <= tolerance + tolerance * expected.abs()
}

fn numbers(json: &serde_json::Value) -> Vec<f64> {
    serde_json::from_value(json.clone()).unwrap()
}

fn golden_curve(case: &serde_json::Value) -> Curve {
    let labels: Vec<i32> = serde_json::from_value(case["input"]["query_labels"].clone()).unwrap();
    let found: Vec<Vec<i32>> = serde_json::from_value(case["input"]["lookup_labels"].clone()).unwrap();
    let distances: Vec<Vec<f32>> = serde_json::from_value(case["input"]["lookup_distances"].clone()).unwrap();
    let matcher = match case["params"]["matcher"].as_str().unwrap() {
        "match_nearest" => Matcher::Nearest,
        "match_majority_vote" => Matcher::MajorityVote(Vote { k: found[0].len() }),
        other => panic!("unknown matcher {other}"),
    };
    let query = |((&label, found), distances): ((&i32, &Vec<i32>), &Vec<f32>)| {
        let neighbours: Vec<(i32, f32)> = found.iter().copied().zip(distances.iter().copied()).collect();
        Judged { label, indexed: true, verdict: matcher.decide(&neighbours) }
    };
    let judged: Vec<Judged> = labels.iter().zip(&found).zip(&distances).map(query).collect();
    Curve::new(&judged, distances.concat(), Distance::Cosine, &Counting::Lookup)
}

#[test]
fn calibration_is_that_of_tensorflow_similarity() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/golden/calibration.json");
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let tolerance = file["tolerance"].as_f64().unwrap();
    let (cases, mut checked) = (file["cases"].as_array().unwrap(), 0);
    for (number, case) in cases.iter().enumerate() {
        let curve = golden_curve(case);
        let name = case["params"]["calibration_metric"].as_str().unwrap();
        let metric = CalibrationMetric::ALL.into_iter().find(|metric| metric.column() == name).unwrap();
        let column = |name: &str| match name {
            "distance" => curve.thresholds.iter().map(|&distance| distance.into()).collect(),
            "value" => curve.values(&metric),
            _ => curve.values(&CalibrationMetric::ALL.into_iter().find(|metric| metric.column() == name).unwrap()),
        };
        for (name, expected) in case["expected"]["thresholds"].as_object().unwrap() {
            let (found, expected) = (column(name), numbers(expected));
            assert_eq!(found.len(), expected.len(), "case {number}: {name}");
            for (at, (&found, &expected)) in found.iter().zip(&expected).enumerate() {
                assert!(close(found, expected, tolerance), "case {number}: {name}[{at}] {found}, not {expected}");
            }
            checked += 1;
        }
        let cutpoints = case["expected"]["cutpoints"].as_object().unwrap();
        let target = |(name, value): (&String, &serde_json::Value)| {
            (name.clone(), curve.target(&metric, value.as_f64().unwrap()))
        };
        let mut found: Vec<(String, Option<usize>)> =
            case["params"]["targets"].as_object().unwrap().iter().map(target).collect();
        found.push(("optimal".to_owned(), curve.optimal(&metric)));
        for (name, at) in found {
            let Some(at) = at else {
                assert!(!cutpoints.contains_key(&name), "case {number}: {name} was not reached");
                continue;
            };
            for (field, expected) in cutpoints[&name].as_object().unwrap().iter().filter(|(field, _)| *field != "name")
            {
                let (found, expected) = (column(field)[at], expected.as_f64().unwrap());
                assert!(close(found, expected, tolerance), "case {number}: {name}.{field} {found}, not {expected}");
                checked += 1;
            }
        }
    }
    assert_eq!(cases.len(), 18);
    assert!(checked > 400, "{checked} fields checked");
}

#[test]
fn open_set_counting_misses_wrong_labels_and_rejects_foreign_classes() {
    let queries = [
        judged(1, true, Some((1, 0.1))),  // right
        judged(1, true, Some((2, 0.2))),  // wrong, its class is there
        judged(9, false, Some((1, 0.3))), // of no indexed class
        judged(2, true, None),            // nothing found
    ];
    let distances = [0.1, 0.2, 0.3];
    let curve = Curve::new(&queries, distances, Distance::Cosine, &Counting::OpenSet);
    let flat =
        |counts: &Counts| (counts.true_positive, counts.false_positive, counts.true_negative, counts.false_negative);
    assert_eq!(curve.counts.iter().map(flat).collect::<Vec<_>>(), [(1, 0, 1, 2), (1, 1, 1, 2), (1, 2, 0, 2)]);
    assert_eq!(curve.values(&CalibrationMetric::Recall), [1.0 / 3.0; 3]);
    let lookup = Curve::new(&queries, distances, Distance::Cosine, &Counting::Lookup);
    assert_eq!(lookup.counts.iter().map(flat).collect::<Vec<_>>(), [(1, 0, 3, 0), (1, 1, 2, 0), (1, 2, 1, 0)]);
    assert_eq!(lookup.values(&CalibrationMetric::Recall), [1.0; 3]);
}

#[test]
fn a_similarity_is_calibrated_from_the_largest_down() {
    let queries = [judged(0, true, Some((0, 5.0))), judged(0, true, Some((1, 2.0))), judged(0, true, Some((0, 3.0)))];
    let curve = Curve::new(&queries, [5.0, 2.0, 3.0, 5.0], Distance::InnerProduct, &Counting::Lookup);
    assert_eq!(curve.thresholds, [5.0, 3.0, 2.0]);
    assert_eq!(curve.values(&CalibrationMetric::Precision), [1.0, 1.0, 2.0 / 3.0]);
    assert_eq!(curve.optimal(&CalibrationMetric::F1), Some(1));
    assert_eq!(curve.target(&CalibrationMetric::Precision, 0.9), Some(1));
}

#[test]
fn a_bound_on_false_positives_takes_the_laxest_threshold_within_it() {
    let queries = [judged(0, true, Some((0, 0.1))), judged(0, true, Some((1, 0.2))), judged(0, true, Some((1, 0.3)))];
    let curve = Curve::new(&queries, [0.1, 0.2, 0.3], Distance::Cosine, &Counting::Lookup);
    assert_eq!(curve.values(&CalibrationMetric::Fpr), [0.0, 0.5, 1.0]);
    assert_eq!(curve.target(&CalibrationMetric::Fpr, 0.5), Some(1));
    assert_eq!(curve.optimal(&CalibrationMetric::Fpr), Some(0));
    assert_eq!(curve.target(&CalibrationMetric::Recall, 1.1), None);
}

#[test]
fn nothing_to_calibrate_on_gives_no_threshold() {
    let curve = Curve::new(&[], [], Distance::Cosine, &Counting::Lookup);
    assert_eq!((curve.optimal(&CalibrationMetric::F1), curve.thresholds.len()), (None, 0));
}

/// `cargo test --release --lib search::calibration -- --ignored --nocapture` prints the time of performance.md's case.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stderr, reason = "the measurement is what it is for")]
fn time_of_100_000_queries() {
    use rand::RngExt;
    let mut rng = crate::base::seed::Seed::of_stage(1, "test", None).rng("queries", &[]);
    let queries: Vec<Judged> = (0..100_000)
        .map(|_| judged(rng.random_range(0..10), true, Some((rng.random_range(0..10), rng.random()))))
        .collect();
    let start = std::time::Instant::now();
    let distances = queries.iter().filter_map(|query| query.verdict).map(|verdict| verdict.distance);
    let curve = Curve::new(&queries, distances, Distance::Cosine, &Counting::Lookup);
    let columns = CalibrationMetric::ALL.map(|metric| curve.values(&metric));
    let optimal = CalibrationMetric::ALL.map(|metric| curve.optimal(&metric));
    eprintln!("{} thresholds, {} metrics: {:?}", curve.thresholds.len(), columns.len(), start.elapsed());
    assert!(optimal.iter().all(Option::is_some));
}
