//! `seeds = [..]` from a spec: one run each, shared stages once, means with their spread.

use serde_json::Value as Json;

use crate::project::{PLAIN_REPORT, Project, simpipe};

const SEEDS: [&str; 2] = ["--set", "seeds=[1, 2, 3]"];

/// Runs the smoke config with three seeds and further arguments.
fn run(project: &Project, more: &[&str], code: i32) -> Json {
    let args = [&["run", "configs/smoke.toml", "--json"], &SEEDS[..], &PLAIN_REPORT, more].concat();
    project.json(&args, code)
}

fn outcomes<'a>(stages: &'a Json, id: &str) -> Vec<&'a str> {
    let of = stages.as_array().unwrap().iter().filter(|stage| stage["id"] == id);
    of.map(|stage| stage["outcome"].as_str().unwrap()).collect()
}

#[test]
fn one_run_trains_each_seed_and_gives_mean_and_spread() {
    let project = Project::new();
    let group = run(&project, &[], 0);
    crate::schemas::validate("run.schema.json", &group);
    let seeds = group["seeds"].as_array().unwrap();
    assert_eq!(seeds.iter().map(|run| run["seed"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    // What no seed changes was computed by the first and stands once in the group.
    assert_eq!(outcomes(&group["stages"], "dataset"), ["ran"]);
    assert_eq!(outcomes(&group["stages"], "train"), ["ran"; 3]);
    assert_eq!(outcomes(&seeds[1]["stages"], "dataset"), ["hit"]);
    for run in seeds {
        let on_disk = project.root().join(run["dir"].as_str().unwrap()).join("run.json");
        let record: Json = serde_json::from_str(&std::fs::read_to_string(on_disk).unwrap()).unwrap();
        assert_eq!((&record["run"], &record["spec"]["seed"]), (&run["run"], &run["seed"]));
        assert_eq!(record["metrics"], run["metrics"]);
    }
    let metric = |name: &str| group["metrics"][name].as_f64().unwrap_or_else(|| panic!("{name}"));
    let losses: Vec<f64> = seeds.iter().map(|run| run["metrics"]["train.loss"].as_f64().unwrap()).collect();
    let mean = losses.iter().sum::<f64>() / 3.0;
    let std = (losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    assert!((metric("train.loss") - mean).abs() < 1e-9 && (metric("train.loss.std") - std).abs() < 1e-9);
    // Student's t of 2 degrees of freedom at 97.5 %.
    let half = 4.302_652_729_749_462 * std / 3.0_f64.sqrt();
    assert!((metric("train.loss.t_low") - (mean - half)).abs() < 1e-9, "{group}");
    assert!((metric("train.loss.t_high") - (mean + half)).abs() < 1e-9);

    // The group has a page of its own: what is spread over seeds, and what over queries.
    let folder = project.root().join(group["dir"].as_str().unwrap()).join("report");
    let page = std::fs::read_to_string(folder.join("report.md")).unwrap();
    assert!(page.contains("Two spreads stand beside each other") && page.contains("| train.loss |"), "{page}");
    assert!(folder.join("figures/seeds.png").is_file());
    let data: Json = serde_json::from_str(&std::fs::read_to_string(folder.join("seeds.json")).unwrap()).unwrap();
    let loss = data["metrics"].as_array().unwrap().iter().find(|of| of["name"] == "train.loss").unwrap();
    assert!(loss["mean"] == group["metrics"]["train.loss"] && loss["values"].as_array().unwrap().len() == 3, "{loss}");

    // All is there the second time, and each seed is the run that the config with that seed is.
    let again = run(&project, &[], 0);
    assert!(again["stages"].as_array().unwrap().iter().all(|stage| stage["outcome"] == "hit"), "{again}");
    assert_eq!(again["metrics"], group["metrics"]);
    let args = [&["run", "configs/smoke.toml", "--json", "--set", "seed=2"], &PLAIN_REPORT[..]].concat();
    let alone = project.json(&args, 0);
    assert!(alone["stages"].as_array().unwrap().iter().all(|stage| stage["outcome"] == "hit"), "{alone}");
    assert_eq!(alone["metrics"], seeds[1]["metrics"]);
}

#[test]
fn plan_check_explain_and_graph_know_the_seeds() {
    let project = Project::new();
    let plan = project.json(&[&["plan", "configs/smoke.toml", "--json"], &SEEDS[..]].concat(), 0);
    let stages = plan["stages"].as_array().unwrap();
    let seeds = |id: &str| -> Vec<Option<u64>> {
        stages.iter().filter(|stage| stage["id"] == id).map(|stage| stage["seed"].as_u64()).collect()
    };
    assert_eq!(seeds("dataset"), [None]);
    assert_eq!(seeds("train"), [Some(1), Some(2), Some(3)]);
    let check = project.output(&[&["check", "configs/smoke.toml"], &SEEDS[..]].concat());
    assert!(String::from_utf8_lossy(&check.stdout).contains("(10 stages, 3 seeds)"), "{check:?}");
    let explain = project.json(&[&["explain", "train", "configs/smoke.toml", "--json"], &SEEDS[..]].concat(), 0);
    assert_eq!((&explain["id"], &explain["seed"]), (&"train".into(), &1.into()));
    let graph = project.output(&[&["graph", "configs/smoke.toml", "--status"], &SEEDS[..]].concat());
    assert_eq!(graph.status.code(), Some(0));
    // One layer after another: the later of `seed` and `seeds` counts.
    let one = [&["plan", "configs/smoke.toml", "--json"], &SEEDS[..], &["--set", "seed=5"]].concat();
    assert!(project.json(&one, 0)["stages"].as_array().unwrap().iter().all(|stage| stage["seed"].is_null()));
    let shown = [&["config", "show", "configs/smoke.toml", "--resolved"], &SEEDS[..]].concat();
    let shown = simpipe(&shown).output().unwrap();
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains("seeds = [1, 2, 3]") && !text.contains("\nseed = "), "{text}");
}

#[test]
fn seeds_that_fail_keep_what_they_have_and_exit_with_one() {
    let project = Project::new();
    // Every class is in the index, so there is no query that a false acceptance could be measured on.
    let unreachable = [
        "--set",
        "calibrate.counting=open-set",
        "--set",
        "calibrate.targets={ strict = { metric = \"far\", value = 0.01 } }",
        "--set",
        "match.cutpoint=strict",
    ];
    let group = run(&project, &unreachable, 1);
    assert_eq!((&group["ok"], &group["metrics"]), (&false.into(), &serde_json::json!({})));
    for run in group["seeds"].as_array().unwrap() {
        assert_eq!((&run["ok"], outcomes(&run["stages"], "match")), (&false.into(), vec!["failed"]));
        assert_eq!(outcomes(&run["stages"], "report"), ["skipped"]);
    }
    // What was done is there: with a cutpoint that exists only the rest runs.
    let mended = run(&project, &[&unreachable[..4], &["--set", "match.cutpoint=optimal"]].concat(), 0);
    assert_eq!(outcomes(&mended["stages"], "train"), ["hit"; 3]);
    assert_eq!(outcomes(&mended["stages"], "match"), ["ran"; 3]);
}

#[test]
fn gc_keeps_a_group_whole_and_latest_means_it() {
    let project = Project::new();
    let group = run(&project, &[], 0);
    let shown = project.json(&["show", "latest", "--json"], 0);
    assert_eq!(shown["run"], group["run"]);
    project.json(&["store", "gc", "--keep-runs", "1", "--grace", "0s", "--delete", "--json"], 0);
    let again = run(&project, &[], 0);
    assert!(again["stages"].as_array().unwrap().iter().all(|stage| stage["outcome"] == "hit"), "{again}");
}
