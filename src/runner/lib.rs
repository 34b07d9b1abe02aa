//! From a plan to artifacts: what is stored is taken, what is not is computed, in parallel where the graph allows.
//!
//! Prints nothing: [`Event`]s say what happens, a [`RunRecord`] what has happened. [`status`] says the same without
//! running anything.

mod checkpoints;
mod earlier;
mod error;
pub mod estimate;
mod event;
mod executor;
pub mod folders;
mod frozen;
mod git;
mod inputs;
mod known;
pub mod listing;
pub mod looks;
mod machine;
pub mod memory;
pub mod notes;
mod pace;
mod profile;
mod reasons;
mod record;
pub mod removal;
pub mod reproduction;
mod retry;
mod schedule;
mod seeds;
mod seeds_report;
pub mod status;
pub mod sweep;
#[cfg(test)]
mod tests;
mod workers;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

pub use error::{Failure, FailureKind, RunError};
pub use event::Event;
pub use folders::History;
pub use git::GitState;
pub use profile::Profiler;
pub use record::{Outcome, RunRecord, SeedRun, StageRecord};
pub use simpipe_base::clock;

use executor::Executor;
use frozen::FrozenSources;
use git::SharedLook;
use known::Known;
use memory::Watch;
use profile::Profiling;
use simpipe_base::fs::{Inside, is_wrong_place};
use simpipe_base::interrupt::LeftToEnd;
use simpipe_base::param::View;
use simpipe_plan::Plan;
use simpipe_stage::{BackendChoice, Catalog, StageError};
use simpipe_store::{AcEntry, Journal, RunStart, Store, StoreError};

/// What a plan's device and `numerics` mean here.
fn backend_of(plan: &Plan, catalog: &dyn Catalog) -> Result<BackendChoice, StageError> {
    catalog.backend(&plan.experiment.device, plan.experiment.numerics.as_deref())
}

/// Where and how to run plans.
pub struct Runner<'a> {
    /// The folder that holds `artifacts/runs/`.
    pub root: &'a Path,
    /// Where results are.
    pub store: &'a Store,
    /// Stages at once.
    pub jobs: usize,
    /// Set when the user wants to stop.
    pub cancel: &'a AtomicBool,
    /// The command line, for the record.
    pub command: Vec<String>,
    /// Measures what stages spend their time in, where somebody wants to know.
    pub profiler: Option<&'a dyn Profiler>,
}

/// What a run is a part of.
#[derive(Clone, Copy)]
enum Part<'a> {
    /// Nothing.
    Whole,
    /// A group of this id.
    Group(&'a str),
    /// A sweep of this id, in whose folder it gets its own; what is checked out and what the sources are is asked once for
    /// all its trials.
    Trial { sweep: &'a str, folder: &'a Path, git: &'a SharedLook, sources: &'a FrozenSources },
}

impl<'a> Part<'a> {
    /// The id of what it is kept with.
    const fn group(self) -> Option<&'a str> {
        match self {
            Self::Whole => None,
            Self::Group(id) | Self::Trial { sweep: id, .. } => Some(id),
        }
    }

    /// What the sources were when the sweep first looked at them; `None` where a run looks by itself.
    const fn sources(self) -> Option<&'a FrozenSources> {
        match self {
            Self::Trial { sources, .. } => Some(sources),
            Self::Whole | Self::Group(_) => None,
        }
    }

    /// The look at what is checked out: the sweep's, or its own.
    fn git(self, own: &'a OnceCell<SharedLook>, project: &Path) -> &'a SharedLook {
        match self {
            Self::Trial { git, .. } => git,
            Self::Whole | Self::Group(_) => own.get_or_init(|| SharedLook::begin(project)),
        }
    }
}

/// What became of a node.
struct Finished {
    record: StageRecord,
    entry: Option<AcEntry>,
}

/// Headline numbers of all stages, as `<stage id>.<name>`.
fn metrics(stages: &[Finished]) -> BTreeMap<String, f64> {
    let of_stage = |finished: &Finished| {
        let entry = finished.entry.as_ref();
        let metrics = entry.map(|entry| entry.metrics.clone()).unwrap_or_default().into_iter();
        let id = finished.record.id.clone();
        metrics.map(move |(name, value)| (format!("{id}.{name}"), value))
    };
    stages.iter().flat_map(of_stage).collect()
}

/// A warning of the whole run.
fn warn(on_event: &(dyn Fn(&Event) + Sync), message: String) {
    tracing::warn!("{message}");
    on_event(&Event::Warning { stage: None, message });
}

/// Ends a journal. If that is not written, the run is over and its record is there; gc will take it for one that was killed.
fn close(journal: Option<Journal>, record: &RunRecord, what: &str, on_event: &(dyn Fn(&Event) + Sync)) {
    if let Some(Err(error)) = journal.map(|journal| journal.finish(record.ok, record.interrupted)) {
        warn(on_event, format!("the end of the {what} is not in the store's journal: {error}"));
    }
}

impl Runner<'_> {
    /// Runs every stage that has no stored result. A stage that fails is in the record, not an error.
    ///
    /// # Errors
    /// If the device can't be used or the run's folder can't be written.
    pub fn run(
        &self,
        plan: &Plan,
        catalog: &dyn Catalog,
        on_event: &(dyn Fn(&Event) + Sync),
    ) -> Result<RunRecord, RunError> {
        self.run_of(plan, catalog, on_event, Part::Whole)
    }

    /// A run, of a group or by itself.
    fn run_of(
        &self,
        plan: &Plan,
        catalog: &dyn Catalog,
        on_event: &(dyn Fn(&Event) + Sync),
        part: Part<'_>,
    ) -> Result<RunRecord, RunError> {
        let (group, backend) = (part.group(), backend_of(plan, catalog).map_err(RunError::Device)?);
        let hardware = catalog.hardware(&backend.compute);
        // Whoever shows events may have a bug: that costs an event, never a result.
        let on_event = &|event: &Event| drop(catch_unwind(AssertUnwindSafe(|| on_event(event))));
        let (began, started, own, watch) = (clock::now(), Instant::now(), OnceCell::new(), Watch::begin());
        let git = part.git(&own, &plan.experiment.project);
        let ids = || plan.order.iter().map(|node| plan.graph[*node].id.as_str());
        let history = History::read(self.root, &folders::order_of(Some(self.store)), plan, ids());
        let earlier = folders::ids_of_name(self.root, &plan.experiment.name);
        let (run, inside, dir) = self.new_folder(plan, part, began)?;
        let (folder, profiling) = (inside.path().to_path_buf(), self.profiler.map(Profiling::new));
        let (journal, unjournaled) = self.journal(plan, &run, &dir, began, group)?;
        let (ids, seed) = (ids().map(str::to_owned).collect(), group.map(|_| plan.experiment.seed));
        on_event(&Event::RunStarted { run: run.clone(), dir: dir.clone(), folder: folder.clone(), stages: ids, seed });
        let future = folders::warning_of_future(earlier.iter().map(String::as_str)).into_iter();
        future.chain(unjournaled).chain(self.store.take_warnings()).for_each(|message| warn(on_event, message));
        let executor = Executor {
            plan,
            store: self.store,
            history: &history,
            journal: journal.as_ref(),
            backend: &backend,
            hardware: &hardware,
            cancel: self.cancel,
            on_event,
            shares_device: matches!(part, Part::Trial { .. }),
            frozen: part.sources(),
            known: Known::default(),
            profiling: profiling.as_ref(),
        };
        let stages = tracing::info_span!("run", id = run).in_scope(|| self.run_stages(executor, inside));
        let _recording = LeftToEnd::begin();
        profiling.iter().flat_map(|one| one.end(plan, &stages, &folder)).for_each(|message| warn(on_event, message));
        let record = RunRecord {
            format: record::FORMAT,
            run,
            name: plan.experiment.name.clone(),
            dir,
            ok: stages.iter().all(|finished| finished.record.outcome.done()),
            interrupted: self.cancel.load(Ordering::Relaxed),
            started: began.rfc3339(),
            finished: clock::now().rfc3339(),
            seconds: started.elapsed().as_secs_f64(),
            saved_seconds: stages.iter().map(|finished| finished.record.saved_seconds).sum(),
            peak_memory: watch.most(),
            config: plan.experiment.config.to_string_lossy().into_owned(),
            command: self.command.clone(),
            versions: executor::made_by(&backend.compute).into_iter().chain(hardware).collect(),
            machine: machine::machine(),
            metrics: metrics(&stages),
            stages: stages.iter().map(|finished| finished.record.clone()).collect(),
            spec: plan.resolved(View::Full),
            paths: record::paths(plan),
            git: git.end(),
            group: group.map(str::to_owned),
            seeds: Vec::new(),
        };
        record.write(&folder)?;
        close(journal, &record, "run", on_event);
        on_event(&Event::RunFinished { ok: record.ok, seconds: record.seconds });
        Ok(record)
    }

    /// The run's id, its folder, and where that is below the root.
    fn new_folder(
        &self,
        plan: &Plan,
        part: Part<'_>,
        began: clock::Moment,
    ) -> Result<(String, Inside, String), RunError> {
        let (run, inside) = match part {
            Part::Trial { folder, .. } => folders::create_below(folder, sweep::TRIALS, began)?,
            Part::Whole | Part::Group(_) => folders::create(self.root, &plan.experiment.name, began)?,
        };
        let dir = inside.path().strip_prefix(self.root).unwrap_or(inside.path()).to_string_lossy().into_owned();
        Ok((run, inside, dir))
    }

    /// The run's journal; `None` if the store can't be written, which is worth a warning if it could be before.
    fn journal(
        &self,
        plan: &Plan,
        run: &str,
        dir: &str,
        began: clock::Moment,
        group: Option<&str>,
    ) -> Result<(Option<Journal>, Option<String>), StoreError> {
        let start = RunStart {
            run: run.to_owned(),
            name: plan.experiment.name.clone(),
            config: plan.experiment.config.to_string_lossy().into_owned(),
            root: std::path::absolute(self.root).unwrap_or_default().to_string_lossy().into_owned(),
            dir: dir.to_owned(),
            started: began.rfc3339(),
            stages: plan.order.iter().map(|node| plan.graph[*node].id.clone()).collect(),
            group: group.map(str::to_owned),
        };
        match self.store.journal(start) {
            Err(StoreError::Io { source, .. }) if is_wrong_place(&source) => {
                tracing::warn!("the store is read-only, so it keeps no journal of this run: {source}");
                Ok((None, None))
            }
            // What is stored can be used all the same.
            Err(error @ StoreError::Io { .. }) if error.is_full() => {
                let message = format!("{error}: without a journal of this run, gc may remove what it is using");
                Ok((None, Some(message)))
            }
            journal => Ok((Some(journal?), None)),
        }
    }
}
