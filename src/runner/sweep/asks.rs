//! Which trial comes next: a pure function of the sweep and of what its journal tells, so that whoever asks gets the same.

use super::entry::{Coordinate, Entry};
use super::state::{State, Trial};
use simpipe_base::seed::Seed;
use simpipe_plan::Sweep;
use simpipe_sweep::{Finished, History, Job, Point, RungResult, Rungs};

/// A trial that is to be asked for.
#[derive(Default)]
struct Asked {
    point: Option<Point>,
    seeds: Vec<u64>,
    again: Option<usize>,
    further: Option<usize>,
    rung: usize,
    added: bool,
}

/// What all trials of a sweep have in common.
pub(super) struct Asker<'a> {
    pub(super) sweep: &'a Sweep,
    /// Of the points.
    pub(super) seed: Seed,
    /// Of each trial's runs.
    pub(super) seeds: Vec<u64>,
}

impl Asker<'_> {
    /// The next trial as the journal's line; `None` if there is none, or not before others have ended.
    pub(super) fn next(&self, state: &State) -> Option<Entry> {
        let entry = match &self.sweep.rungs {
            None => self.next_point(state),
            Some(further) => self.on_rungs(&further.rungs, state),
        };
        if entry.is_some() || state.open().next().is_some() {
            return entry;
        }
        self.further_seeds(state)
    }

    /// Another point, while fewer than all are finished or under way.
    fn next_point(&self, state: &State) -> Option<Entry> {
        let points = || state.trials.iter().filter(|trial| trial.is_point());
        let open = points().filter(|trial| trial.ending.is_none()).count();
        if state.finished_points() + open >= state.total {
            return None;
        }
        // What somebody has added moves no sequence on.
        let (history, chosen) = (self.history(state), points().filter(|trial| !trial.added));
        let (number, own) =
            chosen.fold(
                (0, false),
                |(number, own), trial| {
                    if trial.point == self.sweep.own { (number, true) } else { (number + 1, own) }
                },
            );
        let tried = own || self.sweep.own.as_ref().is_some_and(|own| history.holds(own));
        let point = if tried {
            Some(self.sweep.method.ask(&self.sweep.space, &history, number, self.seed)?)
        } else {
            self.sweep.own.clone()
        };
        Some(self.entry(state, Asked { point, seeds: self.seeds.clone(), ..Asked::default() }))
    }

    /// A point that is due is trained further, else another one begins.
    fn on_rungs(&self, rungs: &Rungs, state: &State) -> Option<Entry> {
        let root = |number: usize| state.trials[number].further.unwrap_or(number);
        let cost = |trial: &Trial| {
            let metrics = trial.metrics()?;
            let cost = state.costs(metrics)?.first().copied()?;
            Some(if state.excess(metrics) > 0.0 { f64::INFINITY } else { cost })
        };
        let (mut asked, mut ended) = (Vec::new(), Vec::new());
        for (number, trial) in state.trials.iter().enumerate() {
            let failed = trial.reason().is_some();
            // Another point takes the place of one that failed at once.
            if trial.again.is_some() || failed && trial.is_point() {
                continue;
            }
            // Who fails later is the worst of every rung from there on: nobody trains it further.
            let last = if failed { rungs.lengths().len() - 1 } else { trial.rung };
            for rung in trial.rung..=last {
                asked.push((root(number), rung));
                if trial.ending.is_some() {
                    ended.push(RungResult { trial: root(number), rung, value: cost(trial).unwrap_or(f64::NAN) });
                }
            }
        }
        let mut job = rungs.next(&ended, &asked, state.total);
        if job == Job::Start {
            if let Some(entry) = self.next_point(state) {
                return Some(entry);
            }
            let started = asked.iter().filter(|(_, rung)| *rung == 0).count();
            job = rungs.next(&ended, &asked, started); // the space has no further point
        }
        let Job::Promote { trial, rung } = job else { return None };
        let (point, seeds) = (state.trials[trial].point.clone(), self.seeds.clone());
        Some(self.entry(state, Asked { point, seeds, further: Some(trial), rung, ..Asked::default() }))
    }

    /// A point that somebody has chosen.
    pub(super) fn added(&self, state: &State, point: Point) -> Entry {
        self.entry(state, Asked { point: Some(point), seeds: self.seeds.clone(), added: true, ..Asked::default() })
    }

    fn entry(&self, state: &State, asked: Asked) -> Entry {
        let Asked { point, seeds, again, further, rung, added } = asked;
        Entry::TrialAsked {
            trial: state.trials.len(),
            parameters: point.as_ref().map(|point| self.sweep.parameters(point)).unwrap_or_default(),
            point: point.as_ref().map(Coordinate::of_point),
            seeds,
            again,
            further,
            rung,
            epochs: self.sweep.rungs.as_ref().map(|further| further.epochs(rung)),
            added,
        }
    }

    /// More seeds for one of the best points that has none yet.
    fn further_seeds(&self, state: &State) -> Option<Entry> {
        let params = &self.sweep.params;
        let missing = (params.finalist_seeds as usize).checked_sub(self.seeds.len()).filter(|missing| *missing > 0)?;
        if state.head.goals.len() != 1 {
            return None;
        }
        // Only their own seeds choose whom further ones are for, or the first that has them would decide it.
        let best = state.standings(false);
        let farthest = best.iter().map(|one| one.rung).max().unwrap_or(0);
        let best = best.into_iter().filter(|one| one.excess == 0.0 && one.rung == farthest);
        let mut best = best.take(params.finalists as usize).map(|one| one.trial);
        let waits = |trial: &usize| !state.trials.iter().any(|other| other.again == Some(*trial));
        let trial = best.find(waits)?;
        let first = self.seeds.iter().max().copied().unwrap_or(0);
        let seeds = (1..=missing as u64).map(|more| first.wrapping_add(more)).collect();
        let (point, rung) = (state.trials[trial].point.clone(), state.trials[trial].rung);
        Some(self.entry(state, Asked { point, seeds, again: Some(trial), rung, ..Asked::default() }))
    }

    /// What a method may know. A trial outside of the constraints counts as worse than all within, the worse the farther.
    fn history(&self, state: &State) -> History {
        let of_points = |numbers: &[usize]| -> Vec<usize> {
            numbers.iter().copied().filter(|number| state.trials[*number].is_point()).collect()
        };
        let point = |number: &usize| state.trials[*number].point.clone();
        let gave = |point: Point, metrics| Some((point, state.costs(metrics)?, state.excess(metrics)));
        let earlier = state.head.earlier.iter().flat_map(|earlier| &earlier.trials);
        let mut told: Vec<(Point, Vec<f64>, f64)> =
            earlier.filter_map(|told| gave(Coordinate::point(&told.point), &told.metrics)).collect();
        let earlier = told.len();
        let finished = of_points(&state.finished);
        told.extend(finished.iter().filter_map(|number| gave(point(number)?, state.trials[*number].metrics()?)));
        let worst = |goal: usize| {
            let within = told.iter().filter(|(.., excess)| *excess == 0.0).map(|(_, costs, _)| costs[goal]);
            within.fold(None, |worst: Option<f64>, cost| Some(worst.map_or(cost, |worst| worst.max(cost))))
        };
        let worst: Vec<f64> = (0..state.head.goals.len()).map(|goal| worst(goal).unwrap_or(0.0)).collect();
        let values = |costs: Vec<f64>, excess: f64| {
            if excess > 0.0 { worst.iter().map(|worst| worst + excess).collect() } else { costs }
        };
        let finished = told.iter().cloned();
        History {
            finished: finished
                .map(|(point, costs, excess)| Finished { point, values: values(costs, excess) })
                .collect(),
            earlier,
            running: of_points(&state.open().collect::<Vec<_>>()).iter().filter_map(point).collect(),
            failed: of_points(&state.failed).iter().filter_map(point).collect(),
        }
    }
}
