//! A point laid over the config: the plan of its trial, and what it is in words.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::Sweep;
use crate::Plan;
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::{Node, Value as Written};
use simpipe_base::source::Place;
use simpipe_spec::{Experiment, set_inside};
use simpipe_stage::Catalog;
use simpipe_sweep::{Domain, Point, Value};

/// Values that are tried on the whole graph before anything runs; there may be thousands in a list.
const MOST_TRIED: usize = 200;

/// A value that a trial lays over the config.
pub(super) struct SetValue<'a> {
    pub(super) path: &'a str,
    pub(super) place: &'a Place,
    pub(super) node: Node,
}

impl Sweep {
    /// What a point lays over the config: one value for each parameter, with the ranges inside it settled.
    pub(super) fn laid(&self, point: &Point) -> Vec<SetValue<'_>> {
        let dimensions = self.space.dimensions();
        let mut laid: Vec<(usize, SetValue<'_>)> = Vec::new();
        for (at, (dimension, value)) in dimensions.iter().zip(&point.0).enumerate() {
            let (Some(value), varied) = (value, &self.varied[at]) else { continue };
            let node = self.node(at, *value);
            let outer = dimension.when.and_then(|when| laid.iter().position(|(outer, _)| *outer == when.dimension));
            match outer {
                Some(outer) => {
                    let outer = &mut laid[outer].1;
                    let inner = &varied.path[outer.path.len()..];
                    set_inside(&mut outer.node, inner, &varied.place, node, &mut Issues::default());
                }
                None => laid.push((at, SetValue { path: &varied.path, place: &varied.place, node })),
            }
        }
        laid.into_iter().map(|(_, laid)| laid).collect()
    }

    /// A value of a dimension as it would be written.
    fn node(&self, at: usize, value: Value) -> Node {
        let varied = &self.varied[at];
        let written = match value {
            Value::Real(real) => Written::Float(real),
            Value::Integer(integer) => Written::Integer(integer),
            Value::Item(item) => return varied.items[item].clone(),
        };
        Node { value: written, place: varied.place.clone() }
    }

    /// What a point is in words: its values by their paths.
    #[must_use]
    pub fn parameters(&self, point: &Point) -> BTreeMap<String, Json> {
        self.laid(point).into_iter().map(|laid| (laid.path.to_owned(), laid.node.to_json())).collect()
    }

    /// The plan of a trial; that of the config's own values without a point. `rung` is how far it is trained, where
    /// that is not the same for all.
    ///
    /// # Errors
    /// What the stages refuse.
    pub fn trial(plan: &Plan, point: Option<&Point>, rung: usize, catalog: &dyn Catalog) -> Result<Plan, Vec<Issue>> {
        let Some(sweep) = &plan.sweep else { return changed(plan, &plan.experiment, &[], catalog) };
        let mut experiment = plan.experiment.clone();
        let mut issues = Issues::default();
        for (path, node) in sweep.rungs.iter().flat_map(|further| further.laid(rung)) {
            let place = node.place.clone();
            experiment.set(&path, &place, node, &mut issues);
        }
        issues.finish()?;
        changed(plan, &experiment, &point.map(|point| sweep.laid(point)).unwrap_or_default(), catalog)
    }

    /// Tries each value on the whole graph, with the config's own in the place of all others.
    ///
    /// # Errors
    /// What the stages refuse, at the value's line.
    pub(super) fn try_values(&self, plan: &Plan, catalog: &dyn Catalog) -> Result<(), Vec<Issue>> {
        let mut issues = Issues::default();
        for point in self.extremes().into_iter().take(MOST_TRIED) {
            let laid = self.laid(&point);
            let Some(value) = laid.first() else { continue };
            for issue in changed(plan, &plan.experiment, &laid, catalog).err().unwrap_or_default() {
                issues.push(self.replaced(issue, value));
            }
        }
        issues.finish()
    }

    /// For every end of a range and every item of a list a point that has nothing else.
    fn extremes(&self) -> Vec<Point> {
        let dimensions = self.space.dimensions();
        let mut points = Vec::new();
        for (at, dimension) in dimensions.iter().enumerate() {
            let values = match dimension.domain {
                Domain::Real { low, high, .. } => vec![Value::Real(low), Value::Real(high)],
                Domain::Integer { low, high, .. } => vec![Value::Integer(low), Value::Integer(high)],
                Domain::Choice { items } => (0..items).map(Value::Item).collect(),
            };
            for value in values {
                let mut point = Point(vec![None; dimensions.len()]);
                if let Some(when) = dimension.when {
                    point.0[when.dimension] = Some(Value::Item(when.item));
                }
                point.0[at] = Some(value);
                points.push(point);
            }
        }
        points
    }

    /// An issue at the line of the sweep that it comes from, whatever line it names.
    fn replaced(&self, issue: Issue, value: &SetValue<'_>) -> Issue {
        if issue.place.as_ref().is_some_and(|place| inside(place, value.place) || inside(place, &value.node.place)) {
            return issue;
        }
        let message = format!("with `{} = {}`: {}", value.path, value.node.to_json(), issue.message);
        Issue { place: Some(value.node.place.clone()), message, ..issue }
    }
}

/// Whether a place lies in another, of the same text.
fn inside(place: &Place, outer: &Place) -> bool {
    place.source == outer.source && (outer.span.start..=outer.span.end).contains(&place.span.start)
}

/// The plan of an experiment with values laid over, and without its sweep. `plan` is the sweep's own.
pub(super) fn changed(
    plan: &Plan,
    experiment: &Experiment,
    laid: &[SetValue<'_>],
    catalog: &dyn Catalog,
) -> Result<Plan, Vec<Issue>> {
    let mut experiment = without_sweep(experiment);
    let mut issues = Issues::default();
    for laid in laid {
        experiment.set(laid.path, laid.place, laid.node.clone(), &mut issues);
    }
    issues.finish()?;
    Plan::build_like(experiment, catalog, plan)
}

/// The experiment as `simpipe run` takes it.
fn without_sweep(experiment: &Experiment) -> Experiment {
    let mut experiment = experiment.clone();
    experiment.sweep = None;
    experiment.header.remove("sweep");
    experiment
}
