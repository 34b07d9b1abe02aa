//! Exact nearest neighbours, as a script of faiss' would have them: 10,000 queries in an index, and rankings as deep as
//! `map@r` reads them. Prints one JSON line a case; `calibrate.rs` and `compare.sh` go with it.
//!
//! `cargo bench -p simpipe-benches --bench knn`

use std::sync::Arc;
use std::time::Instant;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use simpipe_artifact::Distance;
use simpipe_search::ExactSearch;
use simpipe_search::distance::Rows;
use simpipe_search::knn::Wanted;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLASSES: usize = 10;

/// Unit vectors around one centre a class, as a trained network leaves them.
fn embeddings(count: usize, dim: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(99);
    let draw = |rng: &mut ChaCha8Rng| rng.random::<f32>() + rng.random::<f32>() - 1.0;
    let centres: Vec<f32> = (0..CLASSES * dim).map(|_| draw(&mut rng)).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rows = Vec::with_capacity(count * dim);
    for at in 0..count {
        let centre = &centres[at % CLASSES * dim..][..dim];
        let row: Vec<f32> = centre.iter().map(|centre| centre + 1.5 * draw(&mut rng)).collect();
        let norm = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        rows.extend(row.iter().map(|value| value / norm));
    }
    rows
}

fn report(case: &str, queries: usize, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let (least, median) = (times[0], times[times.len() / 2]);
    let line = serde_json::json!({
        "case": case, "min_ms": least, "median_ms": median, "queries_per_s": queries as f64 / least * 1e3,
    });
    #[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
    {
        println!("{line}");
    }
}

fn timed(repetitions: usize, mut call: impl FnMut()) -> Vec<f64> {
    (0..repetitions)
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect()
}

fn main() {
    let repetitions = 5;
    for (count, dim, depths) in [(50_000, 64, &[10, 100, 5000][..]), (60_000, 256, &[10])] {
        let (index, asked) = (embeddings(count, dim, 1), embeddings(10_000, dim, 2));
        let rows = Rows::new(&index, dim).expect("finite rows");
        let queries = Rows::new(&asked, dim).expect("finite rows");
        for &k in depths {
            let times = timed(repetitions, || {
                // The search is made anew, as the stages do and as faiss' `add` is part of its work.
                let search = ExactSearch::new(rows, Distance::Cosine);
                let wanted = vec![Wanted { k, excluded: Arc::default() }; queries.len()];
                let found = search.map(queries, &wanted, |_, hits| hits.first().map(|hit| hit.row));
                std::hint::black_box(found.expect("equal lengths"));
            });
            report(&format!("knn-10000x{count}x{dim}-k{k}"), queries.len(), times);
        }
    }
}
