//! Nearest neighbours that are not searched exactly: how long a graph or lists take to build, how many queries a second are
//! answered at which recall, how long a stored index takes to open. Prints one JSON line a case; `peers/ann_bench.py` prints the
//! same of hnswlib, usearch and faiss, and `ann.sh` runs both and sets them side by side.
//!
//! `cargo bench -p simpipe-benches --bench ann -- [COUNT] [DIM] [--keep FOLDER] [METHOD..]`: 100000 and 256 if left out; methods are
//! `hnsw`, `ivf-pq`, `int8`, `binary` and `open`, which opens a graph of that size that nobody has built. FOLDER gets the vectors,
//! the queries and what is near them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value as Json, json};
use simpipe_artifact::{Codes, Distance, Graph, IndexRows};
use simpipe_base::param;
use simpipe_benches::Embeddings;
use simpipe_search::distance::Rows;
use simpipe_search::knn::Wanted;
use simpipe_search::{ExactSearch, Hit, Search, Searcher, Structure};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const VECTORS: Embeddings = Embeddings { classes: 1000, spread: 1.0 };
const QUERIES: usize = 10_000;
const K: usize = 10;
/// Times that queries are asked, of which the least counts.
const ROUNDS: usize = 3;

/// What the command line says.
struct Asked {
    count: usize,
    dim: usize,
    keep: Option<PathBuf>,
    methods: Vec<String>,
}

impl Asked {
    fn read() -> Self {
        let mut arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
        let keep = arguments.iter().position(|argument| argument == "--keep");
        let keep = keep.and_then(|at| arguments.drain(at..at + 2).nth(1)).map(PathBuf::from);
        let (numbers, methods) =
            arguments.into_iter().partition::<Vec<_>, _>(|argument| argument.parse::<usize>().is_ok());
        let number = |at: usize, other: usize| numbers.get(at).and_then(|number| number.parse().ok()).unwrap_or(other);
        Self { count: number(0, 100_000), dim: number(1, 256), keep, methods }
    }

    fn wants(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|wanted| wanted == method)
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn print(line: &Json) {
    println!("{line}");
}

fn main() {
    let asked = Asked::read();
    let (count, dim) = (asked.count, asked.dim);
    let index = VECTORS.drawn(count, dim, 1);
    let rows = Rows::new(&index, dim).expect("finite rows");
    if asked.wants("open") {
        let open = open_ms(&Structure::of_graph(unbuilt(count)), rows).expect("a folder for temporary files");
        print(&json!({ "case": format!("open-{count}x{dim}"), "open_ms": open }));
    }
    let methods: Vec<_> = methods().into_iter().filter(|(method, ..)| asked.wants(method)).collect();
    if methods.is_empty() && asked.keep.is_none() {
        return;
    }
    let queries = VECTORS.drawn(QUERIES, dim, 2);
    let queries = Rows::new(&queries, dim).expect("finite rows");
    let ten = vec![Wanted { k: K, excluded: Arc::default() }; QUERIES];
    let start = Instant::now();
    let exact =
        ExactSearch::new(rows, Distance::Cosine).map(queries, &ten, |_, hits| hits.to_vec()).expect("equal lengths");
    let speed = QUERIES as f64 / start.elapsed().as_secs_f64();
    print(&json!({ "case": format!("exact-{count}x{dim}"), "queries_per_s": speed }));
    if let Some(folder) = &asked.keep {
        keep(folder, rows, queries, &exact).expect("a folder that can be written");
    }
    for (method, built, searched) in methods {
        measure((method, &built, searched.as_slice()), rows, queries, &ten, &exact);
    }
}

/// Writes what a peer searches: little-endian numbers, row after row.
fn keep(folder: &Path, rows: Rows<'_>, queries: Rows<'_>, exact: &[Vec<Hit>]) -> std::io::Result<()> {
    let numbers = |rows: Rows<'_>| -> Vec<u8> {
        (0..rows.len()).flat_map(|row| rows.row(row)).flat_map(|number| number.to_le_bytes()).collect()
    };
    let nearest: Vec<u8> = exact.iter().flatten().flat_map(|hit| hit.row.to_le_bytes()).collect();
    let shape = json!({ "count": rows.len(), "dim": rows.dim(), "k": K });
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("index.f32"), numbers(rows))?;
    std::fs::write(folder.join("queries.f32"), numbers(queries))?;
    std::fs::write(folder.join("nearest.u32"), nearest)?;
    std::fs::write(folder.join("shape.json"), shape.to_string())
}

/// A graph of the size of one that was built: every place has a link.
fn unbuilt(count: usize) -> Graph {
    let links = 16;
    let link = |place: usize| u32::try_from(place % count).unwrap_or(0);
    let lowest: Vec<u32> = (0..2 * links * count).map(link).collect();
    Graph { links, entry: 0, levels: vec![0; count].into(), lowest: lowest.into(), upper: Vec::<u32>::new().into() }
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
        let (mut found, mut seconds) = (Vec::new(), f64::INFINITY);
        for _ in 0..ROUNDS {
            let start = Instant::now();
            found = searcher.nearest(queries, ten).expect("equal lengths");
            seconds = seconds.min(start.elapsed().as_secs_f64());
        }
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
