//! Ctrl-C and SIGTERM in the middle of a training.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Output, Stdio};
use std::time::Duration;

use crate::project::{PLAIN_REPORT, Project, Record, files_below, signal, simpipe};

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
    let project = Project::new();
    for (name, resumes) in [("INT", false), ("TERM", true)] {
        let before = steps_kept(&project);
        let (mut child, begins, said) = in_training(&project);
        assert_eq!(begins.contains("goes on after step"), resumes, "{begins}");
        while steps_kept(&project) == before {
            assert_eq!(child.try_wait().unwrap(), None, "it keeps checkpoints as it goes");
            std::thread::sleep(Duration::from_millis(1));
        }
        signal(&child, name);
        let (output, errors) = end(child, said);
        assert_eq!(output.status.code(), Some(130), "{name}: {errors}");
        assert!(errors.contains("error: stage `train` (train): interrupted"), "{errors}");
        assert!(errors.contains("help: run the same command again: it goes on from here"), "{errors}");
        let summary = String::from_utf8(output.stdout).unwrap();
        assert!(summary.contains("1 interrupted, 6 skipped in "), "{summary}");
    }
    let more = [&PLAIN_REPORT[..], &LONG].concat();
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
