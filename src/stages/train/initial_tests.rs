//! A training that starts from a file of weights.

use std::path::Path;

use serde_json::json;

use super::tests::{Lab, infer, params, samples};
use super::*;
use simpipe_artifact::{Weights, tensor_file};
use simpipe_base::param;
use simpipe_nn::interchange::TorchModel;

/// `params` with the weights of a file, and more.
fn with(epochs: usize, file: &Path, more: Json) -> TrainParams {
    let mut json = params(epochs).write(View::Full);
    let mut weights = json!({ "file": file.to_str() });
    for (key, value) in more.as_object().unwrap() {
        match key.as_str() {
            "prefix" | "strict" => weights[key] = value.clone(),
            _ => json[key] = value.clone(),
        }
    }
    json["initial-weights"] = json!({ "safetensors": weights });
    param::from_json(&json).unwrap()
}

fn problems(params: &TrainParams) -> Vec<Issue> {
    infer::<Train>(params, &[("sampler", Facts::Samples(samples(Some([6, 6, 1]))))]).err().unwrap_or_default()
}

fn warnings(params: &TrainParams) -> Vec<String> {
    let facts = [("sampler".to_owned(), Facts::Samples(samples(Some([6, 6, 1]))))];
    let found = Train::warnings(params, &InputFacts(facts.into()));
    found.into_iter().map(|issue| format!("{}: {}", issue.path, issue.message)).collect()
}

fn weights(bytes: &[u8]) -> Weights {
    Weights::from_bytes(Path::new("model.safetensors"), bytes).unwrap()
}

#[test]
fn a_network_starts_with_the_weights_of_a_file_by_any_names() {
    let lab = Lab::new();
    lab.train(&params(1), "model").unwrap();
    let model = lab.files("model")[0].clone();
    let folder = tempfile::tempdir().unwrap();
    let (own, torch) = (folder.path().join("own.safetensors"), folder.path().join("torch.safetensors"));
    std::fs::write(&own, &model).unwrap();
    let tensors = TorchModel::of(&params(1).layers, [6, 6, 1]).unwrap().tensors(&weights(&model), 5).unwrap();
    std::fs::write(&torch, tensor_file(tensors, &[].into())).unwrap();
    for file in [&own, &torch] {
        let untrained = with(0, file, json!({}));
        assert_eq!((problems(&untrained), warnings(&untrained)), (Vec::new(), Vec::new()));
        let metrics = lab.train(&untrained, "loaded").unwrap();
        assert!(lab.files("loaded")[0] == model, "the same bytes");
        assert_eq!(metrics["initial_tensors"], 8.0);
    }
    assert!(!lab.train(&params(0), "fresh").unwrap().contains_key("initial_tensors"));
    assert!(lab.files("fresh")[0] != model);
    // What is loaded and frozen stays, the rest is trained.
    let groups =
        json!({ "groups": [{ "match": "layers.1.**", "freeze": true }, { "match": "layers.2.**", "freeze": true }] });
    let tuning = Lab::new(); // without the checkpoints of the first training
    tuning.train(&with(1, &torch, groups), "tuned").unwrap();
    let (before, after) = (weights(&model), weights(&tuning.files("tuned")[0]));
    for (path, value) in &after.0 {
        assert_eq!(value == &before.0[path], !path.starts_with("layers.4."), "{path}");
    }
}

#[test]
fn content_is_in_the_key_and_a_path_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("a"), "one").unwrap();
    std::fs::write(at("b"), "one").unwrap();
    let sources = |name: &str| {
        let finder = SourceFinder { downloads: at("downloads"), digest_file: &simpipe_base::digest::Digest::of_file };
        Train::sources(&with(1, &at(name), json!({})), &finder)
    };
    let key = |name: &str, more: Json| Train::key_params(&with(1, &at(name), more));
    assert_eq!(key("a", json!({}))["initial-weights"], "safetensors");
    assert_eq!(key("a", json!({})), key("b", json!({})));
    assert_ne!(key("a", json!({})), key("a", json!({ "strict": false })));
    assert_eq!(sources("a").unwrap(), sources("b").unwrap());
    let before = sources("a").unwrap();
    std::fs::write(at("a"), "two").unwrap();
    assert_ne!(sources("a").unwrap(), before);
    assert!(matches!(sources("none"), Err(StageError::DataUnavailable { .. })));
    assert!(
        Train::sources(
            &params(1),
            &SourceFinder { downloads: at("d"), digest_file: &simpipe_base::digest::Digest::of_file }
        )
        .unwrap()
        .is_empty()
    );
    assert!(Train::key_params(&params(1)).get("initial-weights").is_none());
    assert_ne!(Train::resume_params(&with(1, &at("a"), json!({}))).unwrap(), Train::resume_params(&params(1)).unwrap());
}

#[test]
fn what_does_not_fit_is_an_error_at_the_file_or_said_where_that_is_allowed() {
    let lab = Lab::new();
    let head = |size: usize| {
        let mut layers = params(0).write(View::Full)["layers"].clone();
        layers[4] = json!({ "metric-embedding": { "size": size } });
        layers
    };
    lab.train(&params(1), "model").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.safetensors");
    std::fs::write(&file, &lab.files("model")[0]).unwrap();

    let strict = with(0, &file, json!({ "layers": head(3) }));
    let [issue] = &problems(&strict)[..] else { panic!("{:?}", problems(&strict)) };
    assert_eq!(issue.path, "initial-weights.safetensors.file");
    assert!(
        issue.message.ends_with(
            "has 6 of 8 tensors by this program's own names: `layers.4.metric-embedding.weight` is F32 of [8, 4], expected \
             F32 of [8, 3]; `layers.4.metric-embedding.bias` is F32 of [4], expected F32 of [3]"
        ),
        "{issue:?}"
    );
    assert!(issue.help.as_ref().unwrap().contains("`strict = false`"));
    let error = lab.train(&strict, "refused").unwrap_err();
    assert!(error.to_string().contains("expected F32 of [3]"), "{error}");

    let loose = with(0, &file, json!({ "layers": head(3), "strict": false }));
    assert!(problems(&loose).is_empty());
    let [warning] = &warnings(&loose)[..] else { panic!("{:?}", warnings(&loose)) };
    assert!(warning.contains("6 of 8 tensors by this program's own names; not loaded: `layers.4."), "{warning}");
    assert_eq!(lab.train(&loose, "loose").unwrap()["initial_tensors"], 6.0);
    let (fresh, loaded) = (weights(&lab.files("model")[0]), weights(&lab.files("loose")[0]));
    assert!(loaded.0.iter().all(|(path, value)| path.starts_with("layers.4.") || *value == fresh.0[path]));

    // Nothing at all fits.
    let foreign = with(0, &file, json!({ "strict": false, "prefix": "module." }));
    let [issue] = &problems(&foreign)[..] else { panic!("{:?}", problems(&foreign)) };
    assert!(issue.message.starts_with("no tensor of `"), "{issue:?}");
    // No file, and none of this format: the spec may be right.
    let none = problems(&with(0, &folder.path().join("none"), json!({})));
    assert!(none[0].is_unavailable() && none[0].message.starts_with("there is nothing at"), "{none:?}");
    std::fs::write(folder.path().join("text"), "no tensors").unwrap();
    let text = problems(&with(0, &folder.path().join("text"), json!({})));
    assert!(text[0].is_unavailable() && text[0].message.contains("neither a safetensors file"), "{text:?}");
    let run = lab.train(&with(0, &folder.path().join("none"), json!({})), "none").unwrap_err();
    assert!(run.to_string().contains("can't read"), "{run}");
}
