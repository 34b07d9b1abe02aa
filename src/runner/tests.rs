//! Runs of small graphs of fake stages: what is a hit, what runs again, what a failure leaves.

mod children;
mod concurrency;
mod faults;
mod kills;
mod order;
mod policy;
mod recovery;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::json;

use recovery::{Results, assert_recovers, varied};

use super::*;
use crate::base::digest::Digest;
use crate::base::issue::Issues;
use crate::base::node::Node as SpecNode;
use crate::base::param::View;
use crate::base::source::{Place, Source};
use crate::params;
use crate::plan::{Edge, Node};
use crate::spec::Experiment;
use crate::stage::{
    BackendChoice, Bound, Ctx, DynStage, Facts, InputFacts, Kind, ParamIssue, Policy, Port, Progress, Stage, StageDoc,
    StageError,
};

params! {
    /// Of [`Echo`].
    struct EchoParams {
        /// Written in upper case after the inputs.
        text: String = String::new(),
        /// What goes wrong: `fail`, `data`, `panic`, `forget`, `extra`; or `slow` for a pause, `hold` to wait
        /// while the file in `SIMPIPE_TEST_HOLD` is there, `train` for six steps, each second with a checkpoint.
        mode: String = String::new(),
        /// How many of the ports `a` and `b` it has.
        inputs: usize = 0,
    }
}

/// Writes its inputs and its text in upper case: `x` and `X` are other parameters with the same result.
#[derive(Debug)]
struct Echo;

impl Stage for Echo {
    const NAME: &'static str = "echo";
    const SUMMARY: &'static str = "Writes what it reads.";
    const VERSION: u32 = 1;
    const OUTPUT: Kind = Kind::Report;
    const FILES: &'static [&'static str] = &["out.txt", "parts/"];
    type Params = EchoParams;

    fn ports(params: &EchoParams) -> Vec<Port> {
        ["a", "b"].map(|name| Port::new(name, Kind::Report, &["out.txt"]))[..params.inputs].to_vec()
    }

    fn infer(_: &EchoParams, _: &InputFacts) -> Result<Facts, Vec<ParamIssue>> {
        Ok(Facts::Report)
    }

    fn resume_params(params: &EchoParams) -> Option<serde_json::Value> {
        // All of its parameters: the shelf's parts are then those of the stage's own key.
        (params.mode == "train").then(|| crate::base::param::Param::write(params, View::Key))
    }

    fn run(params: &EchoParams, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let write = |path: &Path, text: &str| std::fs::write(path, text).map_err(StageError::io("write", path));
        match params.mode.as_str() {
            "fail" => return Err(StageError::failed("it can't be done")),
            "data" => return Err(StageError::unavailable("no such data").with_help("get some")),
            "panic" => panic!("a bug"),
            "extra" => write(&ctx.output("extra.txt"), "")?,
            "slow" => std::thread::sleep(Duration::from_millis(40)),
            "hold" => {
                while std::env::var_os(children::HOLD).is_some_and(|file| Path::new(&file).exists()) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            _ => {}
        }
        let mut text = String::new();
        for port in &["a", "b"][..params.inputs] {
            let path = ctx.input(port, "out.txt");
            text += &std::fs::read_to_string(path).map_err(StageError::io("read", path))?;
        }
        text += &params.text.to_uppercase();
        if params.mode == "train" {
            text += &trained(&text, ctx);
        }
        ctx.progress(Progress { done: 1, total: Some(1), unit: "steps", message: "epoch 1/1".to_owned() });
        ctx.metric("length", text.len() as f64);
        ctx.metric("nothing", f64::NAN);
        let parts = ctx.output("parts");
        std::fs::create_dir(&parts).map_err(StageError::io("create", &parts))?;
        write(&parts.join("1.txt"), &text)?;
        if params.mode == "forget" { Ok(()) } else { write(&ctx.output("out.txt"), &text) }
    }
}

/// Six steps, each a digest of the one before, from the last checkpoint on.
fn trained(input: &str, ctx: &Ctx<'_>) -> String {
    const STEPS: u64 = 6;
    let kept = ctx.checkpoints().and_then(|checkpoints| checkpoints.latest(STEPS));
    let (mut step, mut state) = kept.unwrap_or_else(|| (0, input.as_bytes().to_vec()));
    while step < STEPS {
        step += 1;
        state = Digest::of_json(&(step, &state)).to_string().into_bytes();
        if let Some(checkpoints) = ctx.checkpoints().filter(|_| step % 2 == 0) {
            checkpoints.save(step, &state);
        }
    }
    String::from_utf8(state).unwrap()
}

struct Fakes;

impl Catalog for Fakes {
    fn stages(&self) -> Vec<&'static str> {
        vec![Echo::NAME]
    }
    fn read(&self, _: &str, table: &SpecNode, path: &str, issues: &mut Issues) -> Option<Arc<dyn DynStage>> {
        use crate::base::param::Param;
        EchoParams::read(table, path, issues).map(|params| Arc::new(Bound::<Echo>(params)) as Arc<dyn DynStage>)
    }
    fn docs(&self) -> Vec<StageDoc> {
        Vec::new()
    }
    fn devices(&self) -> &'static [&'static str] {
        &["cpu"]
    }
    fn backend(&self, _: &str) -> Result<BackendChoice, StageError> {
        Ok(BackendChoice { accepted: vec!["flex".to_owned()], compute: "flex".to_owned() })
    }
}

/// A plan of `(id, text, mode, upstream ids)`.
pub(super) fn plan(stages: &[(&str, &str, &str, &[&str])]) -> Plan {
    let mut graph = DiGraph::new();
    let mut order: Vec<NodeIndex> = Vec::new();
    for (id, text, mode, upstream) in stages {
        let params = EchoParams { text: (*text).to_owned(), mode: (*mode).to_owned(), inputs: upstream.len() };
        let stage = Arc::new(Bound::<Echo>(params));
        let ports = Echo::ports(&stage.0);
        let node =
            graph.add_node(Node { id: (*id).to_owned(), stage, policy: Policy::default(), facts: Facts::Report });
        for (port, from) in ports.into_iter().zip(*upstream) {
            let from = order.iter().copied().find(|node| graph[*node].id == *from).unwrap();
            graph.add_edge(from, node, Edge { port });
        }
        order.push(node);
    }
    let source = Source::new("fake.toml", "", Path::new(""));
    let experiment = Experiment {
        name: "fake".to_owned(),
        description: String::new(),
        seed: 1,
        device: "cpu".to_owned(),
        device_place: Place::new(&source, 0..0),
        numerics: None,
        pipeline: "fake".to_owned(),
        config: "fake.toml".into(),
        project: "".into(),
        header: std::collections::BTreeMap::new(),
        stages: Vec::new(),
        issues: Vec::new(),
    };
    Plan { experiment, graph, order, portable: json!({}), warnings: Vec::new() }
}

/// `left` and `right` read `top`; `bottom` reads both.
pub(super) fn diamond(top: &str, left: &str) -> Plan {
    plan(&[
        ("top", top, "", &[]),
        ("left", left, "", &["top"]),
        ("right", "r", "", &["top"]),
        ("bottom", "b", "", &["left", "right"]),
    ])
}

/// A root folder with its store.
pub(super) struct Project {
    pub(super) folder: tempfile::TempDir,
    pub(super) cancel: AtomicBool,
}

impl Project {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), cancel: AtomicBool::new(false) }
    }

    /// In memory, where syncs cost nothing.
    fn in_memory() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Self { folder, cancel: AtomicBool::new(false) }
    }

    fn store_folder(&self) -> PathBuf {
        folders::store_folder(self.folder.path())
    }

    fn store(&self) -> Store {
        Store::open(&self.store_folder()).unwrap()
    }

    /// Opens the store and runs, as the program does.
    fn try_run(&self, plan: &Plan, jobs: usize, on_event: &(dyn Fn(&Event) + Sync)) -> Result<RunRecord, RunError> {
        let (root, store) = (self.folder.path(), &Store::open(&self.store_folder())?);
        Runner { root, store, jobs, cancel: &self.cancel, command: Vec::new() }.run(plan, &Fakes, on_event)
    }

    pub(super) fn run_with(&self, plan: &Plan, jobs: usize, on_event: &(dyn Fn(&Event) + Sync)) -> RunRecord {
        self.try_run(plan, jobs, on_event).unwrap()
    }

    pub(super) fn run(&self, plan: &Plan) -> RunRecord {
        self.run_with(plan, 2, &|_| {})
    }

    pub(super) fn forecast<'a>(&self, plan: &'a Plan) -> status::Forecast<'a> {
        status::Forecast::of(plan, &Fakes, &self.store(), self.folder.path()).unwrap()
    }
}

pub(super) fn with(record: &RunRecord, outcome: Outcome) -> Vec<&str> {
    record.stages.iter().filter(|stage| stage.outcome == outcome).map(|stage| stage.id.as_str()).collect()
}

#[test]
fn a_second_run_is_all_hits_with_the_same_metrics() {
    let project = Project::new();
    let first = project.run(&diamond("t", "l"));
    assert_eq!(with(&first, Outcome::Ran), ["top", "left", "right", "bottom"]);
    assert_eq!(first.metrics["bottom.length"], 5.0, "TL, TR and B");
    assert!(!first.metrics.contains_key("bottom.nothing"), "NaN is no number of JSON");
    let second = project.run(&diamond("t", "l"));
    assert_eq!(with(&second, Outcome::Hit), ["top", "left", "right", "bottom"]);
    assert_eq!(second.metrics, first.metrics);
    let folder = project.folder.path().join(&second.dir);
    assert_eq!(std::fs::read_to_string(folder.join("bottom/out.txt")).unwrap(), "TLTRB");
    assert_eq!(std::fs::read_to_string(folder.join("bottom/parts/1.txt")).unwrap(), "TLTRB");
    assert_eq!(RunRecord::read(&folder).unwrap(), second);
}

#[test]
fn a_changed_parameter_reruns_what_is_below_it_and_nothing_else() {
    let project = Project::new();
    project.run(&diamond("t", "l"));
    let record = project.run(&diamond("t", "L2"));
    assert_eq!(with(&record, Outcome::Ran), ["left", "bottom"]);
    assert_eq!(with(&record, Outcome::Hit), ["top", "right"]);
}

#[test]
fn the_same_bytes_stop_a_change() {
    let project = Project::new();
    project.run(&diamond("t", "l"));
    let record = project.run(&diamond("t", "L"));
    assert_eq!(with(&record, Outcome::Ran), ["left"], "`l` and `L` give the same bytes");
}

#[test]
fn a_forecast_says_what_a_run_then_does() {
    let project = Project::new();
    let statuses = |plan: &Plan| -> Vec<(String, status::Freshness)> {
        project.forecast(plan).stages.into_iter().map(|stage| (stage.id, stage.status)).collect()
    };
    let freshness = |plan: &Plan, id: &str| statuses(plan).into_iter().find(|(other, _)| other == id).unwrap().1;
    let same = diamond("t", "l");
    let before = project.forecast(&same);
    assert_eq!(before.stages[0].reason.as_ref().unwrap().kind, crate::plan::ReasonKind::NeverRan);
    assert_eq!(before.stages[1].status, status::Freshness::MaybeStale);
    assert_eq!(before.stages[1].key, None);
    assert_eq!(before.stages[1].reason.as_ref().unwrap().upstream.as_deref(), Some("top"));

    let record = project.run(&same);
    let after = project.forecast(&same);
    for (status, record) in after.stages.iter().zip(&record.stages) {
        assert_eq!((status.status, &status.reason, status.key), (status::Freshness::Fresh, &None, record.key));
    }
    let changed = diamond("t", "other");
    assert_eq!(freshness(&changed, "right"), status::Freshness::Fresh);
    assert_eq!(freshness(&changed, "left"), status::Freshness::Stale);
    assert_eq!(freshness(&changed, "bottom"), status::Freshness::MaybeStale);
    let explained = project.forecast(&changed);
    let explained = explained.explain("bottom").unwrap();
    assert_eq!(explained.causes.iter().map(|cause| cause.id.as_str()).collect::<Vec<_>>(), ["left"]);
    assert_eq!(explained.causes[0].compared_with.as_deref(), Some(record.run.as_str()));
}

#[test]
fn a_damaged_object_is_computed_again_and_said_to_be() {
    let project = Project::new();
    let first = project.run(&diamond("t", "l"));
    let object = project.store().object(first.stage("left").unwrap().files["out.txt"].digest);
    std::fs::remove_file(&object).unwrap();
    std::fs::write(&object, "XX").unwrap();
    let same = diamond("t", "l");
    let forecast = project.forecast(&same);
    let reason = forecast.stage("left").unwrap().reason.clone().unwrap();
    assert_eq!((reason.kind, reason.path.as_deref()), (crate::plan::ReasonKind::Damaged, Some("out.txt")));
    let warnings = Mutex::new(Vec::new());
    let record = project.run_with(&diamond("t", "l"), 1, &|event| {
        if let Event::Warning { stage: Some(stage), message } = event {
            warnings.lock().unwrap().push(format!("{stage}: {message}"));
        }
    });
    assert_eq!(with(&record, Outcome::Ran), ["left"]);
    assert_eq!(record.stage("left").unwrap().reason, Some(reason));
    assert!(warnings.lock().unwrap()[0].starts_with("left: stored `out.txt` is damaged: its bytes have changed"));
    assert_eq!(std::fs::read(&object).unwrap(), b"TL");
    assert!(project.store().verify().unwrap().clean());
    assert_eq!(with(&project.run(&diamond("t", "l")), Outcome::Hit).len(), 4);
}

#[test]
fn a_failure_skips_what_depends_on_it_and_nothing_else() {
    for (mode, kind, message) in [
        ("fail", FailureKind::Stage, "it can't be done"),
        ("data", FailureKind::DataUnavailable, "no such data"),
        ("panic", FailureKind::Stage, "the stage panicked: a bug"),
        ("forget", FailureKind::Stage, "the stage wrote no `out.txt`, which it declares"),
        ("extra", FailureKind::Stage, "the stage wrote `extra.txt`, which it does not declare"),
    ] {
        let project = Project::new();
        let plan = plan(&[
            ("top", "t", "", &[]),
            ("bad", "", mode, &["top"]),
            ("below", "", "", &["bad"]),
            ("far-below", "", "", &["below"]),
            ("other", "o", "", &["top"]),
        ]);
        let record = project.run(&plan);
        assert!(!record.ok);
        assert_eq!(with(&record, Outcome::Ran), ["top", "other"], "{mode}");
        assert_eq!(with(&record, Outcome::Skipped), ["below", "far-below"], "{mode}");
        assert_eq!(record.stage("far-below").unwrap().skipped.as_deref(), Some("`bad` failed"));
        let (stage, failure) = record.failure().unwrap();
        assert_eq!((stage.id.as_str(), failure.kind, failure.message.as_str()), ("bad", kind, message));
        assert_eq!(with(&project.run(&plan), Outcome::Hit), ["top", "other"], "a failure is never stored");
        let tmp = folders::store_folder(project.folder.path()).join("tmp");
        assert_eq!(std::fs::read_dir(tmp).unwrap().count(), 0, "{mode} leaves nothing behind");
    }
}

#[test]
fn two_runners_compute_a_key_once() {
    let project = Project::new();
    let plan = plan(&[("slow", "s", "slow", &[])]);
    let records: Vec<RunRecord> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| project.run(&plan))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(records.iter().filter(|record| with(record, Outcome::Ran) == ["slow"]).count(), 1);
    assert_eq!(records.iter().filter(|record| with(record, Outcome::Hit) == ["slow"]).count(), 3);
}

#[test]
fn the_number_of_jobs_changes_no_stored_byte() {
    let results = |jobs| {
        let project = Project::new();
        let record = project.run_with(&diamond("t", "l"), jobs, &|_| {});
        record.stages.into_iter().map(|stage| (stage.id, stage.key, stage.files)).collect::<Vec<_>>()
    };
    assert_eq!(results(1), results(4));
}

#[test]
fn independent_stages_run_side_by_side() {
    let project = Project::new();
    let plan = plan(&[("a", "a", "slow", &[]), ("b", "b", "slow", &[])]);
    let running = Mutex::new((0, 0));
    project.run_with(&plan, 2, &|event| {
        let mut running = running.lock().unwrap();
        match event {
            Event::StageStarted { .. } => running.0 += 1,
            Event::StageFinished { .. } => running.0 -= 1,
            _ => {}
        }
        running.1 = running.1.max(running.0);
    });
    assert_eq!(running.lock().unwrap().1, 2);
}

#[test]
fn a_cancelled_run_skips_the_rest() {
    let project = Project::new();
    let record = project.run_with(&diamond("t", "l"), 1, &|event| {
        if matches!(event, Event::StageFinished { .. }) {
            project.cancel.store(true, Ordering::Relaxed);
        }
    });
    assert!(record.interrupted && !record.ok);
    assert_eq!(with(&record, Outcome::Ran), ["top"]);
    assert_eq!(record.stage("left").unwrap().skipped.as_deref(), Some("interrupted"));
}

#[test]
fn runs_are_found_by_name_id_and_path() {
    let project = Project::new();
    let root = project.folder.path();
    let first = project.run(&diamond("t", "l"));
    std::thread::sleep(Duration::from_millis(2));
    let second = project.run(&diamond("t", "l"));
    let find = |wanted: &str| folders::find(root, wanted).map(|folder| RunRecord::read(&folder).unwrap().run).unwrap();
    assert_eq!(find("latest"), second.run);
    assert_eq!(find("fake"), second.run);
    assert_eq!(find(&first.run), first.run);
    assert_eq!(find(&first.dir), first.run);
    assert!(folders::find(root, "nothing").is_err());
    assert_eq!(first.stages[0].key_parts.as_ref().unwrap().params, json!({ "text": "t" }));
    assert_eq!(diamond("t", "l").graph[NodeIndex::new(0)].stage.params(View::Key), json!({ "text": "t" }));
}
