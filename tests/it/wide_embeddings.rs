//! Embeddings that are most of what a stage holds in memory: once, and not a second time.

use crate::large_images::shard;
use crate::project::{Project, template, write_pair};

const IMAGES: u32 = 100_000;
/// One of each class; the others are the pool.
const ASKED: u32 = 100;
/// Numbers of an embedding, few and many. Everything else that a stage holds is the same, so the difference is embeddings.
const DIMS: [usize; 2] = [16, 256];

/// The stages before those that are measured.
const GRAPH: &str = "
dataset dataset
pool sample dataset=dataset split:train
asked sample dataset=dataset split:test
train train dataset=dataset sampler=pool
embed-pool embed dataset=dataset sampler=pool model=train
embed-asked embed dataset=dataset sampler=asked model=train
";

const CONFIG: &str = r#"pipeline = "wide"
[dataset]
source = { webdataset = { path = "../shards" } }
[pool]
sampler = { multi-shot = { classes-per-batch = 4, examples-per-class = 2 } }
[asked]
sampler = { multi-shot = { classes-per-batch = 2, examples-per-class = 1 } }
[train]
steps-per-epoch = 3
layers = [{ rescale = { divide-by = 255.0 } }, "flatten", { metric-embedding = { size = DIM } }]
"#;

/// A stage, what its config says, and whether it holds the embeddings of the pool in memory of its own.
struct Step {
    line: &'static str,
    config: &'static str,
    holds: bool,
}

/// Why each holds one copy: `index` reads the embeddings, scales them in place and writes the file from there. That file is
/// then mapped, and its pages are not the process's own, but an exact search turns the vectors around for its products (up
/// to 256 MiB of them). Queries, and the embeddings of a report, are read once. While they are read, a row group of 8,192 of
/// them is in memory a few more times.
const STEPS: &[Step] = &[
    Step { line: "index index dataset=dataset embeddings=embed-pool", config: "", holds: true },
    Step { line: "calibrate calibrate index=index queries=embed-asked", config: "", holds: true },
    Step {
        line: "match match index=index queries=embed-asked calibration=calibrate",
        config: "[match]\nallow-overlap = true\n",
        holds: true,
    },
    // The pool in the place of the queries.
    Step { line: "few index dataset=dataset embeddings=embed-asked", config: "", holds: false },
    Step { line: "calibrate-pool calibrate index=few queries=embed-pool", config: "", holds: true },
    Step {
        line: "match-pool match index=few queries=embed-pool calibration=calibrate-pool",
        config: "[match-pool]\nallow-overlap = true\n",
        holds: true,
    },
    // It looks at the index too. It comes last, as each further stage would have it drawn anew.
    Step {
        line: "report report dataset=dataset sampler=pool training=train index=index embeddings=embed-pool",
        config: "[report]\nbaselines = false\nfigures = [{ projection = { method = \"pca\", count = 500 } }]\n",
        holds: true,
    },
];

/// The most memory of its own, in bytes, of a process that computes one stage, for each step.
fn peaks(project: &Project, dim: usize) -> Vec<u64> {
    let (mut graph, mut config) = (GRAPH.to_owned(), CONFIG.replace("DIM", &dim.to_string()));
    let mut run = |line: &str, more: &str| {
        graph += &format!("{line}\n");
        config += more;
        let path = write_pair(project.root(), "wide", &template(&graph), &config);
        let record = project.json(&["run", path.to_str().unwrap(), "--jobs", "1", "--quiet", "--json"], 0);
        let stages = record["stages"].as_array().unwrap();
        let ran = stages.iter().filter(|stage| stage["outcome"] == "ran").count();
        (ran, record["peak_memory"].as_u64().unwrap())
    };
    run("", "");
    let measured = STEPS.iter().map(|step| run(step.line, step.config));
    measured.inspect(|(ran, _)| assert_eq!(*ran, 1, "a stage a process")).map(|(_, peak)| peak).collect()
}

#[test]
#[ignore = "takes minutes: .ci/nightly images"]
fn wide_embeddings_are_held_once_by_every_stage_that_compares_them() {
    let project = Project::new();
    shard(project.root(), "test.tar", 0..ASKED, 4);
    shard(project.root(), "train.tar", ASKED..IMAGES, 4);
    let [narrow, wide] = DIMS.map(|dim| peaks(&project, dim));
    let copy = f64::from(IMAGES - ASKED) * 4.0 * (DIMS[1] - DIMS[0]) as f64;
    let mut said = Vec::new();
    for (step, (narrow, wide)) in STEPS.iter().zip(narrow.into_iter().zip(wide)) {
        let copies = (wide as f64 - narrow as f64) / copy;
        // A row group is a twelfth of a copy.
        let expected = if step.holds { 0.75..1.75 } else { -0.5..0.5 };
        if !expected.contains(&copies) {
            said.push(format!("{copies:.2} copies: {} ({} MB, {} MB)", step.line, narrow >> 20, wide >> 20));
        }
    }
    assert!(said.is_empty(), "{}", said.join("\n"));
}
