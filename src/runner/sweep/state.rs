//! What a sweep's journal comes to: the fold of its lines.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::entry::{Coordinate, Entry, Head, TrialRun, Worker};
use super::metrics::Metrics;
use super::slurm::Submitted;
use simpipe_store::RunState;
use simpipe_sweep::Point;

/// How a trial ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// With all the numbers that trials are compared by.
    Finished {
        /// Means over the seeds.
        metrics: Metrics,
    },
    /// Without one.
    Failed {
        /// Why.
        reason: String,
    },
}

/// A trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Its place in the space; `None` for the config's own values where they lie outside.
    pub point: Option<Point>,
    /// Its values by their paths.
    pub parameters: BTreeMap<String, Json>,
    /// Of one run each.
    pub seeds: Vec<u64>,
    /// The trial whose point is trained with further seeds.
    pub again: Option<usize>,
    /// The trial that began the training which goes on.
    pub further: Option<usize>,
    /// How far it is trained.
    pub rung: usize,
    /// The same in epochs, where it is not the same for all.
    pub epochs: Option<u32>,
    /// Whether somebody has chosen it, and no method.
    pub added: bool,
    /// Whether somebody wants it to end.
    pub unwanted: bool,
    /// Claims that were given back.
    pub released: BTreeSet<u32>,
    /// The last claim that the journal knows of.
    pub attempt: Option<u32>,
    /// Whose that is.
    pub worker: Option<Worker>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// One for each seed, as far as it came.
    pub runs: Vec<TrialRun>,
    /// How long it took.
    pub seconds: Option<f64>,
    /// Trials that train its point with further seeds.
    pub reseeded: Vec<usize>,
}

/// Why no further trial begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// In words.
    pub why: String,
    /// Whether trials under way stop too.
    pub at_once: bool,
}

/// Everything that is known of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// How it began.
    pub head: Head,
    /// By number.
    pub trials: Vec<Trial>,
    /// Finished trials, in the order of completion.
    pub finished: Vec<usize>,
    /// Failed trials, in their order.
    pub failed: Vec<usize>,
    /// Trials that failed since somebody joined a sweep that was stopped, without those that were asked to.
    pub failures: usize,
    /// Finished points in the end.
    pub total: usize,
    /// Whether somebody has found nothing left to do: see [`State::is_done`].
    pub done: bool,
    /// Why no further trial begins.
    pub stopped: Option<Stop>,
    /// Jobs of Slurm's that were to work on it, oldest first.
    pub submitted: Vec<Submitted>,
    /// What somebody should know of the journal.
    pub notes: Vec<String>,
    /// The highest rung that a point has finished, by the trial that began it.
    pub(super) farthest: BTreeMap<usize, usize>,
}

impl Trial {
    /// Whether it began a point: neither further seeds nor further epochs of one.
    #[must_use]
    pub const fn is_point(&self) -> bool {
        self.again.is_none() && self.further.is_none()
    }

    /// Whether it has its numbers.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.ending, Some(Ending::Finished { .. }))
    }

    /// Whether somebody works on it, or did so when last heard of.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.ending.is_none() && self.attempt.is_some_and(|attempt| !self.released.contains(&attempt))
    }

    /// Its numbers, if it is finished.
    #[must_use]
    pub const fn metrics(&self) -> Option<&Metrics> {
        match &self.ending {
            Some(Ending::Finished { metrics }) => Some(metrics),
            _ => None,
        }
    }

    /// Why it failed, if it did.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match &self.ending {
            Some(Ending::Failed { reason }) => Some(reason),
            _ => None,
        }
    }
}

impl State {
    /// That of a sweep which has only begun.
    #[must_use]
    pub fn new(head: Head) -> Self {
        let (trials, finished, failed, submitted, notes, farthest) = Default::default();
        let (failures, total, done, stopped) = (0, 0, false, None);
        Self { head, trials, finished, failed, failures, total, done, stopped, submitted, notes, farthest }
    }

    /// Takes a line in. One that says again what another has said, or is about a trial that was never asked for, changes
    /// nothing.
    pub fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::SweepStarted { .. } => {}
            Entry::SweepDone {} => self.done = true,
            Entry::JobSubmitted { job } => self.submitted.push(job),
            Entry::Joined { trials } => {
                self.done &= self.total == trials;
                self.total = trials;
                if self.stopped.take().is_some() {
                    self.failures = 0;
                }
            }
            Entry::TrialAsked { .. } => self.ask(entry),
            Entry::TrialClaimed { trial, attempt, by } => {
                let trial = self.trials.get_mut(trial).filter(|trial| trial.attempt <= Some(attempt));
                if let Some(trial) = trial {
                    (trial.attempt, trial.worker) = (Some(attempt), by);
                }
            }
            Entry::TrialReleased { trial, attempt } => {
                if let Some(trial) = self.trials.get_mut(trial) {
                    trial.released.insert(attempt);
                }
            }
            Entry::TrialUnwanted { trial } => {
                if let Some(trial) = self.trials.get_mut(trial).filter(|trial| trial.ending.is_none()) {
                    trial.unwanted = true;
                }
            }
            Entry::TrialFinished { trial, runs, metrics, seconds, .. } => {
                if self.end(trial, Ending::Finished { metrics }, runs, seconds) {
                    self.finished.push(trial);
                    let one = &self.trials[trial];
                    if one.again.is_none() {
                        let farthest = self.farthest.entry(one.further.unwrap_or(trial)).or_default();
                        *farthest = one.rung.max(*farthest);
                    }
                }
            }
            Entry::TrialFailed { trial, runs, reason, seconds, .. } => {
                if self.end(trial, Ending::Failed { reason }, runs, seconds) {
                    self.failed.push(trial);
                    self.failures += usize::from(!self.trials[trial].unwanted);
                }
            }
            Entry::SweepStopped { why, at_once } => self.stopped = Some(Stop { why, at_once }),
        }
    }

    /// Takes a trial in that was asked for.
    fn ask(&mut self, entry: Entry) {
        let Entry::TrialAsked { trial, point, parameters, seeds, again, further, rung, epochs, added } = entry else {
            return;
        };
        if trial != self.trials.len() {
            return;
        }
        if let Some(of) = again.and_then(|of| self.trials.get_mut(of)) {
            of.reseeded.push(trial);
        }
        self.trials.push(Trial {
            point: point.map(|point| Coordinate::point(&point)),
            parameters,
            seeds,
            again,
            further,
            rung,
            epochs,
            added,
            unwanted: false,
            released: BTreeSet::new(),
            attempt: None,
            worker: None,
            ending: None,
            runs: Vec::new(),
            seconds: None,
            reseeded: Vec::new(),
        });
    }

    /// Ends a trial; `false` if it has ended before.
    fn end(&mut self, trial: usize, ending: Ending, runs: Vec<TrialRun>, seconds: f64) -> bool {
        let Some(trial) = self.trials.get_mut(trial).filter(|trial| trial.ending.is_none()) else { return false };
        trial.ending = Some(ending);
        trial.runs = runs;
        trial.seconds = Some(seconds);
        true
    }

    /// Whether a finished trial is what its point came to: no further seeds, and trained the farthest.
    pub(super) fn is_farthest(&self, number: usize) -> bool {
        let trial = &self.trials[number];
        let farthest = self.farthest.get(&trial.further.unwrap_or(number));
        trial.again.is_none() && farthest.is_none_or(|farthest| *farthest <= trial.rung)
    }

    /// Numbers of the trials that have not ended.
    pub fn open(&self) -> impl Iterator<Item = usize> {
        self.trials.iter().enumerate().filter(|(_, trial)| trial.ending.is_none()).map(|(number, _)| number)
    }

    /// Whether nothing is left to do. A point that somebody has added meanwhile is.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done && self.open().next().is_none()
    }

    /// How the sweep stands, in the words of runs; `under_way` says whether a process works on it.
    #[must_use]
    pub fn run_state(&self, under_way: bool) -> RunState {
        match &self.stopped {
            _ if under_way => RunState::Running,
            _ if self.is_done() => RunState::Done,
            Some(stop) if !stop.at_once => RunState::Failed,
            Some(_) => RunState::Interrupted,
            None if self.trials.iter().any(Trial::is_held) => RunState::Killed,
            None => RunState::Interrupted,
        }
    }

    /// Finished points: trials with further seeds or epochs of a point are none of their own.
    #[must_use]
    pub fn finished_points(&self) -> usize {
        self.finished.iter().filter(|number| self.trials[**number].is_point()).count()
    }
}
