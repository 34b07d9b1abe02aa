//! Intervals of an evaluation: 2,000 bootstrap draws over 10,000 queries of 10 and of 1,000 classes, of 8 metrics, one
//! interval each, and of an area under a curve. Prints one JSON line a case.
//!
//! `cargo bench -p simpipe-benches --bench evaluate`

use std::time::Instant;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use simpipe_base::seed::Seed;
use simpipe_metric::Average;
use simpipe_metric::pair::{Eer, OrderedPairs, PairMetric, RocAuc, ScoredPair};
use simpipe_metric::statistics::{Bootstrap, Column, Resampling};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const QUERIES: u32 = 10_000;
const METRICS: usize = 8;
const PAIRS: usize = 200_000;

fn main() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let columns: Vec<Vec<Option<f64>>> =
        (0..METRICS).map(|_| (0..QUERIES).map(|_| Some(rng.random::<f64>())).collect()).collect();
    let columns: Vec<Column<'_>> = columns.iter().map(|values| Column { values, average: Average::Micro }).collect();
    let pair = |genuine| {
        let near = if genuine { 0.4 } else { 0.0 };
        ScoredPair { score: near + rng.random::<f64>(), query: rng.random_range(0..QUERIES), genuine }
    };
    let kinds = (0..PAIRS).map(|at| at % 2 == 0);
    let pairs = OrderedPairs::new(kinds.map(pair).collect()).expect("finite scores");
    let bootstrap = Bootstrap::new(Seed::of_stage(1, "evaluate", None));
    for classes in [10, 1_000] {
        let labels: Vec<i32> = (0..QUERIES).map(|query| i32::try_from(query % classes).expect("few classes")).collect();
        time(&format!("means-of-{METRICS}-metrics-{classes}-classes"), || {
            bootstrap.means(&labels, &columns).expect("one value a label").len()
        });
        time(&format!("curve-of-{PAIRS}-pairs-{classes}-classes"), || {
            let of = |drawn: &[u32]| {
                let mut times = vec![0_u32; QUERIES as usize];
                drawn.iter().for_each(|query| times[*query as usize] += 1);
                let roc = pairs.roc(|query| times[query as usize] as usize);
                vec![RocAuc.of_pairs(&roc), Eer.of_pairs(&roc)]
            };
            let resampling = Resampling::ClassesThenQueries;
            bootstrap.figures_unless(&|| false, resampling, &labels, 2, of).expect("some draws").len()
        });
    }
}

fn time(case: &str, work: impl Fn() -> usize) {
    let mut times: Vec<f64> = (0..5)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(work());
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let line = serde_json::json!({ "case": case, "min_ms": times[0], "median_ms": times[times.len() / 2] });
    #[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
    {
        println!("{line}");
    }
}
