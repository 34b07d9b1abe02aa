//! The real program's store: killed runs are told from others, gc keeps what it should, tags find runs.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value as Json;

use crate::kills::kill_at;
use crate::project::{PLAIN_REPORT, Project, simpipe};
use crate::schemas::validate;
use crate::turns::turn;

/// `runs --json`, newest first.
fn runs(project: &Project) -> Vec<Json> {
    let json = project.json(&["runs", "--json"], 0);
    validate("runs.schema.json", &json);
    json["runs"].as_array().unwrap().clone()
}

fn calibrated_for(project: &Project, metric: &str) -> String {
    let set = format!("calibrate.metric={metric}");
    let record = project.run(&[&["--set", &set][..], &PLAIN_REPORT].concat());
    record.json["run"].as_str().unwrap().to_owned()
}

#[test]
fn a_killed_run_is_listed_as_killed_and_show_says_so() {
    let _turn = turn();
    let project = Project::new();
    // Half a minute of training: whoever reads the lines may be late.
    let long = ["--set", "train.steps-per-epoch=2000"];
    assert!(kill_at(&project, &long, 6, Duration::ZERO), "it was killed at work");
    let listed = runs(&project);
    assert_eq!((listed.len(), &listed[0]["state"], &listed[0]["name"]), (1, &"killed".into(), &"smoke".into()));
    assert!(!listed[0]["stages"].as_array().unwrap().is_empty(), "{listed:?}");
    let id = listed[0]["run"].as_str().unwrap();
    let shown = project.json(&["show", id, "--json"], 2);
    let error = &shown["errors"][0];
    assert!(error["message"].as_str().unwrap().contains("was killed after"), "{error}");
    assert!(error["help"].as_str().unwrap().contains("what was done is stored"), "{error}");

    project.run(&PLAIN_REPORT);
    let states: Vec<Json> = runs(&project).iter().map(|run| run["state"].clone()).collect();
    assert_eq!(states, ["done", "killed"]);
}

#[test]
fn gc_keeps_the_last_run_and_a_tagged_one_and_says_before_what_it_does() {
    let project = Project::new();
    let [first, second, third] = ["precision", "recall", "f1"].map(|metric| calibrated_for(&project, metric));
    let output = project.output(&["store", "pin", &first, "--tag", "paper"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(project.json(&["show", "paper", "--json"], 0)["run"], first.as_str());

    let before = project.objects();
    let gc = ["store", "gc", "--keep-runs", "1", "--grace", "0s", "--json"];
    let dry = project.json(&gc, 0);
    assert_eq!((&dry["deleted"], project.objects()), (&false.into(), before.clone()));
    let kept: Vec<&Json> = dry["kept_runs"].as_array().unwrap().iter().collect();
    assert_eq!(kept, [&first, &third].map(|id| id.as_str()));
    let done = project.json(&[&gc[..], &["--delete"]].concat(), 0);
    assert_eq!((&done["removed"], &done["objects"]), (&dry["removed"], &dry["objects"]));
    let groups = done["removed"].as_array().unwrap();
    assert!(!groups.is_empty() && groups.iter().all(|group| group["run"] == second.as_str()), "{groups:?}");
    assert!(project.objects().len() < before.len());

    let again = |metric: &str| {
        let set = format!("calibrate.metric={metric}");
        project.run(&[&["--set", &set][..], &PLAIN_REPORT].concat()).ran()
    };
    assert_eq!(again("precision"), [""; 0], "it is pinned");
    assert_eq!(again("f1"), [""; 0], "it was the last");
    assert_eq!(again("recall"), ["calibrate", "match", "report"], "only what no kept run shares was removed");
    assert_eq!(project.output(&["store", "verify"]).status.code(), Some(0));
}

#[test]
fn gc_of_one_process_beside_runs_of_three_others_harms_none() {
    let project = Project::new();
    project.run(&PLAIN_REPORT);
    let root = project.root().to_str().unwrap();
    let start = |metric: &str| {
        let set = format!("calibrate.metric={metric}");
        let args = ["run", "configs/smoke.toml", "--quiet", "--set", &set, "--root", root];
        simpipe(&args).args(PLAIN_REPORT).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    for round in 0..2 {
        let mut children: Vec<_> = ["precision", "recall", "binary-accuracy"].map(start).into();
        let mut removed = 0;
        while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
            let gc = ["store", "gc", "--keep-runs", "1", "--grace", "0s", "--delete", "--json"];
            removed += project.json(&gc, 0)["objects"]["count"].as_u64().unwrap();
        }
        for child in children {
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "round {round}: {stderr}");
            assert!(!stderr.contains("damaged"), "{stderr}");
        }
        assert!(round == 0 || removed > 0, "gc and the runs never met");
        assert_eq!(project.output(&["store", "verify"]).status.code(), Some(0));
    }
}

#[test]
fn du_counts_every_object_once() {
    let project = Project::new();
    for metric in ["precision", "recall"] {
        calibrated_for(&project, metric);
    }
    let du = project.json(&["store", "du", "--json"], 0);
    let cas = project.root().join("artifacts/store/cas");
    let on_disk: u64 = walkdir::WalkDir::new(cas)
        .into_iter()
        .map(|entry| entry.unwrap().metadata().unwrap())
        .filter(std::fs::Metadata::is_file)
        .map(|metadata| metadata.len())
        .sum();
    assert_eq!(du["objects"]["bytes"], on_disk);
    let sum = |list: &str| du[list].as_array().unwrap().iter().map(|of| of["bytes"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("kinds"), on_disk, "each object has one kind, or is shared");
    assert_eq!(
        (du["runs"].as_array().unwrap().len(), du["datasets"][0]["source"].as_str()),
        (2, Some("cifar10-sample"))
    );
    assert!(du["shared_bytes"].as_u64().unwrap() > du["runs"][0]["own_bytes"].as_u64().unwrap());
    assert_eq!(du["linked"]["bytes"].as_u64().unwrap() + du["checkpoints"]["bytes"].as_u64().unwrap(), on_disk);
}
