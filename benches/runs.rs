//! What `simpipe runs` costs with ten thousand runs: the plain list, a filter by a metric, one by a field of the config,
//! and the first list after the memo was lost. Prints one JSON line a case, with its bound, and fails where one is exceeded.
//!
//! `cargo bench -p simpipe-benches --bench runs`.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value as Json, json};
use simpipe_runner::RunRecord;
use simpipe_store::{RunStart, Store};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs of the root.
const MANY: usize = 10_000;

fn main() {
    // In memory, where ten thousand synced records are written in seconds; reading them back costs what it costs.
    let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let root = root.path();
    let record = smoke(root);
    fill(root, &record);
    let listed = list(root, &["--json", "--limit", "1"]);
    assert!(listed.contains("smoke"), "{listed}");
    let least = times(20, || drop(list(root, &["--limit", "20"])));
    let all = times(20, || drop(list(root, &[])));
    let by_metric = times(20, || drop(list(root, &["--where", "match.accuracy>0.9", "--limit", "20"])));
    let by_field = times(10, || drop(list(root, &["--where", "train.epochs=7", "--limit", "20"])));
    for name in [".summaries", ".details", ".fields"] {
        std::fs::remove_file(root.join("artifacts/runs").join(name)).expect("the memo is there");
    }
    let without_memo = times(1, || drop(list(root, &["--limit", "20"])));
    let kept = [
        report("runs-20-of-10000", &least, 100.0),
        report("runs-10000", &all, 100.0),
        report("runs-where-metric", &by_metric, 150.0),
        report("runs-where-field", &by_field, 250.0),
        report("runs-without-memo", &without_memo, 10_000.0),
    ];
    assert!(kept.iter().all(|kept| *kept), "a bound is exceeded");
}

/// Milliseconds, the least first.
fn times(repeats: usize, mut work: impl FnMut()) -> Vec<f64> {
    let mut times: Vec<f64> = (0..repeats)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

/// Prints a line; whether the bound holds.
#[expect(clippy::print_stdout, reason = "the lines are what the benchmark gives")]
fn report(case: &str, times: &[f64], bound: f64) -> bool {
    let median = times[times.len() / 2];
    println!("{}", json!({ "case": case, "min_ms": times[0], "median_ms": median, "bound_ms": bound }));
    median < bound
}

/// The real program.
fn program(args: &[&str], root: &Path) -> Vec<u8> {
    let mut command = Command::new(simpipe_benches::program());
    command.args(args).arg("--root").arg(root).current_dir(simpipe_benches::repository());
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn list(root: &Path, args: &[&str]) -> String {
    String::from_utf8(program(&[&["runs"], args].concat(), root)).expect("text")
}

/// The record of a real run.
fn smoke(root: &Path) -> Json {
    serde_json::from_slice(&program(&["run", "configs/smoke.toml", "--json", "--quiet"], root)).expect("a run record")
}

/// Ten thousand runs with a record and a journal each, which differ in a field and in their metrics.
fn fill(root: &Path, record: &Json) {
    let store = Store::open(&root.join("artifacts/store")).expect("the run's store");
    let mut record = record.clone();
    // What no list shows: it would only fill the memory.
    for stage in record["stages"].as_array_mut().expect("stages") {
        (stage["key_parts"], stage["params"], stage["files"]) = (Json::Null, json!({}), json!({}));
    }
    let absolute = std::path::absolute(root).expect("a path").to_string_lossy().into_owned();
    for number in 0..MANY {
        let run = format!("20250801T{:02}{:02}{:02}.000Z-{number:06x}", number / 3600, number / 60 % 60, number % 60);
        let dir = format!("artifacts/runs/smoke/{run}");
        (record["run"], record["dir"]) = (run.as_str().into(), dir.as_str().into());
        record["spec"]["stages"]["train"]["params"]["epochs"] = (number % 10).into();
        record["metrics"]["match.accuracy"] = (number as f64 / MANY as f64).into();
        let record: RunRecord = serde_json::from_value(record.clone()).expect("a record");
        std::fs::create_dir_all(root.join(&dir)).expect("a folder");
        let start = RunStart { run, name: "smoke".to_owned(), root: absolute.clone(), dir, ..RunStart::default() };
        let journal = store.journal(start).expect("a journal");
        record.write(&root.join(&record.dir)).expect("a record");
        journal.finish(true, false).expect("a journal");
    }
}
