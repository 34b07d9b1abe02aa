//! Ctrl-C, SIGTERM and SIGHUP: in the middle of a training, and in commands that wait for something.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::project::{PLAIN_REPORT, Project, Record, files_below, signal, simpipe};
use crate::turns::turn;

/// A second or more of training, which says in the store how far it is.
const LONG: [&str; 4] = ["--set", "train.steps-per-epoch=1500", "--set", "train.checkpoint-every-steps=20"];

/// A smoke run in its training, what it says of where that begins, and the lines that it has yet to say.
fn in_training(project: &Project) -> (Child, String, BufReader<ChildStderr>) {
    let mut command = simpipe(&["run", "configs/smoke.toml", "--root", project.root().to_str().unwrap()]);
    let piped = command.args(PLAIN_REPORT).args(LONG).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("train: batch size") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "it trains");
    }
    (child, line, said)
}

/// The last step that a checkpoint of the root's store holds, 0 for none.
fn steps_kept(project: &Project) -> usize {
    let markers = files_below(&project.root().join("artifacts/store/checkpoints"));
    let steps = markers.iter().map(|marker| marker.rsplit_once('/').unwrap().1.parse().unwrap());
    steps.max().unwrap_or(0)
}

/// What a program printed to both streams until it ended, from here on.
fn end(child: Child, mut said: BufReader<ChildStderr>) -> (Output, String) {
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    (child.wait_with_output().unwrap(), rest)
}

#[test]
fn a_training_that_is_stopped_twice_ends_with_the_same_bytes() {
    let _turn = turn();
    let project = Project::new();
    for (name, resumes) in [("INT", false), ("TERM", true), ("HUP", true)] {
        let before = steps_kept(&project);
        let (mut child, begins, said) = in_training(&project);
        assert_eq!(begins.contains("continues after step"), resumes, "{begins}");
        while steps_kept(&project) == before {
            assert_eq!(child.try_wait().unwrap(), None, "it keeps checkpoints as it goes");
            std::thread::sleep(Duration::from_millis(1));
        }
        signal(&child, name);
        let (output, errors) = end(child, said);
        assert_eq!(output.status.code(), Some(130), "{name}: {errors}");
        assert!(errors.contains("interrupted: stopping; a second signal ends it at once"), "{errors}");
        assert!(errors.contains("error: stage `train` (train): interrupted"), "{errors}");
        assert!(errors.contains("help: run the same command again: it continues from here"), "{errors}");
        let summary = String::from_utf8(output.stdout).unwrap();
        assert!(summary.contains("1 interrupted, 6 skipped in "), "{summary}");
    }
    let more = [&PLAIN_REPORT[..], &LONG].concat();
    let plan = project.json(&[&["plan", "configs/smoke.toml", "--json"], &more[..]].concat(), 0);
    let train = plan["stages"].as_array().unwrap().iter().find(|stage| stage["id"] == "train").unwrap();
    assert_eq!(train["goes_on_after"], steps_kept(&project), "`plan` says where it goes on: {train}");
    let resumed = project.run(&more);
    let undisturbed = Project::new();
    let whole = undisturbed.run(&more);
    assert_eq!(resumed.stages("hit"), ["dataset", "sample", "sample-validation"]);
    assert_eq!(resumed.json["metrics"], whole.json["metrics"]);
    let model = |record: &Record, project: &Project| std::fs::read(record.dir(project).join("train/model.safetensors"));
    assert!(model(&resumed, &project).unwrap() == model(&whole, &undisturbed).unwrap(), "the same to the byte");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let _turn = turn();
    let project = Project::new();
    let (child, _, said) = in_training(&project);
    // Both are there before it can do anything about the first.
    for name in ["STOP", "INT", "TERM", "CONT"] {
        signal(&child, name);
    }
    let (output, errors) = end(child, said);
    assert_eq!(output.status.code(), Some(130), "{errors}");
    assert!(output.stdout.is_empty() && !errors.contains("interrupted"), "no safe point, no summary: {errors}");
    assert_eq!(project.output(&["store", "verify"]).status.code(), Some(0));
    assert_eq!(project.run(&PLAIN_REPORT).stages("hit"), ["dataset", "sample", "sample-validation"]);
}

/// A pipe that nobody writes to: who reads it waits.
fn silent_pipe(folder: &Path) -> String {
    let path = folder.join("silent.toml");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path.to_str().unwrap().to_owned()
}

/// The signals that a process takes itself, by the system's word.
fn taken(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap()
}

const HUP: u64 = 1;
const TERM: u64 = 1 << 14;

/// Starts a command that waits for ever, and waits until it listens for signals.
fn waiting(mut command: Command) -> Child {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while taken(&child) & TERM == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

#[test]
fn a_command_that_waits_in_the_system_ends_too() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let pipe = silent_pipe(folder.path());
    for (command, name) in
        [("plan", "INT"), ("run", "TERM"), ("check", "HUP"), ("graph", "INT"), ("config show", "TERM")]
    {
        let words: Vec<&str> = command.split(' ').chain([pipe.as_str()]).collect();
        let child = waiting(simpipe(&words));
        let sent = Instant::now();
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert!(sent.elapsed() < Duration::from_secs(5), "{command}: it took {:?}", sent.elapsed());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), errors.as_str()), (Some(130), "error: interrupted\n"), "{command}");
        assert!(output.stdout.is_empty(), "{command}");
    }
}

#[test]
fn a_hangup_that_was_ignored_before_stays_so() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let pipe = silent_pipe(folder.path());
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_simpipe"), "check", &pipe]);
    let mut child = waiting(command);
    assert_eq!(taken(&child) & HUP, 0);
    signal(&child, "HUP");
    signal(&child, "STOP"); // what was sent before has had its effect when this has
    signal(&child, "CONT");
    assert_eq!(child.try_wait().unwrap(), None);
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));

    let mut heard = waiting(simpipe(&["check", &pipe]));
    assert_eq!(taken(&heard) & HUP, HUP);
    heard.kill().unwrap();
    heard.wait().unwrap();
}
