//! A chain of eight stages, each of which writes 1 MB: what it reads, moved by one byte. The same work as the other
//! runners do in `benches/peers/pipelines.py`, so that what is measured is the runner.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::Node;
use simpipe_base::param::Param;
use simpipe_base::params;
use simpipe_plan::Plan;
use simpipe_runner::{Runner, folders};
use simpipe_spec::{LoadOptions, load};
use simpipe_stage::{
    BackendChoice, Bound, Catalog, Ctx, DynStage, Facts, InputFacts, Kind, Port, Stage, StageDoc, StageError,
};
use simpipe_store::Store;

/// How many stages.
pub(crate) const STAGES: usize = 8;
/// What each writes.
const BYTES: usize = 1_000_000;

params! {
    /// Of [`Link`].
    pub(crate) struct LinkParams {
        /// Ends the output.
        text: String,
        /// Whether it reads another.
        first: bool = false,
    }
}

/// One stage of the chain.
#[derive(Debug)]
pub(crate) struct Link;

impl Stage for Link {
    const NAME: &'static str = "link";
    const SUMMARY: &'static str = "Writes what it reads, moved by one byte.";
    const VERSION: u32 = 1;
    const OUTPUT: Kind = Kind::Report;
    const FILES: &'static [&'static str] = &["out.bin"];
    type Params = LinkParams;

    fn ports(params: &LinkParams) -> Vec<Port> {
        if params.first { Vec::new() } else { vec![Port::new("a", Kind::Report, &["out.bin"])] }
    }

    fn infer(_: &LinkParams, _: &InputFacts) -> Result<Facts, Vec<Issue>> {
        Ok(Facts::Report)
    }

    fn run(params: &LinkParams, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let input = if params.first { None } else { Some(ctx.input("a", "out.bin").to_path_buf()) };
        let path = ctx.output("out.bin");
        work(input.as_deref(), &path, &params.text).map_err(StageError::io("write", &path))
    }
}

fn work(input: Option<&Path>, output: &Path, text: &str) -> std::io::Result<()> {
    let mut bytes = match input {
        Some(input) => std::fs::read(input)?.split_off(text.len()),
        None => b"simpipe\n".iter().copied().cycle().take(BYTES - text.len()).collect(),
    };
    bytes.extend_from_slice(text.as_bytes());
    std::fs::write(output, bytes)
}

/// The work of all stages and nothing else.
pub(crate) fn work_alone(folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder");
    let path = |at: usize| folder.join(at.to_string());
    for at in 0..STAGES {
        let input = at.checked_sub(1).map(path);
        work(input.as_deref(), &path(at), "a").expect("files of 1 MB");
    }
}

struct Links;

impl Catalog for Links {
    fn stages(&self) -> Vec<&'static str> {
        vec![Link::NAME]
    }
    fn read(&self, _: &str, table: &Node, path: &str, issues: &mut Issues) -> Option<Arc<dyn DynStage>> {
        LinkParams::read(table, path, issues).map(|params| Arc::new(Bound::<Link>(params)) as Arc<dyn DynStage>)
    }
    fn docs(&self) -> Vec<StageDoc> {
        Vec::new()
    }
    fn devices(&self) -> &'static [simpipe_base::suggest::Known<'static>] {
        &[simpipe_base::suggest::Known { name: "auto", aka: &[] }]
    }
    fn backend(&self, _: &str, _: Option<&str>) -> Result<BackendChoice, StageError> {
        Ok(BackendChoice { accepted: vec!["flex".to_owned()], compute: "flex".to_owned(), unable: None })
    }
}

/// Writes the chain's template and config; `last` is the text of the last stage.
pub(crate) fn write(root: &Path, last: &str) {
    let (mut template, mut config) = ("format = 1\n".to_owned(), String::new());
    for at in 0..STAGES {
        let inputs = if at == 0 { "first = true".to_owned() } else { format!("inputs = {{ a = \"s{}\" }}", at - 1) };
        template += &format!("\n[stages.s{at}]\nstage = \"link\"\n{inputs}\n");
        let text = if at + 1 == STAGES { last } else { "a" };
        config += &format!("\n[s{at}]\ntext = \"{text}\"\n");
    }
    for folder in ["pipelines", "configs"] {
        std::fs::create_dir_all(root.join(folder)).expect("a folder");
    }
    std::fs::write(root.join("pipelines/chain.toml"), template).expect("a template");
    let head = "pipeline = \"chain\"\nname = \"chain\"\ndescription = \"a chain\"\nseed = 1\n";
    std::fs::write(root.join("configs/chain.toml"), format!("{head}{config}")).expect("a config");
}

/// Runs the chain that lies in a folder.
pub(crate) fn run(root: &Path) {
    let experiment = load(&root.join("configs/chain.toml"), &LoadOptions::default()).expect("the chain's config");
    let plan = Plan::build(experiment, &Links).expect("the chain's plan");
    let store = Store::open(&folders::store_folder(root)).expect("a store");
    let runner =
        Runner { root, store: &store, jobs: 2, cancel: &AtomicBool::new(false), command: Vec::new(), profiler: None };
    let record = runner.run(&plan, &Links, &|_| {}).expect("a run");
    assert!(record.ok, "{:?}", record.failure());
}
