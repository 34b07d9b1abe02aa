//! Who is best: trials by what they gave, whether the first two differ, and whom further seeds are for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::metrics::Metrics;
use super::state::State;
use simpipe_metric::statistics::Spread;
use simpipe_sweep::{Finished, History, Point, front};

/// The share of intervals of a mean that hold it.
pub(super) const LEVEL: f64 = 0.95;

/// A finished point among the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The trial.
    pub trial: usize,
    /// Of each goal the mean over all seeds.
    pub values: Vec<f64>,
    /// How many runs that are.
    pub runs: usize,
    /// How far it was trained: whoever came further comes first.
    pub rung: usize,
    /// How far it lies outside of the constraints, in all; 0 if it keeps them.
    pub excess: f64,
}

/// What the trials of a sweep come to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verdict {
    /// The trials that no other beats, best first: one, or the front of several goals. None before one is finished that
    /// keeps the constraints.
    pub best: Vec<usize>,
    /// Whether the first two differ by more than seeds do; `None` where nobody knows.
    pub differ: Option<bool>,
    /// The same in words.
    pub statement: String,
}

impl State {
    /// What a trial gave for each goal, as less is better; `None` if it has not all.
    #[must_use]
    pub(super) fn costs(&self, metrics: &Metrics) -> Option<Vec<f64>> {
        let value = |goal: &simpipe_plan::sweep::Goal| Some(goal.cost(metrics.get(&goal.metric)?));
        self.head.goals.iter().map(value).collect()
    }

    /// How far numbers lie outside of the constraints; a number that is missing lies outside too.
    #[must_use]
    pub(super) fn excess(&self, metrics: &Metrics) -> f64 {
        let excess = self.head.bounds.iter();
        excess.map(|bound| metrics.get(&bound.metric).map_or(f64::MAX / 1e6, |value| bound.excess(value))).sum()
    }

    /// Finished points, best first: by their own seeds alone, or by all that they were trained with.
    #[must_use]
    pub fn standings(&self, with_further_seeds: bool) -> Vec<Standing> {
        let points = self.finished.iter().filter(|number| self.is_farthest(**number));
        let standing = |number: &usize| {
            let (metrics, runs) = self.means(*number, with_further_seeds)?;
            let values = self.head.goals.iter().map(|goal| metrics.get(&goal.metric));
            let values = values.collect::<Option<Vec<f64>>>()?;
            let rung = self.trials[*number].rung;
            Some(Standing { trial: *number, values, runs, rung, excess: self.excess(&metrics) })
        };
        let all: Vec<Standing> = points.filter_map(standing).collect();
        let (kept, mut outside): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.excess == 0.0);
        outside.sort_by(|a, b| a.excess.total_cmp(&b.excess).then(a.trial.cmp(&b.trial)));
        let finished =
            kept.iter().map(|one| Finished { point: Point(Vec::new()), values: self.costs_of(one) }).collect();
        let mut order = History { finished, ..History::default() }.best_first();
        order.sort_by_key(|at| std::cmp::Reverse(kept[*at].rung)); // stable: within a rung the best stays first
        order.into_iter().map(|at| kept[at].clone()).chain(outside).collect()
    }

    fn costs_of(&self, standing: &Standing) -> Vec<f64> {
        self.head.goals.iter().zip(&standing.values).map(|(goal, value)| goal.cost(*value)).collect()
    }

    /// The runs of a point.
    pub(super) fn runs_of(
        &self,
        number: usize,
        with_further_seeds: bool,
    ) -> impl Iterator<Item = &super::entry::TrialRun> {
        let further = self.trials[number].reseeded.iter().map(|further| &self.trials[*further]);
        let further = further.filter(move |trial| with_further_seeds && trial.is_finished()).flat_map(|one| &one.runs);
        self.trials[number].runs.iter().chain(further)
    }

    /// Means over the runs of a point, and how many those are.
    pub(super) fn means(&self, number: usize, with_further_seeds: bool) -> Option<(Cow<'_, Metrics>, usize)> {
        let own = self.trials[number].metrics()?;
        let runs: Vec<_> = self.runs_of(number, with_further_seeds).collect();
        if runs.len() <= self.trials[number].runs.len() {
            return Some((Cow::Borrowed(own), runs.len()));
        }
        let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
        for (name, value) in runs.iter().flat_map(|run| run.metrics.iter()) {
            let sum = sums.entry(name.to_owned()).or_default();
            *sum = (sum.0 + value, sum.1 + 1);
        }
        let means = sums.into_iter().filter(|(_, (_, count))| *count == runs.len());
        #[expect(clippy::cast_precision_loss, reason = "a few seeds")]
        let means: Metrics = means.map(|(name, (sum, count))| (name, sum / count as f64)).collect();
        Some((Cow::Owned(means), runs.len()))
    }

    /// Who is best, and how sure that is.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let standings = self.standings(true);
        let kept: Vec<&Standing> = standings.iter().filter(|one| one.excess == 0.0).collect();
        if self.head.goals.len() > 1 {
            let costs: Vec<Vec<f64>> = kept.iter().map(|one| self.costs_of(one)).collect();
            let costs: Vec<&[f64]> = costs.iter().map(Vec::as_slice).collect();
            let best: Vec<usize> = front(&costs).into_iter().map(|at| kept[at].trial).collect();
            let statement = match best.len() {
                0 => nobody(self, standings.len()),
                1 => format!("trial {} is at least as good as every other in all objectives", best[0]),
                count => format!("{count} trials are such that no other is at least as good in all objectives"),
            };
            return Verdict { best, differ: None, statement };
        }
        // Those with further seeds are compared among themselves: one lucky seed of another says less.
        let farthest = kept.iter().map(|one| one.rung).max().unwrap_or(0);
        let farthest: Vec<&Standing> = kept.into_iter().filter(|one| one.rung == farthest).collect();
        let most = farthest.iter().map(|one| one.runs).max().unwrap_or(0);
        let mut finalists = farthest.into_iter().filter(|one| one.runs == most);
        let Some(first) = finalists.next() else {
            return Verdict { statement: nobody(self, standings.len()), ..Verdict::default() };
        };
        let (differ, statement) = match finalists.next() {
            None => (None, format!("trial {} is the best so far", first.trial)),
            Some(second) => self.compare(first, second),
        };
        Verdict { best: vec![first.trial], differ, statement }
    }

    /// Whether two points differ over the seeds that both were trained with.
    fn compare(&self, first: &Standing, second: &Standing) -> (Option<bool>, String) {
        let (one, other) = (first.trial, second.trial);
        let goal = &self.head.goals[0].metric;
        let of = |number: usize| -> BTreeMap<u64, f64> {
            self.runs_of(number, true).filter_map(|run| Some((run.seed, run.metrics.get(goal)?))).collect()
        };
        let theirs = of(other);
        let differences: Vec<f64> =
            of(one).into_iter().filter_map(|(seed, value)| Some(value - theirs.get(&seed)?)).collect();
        let spread = Spread::of(&differences, LEVEL).ok().flatten();
        match spread.and_then(|spread| Some((spread.mean, spread.interval?))) {
            None => (
                None,
                format!(
                    "trial {one} is ahead of trial {other}, but with one seed each it is not known whether they differ"
                ),
            ),
            Some((mean, (low, high))) => {
                let differ = low > 0.0 || high < 0.0;
                let words = if differ { "differ" } else { "do not differ" };
                let seeds = differences.len();
                let text = format!(
                    "trial {one} and trial {other} {words} over {seeds} seeds: mean difference {mean:.4}, 95 % t-interval \
                     [{low:.4}, {high:.4}]"
                );
                (Some(differ), text)
            }
        }
    }
}

/// Why there is no best trial.
fn nobody(state: &State, finished: usize) -> String {
    if finished > 0 {
        "no trial meets the constraints".to_owned()
    } else if state.trials.is_empty() {
        "no trial has started".to_owned()
    } else {
        "no trial is finished".to_owned()
    }
}
