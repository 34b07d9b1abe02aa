//! The command line as a user meets it: exit codes, help, JSON, events.

use crate::project::{Project, repository, simpipe};

#[test]
fn exit_codes_are_those_documented() {
    let project = Project::new();
    let code = |args: &[&str]| project.output(args).status.code();
    assert_eq!(code(&["check", "configs/smoke.toml"]), Some(0));
    assert_eq!(code(&["check", "configs/smoke.toml", "--set", "train.epoch=1"]), Some(2));
    assert_eq!(code(&["frobnicate"]), Some(2));
    assert_eq!(code(&["explain", "no-such-stage", "configs/smoke.toml"]), Some(2));
    // The archive is not there: data unavailable.
    let missing = "dataset.source={ cifar10 = { path = \"no-such-archive.tar.gz\" } }";
    let output = project.output(&["run", "configs/smoke.toml", "--set", missing]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{message}");
    assert!(message.contains("no-such-archive.tar.gz"), "{message}");
    // A loss that explodes: the stage fails.
    let output = project.output(&["run", "configs/smoke.toml", "--set", "train.optimizer.adam.learning-rate=1e30"]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("step"), "{message}");
}

#[test]
fn check_prints_the_parameters_of_the_tutorial() {
    let project = Project::new();
    let json = project.json(&["check", "configs/cifar10.toml", "--json"], 0);
    let model = &json["models"]["train"];
    assert_eq!((&model["parameters"], &model["trainable"]), (&1_028_480.into(), &1_027_584.into()));
    let layers = model["layers"].as_array().unwrap();
    assert_eq!(layers.last().unwrap()["output"], serde_json::json!([256]));
    let text = String::from_utf8(project.output(&["check", "configs/cifar10.toml"]).stdout).unwrap();
    assert!(text.contains("1,028,480") && text.contains("1,027,584"), "{text}");
}

#[test]
fn a_run_can_be_shown_listed_and_followed() {
    let project = Project::new();
    let events = project.root().join("events.jsonl");
    let run = project.run(&["--events", events.to_str().unwrap()]);
    let lines = std::fs::read_to_string(&events).unwrap();
    let kinds: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds.first().map(String::as_str), Some("run-started"));
    assert_eq!(kinds.last().map(String::as_str), Some("run-finished"));
    assert_eq!(kinds.iter().filter(|kind| *kind == "stage-finished").count(), 10);

    let metrics = run.json["metrics"].as_object().unwrap();
    for name in ["calibrate.optimal.distance", "calibrate.optimal.f1", "match.recall@1", "match.map@r", "train.loss"] {
        assert!(metrics.contains_key(name), "`{name}` in {:?}", metrics.keys());
    }
    let dir = run.dir(&project);
    for file in ["run.json", "report/report.html", "report/report.md", "report/metrics.json", "train/model.safetensors"]
    {
        assert!(dir.join(file).is_file(), "{file}");
    }
    let listed = project.json(&["runs", "--json"], 0);
    assert!(listed.to_string().contains(run.json["run"].as_str().unwrap()), "{listed}");
    let shown = project.json(&["show", run.json["run"].as_str().unwrap(), "--json"], 0);
    assert_eq!(shown["metrics"], run.json["metrics"]);
    let matches = dir.join("match/matches.parquet");
    let output = project.output(&["show", matches.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("query_id"));
}

#[test]
fn a_damaged_object_is_reported_once_and_recomputed() {
    let project = Project::new();
    project.run(&[]);
    assert_eq!(project.output(&["store", "verify"]).status.code(), Some(0));
    let cas = project.root().join("artifacts/store/cas");
    let largest = walkdir::WalkDir::new(cas)
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().is_file())
        .max_by_key(|entry| entry.metadata().unwrap().len())
        .unwrap();
    let mut bytes = std::fs::read(largest.path()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::remove_file(largest.path()).unwrap();
    std::fs::write(largest.path(), bytes).unwrap();
    assert_eq!(project.output(&["store", "verify"]).status.code(), Some(3));
    assert_eq!(project.output(&["store", "verify"]).status.code(), Some(0));
    assert_eq!(project.run(&[]).ran(), ["dataset"]);
}

#[test]
fn every_command_has_help_with_an_example() {
    let output = simpipe(&["--help"]).output().unwrap();
    assert!(output.status.success());
    for command in ["init", "run", "plan", "explain", "check", "graph", "show", "runs", "schema", "docs", "doctor"] {
        let output = simpipe(&[command, "--help"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(&format!("simpipe {command}")), "{command}: {text}");
    }
}

#[test]
fn the_readme_and_the_test_script_name_the_same_command() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let ci = std::fs::read_to_string(repository().join(".ci/run")).unwrap();
    assert!(readme.contains("cargo test") && ci.contains("cargo test"));
    assert!(readme.contains("cargo run --release -- run configs/quickstart.toml"));
}
