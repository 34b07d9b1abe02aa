//! What a sweep costs beside its trials' own work: a thousand trials of a stage that does nothing, what a trial of the shipped
//! smoke experiment takes beside its stages, the memory of a process after many of them, what is kept of each trial, and a look at
//! ten thousand. Prints one JSON line a case, with its bound, and fails where one is exceeded.
//!
//! `cargo build --release`, then `cargo bench -p simpipe-benches --bench sweeps`.

#[path = "sweeps/noop.rs"]
mod noop;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use simpipe_base::digest::Digest;
use simpipe_runner::sweep::SweepEvent;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Trials of a sweep that is run, and of one that is looked at.
const SOME: usize = 1000;
const MANY: usize = 10_000;
/// Numbers that a trial of real stages gives.
const NUMBERS: usize = 80;

fn main() {
    // On the disk that builds use, so that a sync costs what it costs.
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let mut kept = noop_cases(&disk.path().join("noop"));
    kept.push(smoke_case(&disk.path().join("smoke")));
    kept.push(memory_case(&disk.path().join("memory")));
    kept.extend(status_cases(&disk.path().join("noop")));
    assert!(kept.iter().all(|kept| *kept), "a bound is exceeded");
}

/// Prints a line; whether the bound holds.
#[expect(clippy::print_stdout, reason = "the lines are what the benchmark gives")]
fn report(case: &str, unit: &str, found: &[f64], bound: f64) -> bool {
    let mut sorted = found.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    let name = |what: &str| format!("{what}_{unit}");
    println!("{}", json!({ "case": case, name("min"): sorted[0], name("median"): median, name("bound"): bound }));
    median < bound
}

/// What a process has in memory now, in MB; `None` when it has ended.
fn resident(process: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse::<f64>().ok().map(|kilobytes| kilobytes / 1e3)
}

/// The median of what was measured at the five trials on both sides of one: what an allocator has not given back yet comes and
/// goes.
fn around(memory: &[(usize, f64)], trial: usize) -> f64 {
    let near = memory.iter().filter(|(at, _)| at.abs_diff(trial) <= 5);
    let mut found: Vec<f64> = near.map(|(_, megabytes)| *megabytes).collect();
    found.sort_by(f64::total_cmp);
    found[found.len() / 2]
}

/// A thousand trials in this process: all of them, each, and the memory.
fn noop_cases(root: &Path) -> Vec<bool> {
    let (ends, memory) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let started = Instant::now();
    let state = noop::sweep(root, SOME, &|event| {
        if let SweepEvent::TrialEnded { trial, .. } = event {
            ends.lock().expect("no panic").push(started.elapsed().as_secs_f64() * 1e3);
            memory.lock().expect("no panic").push((*trial, resident("self").expect("a Linux system")));
        }
    });
    let all = started.elapsed().as_secs_f64();
    assert_eq!(state.finished_points(), SOME, "{:?}", state.stopped);
    let (ends, memory) = (ends.into_inner().expect("no panic"), memory.into_inner().expect("no panic"));
    // The process is so small that a share of it says nothing: what a trial leaves behind, over 800 of them.
    let kept = (around(&memory, 990) - around(&memory, 190)) * 1e3 / 800.0;
    let each: Vec<f64> = ends.windows(2).map(|two| two[1] - two[0]).collect();
    vec![
        report("sweep-1000-noop-trials", "s", &[all], 60.0),
        report("sweep-trial", "ms", &each, 50.0),
        report("sweep-memory-of-a-trial", "kB", &[kept.max(0.0)], 20.0),
    ]
}

/// The real program.
fn program(args: &[&str], root: &Path) -> Vec<u8> {
    let mut command = Command::new(simpipe_benches::program());
    command.args(args).arg("--root").arg(root).current_dir(simpipe_benches::repository());
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The smoke experiment with these parameters, one trial after another.
fn smoke_sweep(root: &Path, parameters: &str) -> Command {
    std::fs::create_dir_all(root).expect("a folder");
    let smoke = simpipe_benches::repository().join("configs/smoke.toml").display().to_string();
    let config = root.join("sweep.toml");
    let sweep =
        format!("method = \"grid\"\nobjective = \"match.map@r\"\nfinalists = 0\n[sweep.parameters]\n{parameters}");
    std::fs::write(&config, format!("extends = {smoke:?}\nname = \"sweep\"\n[sweep]\n{sweep}")).expect("a config");
    let mut command = Command::new(simpipe_benches::program());
    command.args(["sweep", "run"]).arg(&config).args(["--jobs", "1", "--quiet", "--root"]).arg(root);
    command.current_dir(simpipe_benches::repository());
    command
}

/// 220 trials of the smoke experiment in one process, which trains in the first: its memory after 200 by that after 20.
fn memory_case(root: &Path) -> bool {
    let parameters = "\"calibrate.metric\" = [\"f1\", \"precision\", \"recall\", \"binary-accuracy\"]\n\
                      \"match.neighbours\" = { low = 5, high = 59 }\n";
    let mut child = smoke_sweep(root, parameters).spawn().expect("the program starts");
    let (process, mut memory) = (child.id().to_string(), Vec::new());
    while child.try_wait().expect("a child").is_none() {
        let finished = trials_in_journals(root);
        memory.extend(resident(&process).map(|megabytes| (finished, megabytes)));
        std::thread::sleep(Duration::from_millis(20));
    }
    report("sweep-memory-200-by-20", "ratio", &[around(&memory, 200) / around(&memory, 20)], 1.1)
}

/// Finished trials, as the journals of the only sweep tell them so far.
fn trials_in_journals(root: &Path) -> usize {
    let journals = walk(&root.join("artifacts/sweeps/sweep"), 3);
    let finished = |path: &PathBuf| {
        std::fs::read_to_string(path).unwrap_or_default().matches("\"event\":\"trial-finished\"").count()
    };
    journals.iter().filter(|path| path.parent().is_some_and(|folder| folder.ends_with("journals"))).map(finished).sum()
}

/// Files below a folder, so many levels down.
fn walk(folder: &Path, levels: usize) -> Vec<PathBuf> {
    let Ok(items) = std::fs::read_dir(folder) else { return Vec::new() };
    let below = |path: PathBuf| if path.is_dir() && levels > 1 { walk(&path, levels - 1) } else { vec![path] };
    items.filter_map(Result::ok).flat_map(|item| below(item.path())).collect()
}

/// Twelve trials of the smoke experiment that train once: what each takes beside its stages, one after another.
fn smoke_case(root: &Path) -> bool {
    let parameters = "\"calibrate.metric\" = [\"f1\", \"precision\", \"recall\", \"binary-accuracy\"]\n\
                      \"match.neighbours\" = [5, 6, 7]\n";
    let started = Instant::now();
    assert!(smoke_sweep(root, parameters).status().expect("the program starts").success());
    let all = started.elapsed().as_secs_f64() * 1e3;
    let table: Json = serde_json::from_slice(&program(&["sweep", "table", "--json"], root)).expect("a table");
    let trials = table["trials"].as_array().expect("trials");
    let record = |trial: &Json| -> Json {
        let path = root.join(trial["runs"][0]["dir"].as_str().expect("a folder")).join("run.json");
        serde_json::from_slice(&std::fs::read(path).expect("a record")).expect("a record")
    };
    let work = |record: &Json| -> f64 {
        let ran = record["stages"].as_array().expect("stages").iter().filter(|stage| stage["outcome"] == "ran");
        ran.filter_map(|stage| stage["seconds"].as_f64()).sum()
    };
    let work: f64 = trials.iter().map(|trial| work(&record(trial)) * 1e3).sum();
    report("sweep-trial-of-8-stages", "ms", &[(all - work) / trials.len() as f64], 50.0)
}

/// Looks at ten thousand trials: the journal of a thousand, told ten times; as they are, and with many numbers each.
fn status_cases(root: &Path) -> Vec<bool> {
    let folder = only(&root.join("artifacts/sweeps/noop"));
    let journal = only(&folder.join("journals"));
    let text = std::fs::read_to_string(&journal).expect("a journal");
    let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    let tell = |numbers: usize| {
        let mut many = String::new();
        for (at, line) in (0..MANY / SOME).flat_map(|round| lines.iter().map(move |line| (round, line))).enumerate() {
            many += &moved(line.1, line.0, at as u64 + 1, numbers);
        }
        std::fs::write(&journal, many).expect("a journal");
        let status: Json = serde_json::from_slice(&program(&["sweep", "status", "--json"], root)).expect("a status");
        assert_eq!(status["trials"]["finished"], MANY, "{status}");
    };
    let time = |args: &[&str]| -> Vec<f64> {
        let one = || {
            let started = Instant::now();
            program(args, root);
            started.elapsed().as_secs_f64() * 1e3
        };
        (0..20).map(|_| one()).collect()
    };
    tell(0);
    let mut kept = vec![
        report("sweep-status-10000", "ms", &time(&["sweep", "status"]), 100.0),
        report("sweep-status-10000-json", "ms", &time(&["sweep", "status", "--json"]), 100.0),
        report("runs-with-a-sweep-of-10000", "ms", &time(&["runs"]), 200.0),
    ];
    tell(NUMBERS);
    kept.push(report("sweep-status-10000-with-80-numbers", "ms", &time(&["sweep", "status"]), 500.0));
    kept
}

/// A line of a journal, told of trials that came so many rounds later and gave so many numbers more.
fn moved(line: &Json, round: usize, order: u64, numbers: usize) -> String {
    let mut line = line.clone();
    for path in ["/entry/metrics", "/entry/runs/0/metrics"] {
        let Some(metrics) = line.pointer_mut(path).and_then(Json::as_object_mut) else { continue };
        for number in 0..numbers {
            metrics.insert(format!("evaluate.metric@{number}"), (1.0 / (order as f64 + number as f64)).into());
        }
    }
    if let Some(trial) = line["entry"].get_mut("trial") {
        *trial = (trial.as_u64().expect("a number") + (round * SOME) as u64).into();
    }
    line["order"] = order.into();
    line.as_object_mut().expect("a line").remove("check");
    let rest = &line.to_string()[1..];
    format!("{{\"check\":\"{}\",{rest}\n", Digest::of(rest.as_bytes()).short())
}

fn only(folder: &Path) -> PathBuf {
    let mut items = std::fs::read_dir(folder).expect("a folder");
    let item = items.next().expect("something").expect("it can be read").path();
    assert!(items.next().is_none(), "{} holds one thing", folder.display());
    item
}
