//! How long specs take to be read, checked and planned, in process: the largest shipped config, a thousand configs, and the
//! plan alone. Prints one JSON line a case, with its bound, and fails where a bound is exceeded.
//!
//! `cargo bench -p simpipe-benches --bench spec`

use std::path::{Path, PathBuf};
use std::time::Instant;

use simpipe_plan::Plan;
use simpipe_spec::{LoadOptions, load};
use simpipe_stages::registry::builtin;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Configs of the second case.
const MANY: usize = 1000;

fn main() {
    let project = simpipe_benches::repository();
    let largest = largest_config(project);
    let options = LoadOptions { project: Some(project.to_path_buf()), ..LoadOptions::default() };
    let check =
        || Plan::build(load(&largest, &options).expect("a shipped config"), builtin()).expect("a shipped config");

    let one = median_ms(200, || drop(check()));
    let experiment = load(&largest, &options).expect("a shipped config");
    let plan = median_ms(200, || drop(Plan::build(experiment.clone(), builtin()).expect("a shipped config")));

    let folder = tempfile::tempdir().expect("a folder for configs");
    let configs: Vec<PathBuf> = (0..MANY).map(|number| folder.path().join(format!("{number}.toml"))).collect();
    let text = std::fs::read_to_string(&largest).expect("a shipped config");
    for (number, config) in configs.iter().enumerate() {
        std::fs::write(config, text.replace("seed = 42", &format!("seed = {number}"))).expect("a config");
    }
    let many = median_ms(3, || {
        for config in &configs {
            let experiment = load(config, &options).expect("a copy of a shipped config");
            drop(Plan::build(experiment, builtin()).expect("a copy of a shipped config"));
        }
    });
    let kept = [("check", one, 5.0), ("plan", plan, 20.0), ("check-1000", many, 2000.0)].map(report);
    assert!(kept.iter().all(|kept| *kept), "a bound is exceeded");
}

#[expect(clippy::print_stdout, reason = "the lines are what the benchmark gives")]
fn report((case, ms, bound): (&str, f64, f64)) -> bool {
    println!("{}", serde_json::json!({ "case": case, "median_ms": ms, "bound_ms": bound }));
    ms < bound
}

/// The longest config that needs no other file.
fn largest_config(project: &Path) -> PathBuf {
    let entries = std::fs::read_dir(project.join("configs")).expect("the shipped configs");
    let configs = entries.map(|entry| entry.expect("a shipped config").path());
    let size = |path: &PathBuf| path.metadata().map_or(0, |metadata| metadata.len());
    configs.max_by_key(size).expect("a shipped config")
}

fn median_ms(repeats: usize, mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..repeats)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
