//! Commands beside a gc that stands still: they say whom they wait for, stop when asked to, or need not wait at all.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::project::{PLAIN_REPORT, Project, signal, simpipe};
use crate::turns::turn;

/// A lock of the project's store, opened as gc opens it.
fn lock(project: &Project, name: &str) -> File {
    File::open(project.root().join("artifacts/store/locks").join(name)).unwrap()
}

fn start(project: &Project, args: &[&str]) -> Child {
    let root = project.root().to_str().unwrap();
    let mut command = simpipe(&[args, &["--root", root]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What a command says of its waiting, and how long it takes to end when it is asked to.
fn interrupted(project: &Project, args: &[&str]) -> (String, Duration) {
    let mut child = start(project, args);
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting for ") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "{args:?} waits without a word");
    }
    let asked = Instant::now();
    signal(&child, "INT");
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    let code = child.wait().unwrap().code();
    let waited = asked.elapsed();
    assert!(code == Some(130) || code.is_none(), "{args:?}: {code:?} {rest}");
    (line, waited)
}

#[test]
fn beside_a_gc_that_stands_still_a_run_waits_with_a_word_and_who_only_looks_does_not() {
    let _turn = turn();
    let project = Project::new();
    let run = [&["run", "configs/smoke.toml"][..], &PLAIN_REPORT].concat();
    project.run(&PLAIN_REPORT);
    let gc = lock(&project, "store");
    gc.lock().unwrap();
    let me = std::process::id();
    for args in [&run[..], &["store", "gc", "--delete"], &["store", "pin", "latest", "--tag", "a"]] {
        let (said, took) = interrupted(&project, args);
        assert!(said.contains(&format!("waiting for process {me}")), "{said}");
        assert!(took < Duration::from_secs(10), "{args:?}: {took:?}"); // gc would never end
    }
    let root = project.root().to_str().unwrap();
    for args in [
        &[&["plan", "configs/smoke.toml"][..], &PLAIN_REPORT].concat()[..],
        &[&["explain", "train", "configs/smoke.toml"][..], &PLAIN_REPORT].concat(),
        &["check", "configs/smoke.toml"],
        &["store", "gc"],
        &["store", "du"],
        &["store", "pins"],
        &["store", "verify"],
        &["runs"],
        &["show", "latest"],
    ] {
        let place: &[&str] = if args[0] == "check" { &[] } else { &["--root", root] };
        let output = simpipe(&[args, place].concat()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("waiting for"), "{args:?}: {said}");
    }
}

#[test]
fn beside_a_gc_that_waits_a_run_is_hardly_slower() {
    let _turn = turn();
    let project = Project::new();
    project.run(&PLAIN_REPORT);
    let seconds = || {
        let record = project.run(&PLAIN_REPORT);
        assert_eq!(record.ran(), [""; 0]);
        record.json["seconds"].as_f64().unwrap()
    };
    let alone = seconds();
    let stuck = lock(&project, "store");
    stuck.lock_shared().unwrap(); // a run that stands still
    let mut gc = start(&project, &["store", "gc", "--delete"]);
    let mut said = BufReader::new(gc.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.starts_with(&format!("waiting for process {}", std::process::id())), "{line}");
    let beside = seconds();
    assert!(beside < 3.0 + 3.0 * alone, "ten hits took {beside} s, {alone} s without a gc");
    stuck.unlock().unwrap();
    assert!(gc.wait().unwrap().success());
}
