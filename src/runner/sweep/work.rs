//! The loop of a sweep: ask, claim, run, tell; by several workers of several processes at once, which know of each other
//! by the journal and the claims alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::SweepRunner;
use super::asks::Asker;
use super::claims::Claims;
use super::entry::Entry;
use super::error::SweepError;
use super::event::SweepEvent;
use super::journal::Journal;
use super::outcome::{Outcome, since};
use crate::RunError;
use crate::frozen::FrozenSources;
use crate::git::SharedLook;
use simpipe_base::interrupt::LeftToEnd;
use simpipe_plan::Plan;
use simpipe_plan::sweep::{Goal, OnFailure};
use simpipe_stage::Catalog;
use simpipe_store::Claim;

/// Why a trial has failed that somebody wanted to end.
const UNWANTED: &str = "it was asked to stop";
/// How often a worker looks again whether there is something to do.
const POLL: Duration = Duration::from_millis(50);
/// How often the wish to stop is looked at.
const WATCH: Duration = Duration::from_millis(20);
/// How often others' lines are looked at while trials run, in looks at the wish to stop.
const LOOKS: u32 = 25;
/// How much more seldom processes look that share a folder with others of many machines.
const SELDOM: u32 = 10;

/// What a worker does next.
enum Task {
    Run { trial: usize, attempt: u32, _claim: Claim },
    Wait,
    Done,
}

/// A sweep under way in this process.
pub(super) struct Work<'a> {
    pub(super) runner: &'a SweepRunner<'a>,
    pub(super) plan: &'a Plan,
    pub(super) catalog: &'a dyn Catalog,
    pub(super) on_event: &'a (dyn Fn(&SweepEvent<'_>) + Sync),
    pub(super) asker: Asker<'a>,
    /// Its id.
    pub(super) sweep: String,
    pub(super) folder: &'a Path,
    pub(super) claims: Claims<'a>,
    /// What the sources were when this process began to work on it.
    pub(super) frozen: FrozenSources,
    /// What is checked out.
    pub(super) git: SharedLook,
    /// Stages at once in each trial.
    pub(super) jobs: usize,
    /// Set when trials under way are to stop.
    pub(super) stop: AtomicBool,
    /// The trials under way in this process, each with a flag of its own that is set when it is to stop.
    pub(super) wishes: Mutex<BTreeMap<usize, Arc<AtomicBool>>>,
    pub(super) journal: Mutex<Journal>,
}

impl Work<'_> {
    pub(super) fn goals(&self) -> &[Goal] {
        &self.asker.sweep.goals
    }

    pub(super) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The same, before the trials have heard of it.
    fn is_asked_to_stop(&self) -> bool {
        self.stopping() || self.runner.cancel.load(Ordering::Relaxed)
    }

    /// Every change of the journal is a whole line.
    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works until there is nothing left to do, or somebody wants to stop.
    pub(super) fn run(&self, workers: usize) -> Result<(), RunError> {
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| self.watch(&ended));
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| self.work())).collect();
            let results: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
            ended.store(true, Ordering::Relaxed);
            for result in results {
                match result {
                    Ok(result) => result?,
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok(())
        })
    }

    /// Every change of the wishes is one insertion or removal.
    fn wishes(&self) -> MutexGuard<'_, BTreeMap<usize, Arc<AtomicBool>>> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands the wish to stop on to trials: that of this process, and those of others which the journal tells.
    fn watch(&self, ended: &AtomicBool) {
        for looks in 1_u32.. {
            if ended.load(Ordering::Relaxed) {
                return;
            }
            if self.runner.cancel.load(Ordering::Relaxed) {
                self.stop.store(true, Ordering::Relaxed);
            }
            if looks.is_multiple_of(LOOKS * self.patience()) {
                let mut journal = self.journal();
                let read = journal.refresh();
                if read.is_ok() && journal.state.stopped.as_ref().is_some_and(|stop| stop.at_once) {
                    self.stop.store(true, Ordering::Relaxed);
                }
                let unwanted = |trial: &usize| journal.state.trials.get(*trial).is_some_and(|trial| trial.unwanted);
                let wishes = self.wishes();
                wishes
                    .iter()
                    .filter(|(trial, _)| unwanted(trial))
                    .for_each(|(_, wish)| wish.store(true, Ordering::Relaxed));
            }
            if self.stopping() {
                self.wishes().values().for_each(|wish| wish.store(true, Ordering::Relaxed));
            }
            std::thread::sleep(WATCH);
        }
    }

    fn work(&self) -> Result<(), RunError> {
        let result = self.work_on();
        if result.is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
        result
    }

    fn work_on(&self) -> Result<(), RunError> {
        let mut idle: Option<Instant> = None;
        while !self.is_asked_to_stop() {
            match self.next()? {
                Task::Run { trial, attempt, _claim } => {
                    self.run_trial(trial, attempt)?;
                    idle = None;
                }
                // By then whatever another machine has left behind has come to be taken up.
                Task::Wait if self.is_hired() && idle.is_some_and(|since| since.elapsed() > self.claims.lease) => break,
                Task::Wait => {
                    idle.get_or_insert_with(Instant::now);
                    std::thread::sleep(POLL * self.patience());
                }
                Task::Done => break,
            }
        }
        Ok(())
    }

    /// Whether this process is an element of an array job: then it is one of many, on machines that others wait for.
    const fn is_hired(&self) -> bool {
        self.claims.job.is_some()
    }

    const fn patience(&self) -> u32 {
        if self.is_hired() { SELDOM } else { 1 }
    }

    fn next(&self) -> Result<Task, RunError> {
        let mut journal = self.journal();
        journal.refresh()?;
        loop {
            if journal.state.stopped.is_some() || self.too_many_failures(&mut journal)? {
                return Ok(Task::Done);
            }
            if let Some((trial, attempt, claim)) = self.claims.take(&mut journal)? {
                return Ok(Task::Run { trial, attempt, _claim: claim });
            }
            match self.asker.next(&journal.state) {
                Some(entry) => journal.ask(&entry)?,
                None if journal.state.open().next().is_some() => return Ok(Task::Wait),
                None => {
                    if !journal.state.done {
                        journal.append(&Entry::SweepDone {})?;
                    }
                    return Ok(Task::Done);
                }
            }
        }
    }

    /// Ends the sweep where trials fail more often than the spec allows.
    fn too_many_failures(&self, journal: &mut Journal) -> Result<bool, RunError> {
        let params = &self.asker.sweep.params;
        let most = match params.on_failure {
            OnFailure::Stop => 1,
            OnFailure::Continue => params.max_failures as usize,
        };
        let failures = journal.state.failures;
        if failures < most {
            return Ok(false);
        }
        let why = if failures == 1 { "a trial failed".to_owned() } else { format!("{failures} trials failed") };
        journal.append(&Entry::SweepStopped { why, at_once: false })?;
        Ok(true)
    }

    fn run_trial(&self, trial: usize, attempt: u32) -> Result<(), RunError> {
        let asked = self.journal().state.trials[trial].clone();
        (self.on_event)(&SweepEvent::TrialStarted { trial, asked: &asked, attempt });
        let started = Instant::now();
        let wish = Arc::new(AtomicBool::new(asked.unwanted));
        self.wishes().insert(trial, Arc::clone(&wish));
        let outcome = self.try_point(trial, &asked, &wish);
        self.wishes().remove(&trial);
        let seconds = since(started);
        let _recording = LeftToEnd::begin(); // what a trial gave is not thrown away for a few moments
        let entry = match outcome {
            Ok(Outcome::Finished { runs, metrics }) => Entry::TrialFinished { trial, attempt, runs, metrics, seconds },
            Ok(Outcome::Failed { runs, reason }) => Entry::TrialFailed { trial, attempt, runs, reason, seconds },
            // It alone was to stop.
            Ok(Outcome::Interrupted { runs }) if wish.load(Ordering::Relaxed) && !self.is_asked_to_stop() => {
                Entry::TrialFailed { trial, attempt, runs, reason: UNWANTED.to_owned(), seconds }
            }
            Ok(Outcome::Interrupted { .. }) => return self.journal().append(&Entry::TrialReleased { trial, attempt }),
            Err(error @ RunError::Sweep(SweepError::SourceChanged { .. })) => {
                self.stop.store(true, Ordering::Relaxed);
                let mut journal = self.journal();
                journal.append(&Entry::TrialReleased { trial, attempt })?;
                return journal.append(&Entry::SweepStopped { why: error.to_string(), at_once: false });
            }
            Err(error) => {
                // Whoever comes next need not wait until this process is known to be gone.
                drop(self.journal().append(&Entry::TrialReleased { trial, attempt }));
                return Err(error);
            }
        };
        let mut journal = self.journal();
        journal.append(&entry)?;
        (self.on_event)(&SweepEvent::TrialEnded { trial, seconds, state: &journal.state });
        Ok(())
    }
}
