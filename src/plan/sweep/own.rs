//! Where values lie in the space, if they do: the config's own, or those of somebody else's.

use serde_json::Value as Json;

use super::Sweep;
use crate::{Plan, build};
use simpipe_base::issue::Issues;
use simpipe_base::param::View;
use simpipe_base::path::{Step, steps};
use simpipe_spec::Experiment;
use simpipe_stage::Catalog;
use simpipe_sweep::{Dimension, Domain, Point, Value};

/// What a spec says in full at a path; `None` where it says nothing.
pub type Written<'a> = &'a dyn Fn(&str) -> Option<Json>;

/// A parameter whose value is none that the sweep tries.
#[derive(Debug, Clone, PartialEq)]
pub struct Outside {
    /// Its path.
    pub path: String,
    /// Its value; `None` where there is none.
    pub value: Option<Json>,
    /// What the sweep tries, in words.
    pub tries: String,
}

/// What a value is to an item of a list.
enum Match {
    Item,
    /// Another item, or none.
    Other,
    /// It is the item, but a number in it lies outside of its range.
    Outside(Outside),
}

impl Sweep {
    /// The point that values are; `experiment` is what the sweep is over.
    ///
    /// # Errors
    /// The first parameter whose value lies outside.
    pub fn point_of(
        &self,
        written: Written<'_>,
        experiment: &Experiment,
        catalog: &dyn Catalog,
    ) -> Result<Point, Outside> {
        let dimensions = self.space.dimensions();
        let mut point = Point(vec![None; dimensions.len()]);
        for (at, dimension) in dimensions.iter().enumerate() {
            if dimension.when.is_some_and(|when| !point.fulfils(when)) {
                continue;
            }
            let value = match dimension.domain {
                Domain::Choice { items } => self.item_of(at, items, written, experiment, catalog)?,
                _ => within(dimension, written).ok_or_else(|| self.outside(at, written))?,
            };
            point.0[at] = Some(value);
        }
        Ok(point)
    }

    fn item_of(
        &self,
        at: usize,
        items: usize,
        written: Written<'_>,
        experiment: &Experiment,
        catalog: &dyn Catalog,
    ) -> Result<Value, Outside> {
        let mut nearest = None;
        for item in 0..items {
            match self.compare(at, item, written, experiment, catalog) {
                Match::Item => return Ok(Value::Item(item)),
                Match::Outside(outside) => nearest = nearest.or(Some(outside)),
                Match::Other => {}
            }
        }
        Err(nearest.unwrap_or_else(|| self.outside(at, written)))
    }

    fn outside(&self, at: usize, written: Written<'_>) -> Outside {
        let dimension = &self.space.dimensions()[at];
        let tries = match &dimension.domain {
            Domain::Real { low, high, .. } => format!("a number from {low} to {high}"),
            Domain::Integer { low, high, .. } => format!("a whole number from {low} to {high}"),
            Domain::Choice { .. } => {
                let items: Vec<String> = self.varied[at].items.iter().map(|item| item.to_json().to_string()).collect();
                format!("one of {}", items.join(", "))
            }
        };
        Outside { path: dimension.path.clone(), value: written(&dimension.path), tries }
    }

    /// Compares a value with an item of a list, with the value's own numbers in the place of the item's ranges.
    fn compare(
        &self,
        at: usize,
        item: usize,
        written: Written<'_>,
        experiment: &Experiment,
        catalog: &dyn Catalog,
    ) -> Match {
        let dimensions = self.space.dimensions();
        let mut point = Point(vec![None; dimensions.len()]);
        point.0[at] = Some(Value::Item(item));
        let mut outside = None;
        for (inner, dimension) in dimensions.iter().enumerate() {
            if dimension.when.is_some_and(|when| when.dimension == at && when.item == item) {
                let Some(own) = number(dimension, written) else { return Match::Other };
                point.0[inner] = Some(own);
                if within(dimension, written).is_none() {
                    outside = outside.or_else(|| Some(self.outside(inner, written)));
                }
            }
        }
        let path = &dimensions[at].path;
        let mut changed = experiment.clone();
        for laid in self.laid(&point) {
            changed.set(laid.path, laid.place, laid.node, &mut Issues::default());
        }
        let Some(Step::Key(id)) = steps(path).first().copied() else { return Match::Other };
        let Some(spec) = changed.stages.iter().find(|stage| stage.id == id) else { return Match::Other };
        let (Some(stage), _) = build::read(spec, catalog, &mut Issues::default()) else { return Match::Other };
        if inside(&stage.params(View::Full), &steps(path)[1..]) != written(path).as_ref() {
            return Match::Other;
        }
        outside.map_or(Match::Item, Match::Outside)
    }
}

/// The point of the config's own values; `None` where one lies outside.
pub(super) fn point(sweep: &Sweep, plan: &Plan, catalog: &dyn Catalog) -> Option<Point> {
    sweep.point_of(&|path| plan.written(path), &plan.experiment, catalog).ok()
}

/// A number of a dimension's kind.
fn number(dimension: &Dimension, written: Written<'_>) -> Option<Value> {
    let json = written(&dimension.path)?;
    match dimension.domain {
        Domain::Real { .. } => json.as_f64().map(Value::Real),
        Domain::Integer { .. } => json.as_i64().map(Value::Integer),
        Domain::Choice { .. } => None,
    }
}

/// The same, if it lies in the dimension's range.
fn within(dimension: &Dimension, written: Written<'_>) -> Option<Value> {
    number(dimension, written).filter(|value| match (&dimension.domain, value) {
        (Domain::Real { low, high, .. }, Value::Real(value)) => (*low..=*high).contains(value),
        (Domain::Integer { low, high, .. }, Value::Integer(value)) => (*low..=*high).contains(value),
        _ => false,
    })
}

impl Plan {
    /// What the config says at a path, or the default.
    #[must_use]
    pub fn written(&self, path: &str) -> Option<Json> {
        let steps = steps(path);
        let (Step::Key(id), rest) = steps.split_first()? else { return None };
        let params = self.graph[self.find(id)?].stage.params(View::Full);
        inside(&params, rest).cloned()
    }
}

/// The same of a resolved spec, as a run's record keeps it.
#[must_use]
pub fn written_in(spec: &Json, path: &str) -> Option<Json> {
    let steps = steps(path);
    let (Step::Key(id), rest) = steps.split_first()? else { return None };
    inside(&spec["stages"][*id]["params"], rest).cloned()
}

fn inside<'a>(json: &'a Json, steps: &[Step<'_>]) -> Option<&'a Json> {
    steps.iter().try_fold(json, |json, step| match step {
        Step::Key(key) => json.get(key),
        Step::Index(index) => json.get(index),
    })
}
