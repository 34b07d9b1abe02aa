//! What the store and the runner cost beside the stages' own work: a chain of eight stages that write 1 MB each, reruns
//! with nothing to do, verification and lookups. Prints one JSON line a case, with its bound, and fails where a bound
//! is exceeded.
//!
//! `cargo bench -p simpipe-benches --bench store`. With `CHAIN=FOLDER` it runs the chain once in that folder, as a program of
//! its own does: `benches/peers/pipelines.sh` compares that with other runners.

#[path = "store/chain.rs"]
mod chain;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value as Json, json};
use simpipe_base::digest::Digest;
use simpipe_store::{Found, Produced, Store};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Entries of an old store.
const MANY: usize = 10_000;

fn main() {
    if let Some(folder) = std::env::var_os("CHAIN") {
        chain::run(Path::new(&folder));
        return;
    }
    // On the disk that builds use, so that a sync costs what it costs.
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let mut kept = chain_cases(&disk.path().join("chain"));
    kept.extend(smoke_cases());
    kept.push(lookup(&disk.path().join("lookup")));
    kept.push(verify(&disk.path().join("verify")));
    assert!(kept.iter().all(|kept| *kept), "a bound is exceeded");
}

/// Milliseconds, the least first.
fn times(repeats: usize, mut work: impl FnMut(usize)) -> Vec<f64> {
    let mut times: Vec<f64> = (0..repeats)
        .map(|at| {
            let started = Instant::now();
            work(at);
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

fn median(times: &[f64]) -> f64 {
    times[times.len() / 2]
}

/// Prints a line; whether the bound holds.
#[expect(clippy::print_stdout, reason = "the lines are what the benchmark gives")]
fn report(case: &str, times: &[f64], bound: f64, more: Json) -> bool {
    let mut line = json!({ "case": case, "min_ms": times[0], "median_ms": median(times), "bound_ms": bound });
    for (name, value) in more.as_object().expect("an object") {
        line[name] = value.clone();
    }
    println!("{line}");
    median(times) < bound
}

/// The chain in this process: everything, nothing, and the last stage to do.
fn chain_cases(folder: &Path) -> Vec<bool> {
    let full = times(10, |at| {
        let root = folder.join(format!("full-{at}"));
        chain::write(&root, "a");
        chain::run(&root);
    });
    let root = folder.join("full-0");
    let nothing = times(30, |_| chain::run(&root));
    let change = times(10, |at| {
        chain::write(&root, &format!("other {at}"));
        chain::run(&root);
    });
    // Last: files that nobody syncs would make the syncs of whoever comes after wait for them.
    let bare = times(10, |at| chain::work_alone(&folder.join(format!("bare-{at}"))));
    let stages = chain::STAGES as f64;
    let each: Vec<f64> = full.iter().map(|time| (time - median(&bare)) / stages).collect();
    vec![
        report("overhead-per-stage", &each, 5.0, json!({ "bare_ms": median(&bare) })),
        report("chain-nothing-to-do", &nothing, 20.0, json!({})),
        report("chain-last-parameter", &change, 50.0, json!({})),
    ]
}

/// One run of the shipped smoke experiment by the real program; its peak of memory in MB.
fn smoke(root: &Path) -> f64 {
    let mut command = Command::new(simpipe_benches::program());
    command.args(["run", "configs/smoke.toml", "--json", "--quiet", "--root"]).arg(root);
    let output = command.current_dir(simpipe_benches::repository()).output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let record: Json = serde_json::from_slice(&output.stdout).expect("a run record");
    record["peak_memory"].as_f64().unwrap_or(0.0) / 1e6
}

/// The real program with nothing to do, on a young store and on one that has seen much.
fn smoke_cases() -> Vec<bool> {
    // In memory, where ten thousand results are written in seconds: with nothing to do, hardly anything is synced.
    let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let root = root.path();
    smoke(root);
    std::thread::sleep(std::time::Duration::from_millis(100)); // memos are of files that have been left alone for a while
    let mut memory = Vec::new();
    let young = times(20, |_| memory.push(smoke(root)));
    memory.sort_by(f64::total_cmp);
    let store = Store::open(&root.join("artifacts/store")).expect("the run's store");
    for number in 0..MANY {
        publish(&store, &format!("old {number}"), &[(number.to_string().into_bytes())]);
    }
    let old = times(20, |_| _ = smoke(root));
    vec![
        report("smoke-nothing-to-do", &young, 20.0, json!({ "peak_mb": memory[memory.len() / 2] })),
        report("smoke-10000-entries", &old, median(&young) * 1.25 + 2.0, json!({})),
    ]
}

fn publish(store: &Store, name: &str, contents: &[Vec<u8>]) -> Digest {
    let scratch = store.scratch().expect("a folder");
    for (at, content) in contents.iter().enumerate() {
        std::fs::write(scratch.output().join(at.to_string()), content).expect("a file");
    }
    let key = Digest::of(name.as_bytes());
    store.publish(scratch, key, Produced::default()).expect("an entry");
    key
}

/// A result of two files, found among a hundred.
fn lookup(folder: &Path) -> bool {
    let store = Store::open(folder).expect("a store");
    let content = |at: usize| vec![format!("{at} a").into_bytes(), format!("{at} b").into_bytes()];
    let keys: Vec<Digest> = (0..100).map(|at| publish(&store, &at.to_string(), &content(at))).collect();
    std::thread::sleep(std::time::Duration::from_millis(100));
    let look = |key: &Digest| assert!(matches!(store.lookup(*key), Ok(Found::Hit(_))));
    keys.iter().for_each(look);
    let found = times(1000, |at| look(&keys[at % keys.len()]));
    report("lookup", &found, 0.5, json!({}))
}

/// A store of 1 GB, half of it in one object, read from the page cache.
fn verify(folder: &Path) -> bool {
    const MEGABYTE: usize = 1 << 20;
    let store = Store::open(folder).expect("a store");
    for (at, megabytes) in [512, 128, 128, 64, 64, 64, 64].into_iter().enumerate() {
        let number = |byte: usize| (byte.wrapping_mul(2_654_435_761) >> 11) as u8 ^ at as u8;
        publish(&store, &at.to_string(), &[(0..megabytes * MEGABYTE).map(number).collect()]);
    }
    let bytes = store.verify().expect("it can be read").bytes as f64;
    let read = times(5, |_| assert!(store.verify().expect("it can be read").clean()));
    report("verify-1gb", &read, bytes / 1e6, json!({ "gb_per_s": bytes / 1e6 / median(&read) }))
}
