//! Calibration by hand; [`reference`](super::super::reference) holds it against TensorFlow Similarity.

use super::*;

fn judged(label: i32, indexed: bool, verdict: Option<(i32, f32)>) -> Judged {
    Judged { label, indexed, verdict: verdict.map(|(label, distance)| Verdict { label, distance }) }
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
