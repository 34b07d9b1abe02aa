//! Stages as the planner and the runner see them: by name, with parameters bound, behind one object-safe trait.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value as Json;

use super::{Ctx, Facts, InputFacts, Kind, OutputFile, Port, Stage, StageError};
use simpipe_base::contents::Contents;
use simpipe_base::digest::Digest;
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::Node;
use simpipe_base::param::{Param, Shape, View};
use simpipe_base::suggest::Known;

/// The digest of something outside the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceDigest {
    /// Such as `archive` or `images`.
    pub name: String,
    /// What the content is.
    pub digest: Digest,
}

/// What a stage needs to find its sources.
pub struct SourceFinder<'a> {
    /// Folder for downloaded files, shared by all runs.
    pub downloads: PathBuf,
    /// Digests of files' contents, remembered as long as a file's state shows no change.
    pub digest_file: &'a dyn Contents,
}

/// A stage kind with its parameters.
pub trait DynStage: Debug + Send + Sync {
    /// [`Stage::NAME`].
    fn name(&self) -> &'static str;
    /// [`Stage::VERSION`].
    fn version(&self) -> u32;
    /// [`Stage::OUTPUT`].
    fn output(&self) -> Kind;
    /// [`Stage::FILES`].
    fn files(&self) -> &'static [&'static str];
    /// [`Stage::OPTIONAL_FILES`].
    fn optional_files(&self) -> &'static [&'static str];
    /// [`Stage::TAKES_OVER`].
    fn takes_over(&self) -> Option<&'static [&'static str]>;
    /// [`Stage::SEEDED`].
    fn seeded(&self) -> bool;
    /// [`Stage::TENSOR`].
    fn tensor(&self) -> bool;
    /// [`Stage::SHOWS_SPEC`].
    fn shows_spec(&self) -> bool;
    /// [`Stage::WORK`].
    fn work(&self) -> &'static [&'static str];
    /// [`Stage::stream`].
    fn stream(&self) -> Option<&str>;
    /// The parameters as JSON; for a key, [`Stage::key_params`].
    fn params(&self, view: View) -> Json;
    /// [`Stage::ports`].
    fn ports(&self) -> Vec<Port>;
    /// [`Stage::infer`].
    ///
    /// # Errors
    /// Every problem found.
    fn infer(&self, inputs: &InputFacts) -> Result<Facts, Vec<Issue>>;
    /// [`Stage::warnings`].
    fn warnings(&self, inputs: &InputFacts) -> Vec<Issue>;
    /// [`Stage::complete`].
    ///
    /// # Errors
    /// If a file can't be read.
    fn complete(&self, facts: Facts, file: &OutputFile<'_>) -> Result<Facts, StageError>;
    /// [`Stage::sources`].
    ///
    /// # Errors
    /// When data is not there.
    fn sources(&self, finder: &SourceFinder<'_>) -> Result<Vec<SourceDigest>, StageError>;
    /// [`Stage::source_params`].
    fn source_params(&self) -> Json;
    /// [`Stage::resume_params`].
    fn resume_params(&self) -> Option<Json>;
    /// [`Stage::run`].
    ///
    /// # Errors
    /// What went wrong.
    fn run(&self, ctx: &mut Ctx<'_>) -> Result<(), StageError>;
}

/// `S` with its parameters: the one implementation of [`DynStage`].
#[derive(Debug)]
pub struct Bound<S: Stage>(pub S::Params);

impl<S: Stage + Debug> DynStage for Bound<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }
    fn version(&self) -> u32 {
        S::VERSION
    }
    fn output(&self) -> Kind {
        S::OUTPUT
    }
    fn files(&self) -> &'static [&'static str] {
        S::FILES
    }
    fn optional_files(&self) -> &'static [&'static str] {
        S::OPTIONAL_FILES
    }
    fn takes_over(&self) -> Option<&'static [&'static str]> {
        S::TAKES_OVER
    }
    fn seeded(&self) -> bool {
        S::SEEDED
    }
    fn tensor(&self) -> bool {
        S::TENSOR
    }
    fn shows_spec(&self) -> bool {
        S::SHOWS_SPEC
    }
    fn work(&self) -> &'static [&'static str] {
        S::WORK
    }
    fn stream(&self) -> Option<&str> {
        S::stream(&self.0)
    }
    fn params(&self, view: View) -> Json {
        if view == View::Key { S::key_params(&self.0) } else { self.0.write(view) }
    }
    fn ports(&self) -> Vec<Port> {
        S::ports(&self.0)
    }
    fn infer(&self, inputs: &InputFacts) -> Result<Facts, Vec<Issue>> {
        S::infer(&self.0, inputs)
    }
    fn warnings(&self, inputs: &InputFacts) -> Vec<Issue> {
        S::warnings(&self.0, inputs)
    }
    fn complete(&self, facts: Facts, file: &OutputFile<'_>) -> Result<Facts, StageError> {
        S::complete(&self.0, facts, file)
    }
    fn sources(&self, finder: &SourceFinder<'_>) -> Result<Vec<SourceDigest>, StageError> {
        S::sources(&self.0, finder)
    }
    fn source_params(&self) -> Json {
        S::source_params(&self.0)
    }
    fn resume_params(&self) -> Option<Json> {
        S::resume_params(&self.0)
    }
    fn run(&self, ctx: &mut Ctx<'_>) -> Result<(), StageError> {
        S::run(&self.0, ctx)
    }
}

/// What the reference says of a stage kind.
#[derive(Debug, Clone)]
pub struct StageDoc {
    /// [`Stage::NAME`].
    pub name: &'static str,
    /// [`Stage::VERSION`].
    pub version: u32,
    /// [`Stage::SUMMARY`].
    pub summary: &'static str,
    /// [`Stage::OUTPUT`].
    pub output: Kind,
    /// [`Stage::FILES`].
    pub files: &'static [&'static str],
    /// [`Stage::ports`] for parameters in JSON; none if those can't be read.
    pub ports: fn(&Json) -> Vec<Port>,
    /// Its table in a spec.
    pub params: Shape,
}

/// What is known of a number that a stage leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberDoc {
    /// Whether more of it is better, where that is the same for everybody.
    pub higher_is_better: Option<bool>,
    /// The port whose examples it is measured on; `None` for numbers of no examples, and of those that are trained on.
    pub measured_on: Option<&'static str>,
}

/// Why nothing can be computed here as a spec asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unable {
    /// What is missing.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// Backends for a `device` in a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendChoice {
    /// Backends whose stored results are accepted, in this order.
    pub accepted: Vec<String>,
    /// The one to compute on.
    pub compute: String,
    /// Why it can't compute with the spec's `numerics`: then only stored results will do.
    pub unable: Option<Unable>,
}

/// The stages and backends that there are.
pub trait Catalog: Sync {
    /// Names of all stage kinds.
    fn stages(&self) -> Vec<&'static str>;
    /// Reads a stage's table; `path` is the stage's id.
    fn read(&self, stage: &str, table: &Node, path: &str, issues: &mut Issues) -> Option<Arc<dyn DynStage>>;
    /// Reference entries, in the order of [`Catalog::stages`].
    fn docs(&self) -> Vec<StageDoc>;
    /// What to say of a name that other tools have for something that has no counterpart here.
    fn note(&self, _name: &str) -> Option<&'static str> {
        None
    }
    /// What is known of a number by its name behind the stage's id; `None` where the stage leaves no such number.
    fn number(&self, _stage: &dyn DynStage, _name: &str) -> Option<NumberDoc> {
        None
    }
    /// Names of numbers that the stage leaves, for who has misspelt one.
    fn numbers(&self, _stage: &dyn DynStage) -> Vec<String> {
        Vec::new()
    }
    /// Names that `device` takes.
    fn devices(&self) -> &'static [Known<'static>];
    /// What a `device` and a spec's `numerics` mean on this machine and in this binary.
    ///
    /// # Errors
    /// A message and a help text when the device can't be used.
    fn backend(&self, device: &str, numerics: Option<&str>) -> Result<BackendChoice, StageError>;
    /// What is known of the hardware behind a backend, such as `kernels` and `device`: kept beside results, never in a
    /// key.
    fn hardware(&self, _backend: &str) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}
