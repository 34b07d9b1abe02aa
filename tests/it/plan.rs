//! Estimates of `simpipe plan`, and `explain`, against real runs.

use std::time::SystemTime;

use serde_json::Value as Json;

use crate::project::{PLAIN_REPORT, Project, files_below, simpipe};

fn estimate(plan: &Json, id: &str) -> Option<f64> {
    let stage = plan["stages"].as_array().unwrap().iter().find(|stage| stage["id"] == id).unwrap();
    stage["estimated_seconds"].as_f64()
}

#[test]
fn an_estimate_is_what_the_work_took_scaled_by_steps() {
    let project = Project::new();
    let plan = |more: &[&str]| {
        let args: Vec<&str> = ["plan", "configs/smoke.toml", "--json"].iter().chain(more).copied().collect();
        project.json(&args, 0)
    };
    let before = plan(&[]);
    assert_eq!((estimate(&before, "train"), before["estimated_seconds"].as_f64()), (None, None));
    let run = project.run(&[]);
    let took = |id: &str| {
        let stage = run.json["stages"].as_array().unwrap().iter().find(|stage| stage["id"] == id).unwrap();
        stage["seconds"].as_f64().unwrap()
    };
    let fresh = plan(&[]);
    assert_eq!((estimate(&fresh, "train"), fresh["estimated_seconds"].as_f64()), (None, Some(0.0)));
    // Three times the epochs: three times the seconds; what comes after takes what it took.
    let longer = plan(&["--set", "train.epochs=3"]);
    let (train, report) = (estimate(&longer, "train").unwrap(), estimate(&longer, "report").unwrap());
    assert!((train - 3.0 * took("train")).abs() < 1e-6 * train, "{train}, not 3 x {}", took("train"));
    assert!((report - took("report")).abs() < 1e-9);
    assert_eq!(estimate(&longer, "dataset"), None);
    let total = longer["estimated_seconds"].as_f64().unwrap();
    assert!(total > train + report);
    let text =
        String::from_utf8(project.output(&["plan", "configs/smoke.toml", "--set", "train.epochs=3"]).stdout).unwrap();
    assert!(text.contains("Estimate") && text.contains("1 stale, 6 maybe stale: about "), "{text}");
    // A hit tells what its work took when it was done.
    let hits = project.run(&[]);
    assert!(hits.ran().is_empty());
    let again = estimate(&plan(&["--set", "train.epochs=3"]), "report").unwrap();
    assert!((again - report).abs() < 0.1 * report, "{again}, not {report}");

    let explained = |args: &[&str]| {
        let output = project.output(args);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, text, hint) =
        explained(&["explain", "configs/smoke.toml", "train", "--set", "train.optimizer.adam.learning-rate=0.001"]);
    assert_eq!(code, Some(0), "{hint}");
    assert!(hint.contains("`simpipe explain train configs/smoke.toml`"), "{hint}");
    assert!(text.contains("`train.optimizer.adam.learning-rate` changed: 0.002 -> 0.001"), "{text}");
    let (code, text, _) = explained(&["explain", "report", "configs/smoke.toml", "--set", "train.epochs=3"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("`train.epochs` changed: 1 -> 3"), "{text}");
    let (code, _, error) = explained(&["explain", "trian", "configs/smoke.toml"]);
    assert!(code == Some(2) && error.contains("did you mean `train`?"), "{error}");
}

/// Of every file: its path, its length and when it was written.
fn written(project: &Project) -> Vec<(String, u64, SystemTime)> {
    let metadata = |file: String| {
        let metadata = project.root().join(&file).metadata().unwrap();
        (file, metadata.len(), metadata.modified().unwrap())
    };
    files_below(project.root()).into_iter().map(metadata).collect()
}

#[test]
fn looking_at_a_project_changes_nothing_in_it() {
    let project = Project::new();
    let looks = [
        &["plan", "configs/smoke.toml"][..],
        &["check", "configs/smoke.toml"],
        &["explain", "train", "configs/smoke.toml"],
        &["graph", "configs/smoke.toml", "--status"],
        &["config", "show", "configs/smoke.toml", "--resolved"],
        &["store", "verify"],
        &["show", "latest"],
        &["docs", "train"],
    ];
    let look = || {
        for args in looks {
            let rooted = !["check", "config", "docs"].contains(&args[0]);
            let output = if rooted { project.output(args) } else { simpipe(args).output().unwrap() };
            assert!(output.status.success() || rooted, "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
    };
    look();
    assert_eq!(written(&project), [], "where nothing was");
    project.run(&PLAIN_REPORT);
    let before = written(&project);
    look();
    assert_eq!(written(&project), before);
}
