//! What a sweep varies, typed: the paths of `[sweep]` against the parameters that the stages take, its metrics against
//! the numbers that they leave.
//!
//! A value is tried as `--set` would lay it over the config, so every reader says itself what it refuses, at the line of
//! the sweep that wrote it. Chooses no point and runs nothing.

mod added;
mod goals;
mod measured;
mod own;
mod rungs;
mod space;
#[cfg(test)]
mod tests;
mod trial;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{Plan, Reason, diff};
pub use goals::{Bound, Goal};
pub use own::{Outside, Written, written_in};
pub use rungs::TrainedFurther;
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::param::{Param, View};
use simpipe_base::seed::Seed;
pub use simpipe_spec::OnFailure;
use simpipe_spec::{Experiment, MethodName, SweepParams};
use simpipe_stage::{Catalog, DynStage, Facts};
use simpipe_sweep::{Method, Point, Space};
use space::Varied;

/// A stage as far as it is known before a graph is whole.
pub(super) type Drafted<'a> = &'a dyn Fn(&str) -> Option<(Arc<dyn DynStage>, Option<Facts>)>;

/// A sweep over an experiment, ready to be asked for trials.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// As it is written.
    pub params: SweepParams,
    /// How points are chosen.
    pub method: Method,
    /// What varies.
    pub space: Space,
    /// What trials are compared by; one or several.
    pub goals: Vec<Goal>,
    /// What a trial must keep to be chosen.
    pub bounds: Vec<Bound>,
    /// The point that the config's own values are, if they lie in the space.
    pub own: Option<Point>,
    /// Finished points in the end.
    pub trials: usize,
    /// Who is trained further; `None` where every trial is trained the whole way.
    pub rungs: Option<TrainedFurther>,
    /// What each dimension is in the spec.
    varied: Vec<Varied>,
}

/// A sweep whose parts are read, before it is known whether the graph is whole.
pub(super) struct Draft {
    params: SweepParams,
    space: Space,
    varied: Vec<Varied>,
    goals: Vec<Goal>,
    bounds: Vec<Bound>,
    rungs: Option<TrainedFurther>,
}

/// The method of a name.
const fn method(name: &MethodName) -> Method {
    match name {
        MethodName::Grid => Method::Grid,
        MethodName::Random => Method::Random,
        // Numbers of different rungs can't be compared, so nothing is learned from them.
        MethodName::Sobol | MethodName::Asha(_) | MethodName::Screen(_) => Method::Sobol,
        MethodName::Tpe => Method::Tpe,
        MethodName::GaussianProcess => Method::GaussianProcess,
        MethodName::Auto => Method::Auto,
    }
}

/// Reads the sweep of an experiment; every problem is an issue.
pub(super) fn read(
    experiment: &Experiment,
    catalog: &dyn Catalog,
    drafted: Drafted<'_>,
    issues: &mut Issues,
) -> Option<Draft> {
    let params = experiment.sweep.clone()?;
    let (dimensions, varied) = space::read(&params, experiment, catalog, issues);
    let (goals, bounds) = goals::read(&params, experiment, catalog, drafted, issues);
    let place = &experiment.header.get("sweep")?.key;
    let rungs = rungs::read(&params, experiment, drafted, place, issues);
    if params.parameters.0.is_empty() {
        let help = "write `[sweep.parameters]` and below it `\"train.epochs\" = [1, 2]`";
        issues.push(Issue::at(place, "sweep.parameters", "nothing varies, so there would be one trial").help(help));
    }
    let endless = varied.iter().zip(&dimensions).find(|(_, dimension)| dimension.domain.count().is_none());
    match (&params.method, endless) {
        (MethodName::Grid, Some((varied, _))) => {
            let message = format!("a grid needs lists of values, but `{}` is a range", varied.path);
            let help = "list the values, or choose another method: `method = \"auto\"`";
            issues.push(Issue::at(&varied.place, &varied.path, message).help(help));
        }
        (MethodName::Grid, None) => {}
        (_, _) if params.trials.is_none() => {
            let message = "missing key `trials`: only a grid has a known number of trials";
            issues.push(Issue::at(place, "sweep.trials", message).help("write `trials = 20`"));
        }
        _ => {}
    }
    issues.is_empty().then(|| Draft { params, space: Space::new(dimensions), varied, goals, bounds, rungs })
}

/// What a sweep may do but probably should not.
pub(super) fn warnings(experiment: &Experiment, catalog: &dyn Catalog, drafted: Drafted<'_>) -> Vec<Issue> {
    measured::on_test(experiment, catalog, drafted)
}

/// The sweep of a whole graph: every value is tried on the whole of it.
///
/// # Errors
/// Values that a stage refuses because of its inputs.
pub(super) fn settle(draft: Draft, plan: &Plan, catalog: &dyn Catalog) -> Result<Sweep, Vec<Issue>> {
    let Draft { params, space, varied, goals, bounds, rungs } = draft;
    let method = method(&params.method);
    let mut sweep = Sweep { params, method, space, goals, bounds, own: None, trials: 0, rungs, varied };
    sweep.try_values(plan, catalog)?;
    sweep.own = own::point(&sweep, plan, catalog);
    let counted = sweep.space.count().map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
    let all = counted.saturating_add(usize::from(sweep.own.is_none()));
    sweep.trials = sweep.params.trials.map_or(all, |trials| all.min(trials as usize));
    Ok(sweep)
}

impl Sweep {
    /// What all that is drawn at random comes from.
    #[must_use]
    pub fn seed(experiment: &Experiment) -> Seed {
        Seed::of_stage(experiment.seeds.first().copied().unwrap_or(experiment.seed), "sweep", None)
    }

    /// The JSON of what makes this sweep another one if it changes: what varies, how points are chosen, and all that their
    /// results hang on. How many trials there are, how many at once and what failures do may change under way.
    #[must_use]
    pub fn identity(&self, plan: &Plan) -> Json {
        let stage = |node: &petgraph::graph::NodeIndex| {
            let (id, stage) = (&plan.graph[*node].id, &plan.graph[*node].stage);
            let upstream = plan.upstream(*node).into_iter();
            let inputs: BTreeMap<&str, &str> =
                upstream.map(|(from, port)| (port.name, plan.graph[from].id.as_str())).collect();
            (id.clone(), json!({ "stage": stage.name(), "inputs": inputs, "params": stage.params(View::Key) }))
        };
        let stages: serde_json::Map<String, Json> = plan.order.iter().map(stage).collect();
        let experiment = &plan.experiment;
        let seeds = if experiment.seeds.is_empty() { vec![experiment.seed] } else { experiment.seeds.clone() };
        let goals: BTreeMap<&str, &str> =
            self.goals.iter().map(|goal| (goal.metric.as_str(), goal.direction())).collect();
        json!({
            "pipeline": experiment.pipeline, "device": experiment.device, "numerics": experiment.numerics,
            "seeds": seeds, "stages": stages,
            "sweep": {
                "method": self.params.method.write(View::Full), "objective": goals,
                "constraints": self.params.constraints.write(View::Full),
                "parameters": self.params.parameters.write(View::Full),
            },
        })
    }

    /// Whether its method makes anything of what earlier trials gave.
    #[must_use]
    pub const fn learns(&self) -> bool {
        matches!(self.method, Method::Tpe | Method::GaussianProcess | Method::Auto)
    }

    /// Every difference between two identities, by paths of the spec.
    #[must_use]
    pub fn differences(old: &Json, new: &Json) -> Vec<Reason> {
        diff::of_specs(old, new)
    }
}
