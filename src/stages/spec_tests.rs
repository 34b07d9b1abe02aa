//! The stages `baseline`, `few-shot` and `project` from a spec to results, on the embedded images.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::registry::builtin;
use crate::artifact::{BaselineFile, ProjectionInfo, read_json};
use crate::plan::Plan;
use crate::runner::{Event, Outcome, RunRecord, Runner, folders};
use crate::spec::{LoadOptions, load};
use crate::store::Store;

const LAYERS: &str = r#"[ "rescale", { conv2d = { filters = 4, kernel = 3, stride = 4, activation = "relu" } }, "batch-norm",
  "global-max-pool", { metric-embedding = { size = 8 } } ]"#;

/// A spec of few images and a tiny network, that is not trained at all; `more` is appended.
fn spec(layers: &str, more: &str) -> String {
    format!(
        r#"pipeline = "metric-learning-baselines"
seed = 3
device = "cpu"

[dataset]
source = "cifar10-sample"

[sample]
total-examples-per-class = 6
sampler = {{ multi-shot = {{ classes-per-batch = 10, examples-per-class = 2 }} }}

[sample-validation]
total-examples-per-class = 10
sampler = {{ multi-shot = {{ classes-per-batch = 10, examples-per-class = 2 }} }}

[train]
epochs = 0
steps-per-epoch = 1
layers = {layers}

[index]
slice = {{ begin = 0, size = 60 }}

[match]
slice = {{ begin = 60, size = 40 }}

[baseline]
slice = {{ begin = 60, size = 40 }}

[few-shot]
queries = 5
episodes = 50

[project-pca]
count = 100

[report]
figures = [{{ projection = {{ count = 100, size = 200 }} }}, {{ projection = {{ method = "t-sne", size = 200 }} }}]
{more}"#
    )
}

fn plan(folder: &Path, text: &str) -> Result<Plan, Vec<String>> {
    let path = folder.join("few.toml");
    std::fs::write(&path, text).unwrap();
    let experiment = load(&path, &LoadOptions::default()).map_err(|issues| vec![format!("{issues:?}")])?;
    Plan::build(experiment, builtin()).map_err(|issues| {
        let folder = folder.display().to_string();
        issues.into_iter().map(|issue| issue.render().replace(&folder, "")).collect()
    })
}

fn run(folder: &Path, text: &str, on_event: &(dyn Fn(&Event) + Sync), cancel: &AtomicBool) -> RunRecord {
    let plan = plan(folder, text).unwrap();
    let store = Store::open(&folders::store_folder(folder)).unwrap();
    let runner = Runner { root: folder, store: &store, jobs: 1, cancel, command: Vec::new() };
    runner.run(&plan, builtin(), on_event).unwrap()
}

fn finished(folder: &Path, text: &str) -> RunRecord {
    let record = run(folder, text, &|_| {}, &AtomicBool::new(false));
    assert!(record.ok, "{:?}", record.failure());
    record
}

fn outcome(record: &RunRecord, outcome: Outcome) -> Vec<&str> {
    record.stages.iter().filter(|stage| stage.outcome == outcome).map(|stage| stage.id.as_str()).collect()
}

#[test]
fn a_title_computes_neither_map_nor_baseline_again() {
    let folder = tempfile::tempdir().unwrap();
    let record = finished(folder.path(), &spec(LAYERS, "title = \"One\""));
    let file = |stage: &str, name: &str| folder.path().join(&record.dir).join(stage).join(name);
    for name in ["accuracy", "accuracy.low", "nearest_neighbour.accuracy.high"] {
        let value = record.metrics[&format!("few-shot.{name}")];
        assert!(value > 0.0 && value < 1.0, "{name}: {value}");
    }
    let baseline: BaselineFile = read_json(&file("baseline", BaselineFile::FILE)).unwrap();
    assert_eq!((baseline.queries, baseline.indexed, baseline.in_index), (40, 60, 0));
    let names: Vec<&String> = baseline.baselines.keys().collect();
    assert_eq!(names, ["chance", "largest-class", "mean-centred-pixels", "raw-pixels", "untrained"]);
    // What `match` says of the same queries.
    assert!((record.metrics["match.recall@1"] - record.metrics["baseline.embedding.recall@1"]).abs() < 1e-12);
    assert!((record.metrics["match.map@r"] - record.metrics["baseline.embedding.map@r"]).abs() < 1e-12);
    let pca: ProjectionInfo = read_json(&file("project-pca", ProjectionInfo::FILE)).unwrap();
    assert_eq!((pca.count, pca.of, pca.left_out), (100, 100, 0));
    let page = std::fs::read_to_string(file("report", "report.md")).unwrap();
    assert!(page.starts_with("# One\n") && page.contains("| untrained |"), "{page}");
    assert!(page.contains("100 embeddings on a plane"), "{page}");

    let again = finished(folder.path(), &spec(LAYERS, "title = \"Two\""));
    assert_eq!(outcome(&again, Outcome::Ran), ["report"]);
    let hits = outcome(&again, Outcome::Hit);
    assert!(["baseline", "few-shot", "project-pca", "project-t-sne"].iter().all(|stage| hits.contains(stage)));
}

#[test]
fn the_untrained_network_is_the_one_that_training_starts_from() {
    let whitened = r#"[ "rescale", { whiten-conv = { kernel = 2, images = 20 } }, "gelu", "global-max-pool",
      { metric-embedding = { size = 8 } } ]"#;
    for layers in [LAYERS, whitened] {
        let folder = tempfile::tempdir().unwrap();
        // No step is made, so trained and untrained are the same, also as the mean of two views of an inner layer.
        let text = spec(
            layers,
            "baselines = false\n[embed-validation]\nviews = [\"identity\", \"flip\"]\nlayer = \"global-max-pool\"\n[embed-calibration]\nviews = [\"identity\", \"flip\"]\nlayer = \"global-max-pool\"",
        );
        let record = finished(folder.path(), &text);
        for metric in ["recall@1", "recall@1.low", "map@r", "map@r.high"] {
            let value = |name: &str| record.metrics[&format!("baseline.{name}.{metric}")];
            assert!((value("untrained") - value("embedding")).abs() < 1e-12, "{layers}: {metric}");
        }
        assert_eq!(record.metrics["baseline.untrained.recall@1"], record.metrics["match.recall@1"]);
        // Another stream is another start.
        let other = finished(folder.path(), &text.replace("[baseline]", "[baseline]\nmodel-stream = \"b\""));
        assert!(outcome(&other, Outcome::Ran).contains(&"baseline"));
        let file = |record: &RunRecord| -> Json {
            read_json(&folder.path().join(&record.dir).join("baseline").join(BaselineFile::FILE)).unwrap()
        };
        let (one, other) = (file(&record), file(&other));
        assert_ne!(one["baselines"]["untrained"]["map@r"], other["baselines"]["untrained"]["map@r"]);
        assert_eq!(one["baselines"]["raw-pixels"], other["baselines"]["raw-pixels"]);
    }
}

#[test]
fn what_can_not_be_is_refused_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |from: &str, to: &str| {
        let text = spec(LAYERS, "");
        assert!(text.contains(from), "{from}");
        let mut issues = plan(folder.path(), &text.replace(from, to)).err().unwrap_or_default();
        assert_eq!(issues.len(), 1, "{to}: {issues:?}");
        issues.remove(0)
    };
    for (from, to, expected) in [
        ("queries = 5", "ways = 11", "few.toml:32:8: an episode takes 11 classes, but the pool has 10"),
        ("queries = 5", "queries = 100", "few.toml:32:11: an episode takes 101 examples of each of 5 classes, but 0"),
        ("queries = 5", "by = \"group\"", "few.toml:32:6: the data has no groups"),
        (
            "count = 100\n\n[report]",
            "count = 99\n\n[report]",
            "few.toml:39:37: 100 embeddings are to be shown, but `project` places 99",
        ),
        (
            "[project-pca]",
            "[project-pca]\nmethod = \"t-sne\"",
            "the port `pca` takes a projection by pca, but is given one by t-sne",
        ),
        (
            "slice = { begin = 60, size = 40 }\n\n[few-shot]",
            "slice = { begin = 61, size = 40 }\n\n[few-shot]",
            "positions 61..101 are not all embedded",
        ),
    ] {
        let message = refused(from, to);
        assert!(message.contains(expected), "{to}: {message}");
    }
}

#[test]
fn long_work_ends_soon_after_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let text = spec(LAYERS, "").replace("episodes = 50", "episodes = 1000000");
    let text = text + "[project-t-sne]\nmethod = { t-sne = { steps = 100000 } }\n";
    for stage in ["few-shot", "project-t-sne"] {
        let cancel = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(Mutex::new(None));
        let on_event = |event: &Event| {
            if matches!(event, Event::StageStarted { stage: started, .. } if started == stage) {
                let (cancel, asked) = (Arc::clone(&cancel), Arc::clone(&asked));
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(400));
                    *asked.lock().unwrap() = Some(Instant::now());
                    cancel.store(true, Ordering::Relaxed);
                });
            }
        };
        // One after the other: the other one's turn comes only when this one is done.
        let text = if stage == "few-shot" { text.clone() } else { text.replace("episodes = 1000000", "episodes = 5") };
        let record = run(folder.path(), &text, &on_event, &cancel);
        let waited = asked.lock().unwrap().expect("it was still at work").elapsed();
        assert!(record.interrupted && waited < Duration::from_secs(2), "{stage}: {waited:?}");
        assert_eq!(outcome(&record, Outcome::Skipped).last(), Some(&"report"));
    }
}
