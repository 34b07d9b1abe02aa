//! The stage `evaluate`, run from specs.

use serde_json::Value as Json;

use crate::project::{Project, simpipe, write_pair};
use crate::splits;

/// The smoke experiment with the graph of evaluations, its report made cheap.
const EVALUATED: [&str; 6] = [
    "configs/smoke.toml",
    "--json",
    "--set",
    "pipeline=metric-learning-evaluation",
    "--set",
    "report.figures=[\"training-curves\"]",
];

fn run(project: &Project, more: &[&str]) -> Json {
    project.json(&[&["run"], &EVALUATED[..], more].concat(), 0)
}

#[test]
fn an_evaluation_leaves_figures_with_intervals_that_agree_with_match() {
    let project = Project::new();
    let more = [
        "--set",
        "evaluate-test.metrics=[\"recall@1\", \"map@r\", \"roc-auc\", \"nmi\", \"hubness@5\"]",
        "--set",
        "evaluate-test.rerank={ k-reciprocal = { k1 = 5, k2 = 2 } }",
    ];
    let run = run(&project, &more);
    let metric = |name: &str| run["metrics"][name].as_f64().unwrap_or_else(|| panic!("no {name} in {run}"));
    for name in ["recall@1", "map@r"] {
        assert_eq!(metric(&format!("evaluate-test.{name}")), metric(&format!("match-test.{name}")), "{name}");
        assert_eq!(metric(&format!("evaluate.{name}")), metric(&format!("match-train.{name}")), "{name}");
    }
    for name in ["evaluate.map@r", "evaluate-test.roc_auc", "evaluate-test.reranked.map@r", "evaluate-test.nmi"] {
        let (low, value, high) = (metric(&format!("{name}.low")), metric(name), metric(&format!("{name}.high")));
        assert!(low <= value && value <= high && low < high, "{name}: {low} {value} {high}");
    }
    let folder = project.root().join(run["dir"].as_str().unwrap()).join("evaluate-test");
    let text = std::fs::read_to_string(folder.join("evaluation.json")).unwrap();
    let evaluation: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(evaluation["metrics"]["hubness@5"]["low"], Json::Null);
    assert_eq!(evaluation["rerank"]["method"]["k-reciprocal"]["lambda"], 0.3);
    assert!(folder.join("per-query.parquet").is_file() && folder.join("per-class.parquet").is_file());

    // The page has all of them; the smoke experiment's own matches find themselves.
    let (page, numbers) = report(&project, &run);
    for heading in ["### evaluate\n", "### evaluate-test\n", "### match-train\n", "### match-test\n"] {
        assert!(page.contains(heading), "{heading}: {page}");
    }
    assert_eq!(numbers["headline"][0]["stage"], "evaluate");
    assert_eq!(numbers["headline"][0]["leaks"], 0);
    assert_eq!(numbers["headline"][0]["figure"], "recall@1");
    assert_eq!(numbers["headline"].as_array().unwrap().len(), 5, "{}", numbers["headline"]);
    assert_eq!(numbers["evaluations"]["evaluate-test"], evaluation);
    assert!(run["metrics"]["near-copies.queries"].is_number() && numbers["findings"]["near-copies"].is_object());
}

/// The page and the numbers of a run's report.
fn report(project: &Project, run: &Json) -> (String, Json) {
    let folder = project.root().join(run["dir"].as_str().unwrap()).join("report");
    let page = std::fs::read_to_string(folder.join("report.md")).unwrap();
    (page, serde_json::from_str(&std::fs::read_to_string(folder.join("metrics.json")).unwrap()).unwrap())
}

/// The honest graph on a few embedded images: half of the classes are trained on.
const HONEST: &str = r#"pipeline = "honest-evaluation"
seed = 7
device = "cpu"
[dataset]
source = "cifar10-sample"
[sample]
class-list = ["0..=4"]
total-examples-per-class = 30
sampler = { multi-shot = { classes-per-batch = 5, examples-per-class = 4 } }
[sample-validation]
class-list = ["5..=9"]
total-examples-per-class = 20
sampler = { multi-shot = { classes-per-batch = 5, examples-per-class = 2 } }
[sample-test]
class-list = "all"
total-examples-per-class = 10
[sample-seen]
class-list = ["0..=4"]
total-examples-per-class = 10
sampler = { multi-shot = { classes-per-batch = 5 } }
[sample-unseen]
class-list = ["5..=9"]
total-examples-per-class = 10
sampler = { multi-shot = { classes-per-batch = 5 } }
[train]
epochs = 1
steps-per-epoch = 4
validation-steps = 1
layers = ["rescale", { conv2d = { filters = 4, kernel = 3, stride = 4 } }, "flatten", { metric-embedding = { size = 8 } }]
[calibrate]
counting = "open-set"
[evaluate]
metrics = ["recall@1", "map@r", "auroc"]
[report]
figures = ["near-copies"]
"#;

#[test]
fn the_page_of_an_honest_experiment_opens_with_classes_that_nobody_has_shown() {
    let project = Project::new();
    let path = project.root().join("honest.toml");
    std::fs::write(&path, HONEST).unwrap();
    let run = project.json(&["run", path.to_str().unwrap(), "--json"], 0);
    let (page, numbers) = report(&project, &run);
    let best = &numbers["headline"][0];
    assert!(best["stage"] == "evaluate-unseen" && best["classes"] == "new", "{}", numbers["headline"]);
    assert_eq!(best["value"], run["metrics"]["evaluate-unseen.recall@1"]);
    assert!(page.contains("of `evaluate-unseen` is the number to believe most"), "{page}");
    let stages: Vec<&String> = numbers["evaluations"].as_object().unwrap().keys().collect();
    assert_eq!(stages, ["evaluate", "evaluate-seen", "evaluate-test", "evaluate-unseen"]);
    // Five classes are unknown, and asked for as such.
    let found = &numbers["findings"]["known-classes"];
    assert_eq!(found["flaw"], false, "{found}");
    assert!(found["text"].as_str().unwrap().contains("an open set, as asked for"), "{found}");
    // The sample has no near copies: matches say so too.
    assert!(run["metrics"]["match.near_copies"].is_number() && run["metrics"]["match.distinct.accuracy"].is_number());
    assert!(numbers["findings"]["near-copies"].is_object() && page.contains("## Baselines"), "{page}");
    // What needs no training was measured on the very queries that the page opens with.
    let metric = |name: &str| run["metrics"][name].as_f64().unwrap_or_else(|| panic!("no {name} in {run}"));
    assert!((metric("baseline.embedding.recall@1") - metric("evaluate-unseen.recall@1")).abs() < 1e-12);
    assert!(page.contains("| untrained |") && numbers["findings"]["beside-baselines"].is_object(), "{numbers}");
    assert!(project.root().join(run["dir"].as_str().unwrap()).join("report/figures/01-near-copies.png").is_file());
}

/// `early-stopping` by a retrieval metric looks at what `evaluate` gives for the finished network, to the last bit.
#[test]
fn the_metric_that_ends_a_training_is_that_of_an_evaluation() {
    let project = Project::new();
    let template = std::fs::read_to_string("pipelines/metric-learning.toml").unwrap();
    let (before, _) = template.split_once("[stages.index]").unwrap();
    let more = "[stages.index]\nstage = \"index\"\ninputs = { dataset = \"dataset\", embeddings = \"embed-validation\" }\n\
                [stages.evaluate]\nstage = \"evaluate\"\ninputs = { index = \"index\", queries = \"embed-validation\" }\n\
                leave-one-out = true\n";
    let graph = format!("{before}{more}");
    let smoke = std::fs::read_to_string("configs/smoke.toml").unwrap();
    let (before, _) = smoke.split_once("[index]").unwrap();
    let config = before.replace("pipeline = \"metric-learning\"", "pipeline = \"short\"");
    let config = format!("{config}[evaluate]\nmetrics = [\"recall@1\", \"map@r\"]\n");
    let path = write_pair(project.root(), "short", &graph, &config);
    for metric in ["recall@1", "map@r"] {
        let stopping = format!("train.early-stopping={{ metric = \"{metric}\" }}");
        let run = project.json(&["run", path.to_str().unwrap(), "--json", "--set", &stopping], 0);
        let value = |name: String| run["metrics"][&name].as_f64().unwrap_or_else(|| panic!("no {name} in {run}"));
        assert_eq!(value(format!("train.{metric}")), value(format!("evaluate.{metric}")), "{metric}");
    }
}

#[test]
fn the_honest_experiment_checks_and_its_mistakes_are_shown_at_their_lines() {
    let honest = "configs/cifar10-honest.toml";
    let output = simpipe(&["check", honest]).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()), (Some(0), String::new()));
    for (set, code, expected) in [
        ("evaluate.metrics=[\"map@r\", \"recal@1\"]", 2, "did you mean `recall@1`?"),
        ("evaluate.metrics=[\"recall@30000\"]", 2, "30000 neighbours are asked for, but the index holds 25000 vectors"),
        ("evaluate.metrics=[\"map@r\", \"map@r\"]", 2, "`map@r` is repeated"),
        ("evaluate-seen.metrics=[\"recall@5000\"]", 2, "5000 vectors, and a query leaves itself out"),
        ("evaluate-unseen.rerank={ k-reciprocal = { k1 = 6000 } }", 2, "6000 neighbours are asked for"),
        ("evaluate.exclude=\"same-group\"", 4, "the data has no column `group`"),
        (
            "evaluate.breakdown=\"category\"",
            4,
            "the data has no groups: its class names do not have the form `group/class`",
        ),
        ("evaluate-seen.leave-one-out=false", 2, "5000 queries are also in the index"),
        ("sample.class-list=\"all\"", 2, "needs queries whose class the index does not hold"),
    ] {
        let output = simpipe(&["check", honest, "--set", set]).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{set}: {message}");
        assert!(message.contains(expected), "{set}: {message}");
    }
}

/// Ten classes of four photos in two sequences, told by a manifest as open-metric-learning has it.
#[test]
fn photos_of_one_sequence_do_not_find_each_other() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    splits::classes(&folder.join("photos"), 10, 4);
    let row = |at: usize| format!("class {}/{}.png,class {},s{}\n", at / 4, at % 4, at / 4, at % 2);
    let rows: String = (0..40).map(row).collect();
    std::fs::write(folder.join("photos/photos.csv"), format!("path,label,sequence\n{rows}")).unwrap();
    let dataset = "source = { manifest = { path = \"photos/photos.csv\" } }\n\
                   split = { classes = { validation = 0.2, test = 0.4 } }";
    let path = splits::config(folder, dataset, "metric-learning-held-out");
    let (code, text) = splits::at(folder, &["check", &path, "--set", "evaluate.exclude=\"same-group\""]);
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("the data has no column `group`") && text.contains("did you mean \"same-source\""), "{text}");
    let exclude = ["run", &path, "--json", "--set", "evaluate.exclude=\"same-source\""];
    let output = simpipe(&exclude).current_dir(folder).output().unwrap();
    let run: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(run["ok"], true, "{run}");
    let dir = folder.join(run["dir"].as_str().unwrap());
    let found: Json = serde_json::from_slice(&std::fs::read(dir.join("evaluate/evaluation.json")).unwrap()).unwrap();
    // Of the three others of a class one is of its sequence, and so is half of all other classes.
    assert_eq!(found["excluded"], serde_json::json!({ "same": "source", "unknown": 0, "emptied": 0 }));
    assert_eq!((&found["counts"]["lone"], &found["counts"]["queries"]), (&0.into(), &16.into()));
    let page = std::fs::read_to_string(dir.join("report/report.md")).unwrap();
    assert!(page.contains("itself and all images of its source left out of each one's neighbours"), "{page}");
}
