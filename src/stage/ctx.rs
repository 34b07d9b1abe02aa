//! All that a stage may see while it runs: inputs by port, an empty output folder, its seed. No clock, no
//! environment, no global path.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value as Json;

use super::{SourceDigest, StageError};
use simpipe_base::seed::Seed;

/// Upstream files by port, then by name.
pub type Inputs = BTreeMap<String, BTreeMap<String, PathBuf>>;

/// How far a stage is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all, if known.
    pub total: Option<u64>,
    /// What a unit is, in the plural: `steps`, `images`, `bytes`.
    pub unit: &'static str,
    /// What a person wants to see beside the bar: `epoch 2/3, loss 1.1621`.
    pub message: String,
}

/// A figure of a stage under way, for programs that watch it.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// Steps made.
    pub step: u64,
    /// What it is of: `loss`, `val-loss`, `learning-rate`, `recall@1`.
    pub name: String,
    /// How large it is.
    pub value: f64,
}

/// Where a long stage leaves checkpoints and finds the last one.
pub trait Checkpoints: Sync {
    /// The furthest checkpoint at or before `limit` steps: its step and its bytes.
    fn latest(&self, limit: u64) -> Option<(u64, Vec<u8>)>;
    /// Keeps a checkpoint; an error is a warning, never a failure of the stage.
    fn save(&self, step: u64, bytes: &[u8]);
}

/// What the runner gives to a stage.
pub struct CtxParts<'a> {
    /// The stage's id, for messages only.
    pub id: &'a str,
    /// Upstream files.
    pub inputs: Inputs,
    /// An empty folder.
    pub output: &'a Path,
    /// The stage's seed.
    pub seed: Seed,
    /// The backend to compute on: `flex`, `flex-avx2`, `flex-portable`, `flex-amx`, `ndarray`, `cuda` or `vulkan`.
    pub backend: &'a str,
    /// The whole resolved spec.
    pub spec: &'a Json,
    /// Set when the user wants to stop.
    pub cancel: &'a AtomicBool,
    /// Takes progress.
    pub on_progress: &'a (dyn Fn(Progress) + Sync),
    /// Takes warnings.
    pub on_warning: &'a (dyn Fn(String) + Sync),
    /// Keeps checkpoints, for stages that make them.
    pub checkpoints: Option<&'a dyn Checkpoints>,
    /// Folder for downloaded files, shared by all runs.
    pub downloads: &'a Path,
}

/// A stage's view of the world.
pub struct Ctx<'a> {
    parts: CtxParts<'a>,
    /// When the stage's time is up.
    deadline: Option<Instant>,
    /// Where an earlier result's files are.
    earlier: Option<PathBuf>,
    /// Takes figures of the work under way, where anybody wants them.
    on_number: Option<&'a (dyn Fn(Number) + Sync)>,
    metrics: BTreeMap<String, f64>,
    /// Seconds of parts of the work.
    timings: Mutex<BTreeMap<String, f64>>,
    /// What was read outside the store.
    read: Mutex<Vec<SourceDigest>>,
}

impl<'a> Ctx<'a> {
    /// A context for one run of one stage.
    #[must_use]
    pub fn new(parts: CtxParts<'a>) -> Self {
        let (metrics, timings, read) = (BTreeMap::new(), Mutex::default(), Mutex::default());
        Self { parts, deadline: None, earlier: None, on_number: None, metrics, timings, read }
    }

    /// The same context, of a stage that has to stop at a time.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    /// The same context, of a stage that may take over pieces of an earlier result, whose files are in this folder.
    #[must_use]
    pub fn with_earlier(mut self, folder: Option<PathBuf>) -> Self {
        self.earlier = folder;
        self
    }

    /// The same context, of a stage whose figures somebody watches.
    #[must_use]
    pub const fn with_numbers(mut self, on_number: &'a (dyn Fn(Number) + Sync)) -> Self {
        self.on_number = Some(on_number);
        self
    }

    /// The path of an upstream file.
    ///
    /// # Panics
    /// If the stage declares no such port and file: a mistake in the program.
    #[must_use]
    pub fn input(&self, port: &str, file: &str) -> &Path {
        self.parts
            .inputs
            .get(port)
            .and_then(|files| files.get(file))
            .unwrap_or_else(|| panic!("port `{port}` declares the file `{file}`"))
    }

    /// Whether an optional port is plugged.
    #[must_use]
    pub fn has_input(&self, port: &str) -> bool {
        self.parts.inputs.contains_key(port)
    }

    /// The folder with the files of an earlier result of this stage that differs from this one in its sources and in what is
    /// at the ports of [`TAKES_OVER`](super::Stage::TAKES_OVER) at most. Whether there is one must show in no output.
    #[must_use]
    pub fn earlier(&self) -> Option<&Path> {
        self.earlier.as_deref()
    }

    /// Where to write an output file.
    #[must_use]
    pub fn output(&self, file: &str) -> PathBuf {
        self.parts.output.join(file)
    }

    /// The stage's id in the spec: for messages only, never for results.
    #[must_use]
    pub fn id(&self) -> &str {
        self.parts.id
    }

    /// The stage's seed.
    #[must_use]
    pub fn seed(&self) -> Seed {
        self.parts.seed
    }

    /// The seed that another stage of the experiment has, by its kind and stream: only for stages with
    /// [`SEEDED`](super::Stage::SEEDED), whose keys hold the experiment's. `None` where the spec has no seed.
    #[must_use]
    pub fn seed_of(&self, kind: &str, stream: Option<&str>) -> Option<Seed> {
        let experiment = self.parts.spec.get("seed")?.as_u64()?;
        Some(Seed::of_stage(experiment, kind, stream))
    }

    /// The backend to compute on.
    #[must_use]
    pub fn backend(&self) -> &str {
        self.parts.backend
    }

    /// The spec's `numerics`, for stages with [`TENSOR`](super::Stage::TENSOR); `None` is the fastest way to compute.
    #[must_use]
    pub fn numerics(&self) -> Option<&str> {
        self.parts.spec.get("numerics").and_then(Json::as_str)
    }

    /// The whole resolved spec, for stages with [`SHOWS_SPEC`](super::Stage::SHOWS_SPEC).
    #[must_use]
    pub fn spec(&self) -> &Json {
        self.parts.spec
    }

    /// Folder for downloaded files.
    #[must_use]
    pub fn downloads(&self) -> &Path {
        self.parts.downloads
    }

    /// Where checkpoints go, if the runner keeps them.
    #[must_use]
    pub fn checkpoints(&self) -> Option<&dyn Checkpoints> {
        self.parts.checkpoints
    }

    /// Says how far the work is.
    pub fn progress(&self, progress: Progress) {
        (self.parts.on_progress)(progress);
    }

    /// Gives a figure of the work under way to whoever watches it; the last one of a name need not be the result's.
    pub fn number(&self, step: u64, name: impl Into<String>, value: f64) {
        if let Some(on_number) = self.on_number {
            on_number(Number { step, name: name.into(), value });
        }
    }

    /// Tells the user something that does not stop the work.
    pub fn warn(&self, message: impl Into<String>) {
        (self.parts.on_warning)(message.into());
    }

    /// Says what was read of a source: a digest of the very bytes that the outputs are made of, by the rule of
    /// [`Stage::sources`](super::Stage::sources). A stage with sources says it of each; the runner stores nothing unless
    /// it is what the key was made of.
    pub fn has_read(&self, source: SourceDigest) {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// What was read of sources so far.
    #[must_use]
    pub fn sources_read(&self) -> Vec<SourceDigest> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Leaves a headline number: `loss` of the stage `train` becomes the metric `train.loss`.
    pub fn metric(&mut self, name: impl Into<String>, value: f64) {
        self.metrics.insert(name.into(), value);
    }

    /// Does a part of the work and notes how long that takes, for whoever watches and for what is kept beside the result: never
    /// in it. Of parts of one name the times are added.
    pub fn timed<T>(&self, part: &str, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let done = work();
        let seconds = started.elapsed().as_secs_f64();
        *self.timings.lock().unwrap_or_else(PoisonError::into_inner).entry(part.to_owned()).or_default() += seconds;
        self.number(0, format!("{part}-seconds"), seconds);
        done
    }

    /// The seconds of the parts that were timed so far.
    #[must_use]
    pub fn timings(&self) -> BTreeMap<String, f64> {
        self.timings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether to stop here: the user asked to, or the stage's time is up. Cheap; every stage asks at least once a second.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.parts.cancel.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Stops here if the user asked to or the stage's time is up; the runner knows which it was.
    ///
    /// # Errors
    /// [`StageError::Interrupted`] then.
    pub fn stop_if_cancelled(&self) -> Result<(), StageError> {
        if self.cancelled() { Err(StageError::Interrupted) } else { Ok(()) }
    }

    /// The metrics left so far.
    #[must_use]
    pub fn into_metrics(self) -> BTreeMap<String, f64> {
        self.metrics
    }
}
