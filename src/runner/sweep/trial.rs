//! One trial: the config with its values, run once for each of its seeds by the ordinary runner.

use std::collections::BTreeMap;
use std::time::Instant;

use super::entry::TrialRun;
use super::error::SweepError;
use super::state::Trial;
use super::work::{SweepEvent, Work};
use crate::base::digest::Digest;
use crate::base::param::View;
use crate::plan::{Plan, Sweep};
use crate::runner::{FailureKind, Part, RunError, RunRecord, Runner, seeds};

/// What became of a trial.
pub(super) enum Outcome {
    /// It has all the numbers that trials are compared by.
    Finished { runs: Vec<TrialRun>, metrics: BTreeMap<String, f64> },
    /// It has not.
    Failed { runs: Vec<TrialRun>, reason: String },
    /// The user wants to stop.
    Interrupted,
}

impl Work<'_> {
    /// Runs a trial; what fails in it is its outcome, what keeps every trial from running is the error.
    pub(super) fn try_point(&self, trial: usize, asked: &Trial) -> Result<Outcome, RunError> {
        let plan = match Sweep::trial(self.plan, asked.point.as_ref(), asked.rung, self.catalog) {
            Ok(plan) => plan,
            Err(issues) => {
                let reason =
                    issues.first().map_or_else(|| "its values can't be used".to_owned(), |issue| issue.message.clone());
                return Ok(Outcome::Failed { runs: Vec::new(), reason });
            }
        };
        let mut runs = Vec::new();
        for seed in &asked.seeds {
            if self.stopping() {
                return Ok(Outcome::Interrupted);
            }
            let record = self.run_once(trial, &plan.at_seed(*seed))?;
            self.compare_sources(&record)?;
            let failure =
                record.failure().map(|(stage, failure)| (failure.kind, format!("`{}`: {}", stage.id, failure.message)));
            let interrupted = !record.ok && record.interrupted;
            let RunRecord { run, dir, ok, metrics, .. } = record;
            runs.push(TrialRun { seed: *seed, run, dir, metrics });
            match failure {
                Some((FailureKind::Interrupted, _)) => return Ok(Outcome::Interrupted),
                Some((_, reason)) => return Ok(Outcome::Failed { runs, reason }),
                None if interrupted || !ok => return Ok(Outcome::Interrupted),
                None => {}
            }
        }
        let metrics = seeds::over_seeds(runs.iter().map(|run| &run.metrics));
        let missing = self.goals().iter().find(|goal| {
            let has = |run: &TrialRun| run.metrics.get(&goal.metric).is_some_and(|value| value.is_finite());
            !runs.iter().all(has)
        });
        Ok(match missing {
            Some(goal) => {
                let reason = format!("it gave no `{}`, or one that is no number", goal.metric);
                Outcome::Failed { runs, reason }
            }
            None => Outcome::Finished { runs, metrics },
        })
    }

    fn run_once(&self, trial: usize, plan: &Plan) -> Result<RunRecord, RunError> {
        let runner = Runner {
            root: self.runner.root,
            store: self.runner.store,
            jobs: self.jobs,
            cancel: &self.stop,
            command: self.runner.command.clone(),
        };
        let on_event = |event: &crate::runner::Event| (self.on_event)(&SweepEvent::Run { trial, event });
        let part = Part::Trial { sweep: &self.sweep, folder: self.folder, git: &self.git };
        runner.run_of(plan, self.catalog, &on_event, part)
    }

    /// Refuses a run that has read other data than the sweep began with. A trial that reads another source by its own
    /// values is another matter.
    fn compare_sources(&self, record: &RunRecord) -> Result<(), RunError> {
        for stage in &record.stages {
            let (Some(parts), Some(frozen)) = (&stage.key_parts, self.sources.get(&stage.id)) else { continue };
            let own = self.plan.find(&stage.id).map(|node| self.plan.graph[node].stage.params(View::Key));
            if own.as_ref() != Some(&parts.params) {
                continue;
            }
            let found: BTreeMap<String, Digest> =
                parts.sources.iter().map(|(name, digest)| (name.clone(), *digest)).collect();
            refuse_others(&self.sweep, &stage.id, frozen, &found)?;
        }
        Ok(())
    }
}

/// Refuses sources that are not those that a sweep began with.
pub(super) fn refuse_others(
    sweep: &str,
    stage: &str,
    frozen: &BTreeMap<String, Digest>,
    found: &BTreeMap<String, Digest>,
) -> Result<(), RunError> {
    match found.iter().find(|(name, digest)| frozen.get(*name).is_some_and(|frozen| frozen != *digest)) {
        Some((name, _)) => Err(SweepError::SourceChanged {
            sweep: sweep.to_owned(),
            stage: stage.to_owned(),
            source_name: name.clone(),
        }
        .into()),
        None => Ok(()),
    }
}

/// Seconds since a moment.
pub(super) fn since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64()
}
