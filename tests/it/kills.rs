//! The real program on the smoke experiment, killed at random points.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};

use crate::project::{PLAIN_REPORT, Project, Record, simpipe};
use crate::turns::turn;

/// The bytes of every file of a run's stages but `log.txt` and `run.json`, by name.
fn files(record: &Record, project: &Project) -> Vec<(String, Vec<u8>)> {
    let dir = record.dir(project);
    let names = record.json["stages"].as_array().unwrap().iter().flat_map(|stage| {
        let files = stage["files"].as_object().unwrap().keys();
        files.map(|file| format!("{}/{file}", stage["id"].as_str().unwrap())).collect::<Vec<_>>()
    });
    names.map(|name| (name.clone(), std::fs::read(dir.join(&name)).unwrap())).collect()
}

/// Starts a smoke run and kills it `delay` after its `line`th line; whether that found it at work.
pub(crate) fn kill_at(project: &Project, more: &[&str], line: usize, delay: Duration) -> bool {
    let mut command = simpipe(&["run", "configs/smoke.toml", "--root", project.root().to_str().unwrap()]);
    let mut child = command.args(PLAIN_REPORT).args(more).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = lines.by_ref().skip_while(|line| !line.as_ref().is_ok_and(|line| line.starts_with("run ")));
    assert!(lines.nth(line).is_some(), "a run says that it begins, and more of each of its ten stages");
    std::thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

#[test]
fn a_smoke_run_survives_twenty_kills() {
    let _turn = turn();
    let undisturbed = Project::new();
    let record = undisturbed.run(&PLAIN_REPORT);
    let expected = files(&record, &undisturbed);
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
    let mut during = 0;
    for _ in 0..4 {
        // Each start finds what the killed ones before it have stored, and so gets further in as many lines.
        let project = Project::new();
        for _ in 0..5 {
            let delay = Duration::from_millis(random.random_range(0..40));
            during += usize::from(kill_at(&project, &[], random.random_range(0..10), delay));
        }
        let after = project.run(&PLAIN_REPORT);
        assert_eq!(after.json["metrics"], record.json["metrics"]);
        for ((name, bytes), (expected_name, expected_bytes)) in files(&after, &project).iter().zip(&expected) {
            assert_eq!(name, expected_name);
            assert!(bytes == expected_bytes, "{name} differs after kills");
        }
        let store = project.root().join("artifacts/store");
        for folder in ["tmp", "locks"] {
            let names = std::fs::read_dir(store.join(folder)).unwrap().map(|item| item.unwrap().file_name());
            let left: Vec<_> = names.filter(|name| name != "store" && name != "gate").collect(); // these two stay
            assert!(left.is_empty(), "{folder}: {left:?}");
        }
        assert_eq!(project.output(&["store", "verify"]).status.code(), Some(0));
    }
    assert!(during >= 10, "{during} of 20 kills found the program at work");
}
