//! The tables of `[sweep]` whose names are somebody else's: metrics and paths of parameters, each with its place.

use serde_json::Value as Json;

use super::{Direction, Limits, Range};
use simpipe_base::issue::Issues;
use simpipe_base::node::{Node, Value};
use simpipe_base::param::{Param, Shape, View, expected};
use simpipe_base::path;
use simpipe_base::source::Place;

/// A value as it is written, typed by whoever knows what it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct Written(pub Node);

impl Param for Written {
    fn read(node: &Node, _: &str, _: &mut Issues) -> Option<Self> {
        Some(Self(node.clone()))
    }
    fn write(&self, _: View) -> Json {
        self.0.to_json()
    }
    fn shape() -> Shape {
        Shape::Number
    }
}

/// A metric that trials are compared by.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    /// As `STAGE.NAME`.
    pub metric: String,
    /// Where it is written.
    pub place: Place,
    /// Which values are better, if it is said beside it.
    pub direction: Option<Direction>,
}

/// One objective or several.
#[derive(Debug, Clone, PartialEq)]
pub struct Objectives(pub Vec<Objective>);

impl Param for Objectives {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        match &node.value {
            Value::String(metric) => {
                let (metric, place) = (metric.clone(), node.place.clone());
                Some(Self(vec![Objective { metric, place, direction: None }]))
            }
            Value::Table(table) if !table.is_empty() => {
                let read = table.iter().map(|(metric, entry)| {
                    let direction = Direction::read(&entry.node, &path::join(path, metric), issues)?;
                    Some(Objective { metric: metric.clone(), place: entry.key.clone(), direction: Some(direction) })
                });
                read.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>().map(Self)
            }
            _ => {
                expected(node, path, "a metric in quotes, or a table of metrics with their directions", issues);
                None
            }
        }
    }

    fn write(&self, view: View) -> Json {
        match self.0.as_slice() {
            [Objective { metric, direction: None, .. }] => Json::from(metric.as_str()),
            several => {
                let entry = |one: &Objective| {
                    (one.metric.clone(), one.direction.as_ref().map_or(Json::Null, |direction| direction.write(view)))
                };
                Json::Object(several.iter().map(entry).collect())
            }
        }
    }

    fn shape() -> Shape {
        Shape::AnyOf(vec![Shape::String, Shape::Map(Box::new(Direction::shape()))])
    }
}

/// A number that must stay within limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    /// As `STAGE.NAME`.
    pub metric: String,
    /// Where it is written.
    pub place: Place,
    /// The limits.
    pub limits: Limits,
}

/// Any number of constraints.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Constraints(pub Vec<Constraint>);

impl Param for Constraints {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let Value::Table(table) = &node.value else {
            expected(node, path, "a table of metrics with their limits", issues);
            return None;
        };
        let read = table.iter().map(|(metric, entry)| {
            let limits = Limits::read(&entry.node, &path::join(path, metric), issues)?;
            Some(Constraint { metric: metric.clone(), place: entry.key.clone(), limits })
        });
        read.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>().map(Self)
    }

    fn write(&self, view: View) -> Json {
        Json::Object(self.0.iter().map(|one| (one.metric.clone(), one.limits.write(view))).collect())
    }

    fn shape() -> Shape {
        Shape::Map(Box::new(Limits::shape()))
    }
}

/// What varies.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The path that is varied.
    pub path: String,
    /// Where it is written.
    pub place: Place,
    /// A list of values, or a range.
    pub values: Node,
}

/// All that varies, in the order of the paths.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters(pub Vec<Parameter>);

impl Param for Parameters {
    fn read(node: &Node, path: &str, issues: &mut Issues) -> Option<Self> {
        let Value::Table(table) = &node.value else {
            expected(node, path, "a table", issues);
            return None;
        };
        let read = |(path, entry): (&String, &simpipe_base::node::Entry)| Parameter {
            path: path.clone(),
            place: entry.key.clone(),
            values: entry.node.clone(),
        };
        Some(Self(table.iter().map(read).collect()))
    }

    fn write(&self, _: View) -> Json {
        Json::Object(self.0.iter().map(|one| (one.path.clone(), one.values.to_json())).collect())
    }

    fn shape() -> Shape {
        Shape::Map(Box::new(Shape::AnyOf(vec![Shape::List(Box::new(Shape::String)), Range::shape()])))
    }
}
