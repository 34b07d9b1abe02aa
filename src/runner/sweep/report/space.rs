//! What a sweep varied, from its journal alone: its config may be another one by now, or gone.

use serde_json::Value as Json;

use crate::sweep::state::{State, Trial};
use simpipe_artifact::{SweepCondition, SweepParameter, SweepValues};
use simpipe_base::path;
use simpipe_sweep::{Condition, Dimension, Domain, Point, Space, Value};

/// What varied.
pub(super) struct Varied {
    pub(super) space: Space,
    /// The same for the page, in the same order.
    pub(super) parameters: Vec<SweepParameter>,
    /// The items of lists as they are written.
    items: Vec<Vec<Json>>,
}

impl Varied {
    /// Reads what the sweep's identity tells; `written` gives a value as a spec would have it.
    pub(super) fn of(state: &State, written: &dyn Fn(&Json) -> String) -> Self {
        let mut reader = Reader { state, written, dimensions: Vec::new(), parameters: Vec::new(), items: Vec::new() };
        let parameters = state.head.identity["sweep"]["parameters"].as_object();
        for (path, values) in parameters.into_iter().flatten() {
            match values {
                Json::Array(items) if !items.is_empty() => reader.list(path, items),
                values => reader.range(path, values, None),
            }
        }
        Self { space: Space::new(reader.dimensions), parameters: reader.parameters, items: reader.items }
    }

    /// The point of a trial, if it is one of the space.
    pub(super) fn point<'a>(&self, trial: &'a Trial) -> Option<&'a Point> {
        let fits = |(dimension, value): (&Dimension, &Option<Value>)| match (&dimension.domain, value) {
            (_, None) | (Domain::Real { .. }, Some(Value::Real(_))) => true,
            (Domain::Integer { .. }, Some(Value::Integer(_))) => true,
            (Domain::Choice { items }, Some(Value::Item(item))) => item < items,
            _ => false,
        };
        let dimensions = self.space.dimensions();
        let is_whole = |point: &&Point| point.0.len() == dimensions.len();
        trial.point.as_ref().filter(is_whole).filter(|point| dimensions.iter().zip(&point.0).all(fits))
    }

    /// The values of a trial, by parameter.
    pub(super) fn values(&self, trial: &Trial) -> Vec<Option<f64>> {
        match self.point(trial) {
            Some(point) => point.0.iter().map(|value| value.map(number)).collect(),
            None => (0..self.parameters.len()).map(|at| self.written_value(at, trial)).collect(),
        }
    }

    /// The value of a trial that lies outside of the space, where it says one.
    fn written_value(&self, at: usize, trial: &Trial) -> Option<f64> {
        let value = trial.parameters.get(&self.parameters[at].path)?;
        match &self.parameters[at].values {
            SweepValues::Range { .. } => value.as_f64(),
            SweepValues::List(_) => self.items[at].iter().position(|item| item == value).map(|item| item as f64),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "whole numbers of a spec stand on axes")]
const fn number(value: Value) -> f64 {
    match value {
        Value::Real(real) => real,
        Value::Integer(integer) => integer as f64,
        Value::Item(item) => item as f64,
    }
}

struct Reader<'a> {
    state: &'a State,
    written: &'a dyn Fn(&Json) -> String,
    dimensions: Vec<Dimension>,
    parameters: Vec<SweepParameter>,
    items: Vec<Vec<Json>>,
}

impl Reader<'_> {
    fn list(&mut self, path: &str, items: &[Json]) {
        let dimension = self.dimensions.len();
        let values = SweepValues::List(names(items, self.written));
        self.push(path, Domain::Choice { items: items.len() }, values, None, items.to_vec());
        for (item, json) in items.iter().enumerate() {
            let mut found = Vec::new();
            ranges(json, path, &mut found);
            for (inner, values) in found {
                self.range(&inner, values, Some(Condition { dimension, item }));
            }
        }
    }

    fn range(&mut self, path: &str, values: &Json, when: Option<Condition>) {
        let (Some(low), Some(high)) = (values["low"].as_f64(), values["high"].as_f64()) else { return };
        let log = values["log"].as_bool().unwrap_or(false);
        let whole = values["low"].as_i64().zip(values["high"].as_i64()).filter(|_| self.is_whole());
        let domain = match whole {
            Some((low, high)) => Domain::Integer { low, high, log },
            None => Domain::Real { low, high, log },
        };
        let values = SweepValues::Range { low, high, log, integer: whole.is_some() };
        self.push(path, domain, values, when, Vec::new());
    }

    /// Whether trials have whole numbers in the next place: a number with a point may be written without one.
    fn is_whole(&self) -> bool {
        let at = self.dimensions.len();
        let mut values = self.state.trials.iter().filter_map(|trial| *trial.point.as_ref()?.0.get(at)?);
        values.all(|value| matches!(value, Value::Integer(_)))
    }

    fn push(&mut self, path: &str, domain: Domain, values: SweepValues, when: Option<Condition>, items: Vec<Json>) {
        let under = when.map(|when| SweepCondition { parameter: when.dimension, item: when.item });
        self.dimensions.push(Dimension { path: path.to_owned(), domain, when });
        self.parameters.push(SweepParameter { path: path.to_owned(), values, under, own: None });
        self.items.push(items);
    }
}

/// The ranges in an item, in the order in which a sweep numbers them.
fn ranges<'a>(json: &'a Json, at: &str, found: &mut Vec<(String, &'a Json)>) {
    match json {
        Json::Object(table) if is_range(table) => found.push((at.to_owned(), json)),
        Json::Object(table) => table.iter().for_each(|(key, value)| ranges(value, &path::join(at, key), found)),
        Json::Array(items) => items.iter().enumerate().for_each(|(index, item)| {
            ranges(item, &path::at(at, index), found);
        }),
        _ => {}
    }
}

fn is_range(table: &serde_json::Map<String, Json>) -> bool {
    let is_end = |key: &str| table.get(key).is_some_and(Json::is_number);
    is_end("low") && is_end("high") && table.keys().all(|key| matches!(key.as_str(), "low" | "high" | "log"))
}

/// Short names of a list's items: that of a choice without its parameters, where no two have the same.
fn names(items: &[Json], written: &dyn Fn(&Json) -> String) -> Vec<String> {
    let short = |item: &Json| match item {
        Json::String(text) => text.clone(),
        Json::Object(table) if table.len() == 1 => table.keys().next().cloned().unwrap_or_default(),
        other => written(other),
    };
    let names: Vec<String> = items.iter().map(short).collect();
    let is_double = |at: usize| names.iter().enumerate().any(|(other, name)| other != at && *name == names[at]);
    (0..items.len()).map(|at| if is_double(at) { written(&items[at]) } else { names[at].clone() }).collect()
}
