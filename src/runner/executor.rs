//! Turns one node into a stored result: hit, or run and publish. Knows nothing of the order of nodes.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use petgraph::graph::NodeIndex;
use walkdir::WalkDir;

use super::checkpoints::StoredCheckpoints;
use super::error::StageFailure;
use super::frozen::FrozenSources;
use super::inputs::{self, Candidates, Entries, Sources};
use super::known::{Known, Stored};
use super::pace::Pace;
use super::profile::Profiling;
use super::schedule::HeldStage;
use super::{Event, History, Outcome, earlier, reasons};
use simpipe_base::digest::Digest;
use simpipe_base::interrupt::LeftToEnd;
use simpipe_plan::{KeyParts, Plan, Reason};
use simpipe_stage::{BackendChoice, Checkpoints, Ctx, CtxParts, Number, Progress, StageError, Unable};
use simpipe_store::{AcEntry, Damage, Found, Journal, Produced, Store};

/// What all nodes of a run share.
pub(super) struct Executor<'a> {
    pub(super) plan: &'a Plan,
    pub(super) store: &'a Store,
    pub(super) history: &'a History,
    /// `None` in a store that may only be read: all that it has can be used all the same.
    pub(super) journal: Option<&'a Journal>,
    pub(super) backend: &'a BackendChoice,
    /// Of [`Catalog::hardware`](simpipe_stage::Catalog::hardware).
    pub(super) hardware: &'a BTreeMap<String, String>,
    pub(super) cancel: &'a AtomicBool,
    pub(super) on_event: &'a (dyn Fn(&Event) + Sync),
    /// Whether other runs compute beside it, in this process or in another: only one of them has the device at a time.
    pub(super) shares_device: bool,
    /// What the sources were when the sweep of the run first looked at them.
    pub(super) frozen: Option<&'a FrozenSources>,
    pub(super) known: Known,
    /// Measures the stages that compute on the device.
    pub(super) profiling: Option<&'a Profiling<'a>>,
}

/// What became of a node, as far as it got.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    pub(super) parts: Option<KeyParts>,
    pub(super) reasons: Vec<Reason>,
    /// Tries after a failure.
    pub(super) retries: u32,
    /// Seconds of earlier tries, and of looking before it waited for the device.
    pub(super) seconds: f64,
    /// Whether its parameters suit its inputs.
    checked: bool,
    /// Whether somebody was told that it computes.
    announced: bool,
    /// Whether the result was stored by this run.
    computed: bool,
}

impl Executor<'_> {
    /// The node's result; `None` if it has to be computed and the device could not be taken. `attempt` is filled in on
    /// the way, so that a failure leaves what was known. `upstream` has the results that the node reads, `stored` any.
    pub(super) fn run_node(
        &self,
        node: NodeIndex,
        upstream: &Entries,
        stored: &Stored<'_>,
        attempt: &mut Attempt,
        held: &HeldStage<'_>,
    ) -> Result<Option<(Outcome, AcEntry)>, StageFailure> {
        let sources = match self.frozen {
            Some(frozen) => frozen.of(self.plan, node, self.store)?,
            None => Arc::new(Sources::of(self.plan, node, self.store)?),
        };
        let candidates = Candidates::of(self.plan, node, self.backend, upstream, &sources.digests);
        attempt.parts = Some(candidates.compute.clone());
        let mut damage = None;
        for parts in &candidates.accepted {
            if let Some(entry) = self.look_up(node, parts, &mut damage)? {
                attempt.parts = Some(parts.clone());
                // A result that this run stored and then failed to hand out is still its own.
                return Ok(Some((if attempt.computed { Outcome::Ran } else { Outcome::Hit }, entry)));
            }
        }
        let parts = candidates.compute;
        if let Some(Unable { message, help }) = self.backend.unable.as_ref().filter(|_| self.is_tensor(node)) {
            return Err(StageError::failed(message.as_str()).with_help(help.as_str()).into());
        }
        // Others can use the device meanwhile. Who has the lock and finds the device taken gives the lock back, so no two
        // stages ever wait for what the other holds.
        let on_wait = |pid: Option<u32>| {
            held.give_device();
            self.warn(node, waiting_for(pid));
        };
        let _lock = self.store.lock(parts.key(), &on_wait, &|| self.cancelled())?;
        if let Some(entry) = self.look_up(node, &parts, &mut damage)? {
            return Ok(Some((Outcome::Hit, entry))); // another process computed it while this one waited
        }
        if !attempt.checked {
            // Before the device is taken, and once: neither reading facts nor waiting for the device makes others wait.
            attempt.reasons = reasons::of_miss(self.plan, node, &parts, self.history, damage.as_ref());
            self.known.check(self.plan, node, stored, self.store, &|message| self.warn(node, message))?;
            attempt.checked = true;
        }
        if !held.take_device() {
            return Ok(None);
        }
        if !attempt.announced {
            attempt.announced = true;
            (self.on_event)(&Event::StageStarted {
                stage: self.id(node).to_owned(),
                key: parts.key(),
                reasons: attempt.reasons.clone(),
            });
        }
        // Whoever has the device waits for nothing else, so this ends.
        let shared = self.shares_device && self.is_tensor(node);
        let _device = shared.then(|| self.store.lock(self.device(), &|_| {}, &|| self.cancelled())).transpose()?;
        let entry = self.compute(node, &parts, upstream, &sources)?;
        attempt.computed = true;
        Ok(Some((Outcome::Ran, entry)))
    }

    /// Whether a stage computes on the device.
    fn is_tensor(&self, node: NodeIndex) -> bool {
        self.plan.graph[node].stage.tensor()
    }

    /// What the device is locked by among runs that share it.
    fn device(&self) -> Digest {
        Digest::of_json(&("device", &self.backend.compute))
    }

    /// Whether the user wants to stop.
    pub(super) fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    fn id(&self, node: NodeIndex) -> &str {
        &self.plan.graph[node].id
    }

    pub(super) fn warn(&self, node: NodeIndex, message: String) {
        let stage = self.id(node);
        tracing::warn!(stage, "{message}");
        (self.on_event)(&Event::Warning { stage: Some(stage.to_owned()), message });
    }

    /// Says what happened with the object store since somebody last asked.
    pub(super) fn warn_of_store(&self, node: NodeIndex) {
        self.store.take_warnings().into_iter().for_each(|warning| self.warn(node, warning));
    }

    fn look_up(
        &self,
        node: NodeIndex,
        parts: &KeyParts,
        damage: &mut Option<Damage>,
    ) -> Result<Option<AcEntry>, StageFailure> {
        // Before the lookup: gc keeps what it finds from here on.
        if let Some(journal) = self.journal
            && let Some(error) = journal.wanted_if_room(self.id(node), parts.key())?
        {
            self.warn(node, format!("{error}: gc may remove what this run is using"));
        }
        let files = self.plan.graph[node].stage.files();
        let found = self.store.lookup_declared(parts.key(), &|_| Some(files));
        self.warn_of_store(node);
        match found? {
            Found::Hit(entry) => return Ok(Some(entry)),
            Found::Miss => {}
            Found::Damaged(found) => {
                self.warn(node, format!("{found}: it was moved to `quarantine/` and is computed again"));
                *damage = Some(found);
            }
        }
        Ok(None)
    }

    fn compute(
        &self,
        node: NodeIndex,
        parts: &KeyParts,
        upstream: &Entries,
        sources: &Sources,
    ) -> Result<AcEntry, StageFailure> {
        let key = parts.key();
        let _span = tracing::info_span!("stage", id = self.id(node), key = key.short()).entered();
        let (stage, scratch) = (self.plan.graph[node].stage.as_ref(), self.store.scratch()?);
        let output = scratch.output();
        let files = inputs::provide(self.plan, node, upstream, self.store, &scratch.input()?)?;
        let mut made_by = made_by(&self.backend.compute);
        if stage.tensor() {
            made_by.extend(self.hardware.clone());
        }
        let before = self.history.snapshot_of(self.id(node));
        let earlier = earlier::of(stage, before, (parts, &made_by), self.store, &scratch);
        let (on_progress, on_warning) = (self.progress_of(node), |message| self.warn(node, message));
        let on_number = |number: Number| self.number(node, number);
        let downloads = self.store.downloads();
        let checkpoints = StoredCheckpoints::of(stage, parts, self.store, &on_warning);
        if let (Some(checkpoints), Some(journal)) = (&checkpoints, self.journal) {
            journal.wanted_checkpoints(self.id(node), key, checkpoints.set())?;
        }
        let mut ctx = Ctx::new(CtxParts {
            id: self.id(node),
            inputs: files,
            output: &output,
            seed: self.plan.seed(node),
            backend: &self.backend.compute,
            spec: &self.plan.portable,
            cancel: self.cancel,
            on_progress: &on_progress,
            on_warning: &on_warning,
            checkpoints: checkpoints.as_ref().map(|kept| kept as &dyn Checkpoints),
            downloads: &downloads,
        });
        let started = Instant::now();
        let limit = self.plan.graph[node].policy.timeout;
        ctx = ctx.with_deadline(limit.map(|limit| started + limit.0)).with_numbers(&on_number).with_earlier(earlier);
        let mut work = || caught(|| Ok(stage.run(&mut ctx)?));
        let result = match self.profiling.filter(|_| stage.tensor()) {
            Some(profiling) => profiling.measure(self.id(node), work),
            None => work(),
        };
        match (&result, limit) {
            // It stopped, and not because of the user: its time was up.
            (Err(StageFailure::Stage(StageError::Interrupted)), Some(limit)) if !self.cancelled() => {
                return Err(StageFailure::TimedOut(limit));
            }
            (Err(StageFailure::Stage(StageError::Interrupted)), _) => {}
            (Err(StageFailure::Stage(StageError::SourceChanged { .. })), _) => sources.forget(self.store),
            // Half of an image that is being written is no image: what changed is the better reason.
            _ => sources.compare(&ctx.sources_read(), result.is_ok(), self.store)?,
        }
        result?;
        let seconds = started.elapsed().as_secs_f64();
        check_outputs(stage.files(), stage.optional_files(), &output)?;
        let timings = ctx.timings();
        let metrics = self.finite(node, ctx.into_metrics());
        let key_parts = serde_json::to_value(parts).expect("key parts serialize to JSON");
        let _publishing = LeftToEnd::begin(); // what was computed is not thrown away for a few moments
        Ok(self.store.publish(scratch, key, Produced { key_parts, metrics, seconds, timings, made_by })?)
    }

    /// Passes progress on, but not more than is worth showing.
    fn progress_of(&self, node: NodeIndex) -> impl Fn(Progress) + Sync {
        let pace = Mutex::new(Pace::default());
        move |progress: Progress| {
            let passed = pace.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take(progress, Instant::now());
            for Progress { done, total, unit, message } in passed {
                (self.on_event)(&Event::Progress { stage: self.id(node).to_owned(), done, total, unit, message });
            }
        }
    }

    /// Passes a figure on; JSON has no NaN.
    fn number(&self, node: NodeIndex, Number { step, name, value }: Number) {
        if value.is_finite() {
            (self.on_event)(&Event::Number { stage: self.id(node).to_owned(), step, name, value });
        }
    }

    /// JSON has no NaN: a metric that is none is left out, and said to be.
    fn finite(&self, node: NodeIndex, metrics: BTreeMap<String, f64>) -> BTreeMap<String, f64> {
        let (finite, other): (BTreeMap<_, _>, BTreeMap<_, _>) =
            metrics.into_iter().partition(|(_, value)| value.is_finite());
        for (name, value) in other {
            self.warn(node, format!("the metric `{name}` is {value} and is omitted"));
        }
        finite
    }
}

fn waiting_for(pid: Option<u32>) -> String {
    let who = match pid {
        None => "another process".to_owned(),
        Some(pid) if pid == std::process::id() => "another stage of this run".to_owned(),
        Some(pid) => format!("process {pid}"),
    };
    format!("waiting for {who}, which is computing the same result")
}

/// What is worth knowing of who computed something; never in a key.
pub(super) fn made_by(backend: &str) -> BTreeMap<String, String> {
    let machine = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    BTreeMap::from([
        ("simpipe".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        (earlier::BACKEND.to_owned(), backend.to_owned()),
        ("machine".to_owned(), machine),
    ])
}

/// Does a stage's work; a panic in it, or in a thread that it waits for, is its failure and nobody else's.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, StageFailure>) -> Result<T, StageFailure> {
    // What a panic leaves half done is the stage's own private folder, which is thrown away.
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|payload| Err(StageFailure::Panicked(panic_message(payload.as_ref()))))
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a message").to_owned()
}

/// A stage writes every file that it declares and no other: what is not declared would not be read by anybody.
fn check_outputs(declared: &[&str], optional: &[&str], output: &Path) -> Result<(), StageFailure> {
    let missing = declared.iter().find(|file| {
        let path = output.join(file);
        if file.ends_with('/') { !path.is_dir() } else { !path.is_file() }
    });
    if let Some(file) = missing {
        return Err(StageFailure::Missing((*file).to_owned()));
    }
    for item in WalkDir::new(output).sort_by_file_name() {
        let item = item.map_err(|error| StageError::io("read", output)(error.into()))?;
        let name = item.path().strip_prefix(output).unwrap_or(item.path()).to_string_lossy().replace('\\', "/");
        let known = |file: &&str| if file.ends_with('/') { name.starts_with(*file) } else { name == **file };
        if item.file_type().is_file() && !declared.iter().chain(optional).any(known) {
            return Err(StageFailure::Undeclared(name));
        }
    }
    Ok(())
}
