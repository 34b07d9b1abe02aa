//! The calibration curve of 100,000 queries: every threshold, every metric. Prints one JSON line.
//!
//! `cargo bench --bench calibrate`

use std::time::Instant;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use simpipe::artifact::Distance;
use simpipe::search::{CalibrationMetric, Counting, Curve, Judged, Verdict};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const QUERIES: usize = 100_000;
const METRICS: [CalibrationMetric; 6] = [
    CalibrationMetric::Precision,
    CalibrationMetric::Recall,
    CalibrationMetric::F1,
    CalibrationMetric::BinaryAccuracy,
    CalibrationMetric::Npv,
    CalibrationMetric::Fpr,
];

fn main() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let judged: Vec<Judged> = (0..QUERIES)
        .map(|_| {
            let right = rng.random::<f32>() < 0.8;
            let distance = if right { 0.4 * rng.random::<f32>() } else { 0.2 + 0.6 * rng.random::<f32>() };
            Judged { label: 1, indexed: true, verdict: Some(Verdict { label: i32::from(right), distance }) }
        })
        .collect();
    let distances: Vec<f32> = judged.iter().filter_map(|query| query.verdict.map(|verdict| verdict.distance)).collect();
    let mut times: Vec<f64> = (0..15)
        .map(|_| {
            let start = Instant::now();
            let curve = Curve::new(&judged, distances.iter().copied(), Distance::Cosine, &Counting::Lookup);
            let best: Vec<Option<usize>> = METRICS.iter().map(|metric| curve.optimal(metric)).collect();
            std::hint::black_box(best);
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let line =
        serde_json::json!({ "case": "calibrate-100000", "min_ms": times[0], "median_ms": times[times.len() / 2] });
    #[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
    {
        println!("{line}");
    }
}
