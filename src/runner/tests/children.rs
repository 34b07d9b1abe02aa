//! Runs in processes of their own: the test program started again with one test and the root to run in.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use super::fakes::run_as_trial;
use super::*;

/// Where a child runs.
const ROOT: &str = "SIMPIPE_TEST_ROOT";
/// What it runs: see [`plan_named`].
const PLAN: &str = "SIMPIPE_TEST_PLAN";
/// While this file is there, stages of mode `hold` wait.
pub(super) const HOLD: &str = "SIMPIPE_TEST_HOLD";

/// A run of many small stages: long enough that most kills find it at work.
pub(super) fn long() -> Plan {
    let ids: Vec<[String; 4]> =
        (0..12).map(|at| ["data", "train", "twin", "join"].map(|name| format!("{name}-{at}"))).collect();
    let mut stages: Vec<(&str, &str, &str, Vec<&str>)> = Vec::new();
    for (at, [data, train, twin, join]) in ids.iter().enumerate() {
        let text = &data["data-".len()..];
        let above = if at == 0 { Vec::new() } else { vec![ids[at - 1][2].as_str()] };
        stages.push((data, "d", "", above));
        stages.push((train, text, "train", vec![data]));
        stages.push((twin, "x", "", vec![data]));
        stages.push((join, text, "", vec![train, twin]));
    }
    let stages: Vec<(&str, &str, &str, &[&str])> =
        stages.iter().map(|(id, text, mode, above)| (*id, *text, *mode, above.as_slice())).collect();
    plan(&stages)
}

/// Experiments that share `top` and `right`: the others' keys depend on the variant.
pub(super) fn overlapping(variant: &str) -> Plan {
    plan(&[
        ("top", "t", "hold", &[]),
        ("left", variant, "slow", &["top"]),
        ("right", "r", "slow", &["top"]),
        ("bottom", "b", "", &["left", "right"]),
    ])
}

/// `long`, or a variant of [`overlapping`].
fn plan_named(name: &str) -> Plan {
    if name == "long" { long() } else { overlapping(name) }
}

/// Not a test by itself: what each child does.
#[test]
fn child() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let root = Path::new(&root);
    let store = Store::open(&folders::store_folder(root)).unwrap();
    let cancel = AtomicBool::new(false);
    let runner = Runner { root, store: &store, jobs: 2, cancel: &cancel, command: Vec::new(), profiler: None };
    let say = |event: &Event| {
        if let Event::Warning { stage: Some(stage), message } = event {
            writeln!(std::io::stderr(), "{stage}: {message}").unwrap();
        }
    };
    let name = std::env::var(PLAN).unwrap();
    let record = match device::plan_named(&name) {
        Some(plan) => run_as_trial(root, &store, &plan, &FrozenSources::default(), &say),
        None => runner.run(&plan_named(&name), &Fakes, &say).unwrap(),
    };
    assert!(record.ok, "{:?}", record.failure());
}

/// Starts a child that leads a process group of its own.
pub(super) fn spawn(root: &Path, plan: &str) -> Child {
    use std::os::unix::process::CommandExt;
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::children::child", "--nocapture"])
        .envs([(ROOT, root.as_os_str()), (PLAN, plan.as_ref()), (HOLD, root.join("hold").as_os_str())])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap()
}
