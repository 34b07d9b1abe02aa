//! Backbones of a training: which files fit, and what is said of those that don't.

use std::path::Path;

use serde_json::json;

use super::tests::{infer, params, samples};
use super::*;
use simpipe_artifact::{NewTensor, Numbers, tensor_file};
use simpipe_base::param;

/// The tensors of torchvision's MobileNet-v2 with its classifier, as the golden file lists them.
fn mobile() -> Vec<(String, Vec<usize>)> {
    let golden = include_str!("../../../tests/fixtures/golden/backbones.json");
    let golden: Json = serde_json::from_str(golden).unwrap();
    let of_mobile = |case: &&Json| case["params"]["layers"][0]["backbone"]["architecture"] == "mobilenet-v2";
    let case = golden["cases"].as_array().unwrap().iter().find(of_mobile).unwrap();
    let tensors = case["input"]["tensors"].as_object().unwrap().iter();
    tensors.map(|(name, shape)| (name.clone(), serde_json::from_value(shape.clone()).unwrap())).collect()
}

fn write(path: &Path, tensors: Vec<(String, Vec<usize>)>) {
    let tensor = |(name, shape): (String, Vec<usize>)| {
        let numbers = Numbers::Single(vec![0.5; shape.iter().product()]);
        NewTensor { name, shape, numbers }
    };
    std::fs::write(path, tensor_file(tensors.into_iter().map(tensor).collect(), &[].into())).unwrap();
}

/// A training that begins with the backbone, and more of its parameters and the stage's.
fn with(backbone: Json, more: &Json) -> TrainParams {
    let mut json = params(1).write(View::Full);
    json["layers"] = json!([{ "backbone": backbone }, { "metric-embedding": { "size": 4 } }]);
    for (key, value) in more.as_object().unwrap() {
        json[key] = value.clone();
    }
    param::from_json(&json).unwrap()
}

fn problems(params: &TrainParams) -> Vec<String> {
    let found = infer::<Train>(params, &[("sampler", Facts::Samples(samples(Some([20, 20, 3]))))]).err();
    found.unwrap_or_default().into_iter().map(|issue| format!("{}: {}", issue.path, issue.message)).collect()
}

#[test]
fn a_file_of_the_architecture_fits_behind_any_prefix_and_its_classifier_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for prefix in ["", "module.", "state_dict.model.encoder."] {
        let path = folder.path().join("x.safetensors");
        write(&path, mobile().into_iter().map(|(name, shape)| (format!("{prefix}{name}"), shape)).collect());
        let backbone = json!({ "architecture": "mobilenet-v2", "weights": path.to_str(), "freeze": true });
        let params = with(backbone, &json!({}));
        assert_eq!(problems(&params), [""; 0]);
        let facts = [("sampler".to_owned(), Facts::Samples(samples(Some([20, 20, 3]))))];
        let warnings = Train::warnings(&params, &InputFacts(facts.into()));
        let said = format!("the classifier in `{}` is skipped: `{prefix}classifier.1.bias` of [1000]", path.display());
        assert!(warnings.iter().any(|issue| issue.message.starts_with(&said)), "{warnings:?}");
    }
}

#[test]
fn what_is_missing_wrong_or_too_much_is_listed_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let backbone = |name: &str| json!({ "architecture": name, "weights": path.to_str() });
    let said = |tensors: Vec<(String, Vec<usize>)>, architecture: &str| {
        write(&path, tensors);
        problems(&with(backbone(architecture), &json!({}))).remove(0)
    };
    let (mut less, mut turned, mut more) = (mobile(), mobile(), mobile());
    less.retain(|(name, _)| name != "features.3.conv.2.weight");
    let message = said(less, "mobilenet-v2");
    assert!(message.starts_with("layers[0].backbone.weights: "), "{message}");
    assert!(message.contains("`features.3.conv.2.weight` is missing, expected F32 of [24, 144, 1, 1]"), "{message}");
    turned.iter_mut().find(|one| one.0 == "features.0.0.weight").unwrap().1 = vec![3, 32, 3, 3];
    let message = said(turned, "mobilenet-v2");
    assert!(
        message.contains("`features.0.0.weight` is F32 of [3, 32, 3, 3], expected F32 of [32, 3, 3, 3]"),
        "{message}"
    );
    more.push(("features.19.weight".to_owned(), vec![1]));
    assert!(said(more, "mobilenet-v2").contains("`features.19.weight` is not a tensor of these layers"));
    // Another architecture, with and without names in common.
    assert!(said(mobile(), "resnet18").contains("holds no tensor of `resnet18`: its first are `classifier.1.bias`"));
    assert!(said(mobile(), "efficientnet-b0").contains("is not of `efficientnet-b0`"));
}

#[test]
fn files_that_are_not_there_or_are_no_files_of_weights_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pth");
    let params = with(json!({ "architecture": "resnet18", "weights": path.to_str() }), &json!({}));
    assert!(problems(&params)[0].contains("there is nothing at"));
    for (bytes, says) in [
        (&b"no weights"[..], "neither a safetensors file nor one written by torch"),
        (include_bytes!("../../../tests/fixtures/weights/zip.pth"), "holds no tensor of `resnet18`"),
        (&include_bytes!("../../../tests/fixtures/weights/zip.pth")[..900], "archive can't be read"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        assert!(problems(&params)[0].contains(says), "{:?}", problems(&params));
    }
}

#[test]
fn what_changes_images_before_a_backbone_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    write(&path, mobile());
    let backbone = json!({ "backbone": { "architecture": "mobilenet-v2", "weights": path.to_str() } });
    let said = |first: Json| {
        let layers = json!({ "layers": [first, backbone, { "metric-embedding": { "size": 4 } }] });
        let facts = [("sampler".to_owned(), Facts::Samples(samples(Some([20, 20, 3]))))];
        let warnings =
            Train::warnings(&with(json!({ "architecture": "resnet18" }), &layers), &InputFacts(facts.into()));
        warnings
            .into_iter()
            .filter(|issue| issue.path == "layers[1].backbone")
            .map(|issue| issue.message)
            .collect::<Vec<_>>()
    };
    let found = said(json!({ "rescale": { "divide-by": 255.0 } }));
    assert!(found.len() == 1 && found[0].starts_with("`rescale` changes images before a backbone"), "{found:?}");
    assert_eq!(said(json!({ "resize": { "size": 64 } })), [""; 0]);
}

#[test]
fn what_contradicts_itself_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    write(&path, mobile());
    let backbone = |freeze| json!({ "architecture": "mobilenet-v2", "weights": path.to_str(), "freeze": freeze });
    let drawn = with(json!({ "architecture": "mobilenet-v2", "freeze": true }), &json!({}));
    assert!(problems(&drawn)[0].starts_with("layers[0].backbone.freeze: a frozen backbone needs `weights`"));
    let groups = json!({ "groups": [{ "match": "layers.0.backbone.body.2", "learning-rate-factor": 0.1 }] });
    let message = problems(&with(backbone(true), &groups)).remove(0);
    assert!(
        message.contains("`groups[0]` (`layers.0.backbone.body.2`) is about a backbone that is completely frozen"),
        "{message}"
    );
    assert_eq!(problems(&with(backbone(false), &groups)), [""; 0]);
    // The moving averages of all normalisations, and nothing else.
    let statistics = ["moving_mean", "moving_variance"]
        .map(|name| json!({ "match": format!("layers.0.backbone.**.{name}"), "freeze": true }));
    assert_eq!(problems(&with(backbone(false), &json!({ "groups": statistics }))), [""; 0]);
}

#[test]
fn content_is_in_the_key_and_a_path_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("a"), "one").unwrap();
    std::fs::write(at("b"), "one").unwrap();
    let of = |name: &str| with(json!({ "architecture": "resnet18", "weights": at(name).to_str() }), &json!({}));
    let sources = |name: &str| {
        let finder = SourceFinder { downloads: at("downloads"), digest_file: &simpipe_base::digest::Digest::of_file };
        Train::sources(&of(name), &finder).unwrap()
    };
    assert_eq!(Train::key_params(&of("a")), Train::key_params(&of("b")));
    assert_eq!(Train::key_params(&of("a"))["layers"][0], json!({ "backbone": { "architecture": "resnet18" } }));
    assert_eq!(sources("a"), sources("b"));
    assert_ne!(Train::source_params(&of("a")), Train::source_params(&of("b")));
    let before = sources("a");
    std::fs::write(at("a"), "two").unwrap();
    assert_ne!(sources("a"), before);
    assert_eq!(Train::source_params(&params(1)), Json::Null);
}
