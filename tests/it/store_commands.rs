//! `store gc`, `du`, `pin` and the state of runs, on a real store.

use std::process::Stdio;

use crate::project::{PLAIN_REPORT, Project, simpipe};

/// Everything that no kept run reaches, now.
const ALL_OLD: [&str; 4] = ["--keep-runs", "1", "--grace", "0s"];

fn gc(project: &Project, more: &[&str]) -> serde_json::Value {
    project.json(&[&["store", "gc", "--json"], &ALL_OLD[..], more].concat(), 0)
}

#[test]
fn gc_removes_what_no_kept_run_reaches_and_a_pin_keeps_it() {
    let project = Project::new();
    let old = project.run(&[&PLAIN_REPORT[..], &["--set", "calibrate.metric=precision"]].concat());
    project.output(&["store", "pin", old.json["run"].as_str().unwrap(), "--tag", "paper"]);
    let middle = [&PLAIN_REPORT[..], &["--set", "calibrate.metric=recall"]].concat();
    project.run(&middle);
    project.run(&PLAIN_REPORT);
    let before = project.objects();

    let dry = gc(&project, &[]);
    assert_eq!((&dry["deleted"], project.objects()), (&false.into(), before.clone()), "a dry run changes nothing");
    let kinds: Vec<&str> = dry["removed"].as_array().unwrap().iter().map(|of| of["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"calibrate") && kinds.contains(&"report") && !kinds.contains(&"train"), "{kinds:?}");

    let done = gc(&project, &["--delete"]);
    assert_eq!((&done["deleted"], &done["objects"]), (&true.into(), &dry["objects"]), "what was said was done");
    assert!(project.objects().len() < before.len());
    project.json(&["store", "verify", "--json"], 0);
    // The last run and the pinned one are all hits; the one between computes what went.
    assert_eq!(project.run(&PLAIN_REPORT).ran(), [""; 0]);
    assert_eq!(project.run(&[&PLAIN_REPORT[..], &["--set", "calibrate.metric=precision"]].concat()).ran(), [""; 0]);
    assert_eq!(project.run(&middle).ran(), ["calibrate", "match", "report"]);

    let shown = project.json(&["show", "paper", "--json"], 0);
    assert_eq!(shown["run"], old.json["run"]);
    assert_eq!(project.output(&["store", "unpin", "paper"]).status.code(), Some(0));
    assert_eq!(project.output(&["store", "unpin", "paper"]).status.code(), Some(2));
    assert_eq!(project.output(&["show", "paper"]).status.code(), Some(2));
}

#[test]
fn du_counts_every_byte_once() {
    let project = Project::new();
    project.run(&PLAIN_REPORT);
    let du = project.json(&["store", "du", "--json"], 0);
    let bytes = |of: &serde_json::Value| of["bytes"].as_u64().unwrap();
    let kinds: u64 = du["kinds"].as_array().unwrap().iter().map(bytes).sum();
    assert_eq!(kinds, bytes(&du["objects"]), "one run shares nothing between its stages");
    assert_eq!(du["objects"]["count"].as_u64().unwrap() as usize, project.objects().len());
    assert_eq!(du["datasets"][0]["source"], "cifar10-sample");
}

#[test]
fn a_killed_run_is_listed_and_said_to_be_killed() {
    let project = Project::new();
    let root = project.root().to_str().unwrap();
    let mut child = simpipe(&["run", "configs/smoke.toml", "--root", root, "--set", "train.steps-per-epoch=100000"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let runs = || project.json(&["runs", "--json"], 0)["runs"].clone();
    let started = || runs()[0]["stages"].as_array().is_some_and(|stages| !stages.is_empty());
    for _ in 0..600 {
        if started() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(runs()[0]["state"], "running");
    child.kill().unwrap();
    child.wait().unwrap();
    let run = &runs()[0];
    assert_eq!(
        (&run["state"], &run["ok"], &run["stages"][0]["outcome"]),
        (&"killed".into(), &false.into(), &"ran".into())
    );
    let shown = project.output(&["show", run["run"].as_str().unwrap()]);
    let message = String::from_utf8_lossy(&shown.stderr).into_owned();
    assert_eq!(shown.status.code(), Some(2));
    assert!(message.contains("has no record: it was killed after") && message.contains("help: run"), "{message}");
}
