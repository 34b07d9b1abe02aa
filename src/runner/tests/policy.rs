//! What the runner does around a stage: limits of time, retries, panics, the device, and early cutoff.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use petgraph::graph::NodeIndex;

use super::*;
use simpipe_base::fault::{EIO, ENOSPC, Fault, Faults};
use simpipe_base::fs::Verb;
use simpipe_base::issue::Issue;
use simpipe_base::params;
use simpipe_stage::{Bound, Ctx, Facts, InputFacts, Kind, Policy, Port, SourceDigest, SourceFinder, Stage, TimeLimit};
use simpipe_store::RunState;

params! {
    /// Of [`Moody`].
    struct MoodyParams {
        /// `endless`, `flaky`, `wait`, `odd-panic`, `thread-panic` or `source-panic`.
        mode: String = String::new(),
        /// A file outside the store that the mode counts in or waits for.
        file: String = String::new(),
    }
}

/// A tensor stage with moods.
#[derive(Debug)]
struct Moody;

impl Stage for Moody {
    const NAME: &'static str = "moody";
    const SUMMARY: &'static str = "Does what its mode says.";
    const VERSION: u32 = 1;
    const OUTPUT: Kind = Kind::Report;
    const FILES: &'static [&'static str] = &["out.txt", "parts/"];
    const TENSOR: bool = true;
    type Params = MoodyParams;

    fn ports(_: &MoodyParams) -> Vec<Port> {
        Vec::new()
    }

    fn infer(_: &MoodyParams, _: &InputFacts) -> Result<Facts, Vec<Issue>> {
        Ok(Facts::Report)
    }

    fn sources(params: &MoodyParams, _: &SourceFinder<'_>) -> Result<Vec<SourceDigest>, StageError> {
        assert!(params.mode != "source-panic", "no source");
        Ok(Vec::new())
    }

    fn run(params: &MoodyParams, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let file = Path::new(&params.file);
        match params.mode.as_str() {
            "endless" => loop {
                ctx.stop_if_cancelled()?;
                std::thread::sleep(Duration::from_millis(1));
            },
            "flaky" => {
                let tries = std::fs::read_to_string(file).unwrap_or_default() + "x";
                std::fs::write(file, &tries).map_err(StageError::io("write", file))?;
                if tries.len() < 3 {
                    return Err(StageError::unavailable("the server is busy"));
                }
            }
            "wait" => {
                for _ in 0..5000 {
                    if file.exists() {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
                file.exists().then_some(()).ok_or_else(|| StageError::failed("nothing came"))?;
            }
            "odd-panic" => std::panic::panic_any(7_u8),
            "thread-panic" => {
                rayon::join(|| panic!("in a thread"), || ());
            }
            _ => {}
        }
        let parts = ctx.output("parts");
        std::fs::create_dir(&parts).map_err(StageError::io("create", &parts))?;
        std::fs::write(ctx.output("out.txt"), "moody").map_err(StageError::io("write", &parts))
    }
}

/// A plan of a `Moody` stage called `moody`, and beside it the `Echo` stages `one` and, below that, `two`.
fn beside(mode: &str, file: &Path) -> Plan {
    let mut plan = plan(&[("one", "1", "", &[]), ("two", "2", "", &["one"])]);
    let params = MoodyParams { mode: mode.to_owned(), file: file.to_string_lossy().into_owned() };
    let stage = Arc::new(Bound::<Moody>(params));
    let node = simpipe_plan::Node { id: "moody".to_owned(), stage, policy: Policy::default(), facts: Facts::Report };
    let node = plan.graph.add_node(node);
    plan.order.insert(0, node);
    plan
}

fn with_policy(mut plan: Plan, policy: Policy) -> Plan {
    let node: NodeIndex = plan.order[0];
    plan.graph[node].policy = policy;
    plan
}

#[test]
fn a_stage_that_takes_too_long_is_stopped_and_said_to_be() {
    let project = Project::new();
    let limit = TimeLimit(Duration::from_millis(30));
    let plan = with_policy(beside("endless", Path::new("")), Policy { timeout: Some(limit), retries: 0 });
    let record = project.run(&plan);
    assert!(!record.ok && !record.interrupted);
    assert_eq!(with(&record, Outcome::Ran), ["one", "two"], "the others go on");
    let failure = record.stage("moody").unwrap().failure.clone().unwrap();
    assert_eq!(failure.kind, FailureKind::Stage);
    assert!(failure.message.starts_with("took longer than `timeout = "), "{}", failure.message);
    assert!(failure.help.unwrap().contains("raise `timeout`"));
}

#[test]
fn a_failure_that_may_go_away_is_tried_again_and_others_are_not() {
    let project = Project::new();
    let count = project.folder.path().join("count");
    let run = |mode: &str, retries| {
        let warnings = Mutex::new(Vec::new());
        let plan = with_policy(beside(mode, &count), Policy { timeout: None, retries });
        let record = project.run_with(&plan, 2, &|event| {
            if let Event::Warning { message, .. } = event
                && message.starts_with("try ")
            {
                warnings.lock().unwrap().push(message.clone());
            }
        });
        (record.stage("moody").unwrap().clone(), warnings.into_inner().unwrap())
    };
    let (stage, warnings) = run("flaky", 1);
    assert_eq!((stage.outcome, stage.retries), (Outcome::Failed, 1), "two tries, and it takes three");
    assert!(warnings[0].starts_with("try 1 of 2 failed: the server is busy; the next starts in"), "{warnings:?}");
    std::fs::remove_file(&count).unwrap();
    let (stage, warnings) = run("flaky", 5);
    assert_eq!((stage.outcome, stage.retries, warnings.len()), (Outcome::Ran, 2, 2));
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "xxx");
    let (stage, _) = run("odd-panic", 5);
    assert_eq!((stage.outcome, stage.retries), (Outcome::Failed, 0), "a mistake in the program stays one");
}

#[test]
fn a_pause_before_a_retry_ends_when_the_user_stops_the_run() {
    let project = Project::new();
    let plan =
        with_policy(beside("flaky", &project.folder.path().join("count")), Policy { timeout: None, retries: 100 });
    let record = project.run_with(&plan, 1, &|event| {
        if matches!(event, Event::Warning { .. }) {
            project.cancel.store(true, Ordering::Relaxed);
        }
    });
    assert!(record.interrupted);
    let failure = record.stage("moody").unwrap().failure.clone().unwrap();
    assert_eq!(failure.kind, FailureKind::Interrupted);
}

#[test]
fn no_panic_of_a_stage_keeps_the_others_waiting() {
    for (mode, message) in [
        ("odd-panic", "the stage panicked: without a message"),
        ("thread-panic", "the stage panicked: in a thread"),
        ("source-panic", "the stage panicked: no source"),
    ] {
        for jobs in [1, 3] {
            let project = Project::new();
            let record = project.run_with(&beside(mode, Path::new("")), jobs, &|_| {});
            assert_eq!(record.stage("moody").unwrap().failure.as_ref().unwrap().message, message);
            assert_eq!(with(&record, Outcome::Ran), ["one", "two"], "{mode} with {jobs} jobs");
        }
    }
}

#[test]
fn a_panic_of_whoever_shows_events_costs_no_result() {
    let project = Project::new();
    let record = project.run_with(&diamond("t", "l"), 2, &|_| panic!("a bug in a progress bar"));
    assert_eq!(with(&record, Outcome::Ran).len(), 4);
}

#[test]
fn a_hit_does_not_wait_for_the_device() {
    let project = Project::new();
    let flag = project.folder.path().join("flag");
    project.run(&beside("", Path::new(""))); // stores the result of the tensor stage that is a hit below
    let mut plan = beside("wait", &flag);
    let stage = Arc::new(Bound::<Moody>(MoodyParams { mode: String::new(), file: String::new() }));
    let node = simpipe_plan::Node { id: "known".to_owned(), stage, policy: Policy::default(), facts: Facts::Report };
    let node = plan.graph.add_node(node);
    plan.order.push(node);
    // `moody` has the device until `known` is done.
    let record = project.run_with(&plan, 2, &|event| {
        if matches!(event, Event::StageFinished { stage, .. } if stage == "known") {
            std::fs::write(&flag, "").unwrap();
        }
    });
    assert!(record.ok, "{:?}", record.failure());
    assert_eq!(record.stage("known").unwrap().outcome, Outcome::Hit);
}

/// Plan of tensor stages that all compute.
fn tensors(ids: &[&str]) -> Plan {
    let mut plan = plan(&[]);
    for id in ids {
        // Other parameters, so other keys.
        let params = MoodyParams { mode: String::new(), file: (*id).to_owned() };
        let stage = Arc::new(Bound::<Moody>(params));
        let node = simpipe_plan::Node { id: (*id).to_owned(), stage, policy: Policy::default(), facts: Facts::Report };
        let node = plan.graph.add_node(node);
        plan.order.push(node);
    }
    plan
}

/// Numerics that the device does not have.
#[test]
fn what_can_not_be_computed_here_is_taken_where_it_is_stored_and_fails_elsewhere() {
    let project = Project::new();
    let mut stored = tensors(&["a"]);
    stored.experiment.numerics = Some("bf16".to_owned());
    assert_eq!(project.run(&stored).stage("a").unwrap().outcome, Outcome::Ran);
    stored.experiment.device = "old".to_owned();
    assert_eq!(project.run(&stored).stage("a").unwrap().outcome, Outcome::Hit);
    let mut missing = tensors(&["a", "b"]);
    missing.experiment.device = "old".to_owned();
    missing.experiment.numerics = Some("bf16".to_owned());
    let record = project.run(&missing);
    assert_eq!(record.stage("a").unwrap().outcome, Outcome::Hit);
    let failure = record.stage("b").unwrap().failure.as_ref().unwrap();
    assert!(failure.message.contains("it is too old"), "{failure:?}");
}

#[test]
fn who_waits_for_another_process_leaves_the_device_to_others() {
    let project = Project::new();
    let plan = tensors(&["a", "b", "c"]);
    let key = project.forecast(&plan).stages[0].key.unwrap();
    let lock = Mutex::new(Some(project.store().lock(key, &|_| {}, &|| false).unwrap()));
    let done = AtomicBool::new(false);
    let record = std::thread::scope(|scope| {
        scope.spawn(|| {
            // Another process that has the key of `a` until the others are done, but not for ever.
            for _ in 0..10_000 {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            assert!(done.load(Ordering::Relaxed), "`c` had to wait for `a`");
            drop(lock.lock().unwrap().take());
        });
        project.run_with(&plan, 2, &|event| {
            if matches!(event, Event::StageFinished { stage, .. } if stage == "c") {
                done.store(true, Ordering::Relaxed);
            }
        })
    });
    assert_eq!(with(&record, Outcome::Ran), ["a", "b", "c"]);
}

#[test]
fn a_retry_after_a_half_filled_run_folder_fills_it() {
    for at in 0.. {
        let project = Project::new();
        let plan = with_policy(beside("", Path::new("")), Policy { timeout: None, retries: 1 });
        let faults = Faults::below(&folders::runs_folder(project.folder.path()), Fault::Refuse(at, EIO));
        let ended = project.try_run(&plan, 1, &|_| {});
        let Some(hit) = faults.hit() else { break };
        drop(faults);
        if hit.to.components().any(|part| part.as_os_str() == "moody") {
            let record = ended.unwrap();
            let moody = record.stage("moody").unwrap();
            assert_eq!((moody.outcome, moody.retries), (Outcome::Ran, 1), "{hit:?}: {:?}", moody.failure);
            let folder = project.folder.path().join(&record.dir).join("moody");
            assert_eq!(std::fs::read_to_string(folder.join("out.txt")).unwrap(), "moody");
        }
        assert!(at < 100, "the fault is always hit");
    }
}

#[test]
fn a_journal_without_its_last_line_does_not_spoil_the_run() {
    let project = Project::new();
    let plan = diamond("t", "l");
    project.run(&plan);
    let journals = project.store_folder().join("journal");
    let watched = Faults::below(&journals, Fault::Nothing);
    project.run(&plan);
    let changes: Vec<_> = watched.trace().into_iter().filter(|op| op.verb != Verb::Read).collect();
    drop(watched);
    let last = changes.iter().rposition(|op| op.path.extension().is_some_and(|name| name == "jsonl")).unwrap();
    let faults = Faults::below(&journals, Fault::Refuse(last, ENOSPC));
    let record = project.run(&plan);
    assert!(record.ok && faults.hit().is_some());
    drop(faults);
    let states: Vec<_> = project.store().journaled_runs().unwrap().iter().map(|run| run.state).collect();
    assert_eq!(states, [RunState::Done, RunState::Done, RunState::Killed]);
}

#[test]
fn two_stages_never_have_the_device_at_once() {
    let project = Project::new();
    let plan = tensors(&["a", "b", "c", "d"]);
    let running = Mutex::new((0, 0, Vec::new()));
    project.run_with(&plan, 4, &|event| {
        let mut running = running.lock().unwrap();
        match event {
            Event::StageStarted { stage, .. } => {
                running.0 += 1;
                running.2.push(stage.clone());
            }
            Event::StageFinished { .. } => running.0 -= 1,
            _ => {}
        }
        running.1 = running.1.max(running.0);
    });
    let (_, most, mut order) = running.into_inner().unwrap();
    assert_eq!(most, 1);
    order.sort();
    assert_eq!(order, ["a", "b", "c", "d"], "each starts once, however often it was waiting");
}

#[test]
fn a_policy_enters_no_key_and_is_no_reason_to_run() {
    let project = Project::new();
    let first = project.run(&beside("", Path::new("")));
    let policy = Policy { timeout: Some(TimeLimit(Duration::from_secs(60))), retries: 3 };
    let second = project.run(&with_policy(beside("", Path::new("")), policy));
    assert_eq!(with(&second, Outcome::Hit).len(), 3);
    assert_eq!(first.stage("moody").unwrap().key, second.stage("moody").unwrap().key);
}

#[test]
fn what_may_be_stale_turns_out_to_be_a_hit_when_the_bytes_stay_the_same() {
    let project = Project::new();
    project.run(&diamond("t", "l"));
    // `T` is another parameter with the same bytes: everything behind `top` may be stale, and is not.
    let changed = diamond("T", "l");
    let statuses: Vec<_> = project.forecast(&changed).stages.into_iter().map(|stage| stage.status).collect();
    let maybe = status::Freshness::MaybeStale;
    assert_eq!(statuses, [status::Freshness::Stale, maybe, maybe, maybe]);
    let record = project.run(&changed);
    assert_eq!(with(&record, Outcome::Ran), ["top"]);
    assert_eq!(with(&record, Outcome::Hit), ["left", "right", "bottom"]);
}
