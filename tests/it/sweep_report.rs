//! `simpipe sweep report`: a page with its pictures, data that fits its schema, and the best experiment, which runs.

use std::path::Path;

use serde_json::Value as Json;

use crate::project::{Project, files_below, repository};
use crate::schemas::validate;

/// A sweep of calibrations of one training, over the smoke config.
fn config(project: &Project, objective: &str) -> String {
    let smoke = repository().join("configs/smoke.toml").display().to_string();
    let text = format!(
        "extends = {smoke:?}\nname = \"tiny\"\n[report]\nfigures = [\"training-curves\"]\n\
         [sweep]\nmethod = \"grid\"\nobjective = {objective}\nfinalists = 0\n[sweep.parameters]\n\
         \"calibrate.metric\" = [\"f1\", \"precision\", \"recall\"]\n\"match.neighbours\" = [5, 6]\n"
    );
    let path = project.root().join("tiny.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn sweep(project: &Project, objective: &str) -> String {
    let config = config(project, objective);
    project.json(&["sweep", "run", &config, "--json"], 0);
    config
}

#[test]
fn a_sweep_has_a_page_and_its_best_runs_again() {
    let project = Project::new();
    sweep(&project, "\"match.map@r\"");
    let out = project.root().join("page");
    let report = project.json(&["sweep", "report", "--json", "--out", out.to_str().unwrap()], 0);
    validate("sweep-report.schema.json", &report);
    let stored: Json = serde_json::from_str(&std::fs::read_to_string(out.join("sweep.json")).unwrap()).unwrap();
    assert_eq!(stored, report);
    let files = files_below(&out);
    for file in [
        "best.toml",
        "figures/leaderboard.png",
        "figures/slices.png",
        "importance.parquet",
        "report.html",
        "report.md",
        "trials.parquet",
    ] {
        assert!(files.iter().any(|one| one == file), "{file}: {files:?}");
    }
    // It says of the best what the other commands say.
    let table = project.json(&["sweep", "table", "--json"], 0);
    assert_eq!(
        (&report["best"], &report["differ"], &report["statement"]),
        (&table["best"], &table["differ"], &table["statement"])
    );
    let order =
        |json: &Json| json["trials"].as_array().unwrap().iter().map(|trial| trial["trial"].clone()).collect::<Vec<_>>();
    assert_eq!(order(&report), order(&table));
    let names = report["parameters"][0]["values"]["list"].as_array().unwrap().clone();
    assert_eq!(names, ["f1", "precision", "recall"]);
    assert!(report["importance"][0]["missing"].as_str().unwrap().contains("at least 15"), "{report}");
    // Every picture of the page is there.
    let page = std::fs::read_to_string(out.join("report.md")).unwrap();
    let named: Vec<&str> =
        page.match_indices("](figures/").map(|(at, _)| page[at + 2..].split(')').next().unwrap()).collect();
    assert!(named.len() >= 3 && named.iter().all(|file| out.join(file).is_file()), "{named:?}");
    // The best is an experiment of its own, with the same results.
    let best = out.join("best.toml");
    let again = project.json(&["run", best.to_str().unwrap(), "--json"], 0);
    assert!(again["stages"].as_array().unwrap().iter().all(|stage| stage["outcome"] == "hit"), "{again}");
    // Without a folder it lies beside the sweep; a second time it is replaced, with the same bytes.
    let said = project.output(&["sweep", "report"]);
    let said = String::from_utf8(said.stdout).unwrap();
    let beside = said.lines().find_map(|line| line.strip_prefix("page: ")).unwrap();
    let bytes = |path: &Path| std::fs::read(path).unwrap();
    assert_eq!(bytes(Path::new(beside)), bytes(&out.join("report.html")));
    project.json(&["sweep", "report", "--json"], 0);
    assert_eq!(bytes(Path::new(beside)), bytes(&out.join("report.html")));
    // For viewers that allow nothing inside a page: the same folder, but the page comes apart.
    let public = project.root().join("public");
    let split = ["sweep", "report", "--split", public.to_str().unwrap(), "--json"];
    assert_eq!(project.json(&split, 0), report);
    let page = std::fs::read_to_string(public.join("report.html")).unwrap();
    for absent in ["<script", "<style", " style=", "=\"data:"] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert!(page.contains("href=\"report.css\"") && page.contains("match.map@r"), "{page}");
    let (apart, whole) = (files_below(&public), files_below(&out));
    assert!(apart.contains(&"report.css".to_owned()) && whole.iter().all(|file| apart.contains(file)), "{apart:?}");
    let both = project.output(&["sweep", "report", "--split", "public", "--out", "page"]);
    assert!(both.status.code() == Some(2) && String::from_utf8_lossy(&both.stderr).contains("cannot be used with"));
    // The page is none of the sweep's own: it still goes on and is one sweep.
    assert_eq!(project.json(&["sweep", "status", "--json"], 0)["state"], "done");
}

/// A trial of the config's own values has none of those that are tried: what they are stands in the record of its run.
#[test]
fn values_of_the_config_that_lie_outside_of_the_sweep_are_shown_and_marked() {
    let project = Project::new();
    let config = config(&project, "\"match.map@r\"");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.split("\"calibrate.metric\"").next().unwrap().to_owned() + "\"match.neighbours\" = [6, 7]\n";
    std::fs::write(&config, text).unwrap();
    project.json(&["sweep", "run", &config, "--json"], 0);
    let out = project.root().join("page");
    let report = project.json(&["sweep", "report", "--json", "--out", out.to_str().unwrap()], 0);
    validate("sweep-report.schema.json", &report);
    assert_eq!(report["parameters"][0]["own"], "5", "{report}");
    for file in ["report.md", "report.html"] {
        let page = std::fs::read_to_string(out.join(file)).unwrap().replace("&#39;", "'");
        assert!(page.contains("5 (the config's own)") && !page.contains("not set"), "{page}");
    }
}

#[test]
fn a_sweep_whose_trials_all_failed_has_a_page_too() {
    let project = Project::new();
    let config = config(&project, "\"train.loss\"");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.split("\"calibrate.metric\"").next().unwrap().to_owned()
        + "\"train.optimizer.adam.learning-rate\" = [1e30, 2e30]\n[train]\noptimizer = { adam = { learning-rate = 1e30 } }\n";
    std::fs::write(&config, text).unwrap();
    project.json(&["sweep", "run", &config, "--json"], 0);
    let report = project.json(&["sweep", "report", "--json"], 0);
    validate("sweep-report.schema.json", &report);
    assert_eq!((&report["counts"]["finished"], &report["best"]), (&0.into(), &serde_json::json!([])));
    let refused = project.json(&["sweep", "report", "--json", "--out", &config], 2);
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("can't write"), "{refused}");
}
