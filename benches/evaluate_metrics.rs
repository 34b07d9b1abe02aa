//! What each metric of the stage `evaluate` takes: 10,000 queries of 10 classes looked up among themselves, each left out, one
//! metric at a time. `figure_ms` is the figure alone, `with_interval_ms` with the interval of 2,000 draws; both hold what
//! any evaluation takes (`read and look up`: its files, a lookup of the nearest, its tables). Prints one JSON line a metric.
//!
//! `cargo bench -p simpipe-benches --bench evaluate_metrics`, with a part of a name behind `--` for some of them only.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value as Json, json};
use simpipe_artifact::{Distance, Embeddings, EmbeddingsInfo, ImageSet, IndexInfo, IndexRows, ModelUse, write_json};
use simpipe_base::param;
use simpipe_base::seed::Seed;
use simpipe_stage::{Ctx, CtxParts, Inputs, Stage};
use simpipe_stages::evaluate::Evaluate;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const QUERIES: u64 = 10_000;
const CLASSES: u64 = 10;
const DIM: usize = 64;
/// Runs of each case; the fastest counts.
const TIMES: usize = 3;

/// What only queries of a class that the index lacks have.
const OPEN_SET: [&str; 3] = ["auroc", "dir@1far", "oscr"];
/// The others; the first is what every evaluation does.
const METRICS: [&str; 27] = [
    "recall@1",
    "recall@10",
    "precision@5",
    "map@10",
    "map-clip-at-r@10",
    "map@r",
    "map@r/macro",
    "map",
    "r-precision",
    "mrr",
    "ndcg@10",
    "true-ndcg@10",
    "roc-auc",
    "average-precision",
    "eer",
    "tpr@1fpr",
    "fpr@95tpr",
    "frr@1far",
    "hubness@10",
    "antihubs@10",
    "nmi",
    "ami",
    "ari",
    "alignment",
    "uniformity",
    "effective-rank",
    "silhouette",
];
/// Ways to re-rank, each with `map@r`.
const RERANK: [(&str, &str); 2] = [
    ("map@r after k-reciprocal", r#"{ "k-reciprocal": {} }"#),
    ("map@r after query-expansion", r#"{ "query-expansion": {} }"#),
];

fn main() {
    let folder = tempfile::tempdir().expect("a folder for artifacts");
    write(&folder.path().join("all"), None);
    write(&folder.path().join("open"), Some(1));
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let cases = METRICS.iter().map(|name| (*name, *name, "all", Json::Null));
    let cases = cases.chain(OPEN_SET.iter().map(|name| (*name, *name, "open", Json::Null)));
    let rerank = |text: &str| serde_json::from_str(text).expect("it is JSON");
    let cases = cases.chain(RERANK.iter().map(|(title, by)| (*title, "map@r", "all", rerank(by))));
    for (at, (title, metric, files, rerank)) in cases.enumerate() {
        if !title.contains(&wanted) {
            continue;
        }
        let ms = |draws: usize| {
            let mut params = json!({ "metrics": [metric], "leave-one-out": true, "bootstrap": { "draws": draws } });
            if !rerank.is_null() {
                params["rerank"] = rerank.clone();
            }
            let times = (0..TIMES).map(|_| run(&folder.path().join(files), &params));
            times.fold(f64::INFINITY, f64::min)
        };
        let case = if at == 0 { "read and look up, and recall@1" } else { title };
        // Ten draws are the fewest that may be asked for: next to nothing.
        let line = json!({ "case": case, "figure_ms": ms(10), "with_interval_ms": ms(2000) });
        #[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
        {
            println!("{line}");
        }
    }
}

/// Rows around the centres of their classes, as queries and as an index; `lacking` is a class that the index has not.
fn write(folder: &Path, lacking: Option<i32>) {
    std::fs::create_dir_all(folder).expect("a folder");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let centres: Vec<f32> =
        (0..CLASSES).flat_map(|_| (0..DIM).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<_>>()).collect();
    let label: Vec<i32> = (0..QUERIES).map(|row| i32::try_from(row % CLASSES).expect("few classes")).collect();
    let mut values = Vec::with_capacity(label.len() * DIM);
    for class in &label {
        let centre = &centres[usize::try_from(*class).expect("from 0 on") * DIM..][..DIM];
        values.extend(centre.iter().map(|value| value + rng.random_range(-2.0..2.0_f32)));
    }
    let example_id: Vec<u64> = (0..QUERIES).collect();
    let digest: Vec<String> = example_id.iter().map(|id| format!("{id:064x}")).collect();
    let kept: Vec<usize> = (0..label.len()).filter(|row| Some(label[*row]) != lacking).collect();
    let index = IndexRows {
        example_id: kept.iter().map(|row| example_id[*row]).collect(),
        label: kept.iter().map(|row| label[*row]).collect(),
        digest: kept.iter().map(|row| digest[*row].clone()).collect(),
        vectors: kept.iter().flat_map(|row| values[row * DIM..][..DIM].to_vec()).collect(),
        dim: DIM,
        ..IndexRows::default()
    };
    let (distance, count) = (Distance::Euclidean, label.len());
    let info = IndexInfo {
        format: 1,
        metric: distance,
        search: "exact".to_owned(),
        count: kept.len(),
        dim: DIM,
        recall: 1.0,
        structure: None,
        normalized: false,
        class_means_of: None,
        model_use: ModelUse::default(),
        classes: (0..CLASSES).map(|class| format!("class {class}")).collect(),
    };
    let split = vec!["test".to_owned(); count];
    let position = example_id.clone();
    let rows = Embeddings { position, example_id, label, split, digest, values, dim: DIM, ..Embeddings::default() };
    let of_embeddings = EmbeddingsInfo {
        format: 1,
        distance,
        dim: DIM,
        count,
        begin: 0,
        seen_in_training: false,
        model_use: ModelUse::default(),
        made_by: None,
    };
    let written = index
        .write(&folder.join("index.arrow"))
        .and_then(|()| write_json(&folder.join("index.json"), &info))
        .and_then(|()| rows.write(&folder.join("embeddings.parquet")))
        .and_then(|()| write_json(&folder.join(EmbeddingsInfo::FILE), &of_embeddings))
        .and_then(|()| ImageSet::default().write(&folder.join(ImageSet::TRAINED_ON)));
    written.expect("artifacts can be written");
}

/// Milliseconds of the stage on the artifacts of a folder.
fn run(folder: &Path, params: &Json) -> f64 {
    let params = param::from_json(params).expect("the parameters are valid");
    let files =
        |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), folder.join(name))).collect::<BTreeMap<_, _>>();
    let inputs: Inputs =
        Evaluate::ports(&params).iter().map(|port| (port.name.to_owned(), files(port.files))).collect();
    let output = tempfile::tempdir().expect("an empty folder");
    let cancel = AtomicBool::new(false);
    let mut ctx = Ctx::new(CtxParts {
        id: Evaluate::NAME,
        inputs,
        output: output.path(),
        seed: Seed::of_stage(1, Evaluate::NAME, None),
        backend: "flex",
        spec: &Json::Null,
        cancel: &cancel,
        on_progress: &|_| {},
        on_warning: &|_| {},
        checkpoints: None,
        downloads: Path::new(""),
    });
    let start = Instant::now();
    Evaluate::run(&params, &mut ctx).expect("the stage ends well");
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    std::hint::black_box(ctx.into_metrics());
    elapsed
}
