//! A stage without work, whose two parameters are its only number: what its trials take is the sweep's own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::Node;
use simpipe_base::param::Param;
use simpipe_base::params;
use simpipe_plan::Plan;
use simpipe_runner::folders;
use simpipe_runner::sweep::{Origin, State, SweepEvent, SweepRunner, Which};
use simpipe_spec::{LoadOptions, load};
use simpipe_stage::{
    BackendChoice, Bound, Catalog, Ctx, DynStage, Facts, InputFacts, Kind, NumberDoc, Port, Stage, StageDoc, StageError,
};
use simpipe_store::Store;

params! {
    /// Of [`Noop`].
    pub(crate) struct NoopParams {
        /// A number.
        x: f64 = 0.5,
        /// Another one.
        y: f64 = 0.5,
    }
}

/// The stage.
#[derive(Debug)]
pub(crate) struct Noop;

impl Stage for Noop {
    const NAME: &'static str = "noop";
    const SUMMARY: &'static str = "Does nothing.";
    const VERSION: u32 = 1;
    const OUTPUT: Kind = Kind::Report;
    const FILES: &'static [&'static str] = &["value.txt"];
    type Params = NoopParams;

    fn ports(_: &NoopParams) -> Vec<Port> {
        Vec::new()
    }

    fn infer(_: &NoopParams, _: &InputFacts) -> Result<Facts, Vec<Issue>> {
        Ok(Facts::Report)
    }

    fn run(params: &NoopParams, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        let value = (params.x - 0.3).powi(2) + (params.y - 0.6).powi(2);
        ctx.metric("value", value);
        let path = ctx.output("value.txt");
        std::fs::write(&path, value.to_string()).map_err(StageError::io("write", &path))
    }
}

struct Noops;

impl Catalog for Noops {
    fn stages(&self) -> Vec<&'static str> {
        vec![Noop::NAME]
    }
    fn read(&self, _: &str, table: &Node, path: &str, issues: &mut Issues) -> Option<Arc<dyn DynStage>> {
        NoopParams::read(table, path, issues).map(|params| Arc::new(Bound::<Noop>(params)) as Arc<dyn DynStage>)
    }
    fn docs(&self) -> Vec<StageDoc> {
        vec![StageDoc {
            name: Noop::NAME,
            version: Noop::VERSION,
            summary: Noop::SUMMARY,
            output: Noop::OUTPUT,
            files: Noop::FILES,
            ports: |_| Vec::new(),
            params: NoopParams::shape(),
        }]
    }
    fn number(&self, _: &dyn DynStage, name: &str) -> Option<NumberDoc> {
        (name == "value").then_some(NumberDoc { higher_is_better: Some(false), measured_on: None })
    }
    fn devices(&self) -> &'static [simpipe_base::suggest::Known<'static>] {
        &[simpipe_base::suggest::Known { name: "auto", aka: &[] }]
    }
    fn backend(&self, _: &str, _: Option<&str>) -> Result<BackendChoice, StageError> {
        Ok(BackendChoice { accepted: vec!["flex".to_owned()], compute: "flex".to_owned(), unable: None })
    }
}

/// A sweep of so many trials in a folder, one after another in this process.
pub(crate) fn sweep(root: &Path, trials: usize, on_event: &(dyn Fn(&SweepEvent<'_>) + Sync)) -> State {
    for folder in ["pipelines", "configs"] {
        std::fs::create_dir_all(root.join(folder)).expect("a folder");
    }
    let template = "format = 1\n[stages.noop]\nstage = \"noop\"\n";
    // A project of its own, also where a folder above has results.
    std::fs::write(root.join("simpipe.toml"), "").expect("the mark of a project");
    std::fs::write(root.join("pipelines/noop.toml"), template).expect("a template");
    let config = format!(
        "pipeline = \"noop\"\nname = \"noop\"\ndescription = \"nothing\"\nseed = 1\n[noop]\nx = 0.5\n[sweep]\nmethod = \"auto\"\n\
         objective = \"noop.value\"\ntrials = {trials}\nfinalists = 0\n[sweep.parameters]\n\
         \"noop.x\" = {{ low = 0.0, high = 1.0 }}\n\"noop.y\" = {{ low = 0.0, high = 1.0 }}\n"
    );
    let path = root.join("configs/noop.toml");
    std::fs::write(&path, config).expect("a config");
    let plan = Plan::build(load(&path, &LoadOptions::default()).expect("a config"), &Noops).expect("a plan");
    let store = Store::open(&folders::store_folder(root)).expect("a store");
    let runner = SweepRunner {
        root,
        store: &store,
        jobs: 1,
        workers: 1,
        cancel: &AtomicBool::new(false),
        command: Vec::new(),
        job: None,
    };
    runner.run(&plan, &Origin { path, ..Origin::default() }, Which::New, &Noops, on_event).expect("a sweep").1
}
