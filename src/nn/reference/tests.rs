//! Every golden file that is evaluated here passes, and what is not of its form is refused without a panic.

use serde_json::{Value as Json, json};

use super::*;
use crate::base::golden::GoldenFile;

fn file(name: &str) -> GoldenFile {
    let path = format!("{}/tests/fixtures/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Holds the cases that `which` lets through against the reference.
fn passes(name: &str, which: impl Fn(&Json) -> bool, cases: usize) {
    let file = file(name);
    let (_, evaluate) = EVALUATORS.iter().find(|known| known.0 == file.name).unwrap();
    let mut seen = 0;
    for (at, case) in file.cases.iter().enumerate().filter(|(_, case)| which(&case.params)) {
        let mut comparison = Comparison::new(file.tolerance);
        evaluate(case, &mut comparison).unwrap_or_else(|error| panic!("{name}, case {at}: {error}"));
        assert!(
            comparison.wrong() == 0 && comparison.compared() > 0,
            "{name}, case {at}: {:?}",
            comparison.mismatches()
        );
        seen += 1;
    }
    assert_eq!(seen, cases, "{name}");
}

#[test]
fn distances_and_losses_are_tensorflow_similaritys() {
    passes("distances", |_| true, 18);
    passes("loss_multi_similarity", |_| true, 15);
}

#[test]
fn losses_with_learned_weights_are_pytorch_metric_learnings() {
    passes("pml_proxy_losses", |_| true, 9);
}

#[test]
fn layers_and_rules_are_the_references() {
    passes("batch_norm_keras", |_| true, 1);
    passes("layers", |params| params["layer"] == "metric-embedding", 1);
    passes("network_step", |_| true, 1);
    passes("adam_keras", |_| true, 1);
    passes("schedule_warmup_cosine", |_| true, 3);
}

/// Weights by torch's names give torch's embeddings: of every kind of layer, and of torchvision's residual networks.
#[test]
fn networks_from_torch_embed_as_torch_does() {
    passes("interchange", |_| true, 4);
    passes("torchvision_resnets", |_| true, 3);
}

/// Takes each part of a case away, or makes something else of it.
fn damaged(json: &Json) -> Vec<Json> {
    let mut found = vec![Json::Null, json!("word"), json!([]), json!({}), json!([[1.0], [1.0, 2.0]]), json!(-1)];
    match json {
        Json::Object(fields) => {
            for (name, value) in fields {
                for part in damaged(value) {
                    let mut fields = fields.clone();
                    fields[name] = part;
                    found.push(Json::Object(fields));
                }
                let mut fields = fields.clone();
                fields.remove(name);
                found.push(Json::Object(fields));
            }
        }
        Json::Array(items) if items.len() > 1 => {
            found.push(Json::Array(items[1..].to_vec()));
            found.extend(
                damaged(&items[0]).into_iter().map(|item| Json::Array([vec![item], items[1..].to_vec()].concat())),
            );
        }
        _ => {}
    }
    found
}

#[test]
fn a_damaged_case_is_refused_and_never_a_panic() {
    for (name, evaluate) in EVALUATORS {
        let path = format!("{}/tests/fixtures/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let Ok(bytes) = std::fs::read(path) else { continue };
        let file: GoldenFile = serde_json::from_slice(&bytes).unwrap();
        let mut comparison = Comparison::new(file.tolerance);
        let case = &file.cases[0];
        for input in damaged(&case.input) {
            drop(evaluate(&Case { input, ..case.clone() }, &mut comparison));
        }
        for params in damaged(&case.params) {
            drop(evaluate(&Case { params, ..case.clone() }, &mut comparison));
        }
        for expected in damaged(&case.expected) {
            drop(evaluate(&Case { expected, ..case.clone() }, &mut comparison));
        }
    }
}
