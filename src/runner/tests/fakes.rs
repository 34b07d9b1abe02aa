//! A catalog of fake stages, plans of them, and a project to run them in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::json;

use super::children;
use crate::frozen::FrozenSources;
use crate::git::SharedLook;
use crate::{Event, Outcome, Part, RunError, RunRecord, Runner, folders, status};
use simpipe_base::digest::Digest;
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::Node as SpecNode;
use simpipe_base::param::View;
use simpipe_base::params;
use simpipe_base::source::{Place, Source};
use simpipe_base::suggest::Known;
use simpipe_plan::{Edge, Node, Plan};
use simpipe_spec::Experiment;
use simpipe_stage::{
    BackendChoice, Bound, Catalog, Ctx, DynStage, Facts, InputFacts, Kind, OutputFile, Policy, Port, Progress, Stage,
    StageDoc, StageError, Unable,
};
use simpipe_store::Store;

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

/// How often facts were completed, by the text of the stage.
pub(super) static COMPLETED: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

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

    fn infer(_: &EchoParams, _: &InputFacts) -> Result<Facts, Vec<Issue>> {
        Ok(Facts::Report)
    }

    fn complete(params: &EchoParams, facts: Facts, file: &OutputFile<'_>) -> Result<Facts, StageError> {
        assert!(file("out.txt").is_file(), "facts are completed from a stored result");
        *COMPLETED.lock().unwrap().entry(params.text.clone()).or_default() += 1;
        Ok(facts)
    }

    fn resume_params(params: &EchoParams) -> Option<serde_json::Value> {
        // All of its parameters: the set's parts are then those of the stage's own key.
        (params.mode == "train").then(|| simpipe_base::param::Param::write(params, View::Key))
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

pub(crate) struct Fakes;

impl Catalog for Fakes {
    fn stages(&self) -> Vec<&'static str> {
        vec![Echo::NAME]
    }
    fn read(&self, _: &str, table: &SpecNode, path: &str, issues: &mut Issues) -> Option<Arc<dyn DynStage>> {
        use simpipe_base::param::Param;
        EchoParams::read(table, path, issues).map(|params| Arc::new(Bound::<Echo>(params)) as Arc<dyn DynStage>)
    }
    fn docs(&self) -> Vec<StageDoc> {
        Vec::new()
    }
    fn devices(&self) -> &'static [Known<'static>] {
        &[Known { name: "cpu", aka: &[] }]
    }
    /// Every device computes in every way, but the `old` one.
    fn backend(&self, device: &str, numerics: Option<&str>) -> Result<BackendChoice, StageError> {
        let unable = || Unable { message: "it is too old".to_owned(), help: "take a younger one".to_owned() };
        let unable = (device == "old" && numerics.is_some()).then(unable);
        Ok(BackendChoice { accepted: vec!["flex".to_owned()], compute: "flex".to_owned(), unable })
    }
}

/// A plan of `(id, text, mode, upstream ids)`.
pub(crate) fn plan(stages: &[(&str, &str, &str, &[&str])]) -> Plan {
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
        seeds: Vec::new(),
        device: "cpu".to_owned(),
        device_place: Place::new(&source, 0..0),
        numerics: None,
        numerics_place: Place::new(&source, 0..0),
        sweep: None,
        pipeline: "fake".to_owned(),
        config: "fake.toml".into(),
        project: "".into(),
        header: BTreeMap::new(),
        stages: Vec::new(),
        issues: Vec::new(),
    };
    Plan { experiment, graph, order, portable: json!({}), warnings: Vec::new(), sweep: None }
}

/// `left` and `right` read `top`; `bottom` reads both.
pub(crate) fn diamond(top: &str, left: &str) -> Plan {
    plan(&[
        ("top", top, "", &[]),
        ("left", left, "", &["top"]),
        ("right", "r", "", &["top"]),
        ("bottom", "b", "", &["left", "right"]),
    ])
}

/// A root folder with its store.
pub(crate) struct Project {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) cancel: AtomicBool,
}

impl Project {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), cancel: AtomicBool::new(false) }
    }

    /// In memory, where syncs cost nothing.
    pub(crate) fn in_memory() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Self { folder, cancel: AtomicBool::new(false) }
    }

    pub(crate) fn store_folder(&self) -> PathBuf {
        folders::store_folder(self.folder.path())
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.store_folder()).unwrap()
    }

    /// Opens the store and runs, as the program does.
    pub(crate) fn try_run(
        &self,
        plan: &Plan,
        jobs: usize,
        on_event: &(dyn Fn(&Event) + Sync),
    ) -> Result<RunRecord, RunError> {
        let (root, store) = (self.folder.path(), &Store::open(&self.store_folder())?);
        Runner { root, store, jobs, cancel: &self.cancel, command: Vec::new(), profiler: None }
            .run(plan, &Fakes, on_event)
    }

    pub(crate) fn run_with(&self, plan: &Plan, jobs: usize, on_event: &(dyn Fn(&Event) + Sync)) -> RunRecord {
        self.try_run(plan, jobs, on_event).unwrap()
    }

    pub(crate) fn run(&self, plan: &Plan) -> RunRecord {
        self.run_with(plan, 2, &|_| {})
    }

    pub(crate) fn forecast<'a>(&self, plan: &'a Plan) -> status::Forecast<'a> {
        status::Forecast::of(plan, &Fakes, &self.store(), self.folder.path()).unwrap()
    }
}

/// A run as a trial of a sweep, whose sources somebody may have looked at.
pub(super) fn run_as_trial(
    root: &Path,
    store: &Store,
    plan: &Plan,
    sources: &FrozenSources,
    on_event: &(dyn Fn(&Event) + Sync),
) -> RunRecord {
    let (folder, git) = (root.join("artifacts/sweeps/fake/s"), SharedLook::begin(root));
    let part = Part::Trial { sweep: "s", folder: &folder, git: &git, sources };
    let (jobs, cancel) = (2, AtomicBool::new(false));
    let runner = Runner { root, store, jobs, cancel: &cancel, command: Vec::new(), profiler: None };
    runner.run_of(plan, &Fakes, on_event, part).unwrap()
}

pub(crate) fn with(record: &RunRecord, outcome: Outcome) -> Vec<&str> {
    record.stages.iter().filter(|stage| stage.outcome == outcome).map(|stage| stage.id.as_str()).collect()
}
