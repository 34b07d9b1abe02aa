//! The contract between a stage and everything that plans and runs stages.
//!
//! [`Stage`] is what an implementation in `stages/` provides; [`DynStage`] is the same, with its parameters bound,
//! as `spec`, `plan` and `runner` see it through a [`Catalog`]. Owns no implementation and no scheduling.

mod catalog;
mod ctx;
mod error;
mod facts;
mod policy;

pub use catalog::{BackendChoice, Bound, Catalog, DynStage, NumberDoc, SourceDigest, SourceFinder, StageDoc, Unable};
pub use ctx::{Checkpoints, Ctx, CtxParts, Inputs, Number, Progress};
pub use error::StageError;
pub use facts::{
    CalibrationFacts, DatasetFacts, EmbeddingsFacts, EvaluationFacts, Facts, IndexFacts, InputFacts, Kind,
    MatchesFacts, ModelFacts, ProjectionFacts, SamplesFacts, SplitFacts,
};
pub use policy::{Policy, TimeLimit};

use std::path::PathBuf;

use simpipe_base::issue::Issue;
use simpipe_base::param::{Param, View};

/// Where a file lies that a stage has left, by its name.
pub type OutputFile<'a> = dyn Fn(&str) -> PathBuf + 'a;

/// A named input of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The name in a template's `inputs`.
    pub name: &'static str,
    /// What must be plugged in.
    pub kind: Kind,
    /// The upstream files that the stage reads through it: only these enter the key.
    pub files: &'static [&'static str],
    /// Whether the port may stay empty.
    pub optional: bool,
    /// The port in whose place this one may be plugged: exactly one of the two is.
    pub instead_of: Option<&'static str>,
    /// Ports whose pools tell which splits of a dataset are read: of `images/` only the files of those splits are. All of
    /// them where no port is named.
    pub splits_of: &'static [&'static str],
}

impl Port {
    /// A port that must be plugged.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, files: &'static [&'static str]) -> Self {
        Self { name, kind, files, optional: false, instead_of: None, splits_of: &[] }
    }

    /// The same port of a dataset, of whose images only the splits of the pools at these ports are read.
    #[must_use]
    pub const fn splits_of(mut self, pools: &'static [&'static str]) -> Self {
        self.splits_of = pools;
        self
    }

    /// The same port, which may be plugged in the place of another: exactly one of the two must be.
    #[must_use]
    pub const fn instead_of(mut self, other: &'static str) -> Self {
        self.instead_of = Some(other);
        self
    }

    /// The same port, but it may stay empty.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

/// One kind of stage. A new one is a file in `stages/` and a word in its registry.
pub trait Stage: Send + Sync + 'static {
    /// The name in TOML (`stage = "train"`).
    const NAME: &'static str;
    /// One sentence for the reference.
    const SUMMARY: &'static str;
    /// Enters the key. Bump it when `run` may give other bytes for the same parameters, or when a default changes;
    /// keep the history in comments.
    const VERSION: u32;
    /// What it leaves for other stages.
    const OUTPUT: Kind;
    /// The files it writes into its output folder, all of them, always (a name that ends in `/` is a folder).
    const FILES: &'static [&'static str];
    /// Files that it may leave beside them, where it has something to say; a port that reads one copes without it. A result
    /// of before there was the file stays a result.
    const OPTIONAL_FILES: &'static [&'static str] = &[];
    /// For a stage that makes its result piece by piece and takes over pieces of an earlier result where what they are made
    /// of is the same, so that the bytes are those of a result from nothing: the ports at which the two may differ, beside
    /// their sources. [`Ctx::earlier`] then has the newest such result of the experiment, if there is one.
    const TAKES_OVER: Option<&'static [&'static str]> = None;
    /// Whether it draws random numbers: then the experiment's seed enters the key.
    const SEEDED: bool = false;
    /// Whether it computes on tensors: then backend and float type enter the key, and it takes the device's slot.
    const TENSOR: bool = false;
    /// Whether it shows the whole resolved spec: then that enters the key.
    const SHOWS_SPEC: bool = false;
    /// Parameters that the work grows with, as their product: what a forecast of its time is scaled by.
    const WORK: &'static [&'static str] = &[];
    /// Its table in a spec.
    type Params: Param + std::fmt::Debug + Clone + Send + Sync + 'static;

    /// Named inputs.
    fn ports(params: &Self::Params) -> Vec<Port>;

    /// What is known before anything runs, from the parameters and what is known of the inputs.
    ///
    /// # Errors
    /// Every problem found, each at its parameter's path.
    fn infer(params: &Self::Params, inputs: &InputFacts) -> Result<Facts, Vec<Issue>>;

    /// What is allowed but probably not meant, known before anything runs; called where [`Stage::infer`] found no problem.
    fn warnings(_params: &Self::Params, _inputs: &InputFacts) -> Vec<Issue> {
        Vec::new()
    }

    /// What [`Stage::infer`] said, completed by what the stage has left in the meantime: `file` gives the path of one of
    /// [`Stage::FILES`]. With it, `infer` of the stages behind is asked again before they run, now that the data is there.
    ///
    /// # Errors
    /// If a file can't be read.
    fn complete(_params: &Self::Params, facts: Facts, _file: &OutputFile<'_>) -> Result<Facts, StageError> {
        Ok(facts)
    }

    /// Digests of what it reads outside the store (archives, folders), by name. [`Stage::run`] says with
    /// [`Ctx::has_read`] what it then did read.
    ///
    /// # Errors
    /// [`StageError::DataUnavailable`] when it is not there.
    fn sources(_params: &Self::Params, _finder: &SourceFinder) -> Result<Vec<SourceDigest>, StageError> {
        Ok(Vec::new())
    }

    /// The parameters that decide what [`Stage::sources`] looks at, with paths as they lie here: two stages of one kind that
    /// have the same ones read the same. All of them, unless a stage says less.
    fn source_params(params: &Self::Params) -> serde_json::Value {
        params.write(View::Located)
    }

    /// The parameter `stream`, where the stage has one: another stream of random numbers at the same seed.
    fn stream(_params: &Self::Params) -> Option<&str> {
        None
    }

    /// The parameters that a key is made of: those that differ from their defaults, without any that change nothing because
    /// of others.
    fn key_params(params: &Self::Params) -> serde_json::Value {
        params.write(View::Key)
    }

    /// The parameters that decide the state after a number of steps, for stages that keep checkpoints: all of
    /// [`Stage::key_params`] but how long to go on and how often to save.
    fn resume_params(_params: &Self::Params) -> Option<serde_json::Value> {
        None
    }

    /// Does the work: reads inputs through `ctx`, writes every file of [`Stage::FILES`].
    ///
    /// # Errors
    /// What went wrong, in words for the user.
    fn run(params: &Self::Params, ctx: &mut Ctx<'_>) -> Result<(), StageError>;
}
