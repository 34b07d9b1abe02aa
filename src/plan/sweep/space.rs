//! The parameters of a sweep as dimensions: a list is a choice, a range a number; a range inside a list's item applies
//! under that item alone.

use crate::build;
use simpipe_base::issue::{Issue, Issues};
use simpipe_base::node::{Entry, Node, Table, Value};
use simpipe_base::param::{Param, Shape, found};
use simpipe_base::path::{self, Step, steps};
use simpipe_base::source::Place;
use simpipe_spec::{Experiment, Parameter, Range, SweepParams, set_inside};
use simpipe_stage::{Catalog, StageDoc};
use simpipe_sweep::{Condition, Dimension, Domain};

/// Values of one list at most.
const MOST_ITEMS: usize = 1000;

/// What a dimension is in the spec.
#[derive(Debug, Clone)]
pub(super) struct Varied {
    /// The path of the parameter; of a range in an item, where the range stands.
    pub(super) path: String,
    /// Where the values are written.
    pub(super) place: Place,
    /// The values of a list, with the lower end in the place of each range inside.
    pub(super) items: Vec<Node>,
}

/// A value to be laid over the config for a try.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) path: &'a str,
    pub(super) place: &'a Place,
    pub(super) node: &'a Node,
}

/// The dimensions of a sweep; every problem is an issue.
pub(super) fn read(
    params: &SweepParams,
    experiment: &Experiment,
    catalog: &dyn Catalog,
    issues: &mut Issues,
) -> (Vec<Dimension>, Vec<Varied>) {
    let docs = catalog.docs();
    let mut reader = Reader { experiment, catalog, docs: &docs, issues, dimensions: Vec::new(), varied: Vec::new() };
    let all = &params.parameters.0;
    for parameter in all {
        let outer = all.iter().find(|outer| is_inside(&parameter.path, &outer.path));
        match outer {
            Some(outer) => {
                let message = format!("`{}` is inside `{}`, which varies too", parameter.path, outer.path);
                let help =
                    "write its range inside the item it belongs to: { NAME = { KEY = { low = .., high = .. } } }";
                reader.issues.push(Issue::at(&parameter.place, &parameter.path, message).help(help));
            }
            None => reader.parameter(parameter),
        }
    }
    (reader.dimensions, reader.varied)
}

/// Whether a path is that of a part of what another names.
pub(super) fn is_inside(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.starts_with(['.', '[']))
}

struct Reader<'a> {
    experiment: &'a Experiment,
    catalog: &'a dyn Catalog,
    docs: &'a [StageDoc],
    issues: &'a mut Issues,
    dimensions: Vec<Dimension>,
    varied: Vec<Varied>,
}

/// A range inside an item.
struct Inner {
    path: String,
    node: Node,
}

impl<'a> Reader<'a> {
    fn parameter(&mut self, parameter: &Parameter) {
        let Parameter { path, place, values } = parameter;
        let shape = self.shape(path);
        match &values.value {
            Value::Array(items) => self.list(parameter, items, shape),
            Value::Table(table) if table.contains_key("low") || table.contains_key("high") => {
                if let Some(domain) = self.range(path, place, values, shape, None) {
                    self.push(path, place, domain, None, Vec::new());
                }
            }
            Value::Table(table) if is_path(table) => {
                let message = format!("`{path}` is not a parameter: a path is one key, in quotes");
                let help = format!("write `\"{}\" = ..`", leaf(path, values));
                self.issues.push(Issue::at(place, path, message).help(help));
            }
            _ => {
                let message = format!("`{path}` expects a list of values or a range, found {}", found(values));
                let help = "write `[1, 2, 3]`, or `{ low = 1e-4, high = 1e-1, log = true }`";
                self.issues.push(Issue::at(&values.place, path, message).help(help));
            }
        }
    }

    /// What may stand at a path of the spec.
    fn shape(&self, path: &str) -> Option<&'a Shape> {
        let steps = steps(path);
        let (Step::Key(id), rest) = steps.split_first()? else { return None };
        let spec = self.experiment.stages.iter().find(|stage| stage.id == *id)?;
        self.docs.iter().find(|doc| doc.name == spec.stage)?.params.at(rest)
    }

    fn push(&mut self, path: &str, place: &Place, domain: Domain, when: Option<Condition>, items: Vec<Node>) {
        self.dimensions.push(Dimension { path: path.to_owned(), domain, when });
        self.varied.push(Varied { path: path.to_owned(), place: place.clone(), items });
    }

    fn list(&mut self, parameter: &Parameter, items: &[Node], shape: Option<&Shape>) {
        let Parameter { path, place, values } = parameter;
        let mut wrong = |place: &Place, message: String, help: &str| {
            self.issues.push(Issue::at(place, path, message).help(help));
        };
        if items.is_empty() {
            return wrong(&values.place, format!("`{path}` lists no value"), "write at least one");
        }
        if items.len() > MOST_ITEMS {
            let message = format!("`{path}` lists {} values, at most {MOST_ITEMS} are allowed", items.len());
            return wrong(&values.place, message, "write a range: { low = .., high = .. }");
        }
        for (at, item) in items.iter().enumerate() {
            let json = item.to_json();
            if items[..at].iter().any(|other| other.to_json() == json) {
                wrong(&item.place, format!("`{path}` lists {json} twice"), "leave one of them out");
            }
        }
        let mut inner = Vec::new();
        let lifted: Vec<Node> = items
            .iter()
            .map(|item| {
                let mut found = Vec::new();
                let lifted = lift(item, path, shape, &mut found);
                inner.push(found);
                lifted
            })
            .collect();
        for node in &lifted {
            self.try_values(&[Setting { path, place, node }]);
        }
        let dimension = self.dimensions.len();
        self.push(path, place, Domain::Choice { items: lifted.len() }, None, lifted.clone());
        for (item, ranges) in inner.into_iter().enumerate() {
            for range in ranges {
                let shape = self.shape(&range.path);
                let under = Setting { path, place, node: &lifted[item] };
                if let Some(domain) = self.range(&range.path, &range.node.place, &range.node, shape, Some(under)) {
                    let when = Some(Condition { dimension, item });
                    self.push(&range.path, &range.node.place, domain, when, Vec::new());
                }
            }
        }
    }

    /// The domain of a range; `under` is the item that it stands in.
    fn range(
        &mut self,
        path: &str,
        place: &Place,
        node: &Node,
        shape: Option<&Shape>,
        under: Option<Setting<'_>>,
    ) -> Option<Domain> {
        let range = Range::read(node, path, self.issues)?;
        let (low, high) = (&range.low.0, &range.high.0);
        let Some(integer) = shape.map_or(Some(false), is_integer) else {
            let takes = shape.map(Shape::words).unwrap_or_default();
            let message = format!("`{path}` takes {takes}, so it can't have a range");
            self.issues.push(Issue::at(&node.place, path, message).help("list its values: [.., ..]"));
            return None;
        };
        let known = self.issues.0.len();
        for end in [low, high] {
            let mut item = under.map(|under| under.node.clone());
            match (under, &mut item) {
                (Some(under), Some(item)) => {
                    set_inside(item, &path[under.path.len()..], &end.place, end.clone(), self.issues);
                    self.try_values(&[Setting { node: item, ..under }]);
                }
                _ => self.try_values(&[Setting { path, place, node: end }]),
            }
        }
        if self.issues.0.len() > known {
            return None;
        }
        if shape.is_none() {
            let message = format!("`{path}` can't have a range, because its type is not known");
            self.issues.push(Issue::at(place, path, message).help("list its values: [.., ..]"));
            return None;
        }
        self.domain(path, [low, high], integer, range.log)
    }

    fn domain(&mut self, path: &str, [low, high]: [&Node; 2], integer: bool, log: bool) -> Option<Domain> {
        let (least, most) = (number(low)?, number(high)?);
        let mut wrong = |node: &Node, message: String, help: &str| {
            self.issues.push(Issue::at(&node.place, path, message).help(help));
            None
        };
        if !least.is_finite() || !most.is_finite() {
            let end = if least.is_finite() { high } else { low };
            return wrong(end, format!("the ends of the range of `{path}` must be finite"), "write a number");
        }
        if least > most {
            let message = format!("the range of `{path}` is empty: `high` is below `low`");
            return wrong(high, message, "exchange the two");
        }
        if log && least <= 0.0 {
            let message = format!("a range of `{path}` with `log` must be above 0, found {least}");
            return wrong(low, message, "raise `low`, or leave out `log`");
        }
        Some(match (&low.value, &high.value) {
            (Value::Integer(low), Value::Integer(high)) if integer => Domain::Integer { low: *low, high: *high, log },
            _ => Domain::Real { low: least, high: most, log },
        })
    }

    /// Lays values over the config and reads their stage: what it says that it did not say before is an issue.
    fn try_values(&mut self, settings: &[Setting<'_>]) {
        let found = problems(self.experiment, self.catalog, settings);
        self.issues.0.extend(found);
    }
}

/// What a stage says of values that it would not say without them.
pub(super) fn problems(experiment: &Experiment, catalog: &dyn Catalog, settings: &[Setting<'_>]) -> Vec<Issue> {
    let Some(first) = settings.first() else { return Vec::new() };
    let mut issues = Issues::default();
    let mut changed = experiment.clone();
    for setting in settings {
        changed.set(setting.path, setting.place, setting.node.clone(), &mut issues);
    }
    let id = match steps(first.path).first() {
        Some(Step::Key(id)) => (*id).to_owned(),
        _ => return issues.0,
    };
    let said = |experiment: &Experiment, issues: &mut Issues| {
        if let Some(spec) = experiment.stages.iter().find(|stage| stage.id == id) {
            drop(build::read(spec, catalog, issues));
        }
    };
    said(&changed, &mut issues);
    if issues.is_empty() {
        return Vec::new();
    }
    let mut before = Issues::default();
    said(experiment, &mut before);
    issues.0.retain(|issue| !before.0.contains(issue));
    issues.0
}

/// Whether a table is what TOML makes of paths without quotes.
fn is_path(table: &Table) -> bool {
    let holds = |entry: &Entry| matches!(entry.node.value, Value::Array(_) | Value::Table(_));
    table.len() == 1 || !table.is_empty() && table.values().all(holds)
}

/// The first path that such tables lead to.
fn leaf(path: &str, node: &Node) -> String {
    match node.table().filter(|table| is_path(table)).and_then(|table| table.iter().next()) {
        Some((key, entry)) if key != "low" && key != "high" => leaf(&path::join(path, key), &entry.node),
        _ => path.to_owned(),
    }
}

/// Whether a shape is of whole numbers; `None` if it is of no numbers at all.
fn is_integer(shape: &Shape) -> Option<bool> {
    match shape {
        Shape::Integer => Some(true),
        Shape::Number => Some(false),
        Shape::AnyOf(shapes) => {
            let kinds: Vec<bool> = shapes.iter().filter_map(is_integer).collect();
            (!kinds.is_empty()).then(|| kinds.iter().all(|integer| *integer))
        }
        _ => None,
    }
}

fn number(node: &Node) -> Option<f64> {
    match node.value {
        #[expect(clippy::cast_precision_loss, reason = "an integer in a spec stands for a number")]
        Value::Integer(integer) => Some(integer as f64),
        Value::Float(float) => Some(float),
        _ => None,
    }
}

/// An item with the lower end in the place of each range in it, and those ranges.
fn lift(node: &Node, at: &str, shape: Option<&Shape>, inner: &mut Vec<Inner>) -> Node {
    let inside = |step: Step<'_>| shape.and_then(|shape| shape.at(&[step]));
    let value = match &node.value {
        Value::Table(table) if shape.is_some_and(|shape| is_integer(shape).is_some()) => {
            inner.push(Inner { path: at.to_owned(), node: node.clone() });
            return table.get("low").map_or_else(|| node.clone(), |low| low.node.clone());
        }
        Value::Table(table) => {
            let lifted = table.iter().map(|(key, entry)| {
                let node = lift(&entry.node, &path::join(at, key), inside(Step::Key(key)), inner);
                (key.clone(), Entry { key: entry.key.clone(), node })
            });
            Value::Table(lifted.collect())
        }
        Value::Array(items) => {
            let lifted = items.iter().enumerate();
            let lifted =
                lifted.map(|(index, item)| lift(item, &path::at(at, index), inside(Step::Index(index)), inner));
            Value::Array(lifted.collect())
        }
        other => other.clone(),
    };
    Node { value, place: node.place.clone() }
}
