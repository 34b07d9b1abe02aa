//! From a plan to artifacts: what is stored is taken, what is not is computed, in parallel where the graph allows.
//!
//! Prints nothing: [`Event`]s say what happens, a [`RunRecord`] what has happened. [`status`] says the same without
//! running anything.

mod checkpoints;
pub mod clock;
mod error;
mod event;
mod executor;
pub mod folders;
mod inputs;
mod reasons;
mod record;
mod schedule;
pub mod status;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub use error::{Failure, FailureKind, RunError};
pub use event::Event;
pub use folders::History;
pub use record::{Outcome, RunRecord, StageRecord};

use crate::base::param::View;
use crate::plan::Plan;
use crate::stage::{BackendChoice, Catalog};
use crate::store::{AcEntry, Journal, RunStart, Store};
use executor::{Attempt, Executor};
use schedule::Queue;

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
}

/// What became of a node.
struct Finished {
    record: StageRecord,
    entry: Option<AcEntry>,
}

/// Finished nodes by position in the plan's order.
type Board = Mutex<BTreeMap<usize, Finished>>;

/// Every change of the board is one insertion, so a panic elsewhere leaves it whole.
fn locked(board: &Board) -> MutexGuard<'_, BTreeMap<usize, Finished>> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A run under way.
struct Run<'a> {
    executor: Executor<'a>,
    queue: Queue,
    board: Board,
    folder: PathBuf,
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
        let backend = catalog.backend(&plan.experiment.device).map_err(RunError::Device)?;
        let (began, started) = (clock::now(), Instant::now());
        let ids = || plan.order.iter().map(|node| plan.graph[*node].id.as_str());
        let history = History::read(self.root, &plan.experiment.name, ids());
        let (run, folder) = folders::create(self.root, &plan.experiment.name, began)?;
        let dir = folder.strip_prefix(self.root).unwrap_or(&folder).to_string_lossy().into_owned();
        let stages: Vec<String> = ids().map(str::to_owned).collect();
        let journal = self.store.journal(RunStart {
            run: run.clone(),
            name: plan.experiment.name.clone(),
            config: plan.experiment.config.to_string_lossy().into_owned(),
            root: std::path::absolute(self.root).unwrap_or_default().to_string_lossy().into_owned(),
            dir: dir.clone(),
            started: began.rfc3339(),
            stages: stages.clone(),
        })?;
        on_event(&Event::RunStarted { run: run.clone(), dir: dir.clone(), folder: folder.clone(), stages });
        let span = tracing::info_span!("run", id = run);
        let stages = span.in_scope(|| self.run_stages(plan, &backend, &history, &journal, on_event, folder.clone()));
        let metrics = stages.iter().flat_map(|finished| {
            let metrics = finished.entry.as_ref().map(|entry| &entry.metrics).into_iter().flatten();
            metrics.map(|(name, value)| (format!("{}.{name}", finished.record.id), *value))
        });
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
            config: plan.experiment.config.to_string_lossy().into_owned(),
            command: self.command.clone(),
            versions: executor::made_by(&backend.compute),
            metrics: metrics.collect(),
            stages: stages.iter().map(|finished| finished.record.clone()).collect(),
            spec: plan.resolved(View::Full),
        };
        record.write(&folder)?;
        journal.finish(record.ok, record.interrupted)?;
        on_event(&Event::RunFinished { ok: record.ok, seconds: record.seconds });
        Ok(record)
    }

    fn run_stages(
        &self,
        plan: &Plan,
        backend: &BackendChoice,
        history: &History,
        journal: &Journal,
        on_event: &(dyn Fn(&Event) + Sync),
        folder: PathBuf,
    ) -> Vec<Finished> {
        let (store, cancel) = (self.store, self.cancel);
        let executor = Executor { plan, store, history, journal, backend, cancel, on_event };
        let run = Run { executor, queue: Queue::new(plan), board: Mutex::default(), folder };
        let span = tracing::Span::current();
        std::thread::scope(|scope| {
            for _ in 1..self.jobs.clamp(1, plan.order.len().max(1)) {
                scope.spawn(|| span.in_scope(|| run.work()));
            }
            run.work();
        });
        run.into_finished()
    }
}

impl Run<'_> {
    /// Takes ready stages until there are none.
    fn work(&self) {
        while let Some(at) = self.queue.next(&|| self.executor.cancel.load(Ordering::Relaxed)) {
            let finished = self.run_one(at);
            let ok = finished.entry.is_some();
            self.say_finished(&finished.record);
            locked(&self.board).insert(at, finished);
            self.queue.finish(at, ok);
        }
    }

    fn run_one(&self, at: usize) -> Finished {
        let plan = self.executor.plan;
        let node = plan.order[at];
        let started = Instant::now();
        let upstream = {
            let board = locked(&self.board);
            let entry = |(node, _)| {
                let at = plan.order.iter().position(|other| *other == node)?;
                Some((node, board.get(&at)?.entry.clone()?))
            };
            plan.upstream(node).into_iter().filter_map(entry).collect()
        };
        let mut attempt = Attempt::default();
        let result = self.executor.run_node(node, &upstream, &mut attempt).and_then(|(outcome, entry)| {
            self.executor.store.materialise(&entry.files, &self.folder.join(&plan.graph[node].id))?;
            Ok((outcome, entry))
        });
        let mut record = self.blank_record(at);
        record.key = attempt.parts.as_ref().map(crate::plan::KeyParts::key);
        record.key_parts = attempt.parts;
        record.reason = attempt.reasons.first().cloned();
        record.reasons = attempt.reasons;
        record.seconds = started.elapsed().as_secs_f64();
        match result {
            Ok((outcome, entry)) => {
                record.outcome = outcome;
                record.saved_seconds = if outcome == Outcome::Hit { entry.seconds } else { 0.0 };
                record.files.clone_from(&entry.files);
                Finished { record, entry: Some(entry) }
            }
            Err(failure) => {
                tracing::error!(stage = record.id, "{failure}");
                record.outcome = Outcome::Failed;
                record.failure = Some(failure.record());
                Finished { record, entry: None }
            }
        }
    }

    /// The record of a stage that was not run.
    fn blank_record(&self, at: usize) -> StageRecord {
        let node = &self.executor.plan.graph[self.executor.plan.order[at]];
        StageRecord {
            id: node.id.clone(),
            stage: node.stage.name().to_owned(),
            outcome: Outcome::Skipped,
            key: None,
            seconds: 0.0,
            saved_seconds: 0.0,
            reason: None,
            reasons: Vec::new(),
            failure: None,
            skipped: None,
            key_parts: None,
            params: node.stage.params(View::Full),
            files: BTreeMap::new(),
        }
    }

    fn skipped(&self, at: usize) -> Finished {
        let plan = self.executor.plan;
        let why = match self.queue.blocked_by(at) {
            Some(failed) => format!("`{}` failed", plan.graph[plan.order[failed]].id),
            None => "interrupted".to_owned(),
        };
        let record = StageRecord { skipped: Some(why), ..self.blank_record(at) };
        self.say_finished(&record);
        Finished { record, entry: None }
    }

    fn say_finished(&self, record: &StageRecord) {
        let failure = record.failure.as_ref().map(|failure| failure.message.clone());
        tracing::debug!(stage = record.id, outcome = record.outcome.word(), seconds = record.seconds, "finished");
        if let Err(error) = self.executor.journal.stage_finished(&record.id, record.outcome.word(), record.key) {
            tracing::warn!(stage = record.id, "{error}"); // the result is there all the same
        }
        (self.executor.on_event)(&Event::StageFinished {
            stage: record.id.clone(),
            outcome: record.outcome,
            seconds: record.seconds,
            error: failure.or_else(|| record.skipped.clone()),
        });
    }

    /// Every stage in the order of the plan, those that were not reached as skipped.
    fn into_finished(self) -> Vec<Finished> {
        let mut board = std::mem::take(&mut *locked(&self.board));
        (0..self.executor.plan.order.len()).map(|at| board.remove(&at).unwrap_or_else(|| self.skipped(at))).collect()
    }
}
