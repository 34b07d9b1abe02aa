//! The calibration of 100,000 and of 1,000,000 queries: every threshold, every metric, cutpoints and probabilities. Prints
//! one JSON line a case.
//!
//! `cargo bench -p simpipe-benches --bench calibrate`

use std::time::Instant;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use simpipe_artifact::Distance;
use simpipe_search::{CalibrationMetric, Counting, Curve, Isotonic, Judged, Verdict};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Queries of each case, and how often it is timed.
const CASES: [(usize, usize); 2] = [(100_000, 15), (1_000_000, 5)];

fn main() {
    for (queries, times) in CASES {
        let judged = judged(queries);
        let distances: Vec<f32> =
            judged.iter().filter_map(|query| query.verdict.map(|verdict| verdict.distance)).collect();
        let mut times: Vec<f64> = (0..times)
            .map(|_| {
                let start = Instant::now();
                std::hint::black_box(calibrate(&judged, &distances));
                start.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let case = format!("calibrate-{queries}");
        let line = serde_json::json!({ "case": case, "min_ms": times[0], "median_ms": times[times.len() / 2] });
        #[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
        {
            println!("{line}");
        }
    }
}

fn judged(queries: usize) -> Vec<Judged> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let query = |_| {
        let right = rng.random::<f32>() < 0.8;
        let distance = if right { 0.4 * rng.random::<f32>() } else { 0.2 + 0.6 * rng.random::<f32>() };
        Judged { label: 1, indexed: true, verdict: Some(Verdict { label: i32::from(right), distance }) }
    };
    (0..queries).map(query).collect()
}

/// What the stage computes: the curve, every metric at every threshold, the best threshold of each, a target, and the
/// probability at every distance.
fn calibrate(judged: &[Judged], distances: &[f32]) -> (Vec<Vec<f64>>, Vec<Option<usize>>, Isotonic) {
    let curve = Curve::new(judged, distances.iter().copied(), Distance::Cosine, &Counting::Lookup);
    let columns: Vec<Vec<f64>> = CalibrationMetric::ALL.par_iter().map(|metric| curve.values(metric)).collect();
    let mut cutpoints: Vec<Option<usize>> = vec![curve.target(&CalibrationMetric::Far, 0.01)];
    cutpoints.extend(CalibrationMetric::ALL.iter().map(|metric| curve.optimal(metric)));
    (columns, cutpoints, Isotonic::fit(judged, Distance::Cosine))
}
