//! The stages of a run, taken by workers as they become ready, tried as often as their policies allow, and recorded.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use petgraph::graph::NodeIndex;

use super::error::StageFailure;
use super::executor::{self, Attempt, Executor};
use super::schedule::{HeldStage, Queue};
use super::{Event, Finished, Outcome, Runner, StageRecord, retry};
use simpipe_base::fs::{Inside, remove_dir};
use simpipe_base::param::View;
use simpipe_stage::StageError;
use simpipe_store::{AcEntry, Files, Journal, StoreError};

/// Something of nodes, by position in the plan's order.
type ByStage<T> = Mutex<BTreeMap<usize, T>>;

/// Every change of these is one insertion or removal, so a panic elsewhere leaves it whole.
fn locked<T>(stages: &ByStage<T>) -> MutexGuard<'_, BTreeMap<usize, T>> {
    stages.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A run under way.
struct Run<'a> {
    executor: Executor<'a>,
    queue: Queue,
    /// Of nodes in the plan's order.
    positions: BTreeMap<NodeIndex, usize>,
    finished: ByStage<Finished>,
    /// What is known of stages that wait for the device.
    waiting: ByStage<Attempt>,
    folder: Inside,
}

impl Runner<'_> {
    /// Runs every stage of a plan, as many at once as there are jobs.
    pub(super) fn run_stages(&self, executor: Executor<'_>, folder: Inside) -> Vec<Finished> {
        let plan = executor.plan;
        let (finished, waiting) = (Mutex::default(), Mutex::default());
        let positions = plan.order.iter().enumerate().map(|(at, node)| (*node, at)).collect();
        let run = Run { executor, queue: Queue::new(plan), positions, finished, waiting, folder };
        let span = tracing::Span::current();
        std::thread::scope(|scope| {
            for _ in 1..self.jobs.clamp(1, plan.order.len().max(1)) {
                let worker = std::thread::Builder::new().spawn_scoped(scope, || span.in_scope(|| run.work()));
                if let Err(error) = worker {
                    let message = format!("can't start another thread, so fewer stages run at once: {error}");
                    tracing::warn!("{message}");
                    (run.executor.on_event)(&Event::Warning { stage: None, message });
                    break;
                }
            }
            run.work();
        });
        run.into_finished()
    }
}

impl Run<'_> {
    /// Takes ready stages until there are none.
    fn work(&self) {
        while let Some(held) = self.queue.next(&|| self.executor.cancelled()) {
            let at = held.at();
            let mut attempt = locked(&self.waiting).remove(&at).unwrap_or_default();
            let started = Instant::now();
            let result = self.try_until_done(&held, &mut attempt);
            attempt.seconds += started.elapsed().as_secs_f64();
            let Some(result) = result.transpose() else {
                locked(&self.waiting).insert(at, attempt); // first, for others may take it up as soon as it is waiting
                held.park();
                continue;
            };
            let finished = self.finished(at, attempt, result);
            let ok = finished.entry.is_some();
            self.say_finished(at, &finished.record);
            locked(&self.finished).insert(at, finished);
            held.finish(ok);
        }
    }

    /// Tries a stage as often as its policy allows; `None` if it has to wait for the device.
    fn try_until_done(
        &self,
        held: &HeldStage<'_>,
        attempt: &mut Attempt,
    ) -> Result<Option<(Outcome, AcEntry)>, StageFailure> {
        let node = self.executor.plan.order[held.at()];
        let tries = self.executor.plan.graph[node].policy.retries;
        loop {
            let failure = match executor::caught(|| self.try_once(held, attempt)) {
                Err(failure) if failure.may_go_away() && attempt.retries < tries => failure,
                result => return result,
            };
            held.give_device();
            attempt.retries += 1;
            let (made, of, pause) = (attempt.retries, tries + 1, retry::pause(attempt.retries));
            let next = format!("the next starts in {:.1} s", pause.as_secs_f64());
            self.executor.warn(node, format!("try {made} of {of} failed: {failure}; {next}"));
            if !retry::wait(pause, &|| self.executor.cancelled()) {
                return Err(StageError::Interrupted.into());
            }
        }
    }

    fn try_once(
        &self,
        held: &HeldStage<'_>,
        attempt: &mut Attempt,
    ) -> Result<Option<(Outcome, AcEntry)>, StageFailure> {
        let plan = self.executor.plan;
        let node = plan.order[held.at()];
        let stored = |node: NodeIndex| {
            let at = self.positions.get(&node)?;
            locked(&self.finished).get(at).and_then(|finished| finished.entry.clone())
        };
        // A hit looks at nothing but what it reads: a run that finds all copies no more entries than there are edges.
        let read = plan.upstream(node).into_iter();
        let upstream = read.filter_map(|(upstream, _)| Some((upstream, stored(upstream)?))).collect();
        let result = self.executor.run_node(node, &upstream, &stored, attempt, held);
        self.executor.warn_of_store(node);
        let Some((outcome, entry)) = result? else { return Ok(None) };
        let id = &plan.graph[node].id;
        let path = self.folder.path().join(id);
        if attempt.retries > 0 {
            remove_dir(&path).map_err(StoreError::io("remove", &path))?; // an earlier try may have filled it by half
        }
        let folder = self.folder.enter(id).map_err(StoreError::io("create", &path))?;
        self.executor.store.materialise(&entry.files, &folder)?;
        Ok(Some((outcome, entry)))
    }

    fn finished(&self, at: usize, attempt: Attempt, result: Result<(Outcome, AcEntry), StageFailure>) -> Finished {
        let plan = self.executor.plan;
        let node = plan.order[at];
        let mut record = self.blank_record(at);
        record.key = attempt.parts.as_ref().map(simpipe_plan::KeyParts::key);
        record.key_parts = attempt.parts;
        record.reason = attempt.reasons.first().cloned();
        record.reasons = attempt.reasons;
        record.seconds = attempt.seconds;
        record.retries = attempt.retries;
        match result {
            Ok((outcome, entry)) => {
                record.outcome = outcome;
                record.saved_seconds = if outcome == Outcome::Hit { entry.seconds } else { 0.0 };
                record.files.clone_from(&entry.files);
                record.made_by.clone_from(&entry.made_by);
                record.timings.clone_from(&entry.timings.0);
                Finished { record, entry: Some(entry) }
            }
            Err(failure) => {
                if let (StageFailure::Stage(StageError::SourceChanged { .. }), Some(frozen)) =
                    (&failure, self.executor.frozen)
                {
                    frozen.note_misread(plan, node);
                }
                tracing::error!(stage = record.id, "{failure}");
                record.outcome = Outcome::Failed;
                let place_of = |path: &str| plan.place_of(node, path).map(ToString::to_string);
                record.failure = Some(failure.record(place_of));
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
            seed: None,
            outcome: Outcome::Skipped,
            key: None,
            seconds: 0.0,
            saved_seconds: 0.0,
            timings: BTreeMap::new(),
            retries: 0,
            reason: None,
            reasons: Vec::new(),
            failure: None,
            skipped: None,
            key_parts: None,
            made_by: BTreeMap::new(),
            params: node.stage.params(View::Full),
            files: Files::default(),
        }
    }

    fn skipped(&self, at: usize) -> Finished {
        let plan = self.executor.plan;
        let why = match self.queue.blocked_by(at) {
            Some(failed) if !self.executor.cancelled() => format!("`{}` failed", plan.graph[plan.order[failed]].id),
            _ => "interrupted".to_owned(),
        };
        let record = StageRecord { skipped: Some(why), ..self.blank_record(at) };
        self.say_finished(at, &record);
        Finished { record, entry: None }
    }

    fn say_finished(&self, at: usize, record: &StageRecord) {
        let failure = record.failure.as_ref().map(|failure| failure.message.clone());
        tracing::debug!(stage = record.id, outcome = record.outcome.word(), seconds = record.seconds, "finished");
        let told = |journal: &Journal| journal.stage_finished(&record.id, record.outcome.word(), record.key);
        if let Some(Err(error)) = self.executor.journal.map(told) {
            // The result is there all the same, and what the stage wanted has been written down before.
            let node = self.executor.plan.order[at];
            self.executor.warn(node, format!("its end is not in the store's journal: {error}"));
        }
        (self.executor.on_event)(&Event::StageFinished {
            stage: record.id.clone(),
            outcome: record.outcome,
            seconds: record.seconds,
            timings: record.timings.clone(),
            error: failure.or_else(|| record.skipped.clone()),
        });
    }

    /// Every stage in the order of the plan, those that were not reached as skipped.
    fn into_finished(self) -> Vec<Finished> {
        let mut finished = std::mem::take(&mut *locked(&self.finished));
        (0..self.executor.plan.order.len()).map(|at| finished.remove(&at).unwrap_or_else(|| self.skipped(at))).collect()
    }
}
