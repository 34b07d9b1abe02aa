//! What a sweep comes to as data for a page: a pure function of its journal.

mod space;
#[cfg(test)]
mod tests;

use serde_json::Value as Json;

use super::standings::{LEVEL, Standing};
use super::state::{State, Trial};
use simpipe_artifact::{
    SweepConstraint, SweepCounts, SweepDirection, SweepImportance, SweepInterval, SweepObjective, SweepReport,
    SweepState, SweepTrial, SweepValue, SweepWinner,
};
use simpipe_base::seed::Seed;
use simpipe_metric::statistics::Spread;
use simpipe_plan::sweep::Goal;
use simpipe_sweep::{Point, importance};
use space::Varied;

/// Version of the file's format.
const FORMAT: u32 = 1;

impl State {
    /// What the sweep comes to; `written` gives a value as a spec would have it. How to have the winners again is for who
    /// can write specs.
    #[must_use]
    pub fn report(&self, written: &dyn Fn(&Json) -> String) -> SweepReport {
        let (head, verdict, varied) = (&self.head, self.verdict(), Varied::of(self, written));
        let standings = self.standings(true);
        let others = (0..self.trials.len()).filter(|at| !standings.iter().any(|one| one.trial == *at));
        let order: Vec<usize> = standings.iter().map(|one| one.trial).chain(others).collect();
        let bound = |bound: &simpipe_plan::sweep::Bound| SweepConstraint {
            metric: bound.metric.clone(),
            min: bound.min,
            max: bound.max,
        };
        SweepReport {
            format: FORMAT,
            sweep: head.sweep.clone(),
            name: head.name.clone(),
            config: head.config.clone(),
            method: head.method.clone(),
            objectives: head.goals.iter().map(objective).collect(),
            constraints: head.bounds.iter().map(bound).collect(),
            counts: SweepCounts {
                total: self.total,
                finished: self.finished_points(),
                failed: self.failed.len(),
                open: self.open().count(),
            },
            winners: verdict.best.iter().map(|trial| SweepWinner { trial: *trial, ..SweepWinner::default() }).collect(),
            best: verdict.best,
            differ: verdict.differ,
            statement: verdict.statement,
            trials: order.into_iter().map(|at| self.trial_row(at, &standings, &varied)).collect(),
            importance: head.goals.iter().map(|goal| self.importance(goal, &varied)).collect(),
            parameters: varied.parameters,
            notes: self.notes.clone(),
        }
    }

    fn trial_row(&self, at: usize, standings: &[Standing], varied: &Varied) -> SweepTrial {
        let trial = &self.trials[at];
        let rank = standings.iter().position(|standing| standing.trial == at);
        let goals = self.head.goals.iter();
        let own = |goal: &Goal| trial.metrics()?.get(&goal.metric).filter(|value| value.is_finite());
        let value = |(goal, metric): (usize, &Goal)| {
            let mean = rank.map(|rank| standings[rank].values[goal]).or_else(|| own(metric))?;
            self.value(at, &metric.metric, mean, rank.is_some())
        };
        SweepTrial {
            trial: at,
            state: match () {
                () if trial.is_finished() => SweepState::Finished,
                () if trial.reason().is_some() => SweepState::Failed,
                () => SweepState::Open,
            },
            rank: rank.map(|rank| rank + 1),
            kept: rank.map(|rank| standings[rank].excess == 0.0),
            again: trial.again,
            further: trial.further,
            rung: trial.rung,
            epochs: trial.epochs,
            promoted: self.is_promoted(at, trial),
            runs: rank.map_or(trial.runs.len(), |rank| standings[rank].runs),
            values: goals.clone().enumerate().map(value).collect(),
            own: goals.map(own).collect(),
            at: varied.values(trial),
            seconds: trial.seconds,
            reason: trial.reason().map(str::to_owned),
        }
    }

    /// A value with the interval that can be told: of several runs over their seeds, of one what its stage has left.
    fn value(&self, trial: usize, metric: &str, mean: f64, with_further_seeds: bool) -> Option<SweepValue> {
        let runs: Vec<_> = self.runs_of(trial, with_further_seeds).collect();
        let values: Vec<f64> = runs.iter().filter_map(|run| run.metrics.get(metric)).collect();
        let over_seeds = || Spread::of(&values, LEVEL).ok()??.interval;
        let sampled = || {
            let [run] = runs.as_slice() else { return None };
            let end = |end: &str| run.metrics.get(&format!("{metric}.{end}"));
            end("low").zip(end("high"))
        };
        let found = match runs.len() {
            1 => sampled().map(|ends| (ends, SweepInterval::Sampling)),
            _ => over_seeds().map(|ends| (ends, SweepInterval::Seeds)),
        };
        let found = found.filter(|((low, high), _)| low.is_finite() && high.is_finite());
        let (low, high) = found.map(|(ends, _)| ends).unzip();
        let interval = found.map(|(_, interval)| interval);
        mean.is_finite().then_some(SweepValue { mean, low, high, interval })
    }

    /// Whether somebody trains a trial further, or has.
    fn is_promoted(&self, at: usize, trial: &Trial) -> bool {
        let root = trial.further.unwrap_or(at);
        let goes_on = |other: &Trial| other.further == Some(root) && other.rung > trial.rung;
        trial.again.is_none() && self.trials.iter().any(goes_on)
    }

    fn importance(&self, goal: &Goal, varied: &Varied) -> SweepImportance {
        let points = self.finished.iter().map(|number| &self.trials[*number]).filter(|trial| trial.is_point());
        let epochs = points.clone().find_map(|trial| trial.epochs);
        let told = |trial: &'_ Trial| trial.metrics()?.get(&goal.metric);
        let told: Vec<(&Point, f64)> = points.filter_map(|trial| varied.point(trial).zip(told(trial))).collect();
        let metric = goal.metric.clone();
        match importance(&varied.space, &told, Seed::of_stage(0, "sweep-importance", None)) {
            Ok(found) => SweepImportance {
                metric,
                missing: None,
                trials: found.trials,
                epochs,
                r2: Some(found.r2),
                shares: found.shares,
                interactions: Some(found.interactions),
            },
            Err(why) => SweepImportance {
                metric,
                missing: Some(why.to_string()),
                trials: told.len(),
                epochs,
                ..SweepImportance::default()
            },
        }
    }
}

fn objective(goal: &Goal) -> SweepObjective {
    let direction = if goal.maximize { SweepDirection::Maximize } else { SweepDirection::Minimize };
    SweepObjective { metric: goal.metric.clone(), direction }
}
