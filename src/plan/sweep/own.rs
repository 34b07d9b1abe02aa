//! Where the config's own values lie in the space, if they do.

use serde_json::Value as Json;

use super::Sweep;
use crate::base::issue::Issues;
use crate::base::param::View;
use crate::base::path::{Step, steps};
use crate::plan::{Plan, build};
use crate::stage::Catalog;
use crate::sweep::{Domain, Point, Value};

/// The point of the config's own values; `None` where one lies outside.
pub(super) fn point(sweep: &Sweep, plan: &Plan, catalog: &dyn Catalog) -> Option<Point> {
    let dimensions = sweep.space.dimensions();
    let mut point = Point(vec![None; dimensions.len()]);
    for (at, dimension) in dimensions.iter().enumerate() {
        if dimension.when.is_some_and(|when| !point.fulfils(when)) {
            continue;
        }
        point.0[at] = match dimension.domain {
            Domain::Choice { items } => {
                Some(Value::Item((0..items).find(|item| is_item(sweep, plan, catalog, at, *item))?))
            }
            _ => Some(within(dimension.domain.clone(), &written(plan, &dimension.path)?)?),
        };
    }
    Some(point)
}

/// A number as a value of a domain.
fn within(domain: Domain, json: &Json) -> Option<Value> {
    match domain {
        Domain::Real { low, high, .. } => {
            let value = json.as_f64().filter(|value| (low..=high).contains(value))?;
            Some(Value::Real(value))
        }
        Domain::Integer { low, high, .. } => {
            Some(Value::Integer(json.as_i64().filter(|value| (low..=high).contains(value))?))
        }
        Domain::Choice { .. } => None,
    }
}

/// Whether the config's own value is an item of a list, with its own numbers in the place of the item's ranges.
fn is_item(sweep: &Sweep, plan: &Plan, catalog: &dyn Catalog, at: usize, item: usize) -> bool {
    let dimensions = sweep.space.dimensions();
    let mut point = Point(vec![None; dimensions.len()]);
    point.0[at] = Some(Value::Item(item));
    for (inner, dimension) in dimensions.iter().enumerate() {
        if dimension.when.is_some_and(|when| when.dimension == at && when.item == item) {
            let own = written(plan, &dimension.path).and_then(|json| within(dimension.domain.clone(), &json));
            let Some(own) = own else { return false };
            point.0[inner] = Some(own);
        }
    }
    let path = &dimensions[at].path;
    let mut experiment = plan.experiment.clone();
    for laid in sweep.laid(&point) {
        experiment.set(laid.path, laid.place, laid.node, &mut Issues::default());
    }
    let Some(Step::Key(id)) = steps(path).first().copied() else { return false };
    let Some(spec) = experiment.stages.iter().find(|stage| stage.id == id) else { return false };
    let (Some(stage), _) = build::read(spec, catalog, &mut Issues::default()) else { return false };
    inside(&stage.params(View::Full), &steps(path)[1..]) == written(plan, path).as_ref()
}

/// What the config says at a path, or the default.
fn written(plan: &Plan, path: &str) -> Option<Json> {
    let steps = steps(path);
    let (Step::Key(id), rest) = steps.split_first()? else { return None };
    let params = plan.graph[plan.find(id)?].stage.params(View::Full);
    inside(&params, rest).cloned()
}

fn inside<'a>(json: &'a Json, steps: &[Step<'_>]) -> Option<&'a Json> {
    steps.iter().try_fold(json, |json, step| match step {
        Step::Key(key) => json.get(key),
        Step::Index(index) => json.get(index),
    })
}
