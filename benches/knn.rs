//! Exact nearest neighbours, as a script of faiss' would have them: 10,000 queries in an index, and rankings as deep as
//! `map@r` reads them. Prints one JSON line a case; `calibrate.rs` and `compare.sh` go with it.
//!
//! `cargo bench -p simpipe-benches --bench knn`

use std::sync::Arc;
use std::time::Instant;

use simpipe_artifact::Distance;
use simpipe_benches::Embeddings;
use simpipe_search::ExactSearch;
use simpipe_search::distance::Rows;
use simpipe_search::knn::Wanted;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const VECTORS: Embeddings = Embeddings { classes: 10, spread: 1.5 };

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
        let (index, asked) = (VECTORS.drawn(count, dim, 1), VECTORS.drawn(10_000, dim, 2));
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
