//! What the trials of another sweep say of this one: those whose values lie in its space, by the numbers that it compares.

use std::collections::BTreeMap;
use std::path::Path;

use super::entry::{Coordinate, Earlier, Told};
use super::journal::Journal;
use super::state::State;
use crate::{RunError, RunRecord};
use simpipe_plan::sweep::written_in;
use simpipe_plan::{Plan, Sweep};
use simpipe_stage::Catalog;

/// Whose trials are told, and to which sweep.
struct Reader<'a> {
    root: &'a Path,
    state: &'a State,
    plan: &'a Plan,
    sweep: &'a Sweep,
    catalog: &'a dyn Catalog,
    /// How far the best are trained there.
    farthest: usize,
}

/// Finished trials of the sweep in a folder as they are told to a new one; all others by why they are not.
pub(super) fn read(
    folder: &Path,
    root: &Path,
    plan: &Plan,
    sweep: &Sweep,
    catalog: &dyn Catalog,
) -> Result<Earlier, RunError> {
    let state = Journal::read(folder)?.state;
    let numbers: Vec<usize> = state.finished.iter().copied().filter(|number| state.is_farthest(*number)).collect();
    let farthest = numbers.iter().map(|number| state.trials[*number].rung).max().unwrap_or(0);
    let reader = Reader { root, state: &state, plan, sweep, catalog, farthest };
    let (mut trials, mut left_out) = (Vec::new(), BTreeMap::new());
    for number in numbers {
        match reader.told(number) {
            Ok(told) => trials.push(told),
            Err(reason) => *left_out.entry(reason).or_default() += 1,
        }
    }
    Ok(Earlier { sweep: state.head.sweep, trials, left_out })
}

impl Reader<'_> {
    /// A trial in this sweep's terms, or why it says nothing of it.
    fn told(&self, number: usize) -> Result<Told, String> {
        self.refuse_all()?;
        let trial = &self.state.trials[number];
        if trial.rung < self.farthest {
            return Err("trained for fewer epochs than others".to_owned());
        }
        let gone = || "the record of its run is gone".to_owned();
        let run = trial.runs.first().ok_or_else(gone)?;
        let spec = RunRecord::read(&self.root.join(&run.dir)).map_err(|_| gone())?.spec;
        let written = |path: &str| written_in(&spec, path);
        let point = self.sweep.point_of(&written, &self.plan.experiment, self.catalog);
        let point = point.map_err(|outside| format!("`{}` lies outside of this space", outside.path))?;
        if let Some(path) = trial.parameters.keys().find(|path| self.is_fixed_otherwise(path, &written)) {
            return Err(format!("`{path}` has another value, and does not vary here"));
        }
        let wanted = self.sweep.goals.iter().map(|goal| &goal.metric);
        let wanted = wanted.chain(self.sweep.bounds.iter().map(|bound| &bound.metric));
        let (means, _) = self.state.means(number, true).ok_or_else(gone)?;
        let metrics = wanted.filter_map(|name| Some((name.clone(), means.get(name)?))).collect();
        Ok(Told { trial: number, point: Coordinate::of_point(&point), metrics })
    }

    /// What keeps every trial from saying anything.
    fn refuse_all(&self) -> Result<(), String> {
        let goals = &self.state.head.goals;
        if *goals != self.sweep.goals {
            let goals = goals.iter().map(|goal| format!("{} `{}`", goal.direction(), goal.metric));
            return Err(format!("the objective is another there: {}", goals.collect::<Vec<_>>().join(", ")));
        }
        if !self.sweep.learns() {
            return Err(format!("the method `{}` learns from no trial", self.sweep.params.method.name()));
        }
        Ok(())
    }

    /// Whether something varies there and not here, and had another value than here.
    fn is_fixed_otherwise(&self, path: &str, written: &dyn Fn(&str) -> Option<serde_json::Value>) -> bool {
        let inside = |one: &str, other: &str| one.strip_prefix(other).is_some_and(|rest| rest.starts_with(['.', '[']));
        let varies =
            self.sweep.space.dimensions().iter().any(|dimension| {
                dimension.path == path || inside(path, &dimension.path) || inside(&dimension.path, path)
            });
        !varies && written(path) != self.plan.written(path)
    }
}
