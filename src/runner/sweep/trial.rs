//! One trial: the config with its values, run once for each of its seeds by the ordinary runner.

use std::sync::atomic::{AtomicBool, Ordering};

use petgraph::graph::NodeIndex;

use super::entry::TrialRun;
use super::error::SweepError;
use super::event::SweepEvent;
use super::outcome::Outcome;
use super::state::Trial;
use super::work::Work;
use crate::frozen::ChangedSource;
use crate::{FailureKind, Part, RunError, RunRecord, Runner, seeds};
use simpipe_plan::{Plan, Sweep};

impl Work<'_> {
    /// Runs a trial until `wish` is set; what fails in it is its outcome, what keeps every trial from running is the error.
    pub(super) fn try_point(&self, trial: usize, asked: &Trial, wish: &AtomicBool) -> Result<Outcome, RunError> {
        let plan = match Sweep::trial(self.plan, asked.point.as_ref(), asked.rung, self.catalog) {
            Ok(plan) => plan,
            Err(issues) => {
                self.refuse_changed_sources(self.plan, &self.plan.order)?; // what stages say of them is how it shows here
                let reason =
                    issues.first().map_or_else(|| "its values can't be used".to_owned(), |issue| issue.message.clone());
                return Ok(Outcome::Failed { runs: Vec::new(), reason });
            }
        };
        let mut runs = Vec::new();
        for seed in &asked.seeds {
            if wish.load(Ordering::Relaxed) {
                return Ok(Outcome::Interrupted { runs });
            }
            let record = self.run_once(trial, &plan.at_seed(*seed), wish)?;
            let failure =
                record.failure().map(|(stage, failure)| (failure.kind, format!("`{}`: {}", stage.id, failure.message)));
            let interrupted = !record.ok && record.interrupted;
            let failed = record.stages.iter().filter(|stage| stage.failure.is_some());
            let failed: Vec<NodeIndex> = failed.filter_map(|stage| plan.find(&stage.id)).collect();
            let RunRecord { run, dir, ok, metrics, .. } = record;
            runs.push(TrialRun { seed: *seed, run, dir, metrics: metrics.into() });
            match failure {
                Some((FailureKind::Interrupted, _)) => return Ok(Outcome::Interrupted { runs }),
                Some((_, reason)) => {
                    self.refuse_changed_sources(&plan, &failed)?;
                    return Ok(Outcome::Failed { runs, reason });
                }
                None if interrupted || !ok => return Ok(Outcome::Interrupted { runs }),
                None => {}
            }
        }
        let metrics = seeds::of_numbers(runs.iter().flat_map(|run| run.metrics.iter())).into();
        let missing = self.goals().iter().find(|goal| {
            let has = |run: &TrialRun| run.metrics.get(&goal.metric).is_some_and(f64::is_finite);
            !runs.iter().all(has)
        });
        Ok(match missing {
            Some(goal) => {
                let reason = format!("it gave no `{}`, or one that is not a number", goal.metric);
                Outcome::Failed { runs, reason }
            }
            None => Outcome::Finished { runs, metrics },
        })
    }

    fn run_once(&self, trial: usize, plan: &Plan, wish: &AtomicBool) -> Result<RunRecord, RunError> {
        let runner = Runner {
            root: self.runner.root,
            store: self.runner.store,
            jobs: self.jobs,
            cancel: wish,
            command: self.runner.command.clone(),
            profiler: None,
        };
        let on_event = |event: &crate::Event| (self.on_event)(&SweepEvent::Run { trial, event });
        let part = Part::Trial { sweep: &self.sweep, folder: self.folder, git: &self.git, sources: &self.frozen };
        runner.run_of(plan, self.catalog, &on_event, part)
    }

    /// Ends the sweep if a stage that has failed was to read a source that is no longer what the sweep has begun with: that
    /// says nothing of the trial.
    fn refuse_changed_sources(&self, plan: &Plan, stages: &[NodeIndex]) -> Result<(), RunError> {
        for node in stages {
            if let Some(ChangedSource { name, places }) = self.frozen.changed(plan, *node, self.runner.store) {
                let (sweep, stage) = (self.sweep.clone(), plan.graph[*node].id.clone());
                return Err(SweepError::SourceChanged { sweep, stage, source_name: name, places }.into());
            }
        }
        Ok(())
    }
}
