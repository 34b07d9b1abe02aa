//! `docs/reference.md` is what the program says of itself, and every example in it is accepted.

use serde_json::Value as Json;
use simpipe_base::issue::{Issue, IssueKind, Issues};
use simpipe_base::param::node_from_json;
use simpipe_base::source::{Place, Source};
use simpipe_plan::Plan;
use simpipe_spec::{LoadOptions, Overlay, load};
use simpipe_stage::InputFacts;
use simpipe_stages::registry::builtin;

use crate::project::{repository, simpipe};

#[test]
fn the_reference_is_what_the_program_prints() {
    let printed = String::from_utf8(simpipe(&["docs", "--markdown"]).output().unwrap().stdout).unwrap();
    let path = repository().join("docs/reference.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &printed).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(printed == written, "docs/reference.md is out of date: BLESS=1 cargo test --test it reference");
}

/// Checks the smoke experiment with options in place of its values.
pub(crate) fn check(set: Vec<String>) -> Result<(), String> {
    let config = repository().join("configs/smoke.toml");
    let overlays = set.into_iter().map(Overlay::Set).collect();
    let experiment = load(&config, &LoadOptions { overlays, project: None });
    let plan = experiment.and_then(|experiment| Plan::build(experiment, builtin()));
    let mut issues = plan.err().unwrap_or_default();
    issues.retain(|issue| issue.kind != IssueKind::Unavailable); // an example may name a folder that is not here
    let text: String = issues.iter().map(Issue::render).collect();
    if text.is_empty() { Ok(()) } else { Err(text) }
}

/// Puts the keys of an example into the smoke experiment. A layer stands in front of, or behind, what makes a vector.
fn accepted(example: &str) -> Result<(), String> {
    let table: toml::Table = toml::from_str(example).unwrap();
    let layers = table.get("train").and_then(toml::Value::as_table).filter(|keys| keys.len() == 1);
    if let Some(layers) = layers.and_then(|keys| keys.get("layers")) {
        let layer = layers[0].to_string();
        let end = "{ metric-embedding = { size = 4 } }";
        let set = |list: String| check(vec![format!("train.layers={list}")]);
        let images = set(format!("[{layer}, \"flatten\", {end}]"));
        return images.or_else(|_| set(format!("[\"global-max-pool\", {layer}, {end}]")));
    }
    // Stages that the smoke experiment does not have, and splits that its graph can't use, are read alone.
    let by_umap = |keys: &toml::Value| keys.get("method").is_some_and(|method| method.to_string().contains("umap"));
    let alone = table.contains_key("near-copies") || table.get("project").is_some_and(by_umap);
    if alone || table.get("dataset").is_some_and(|dataset| dataset.get("split").is_some()) {
        return read_alone(&table);
    }
    let mut set = Vec::new();
    if table.contains_key("evaluate") {
        set.push("pipeline=metric-learning-evaluation".to_owned()); // the smoke experiment's own graph has no such stage
    }
    let views = table.get("train").and_then(|train| train.get("views"));
    let augmented = table.get("train").is_some_and(|train| train.get("augment").is_some());
    // What is embedded to be compared is embedded alike.
    for (stage, keys) in &table {
        let ids = match stage.as_str() {
            "embed" => vec!["embed-validation", "embed-calibration"],
            // Each of its ports of the report takes one method.
            "project" if keys.get("method").is_some_and(|method| method.to_string().contains("t-sne")) => {
                vec!["project-t-sne"]
            }
            "project" => vec!["project-pca"],
            other => vec![other],
        };
        if ["baseline", "few-shot", "project"].contains(&stage.as_str()) {
            set.push("pipeline=metric-learning-baselines".to_owned());
        }
        for id in ids {
            set.extend(keys.as_table().unwrap().iter().map(|(key, value)| format!("{id}.{key}={value}")));
        }
    }
    if table.get("train").is_some_and(|train| train.get("miner").is_some() && train.get("loss").is_none()) {
        set.push("train.loss=contrastive".to_owned()); // the smoke experiment's loss takes none
    }
    if views.is_some() && !augmented {
        set.push("train.augment=[\"horizontal-flip\"]".to_owned());
    }
    check(set)
}

/// Reads each stage of an example by itself.
fn read_alone(table: &toml::Table) -> Result<(), String> {
    let mut issues = Issues::default();
    for (stage, keys) in table {
        let mut keys = serde_json::to_value(keys).unwrap();
        if stage == "dataset" && keys.get("source").is_none() {
            keys["source"] = "cifar10-sample".into();
        }
        let source = Source::new("example", keys.to_string(), std::path::Path::new(""));
        let node = node_from_json(&keys, &Place::new(&source, 0..0));
        let read = builtin().read(stage, &node, stage, &mut issues);
        let mut found = read.and_then(|stage| stage.infer(&InputFacts::default()).err()).unwrap_or_default();
        // An example may name a column that the sample has not.
        found.retain(|issue| !issue.message.starts_with("the source has no column"));
        found.into_iter().for_each(|issue| issues.push(Issue::nowhere(issue.message)));
    }
    issues.finish().map_err(|issues| issues.iter().map(Issue::render).collect())
}

#[test]
fn every_example_is_accepted() {
    let output = simpipe(&["docs", "--json"]).output().unwrap();
    let docs: Json = serde_json::from_slice(&output.stdout).unwrap();
    let (stages, entries) = (docs["stages"].as_array().unwrap(), docs["entries"].as_array().unwrap());
    assert!(stages.len() == 13 && entries.len() > 40, "{} entries", entries.len());
    let mut refused = Vec::new();
    for entry in stages.iter().chain(entries) {
        let example = entry["example"].as_str().unwrap();
        if entry["name"] == "onnx" && !cfg!(feature = "onnx") {
            continue;
        }
        if let Err(message) = accepted(example) {
            refused.push(format!("the example of `{}` is refused:\n{example}\n{message}", entry["name"]));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(accepted("[train]\nlayers = [{ conv2d = { filters = 0, kernel = 3 } }]").is_err());
    assert!(accepted("[match]\nneighbours = 5000").is_err());
}

#[test]
fn every_entry_says_what_it_is_for() {
    let output = simpipe(&["docs", "--json"]).output().unwrap();
    let docs: Json = serde_json::from_slice(&output.stdout).unwrap();
    for entry in docs["entries"].as_array().unwrap() {
        let purpose = entry["purpose"].as_array().unwrap();
        assert!(!purpose.is_empty() && purpose.iter().all(|text| text.as_str().unwrap().len() > 10), "{entry}");
    }
}

#[test]
fn a_name_is_found_wherever_it_belongs_and_a_misspelt_one_is_suggested() {
    let text = |name: &str| {
        let output = simpipe(&["docs", name]).output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    assert!(text("train").contains("steps-per-epoch (integer; may be left out, between 1 and 1000000000)"));
    assert!(text("conv2d").contains("`[32, 32, 3]` becomes `[30, 30, 64]`, 1,792 parameters"));
    assert!(text("train.loss").contains("multi-similarity") && text("loss").contains("multi-similarity"));
    assert!(text("precision").contains("calibrate.metric"));
    assert!(text("convd2").contains("did you mean `conv2d`?"));
    assert!(text("auc").contains("did you mean `roc` or `roc-auc`?"), "{}", text("auc"));
}

#[test]
fn every_number_and_every_column_of_a_run_is_known_to_docs() {
    let project = crate::project::Project::new();
    let run = project.run(&[]);
    let mut names: std::collections::BTreeSet<String> =
        run.json["metrics"].as_object().unwrap().keys().cloned().collect();
    names.extend(names.clone().iter().filter_map(|name| Some(name.split_once('.')?.1.to_owned())));
    for stage in std::fs::read_dir(run.dir(&project)).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        for file in std::fs::read_dir(stage.path()).unwrap().flatten().map(|entry| entry.path()) {
            if file.extension().is_some_and(|kind| kind == "parquet" || kind == "arrow") {
                let shown = project.json(&["show", file.to_str().unwrap(), "--json", "--rows", "0"], 0);
                let columns = shown["columns"].as_array().unwrap().iter();
                names.extend(columns.map(|column| column["name"].as_str().unwrap().to_owned()));
            }
        }
    }
    assert!(names.len() > 60 && names.contains("query_id") && names.contains("val_loss"), "{names:?}");
    let unknown = |name: &&String| simpipe(&["docs", name]).output().unwrap().status.code() != Some(0);
    let unknown: Vec<&String> = names.iter().filter(unknown).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn a_parameter_is_found_by_its_name() {
    for (name, owner) in [("train.epochs", "train"), ("learning-rate", "adam"), ("classes-per-batch", "multi-shot")] {
        let output = simpipe(&["docs", name, "--json"]).output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["parameters"][0]["of"], owner, "{json}");
    }
    assert_eq!(simpipe(&["docs", "no-such-thing"]).output().unwrap().status.code(), Some(2));
}
