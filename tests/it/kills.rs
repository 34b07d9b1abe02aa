//! The real program on the smoke experiment, killed at random points.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::project::{PLAIN_REPORT, Project, Record, simpipe};

/// The bytes of every file of a run's stages but `log.txt` and `run.json`, by name.
fn files(record: &Record, project: &Project) -> Vec<(String, Vec<u8>)> {
    let dir = record.dir(project);
    let names = record.json["stages"].as_array().unwrap().iter().flat_map(|stage| {
        let files = stage["files"].as_object().unwrap().keys();
        files.map(|file| format!("{}/{file}", stage["id"].as_str().unwrap())).collect::<Vec<_>>()
    });
    names.map(|name| (name.clone(), std::fs::read(dir.join(&name)).unwrap())).collect()
}

#[test]
fn a_smoke_run_survives_twenty_kills() {
    let undisturbed = Project::new();
    let started = Instant::now();
    let record = undisturbed.run(&PLAIN_REPORT);
    let life = started.elapsed();
    let expected = (files(&record, &undisturbed), record.json["metrics"].clone());

    // Each kill is followed by another start on the same store, so later ones find more of the work done.
    let mut during = 0;
    let mut project = Project::new();
    let mut points: Vec<u32> = (0..20).map(|at| at * 7 % 20).collect();
    points.rotate_left(3);
    for (round, point) in points.into_iter().enumerate() {
        if round % 4 == 0 {
            project = Project::new();
        }
        let mut child = simpipe(&["run", "configs/smoke.toml", "--quiet", "--root", project.root().to_str().unwrap()])
            .args(PLAIN_REPORT)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(10) + life.mul_f64(f64::from(point) / 20.0));
        child.kill().unwrap();
        during += usize::from(child.wait().unwrap().code().is_none());
        if round % 4 == 3 {
            let record = project.run(&PLAIN_REPORT);
            assert_eq!(record.json["metrics"], expected.1);
            for ((name, bytes), (expected_name, expected_bytes)) in files(&record, &project).iter().zip(&expected.0) {
                assert_eq!(name, expected_name);
                assert!(bytes == expected_bytes, "{name} differs after kills");
            }
            let store = project.root().join("artifacts/store");
            for folder in ["tmp", "locks"] {
                assert_eq!(std::fs::read_dir(store.join(folder)).unwrap().count(), 0, "{folder}");
            }
            assert_eq!(project.output(&["store", "verify"]).status.code(), Some(0));
        }
    }
    assert!(during >= 10, "{during} of 20 kills found the program at work");
}
