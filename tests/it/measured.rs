//! The stages `baseline`, `few-shot` and `project` from a spec to results, on the embedded images.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use simpipe_artifact::{BaselineFile, ProjectionInfo, read_json};

use crate::project::{Project, Record, repository, signal, simpipe, write_pair};
use crate::turns::turn;

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

/// Where the spec is written: its template is the built-in one.
fn written(project: &Project, text: &str) -> String {
    let path = project.root().join("few.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn finished(project: &Project, text: &str) -> Record {
    Record { json: project.json(&["run", &written(project, text), "--json"], 0) }
}

fn metric(record: &Record, name: &str) -> f64 {
    record.json["metrics"][name].as_f64().unwrap_or_else(|| panic!("no {name} in {}", record.json))
}

#[test]
fn a_title_computes_neither_map_nor_baseline_again() {
    let project = Project::new();
    let record = finished(&project, &spec(LAYERS, "title = \"One\""));
    let file = |stage: &str, name: &str| record.dir(&project).join(stage).join(name);
    for name in ["accuracy", "accuracy.low", "nearest_neighbour.accuracy.high"] {
        let value = metric(&record, &format!("few-shot.{name}"));
        assert!(value > 0.0 && value < 1.0, "{name}: {value}");
    }
    let baseline: BaselineFile = read_json(&file("baseline", BaselineFile::FILE)).unwrap();
    assert_eq!((baseline.queries, baseline.indexed, baseline.in_index), (40, 60, 0));
    let names: Vec<&String> = baseline.baselines.keys().collect();
    assert_eq!(names, ["chance", "largest-class", "mean-centred-pixels", "raw-pixels", "untrained"]);
    // What `match` says of the same queries.
    for name in ["recall@1", "map@r"] {
        let (matched, embedding) = (format!("match.{name}"), format!("baseline.embedding.{name}"));
        assert!((metric(&record, &matched) - metric(&record, &embedding)).abs() < 1e-12, "{name}");
    }
    let pca: ProjectionInfo = read_json(&file("project-pca", ProjectionInfo::FILE)).unwrap();
    assert_eq!((pca.count, pca.of, pca.left_out), (100, 100, 0));
    let page = std::fs::read_to_string(file("report", "report.md")).unwrap();
    assert!(page.starts_with("# One\n") && page.contains("| untrained |"), "{page}");
    assert!(page.contains("100 embeddings on a plane"), "{page}");

    let again = finished(&project, &spec(LAYERS, "title = \"Two\""));
    assert_eq!(again.ran(), ["report"]);
    let hits = again.stages("hit");
    let kept = ["baseline", "few-shot", "project-pca", "project-t-sne"];
    assert!(kept.iter().all(|stage| hits.iter().any(|hit| hit == stage)), "{hits:?}");
}

#[test]
fn the_untrained_network_is_the_one_that_training_starts_from() {
    let whitened = r#"[ "rescale", { whiten-conv = { kernel = 2, images = 20 } }, "gelu", "global-max-pool",
      { metric-embedding = { size = 8 } } ]"#;
    for layers in [LAYERS, whitened] {
        let project = Project::new();
        // No step is made, so trained and untrained are the same, also as the mean of two views of an inner layer.
        let text = spec(
            layers,
            "baselines = false\n[embed-validation]\nviews = [\"identity\", \"flip\"]\nlayer = \"global-max-pool\"\n[embed-calibration]\nviews = [\"identity\", \"flip\"]\nlayer = \"global-max-pool\"",
        );
        let record = finished(&project, &text);
        for name in ["recall@1", "recall@1.low", "map@r", "map@r.high"] {
            let value = |of: &str| metric(&record, &format!("baseline.{of}.{name}"));
            assert!((value("untrained") - value("embedding")).abs() < 1e-12, "{layers}: {name}");
        }
        assert_eq!(metric(&record, "baseline.untrained.recall@1"), metric(&record, "match.recall@1"));
        // Another stream is another start.
        let other = finished(&project, &text.replace("[baseline]", "[baseline]\nmodel-stream = \"b\""));
        assert!(other.ran().contains(&"baseline".to_owned()));
        let file = |record: &Record| -> Json {
            read_json(&record.dir(&project).join("baseline").join(BaselineFile::FILE)).unwrap()
        };
        let (one, other) = (file(&record), file(&other));
        assert_ne!(one["baselines"]["untrained"]["map@r"], other["baselines"]["untrained"]["map@r"]);
        assert_eq!(one["baselines"]["raw-pixels"], other["baselines"]["raw-pixels"]);
    }
}

#[test]
fn a_network_that_is_only_loaded_is_a_baseline() {
    let project = Project::new();
    let shipped = std::fs::read_to_string(repository().join("pipelines/metric-learning-baselines.toml")).unwrap();
    let plugged = shipped.replace(
        ", sampler = \"sample\" }\n\n[stages.few-shot]",
        ", sampler = \"sample\", frozen = \"start\" }\n\n[stages.few-shot]",
    );
    assert_ne!(plugged, shipped);
    let start =
        "\n[stages.start]\nstage = \"train\"\ninputs = { dataset = \"dataset\", sampler = \"sample\" }\nepochs = 0\n";
    let config = spec(LAYERS, &format!("[start]\nsteps-per-epoch = 1\nlayers = {LAYERS}\n"))
        .replace("metric-learning-baselines", "frozen");
    let path = write_pair(project.root(), "frozen", &format!("{plugged}{start}"), &config);
    let run =
        |more: &[&str]| Record { json: project.json(&[&["run", path.to_str().unwrap(), "--json"], more].concat(), 0) };
    // It starts as the network of `train` does, which no step has changed.
    let record = run(&[]);
    for name in ["recall@1", "map@r.low"] {
        let value = |of: &str| metric(&record, &format!("baseline.{of}.{name}"));
        let off = ["frozen", "untrained"].map(|of| (value(of) - value("embedding")).abs());
        assert!(off.iter().all(|off| *off < 1e-12), "{name}: {off:?}");
    }
    // One that was trained is no baseline.
    let trained = run(&["--set", "start.epochs=1"]);
    let file: BaselineFile = read_json(&trained.dir(&project).join("baseline").join(BaselineFile::FILE)).unwrap();
    assert_eq!(file.skipped["frozen"], "The network at the port `frozen` was trained, so it is not a baseline.");
}

#[test]
fn what_can_not_be_is_refused_at_its_line() {
    let project = Project::new();
    let refused = |from: &str, to: &str, code: i32| {
        let text = spec(LAYERS, "");
        assert!(text.contains(from), "{from}");
        let output = project.output(&["check", &written(&project, &text.replace(from, to))]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let errors = said.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!((output.status.code(), errors), (Some(code), 1), "{to}: {said}");
        said
    };
    for (from, to, code, expected) in [
        ("queries = 5", "ways = 11", 2, "few.toml:32:8: an episode needs 11 classes, but the pool has 10"),
        (
            "queries = 5",
            "queries = 100",
            2,
            "few.toml:32:11: an episode needs 101 examples of each of 5 classes, but 0",
        ),
        ("queries = 5", "by = \"group\"", 4, "few.toml:32:6: the data has no groups"),
        (
            "count = 100\n\n[report]",
            "count = 99\n\n[report]",
            2,
            "few.toml:39:37: 100 embeddings are to be shown, but `project` places 99",
        ),
        (
            "[project-pca]",
            "[project-pca]\nmethod = \"t-sne\"",
            2,
            "the port `pca` takes a projection by pca, but is given one by t-sne",
        ),
        (
            "slice = { begin = 60, size = 40 }\n\n[few-shot]",
            "slice = { begin = 61, size = 40 }\n\n[few-shot]",
            2,
            "`slice` selects positions 61..101, but only 0..100 were embedded",
        ),
    ] {
        let message = refused(from, to, code);
        assert!(message.contains(expected), "{to}: {message}");
    }
}

#[test]
fn long_work_ends_soon_after_it_is_asked_to() {
    let _turn = turn();
    let project = Project::new();
    let text = spec(LAYERS, "").replace("episodes = 50", "episodes = 1000000");
    let text = text + "[project-t-sne]\nmethod = { t-sne = { steps = 100000 } }\n";
    for stage in ["few-shot", "project-t-sne"] {
        // One after the other: the other one's turn comes only when this one is done.
        let text = if stage == "few-shot" { text.clone() } else { text.replace("episodes = 1000000", "episodes = 5") };
        let path = written(&project, &text);
        let options = ["run", &path, "--root", project.root().to_str().unwrap(), "--events", "-"];
        let mut child = simpipe(&options).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut events = BufReader::new(child.stdout.take().unwrap());
        let mut event = Json::Null;
        while (&event["event"], &event["stage"]) != (&"stage-started".into(), &stage.into()) {
            let mut line = String::new();
            assert_ne!(events.read_line(&mut line).unwrap(), 0, "{stage} starts");
            event = serde_json::from_str(&line).unwrap();
        }
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(child.try_wait().unwrap(), None, "{stage} is still at work");
        let asked = Instant::now();
        signal(&child, "INT");
        let mut rest = String::new();
        events.read_to_string(&mut rest).unwrap();
        let code = child.wait().unwrap().code();
        let waited = asked.elapsed();
        assert!(code == Some(130) && waited < Duration::from_secs(2), "{stage}: {code:?} after {waited:?}");
        let skipped = |line: &str| line.contains("\"report\"") && line.contains("\"skipped\"");
        assert!(rest.lines().any(skipped), "{stage}: {rest}");
    }
}
