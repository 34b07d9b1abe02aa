//! Nearest neighbours that are not searched exactly: how long a graph or lists take to build, and how many queries a second are
//! answered at which recall. Prints one JSON line a case; `peers/ann_bench.py` prints the same of hnswlib, usearch and faiss.
//!
//! `cargo bench -p simpipe-benches --bench ann -- [COUNT] [DIM] [METHOD..]`, 100000 and 256 if left out

use std::sync::Arc;
use std::time::Instant;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value as Json, json};
use simpipe_artifact::{Codes, Distance, Graph, IndexRows};
use simpipe_base::param;
use simpipe_search::distance::Rows;
use simpipe_search::knn::Wanted;
use simpipe_search::{ExactSearch, Hit, Search, Searcher, Structure};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLASSES: usize = 1000;
const QUERIES: usize = 10_000;
const K: usize = 10;

/// Unit vectors around one centre a class, as a trained network leaves them.
fn embeddings(count: usize, dim: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(99);
    let draw = |rng: &mut ChaCha8Rng| rng.random::<f32>() + rng.random::<f32>() - 1.0;
    let centres: Vec<f32> = (0..CLASSES * dim).map(|_| draw(&mut rng)).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rows = Vec::with_capacity(count * dim);
    for at in 0..count {
        let centre = &centres[at % CLASSES * dim..][..dim];
        let row: Vec<f32> = centre.iter().map(|centre| centre + draw(&mut rng)).collect();
        let norm = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        rows.extend(row.iter().map(|value| value / norm));
    }
    rows
}

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn print(line: &Json) {
    println!("{line}");
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |at: usize, other: usize| arguments.get(at).and_then(|number| number.parse().ok()).unwrap_or(other);
    let (count, dim) = (number(0, 100_000), number(1, 256));
    let wanted = |method: &str| arguments.len() < 3 || arguments[2..].iter().any(|wanted| wanted == method);
    let (index, asked) = (embeddings(count, dim, 1), embeddings(QUERIES, dim, 2));
    let rows = Rows::new(&index, dim).expect("finite rows");
    let queries = Rows::new(&asked, dim).expect("finite rows");
    let ten = vec![Wanted { k: K, excluded: Arc::default() }; QUERIES];
    let start = Instant::now();
    let exact =
        ExactSearch::new(rows, Distance::Cosine).map(queries, &ten, |_, hits| hits.to_vec()).expect("equal lengths");
    print(
        &json!({ "case": format!("exact-{count}x{dim}"), "queries_per_s": QUERIES as f64 / start.elapsed().as_secs_f64() }),
    );
    for (method, built, searched) in methods() {
        if wanted(method) {
            measure((method, &built, searched.as_slice()), rows, queries, &ten, &exact);
        }
    }
}

/// A method, how it is built, and how it is searched.
type Measured<'a> = (&'a str, &'a Json, &'a [Json]);

fn methods() -> Vec<(&'static str, Json, Vec<Json>)> {
    let hnsw = |width: usize| json!({ "hnsw": { "links": 16, "build-width": 200, "search-width": width } });
    let lists = |probes: usize| json!({ "ivf-pq": { "probes": probes, "candidates": 10 } });
    vec![
        ("hnsw", hnsw(64), [16, 32, 64, 128, 256].map(hnsw).to_vec()),
        ("ivf-pq", lists(32), [8, 16, 32, 64].map(lists).to_vec()),
        ("int8", json!("int8"), vec![json!("int8")]),
        ("binary", json!("binary"), vec![json!("binary")]),
    ]
}

/// How long the index takes to be opened from its files, at best of five times.
fn open_ms(structure: &Structure, rows: Rows<'_>) -> Result<f64, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let at = |file: &str| folder.path().join(file);
    let count = rows.len();
    let values: Vec<f32> = (0..count).flat_map(|row| rows.row(row)).copied().collect();
    let digest = (0..count).map(|row| format!("{row:064}")).collect();
    let table = IndexRows {
        example_id: (0..).take(count).collect(),
        label: vec![0; count],
        digest,
        vectors: values.into(),
        dim: rows.dim(),
        ..IndexRows::default()
    };
    table.write(&at("index.arrow"))?;
    structure.graph().map_or(Ok(()), |graph| graph.write(&at(Graph::FILE)))?;
    structure.codes().map_or(Ok(()), |codes| codes.write(&at(Codes::FILE), count, rows.dim()))?;
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        let table = IndexRows::read_for_search(&at("index.arrow"))?;
        let opened = if at(Graph::FILE).exists() {
            Structure::of_graph(Graph::open(&at(Graph::FILE), count)?)
        } else {
            Structure::of_codes(Codes::open(&at(Codes::FILE), count, rows.dim())?, Distance::Cosine, count, rows.dim())
        };
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
        std::hint::black_box((table, opened));
    }
    Ok(best)
}

fn measure(
    (method, built, searched): Measured<'_>,
    rows: Rows<'_>,
    queries: Rows<'_>,
    ten: &[Wanted],
    exact: &[Vec<Hit>],
) {
    let read = |json: &Json| -> Search { param::from_json(json).expect("a search") };
    let start = Instant::now();
    let structure = Structure::new(rows, Distance::Cosine, &read(built), &|| false).expect("nobody stops it");
    let build = start.elapsed().as_secs_f64();
    let open = open_ms(&structure, rows).expect("a folder for temporary files");
    for search in searched {
        let searcher = Searcher::new(rows, Distance::Cosine, &read(search), &structure);
        let start = Instant::now();
        let found = searcher.nearest(queries, ten).expect("equal lengths");
        let seconds = start.elapsed().as_secs_f64();
        let same = |(exact, found): (&Vec<Hit>, &Vec<Hit>)| {
            found.iter().filter(|hit| exact.iter().any(|near| near.row == hit.row)).count()
        };
        let recall = exact.iter().zip(&found).map(same).sum::<usize>() as f64 / (K * QUERIES) as f64;
        print(&json!({
            "case": format!("{method}-{}x{}", rows.len(), rows.dim()), "search": search, "build_s": build,
            "recall": recall, "queries_per_s": QUERIES as f64 / seconds,
            "open_ms": open, "bytes_beside": structure.bytes_per_vector(rows.dim(), rows.len()),
        }));
    }
}
