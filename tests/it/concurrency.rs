//! Several programs that run the same and overlapping experiments on one store at once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use serde_json::Value as Json;

use crate::project::{PLAIN_REPORT, Project, signal, simpipe};
use crate::turns::turn;

/// Starts a smoke run with a parameter of its own.
fn start(project: &Project, parameter: &str) -> Child {
    let root = project.root().to_str().unwrap();
    let mut command = simpipe(&["run", "configs/smoke.toml", "--json", "--root", root, "--set", parameter]);
    command.args(PLAIN_REPORT).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The record that a run printed, and what it said meanwhile.
fn end(child: Child) -> (Json, String) {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stdout));
    (serde_json::from_slice(&output.stdout).unwrap(), said)
}

/// How often each key was computed, and the outcomes in all.
fn computed(records: &[Json]) -> (BTreeMap<String, usize>, usize) {
    let mut ran = BTreeMap::new();
    let mut stages = 0;
    for stage in records.iter().flat_map(|record| record["stages"].as_array().unwrap()) {
        let times = ran.entry(stage["key"].as_str().unwrap().to_owned()).or_insert(0);
        match stage["outcome"].as_str() {
            Some("ran") => *times += 1,
            outcome => assert_eq!(outcome, Some("hit")),
        }
        stages += 1;
    }
    (ran, stages)
}

#[test]
fn programs_at_once_compute_each_key_once() {
    let _turn = turn();
    for programs in [2, 20] {
        let project = Project::new();
        let metrics = ["calibrate.metric=f1", "calibrate.metric=precision"];
        let children: Vec<Child> = (0..programs).map(|at| start(&project, metrics[at % 2])).collect();
        let pids: Vec<u32> = children.iter().map(Child::id).collect();
        let (records, said): (Vec<Json>, Vec<String>) = children.into_iter().map(end).unzip();
        let (ran, stages) = computed(&records);
        assert_eq!(stages, 10 * programs);
        assert_eq!(ran.len(), 13, "seven shared stages, and three of each variant");
        assert!(ran.values().all(|times| *times == 1), "{ran:?}");
        let waited = |text: &String| {
            pids.iter()
                .any(|pid| text.contains(&format!("waiting for process {pid}, which is computing the same result")))
        };
        // Of two, one may be late enough to find everything done.
        assert!(programs == 2 || said.iter().any(waited), "{said:?}");
        assert_eq!(project.output(&["store", "verify"]).status.code(), Some(0));
    }
}

#[test]
fn a_program_that_waits_for_a_killed_one_takes_over() {
    let _turn = turn();
    let project = Project::new();
    let long = "train.steps-per-epoch=1000";
    let mut owner = start(&project, long);
    let mut lines = BufReader::new(owner.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("train: starts")), "the owner trains");
    signal(&owner, "STOP"); // it must not be done before the other waits for it
    let mut waiter = start(&project, long);
    let mut said = BufReader::new(waiter.stderr.take().unwrap());
    let told = format!("train: waiting for process {}, which is computing the same result", owner.id());
    let mut line = String::new();
    while !line.contains(&told) {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "nobody waits for a process that is stopped");
    }
    owner.kill().unwrap();
    owner.wait().unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("train: starts"), "{rest}");
    let (record, _) = end(waiter);
    let train = &record["stages"][3];
    assert_eq!((&train["id"], &train["outcome"]), (&"train".into(), &"ran".into()));
    assert_eq!(record["ok"], true);
}
