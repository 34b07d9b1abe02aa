//! `eval-golden`: the golden files of the tests, and what it says of others.

use serde_json::Value as Json;

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

#[test]
fn the_golden_files_pass_and_the_result_fits_its_schema() {
    let files = [
        "adam_keras.json",
        "batch_norm_keras.json",
        "calibration.json",
        "distances.json",
        "loss_multi_similarity.json",
        "pml_proxy_losses.json",
        "schedule_warmup_cosine.json",
    ];
    let (found, code) = eval(&files);
    validate("eval-golden.schema.json", &found);
    assert_eq!((code, &found["passed"]), (Some(0), &found["cases"]), "{found}");
    assert!(found["files"].as_array().unwrap().iter().all(|file| file["values"].as_u64() > Some(0)), "{found}");
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
