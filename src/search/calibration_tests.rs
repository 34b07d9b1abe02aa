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
fn rates_of_errors_take_the_end_that_accepts_or_rejects_most() {
    // Known and right, known and wrong, foreign, foreign.
    let queries = [
        judged(1, true, Some((1, 0.1))),
        judged(2, true, Some((1, 0.2))),
        judged(8, false, Some((1, 0.3))),
        judged(9, false, Some((2, 0.4))),
    ];
    let curve = Curve::new(&queries, [0.1, 0.2, 0.3, 0.4], Distance::Cosine, &Counting::OpenSet);
    // A known query with a wrong label is accepted, but not falsely in the sense of `far`.
    assert_eq!(curve.values(&CalibrationMetric::Far), [0.0, 0.0, 0.5, 1.0]);
    assert_eq!(curve.values(&CalibrationMetric::Frr), [0.5, 0.0, 0.0, 0.0]);
    assert_eq!(curve.values(&CalibrationMetric::Dir), [0.5; 4]);
    assert_eq!(curve.target(&CalibrationMetric::Far, 0.01), Some(1));
    assert_eq!(curve.target(&CalibrationMetric::Far, 0.5), Some(2));
    assert_eq!(curve.target(&CalibrationMetric::Frr, 0.1), Some(1));
    assert_eq!(curve.target(&CalibrationMetric::Dir, 0.5), Some(0));
    assert_eq!(curve.target(&CalibrationMetric::Tpr, 0.6), None);
    let known = Curve::new(&queries[..2], [0.1, 0.2], Distance::Cosine, &Counting::OpenSet);
    assert_eq!(known.target(&CalibrationMetric::Far, 0.5), None);
    // Counted as lookup, every wrong label is a false one: 0, 1/3, 2/3, 1.
    let lookup = Curve::new(&queries, [0.1, 0.2, 0.3, 0.4], Distance::Cosine, &Counting::Lookup);
    assert_eq!(lookup.values(&CalibrationMetric::Far), lookup.values(&CalibrationMetric::Fpr));
    assert_eq!(lookup.target(&CalibrationMetric::Far, 0.4), Some(1));
    assert_eq!(lookup.values(&CalibrationMetric::Dir), [0.5; 4]);
}

#[test]
fn counts_of_queries_are_the_sums_of_theirs() {
    let queries = [
        judged(1, true, Some((1, 0.1))),
        judged(2, true, Some((1, 0.2))),
        judged(8, false, Some((1, 0.3))),
        judged(3, true, None),
    ];
    for counting in [Counting::Lookup, Counting::OpenSet] {
        let curve = Curve::new(&queries, [0.1, 0.2, 0.3], Distance::Cosine, &counting);
        for (threshold, counts) in curve.thresholds.iter().zip(&curve.counts) {
            let within = |query: &Judged| query.verdict.is_some_and(|verdict| verdict.distance <= *threshold);
            let sum = queries.iter().map(|query| query.counts(within(query), &counting)).fold(
                Counts::default(),
                |sum, one| Counts {
                    true_positive: sum.true_positive + one.true_positive,
                    false_positive: sum.false_positive + one.false_positive,
                    true_negative: sum.true_negative + one.true_negative,
                    false_negative: sum.false_negative + one.false_negative,
                },
            );
            assert_eq!(sum, *counts);
        }
    }
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
    let mut rng = simpipe_base::seed::Seed::of_stage(1, "test", None).rng("queries", &[]);
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
