//! Runs by what they have in a field: how many, and how good.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::{Field, ListedRun, filter};
use simpipe_metric::statistics::Spread;

/// The runs of one value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The value; `null` for runs without one.
    pub value: Json,
    /// How many runs there are.
    pub runs: usize,
    /// How many of them have the metric.
    pub measured: usize,
    /// Its mean over them.
    pub mean: Option<f64>,
    /// Its standard deviation, where there are several.
    pub std: Option<f64>,
    /// The best of them.
    pub best: Option<f64>,
    /// The run that has it, the newest of equals.
    pub best_run: Option<String>,
}

/// Groups runs by a field, in the order of its values. The record of a run of several seeds is left out: the run of each
/// seed is there.
#[must_use]
pub fn groups(runs: &[ListedRun], by: &Field, metric: Option<&Field>, higher_is_better: bool) -> Vec<Group> {
    let mut members: BTreeMap<String, (Json, Vec<&ListedRun>)> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.brief.seeds == 0) {
        let value = run.value(by).unwrap_or_default();
        members.entry(value.to_string()).or_insert_with(|| (value, Vec::new())).1.push(run);
    }
    let mut groups: Vec<Group> =
        members.into_values().map(|(value, runs)| group(value, &runs, metric, higher_is_better)).collect();
    filter::sort(&mut groups, |group| Some(group.value.clone()).filter(|value| !value.is_null()), false);
    groups
}

fn group(value: Json, runs: &[&ListedRun], metric: Option<&Field>, higher_is_better: bool) -> Group {
    let measured: Vec<(f64, &str)> = runs
        .iter()
        .filter_map(|run| Some((run.value(metric?)?.as_f64()?, run.brief.run.as_str())))
        .filter(|(value, _)| value.is_finite())
        .collect();
    let values: Vec<f64> = measured.iter().map(|(value, _)| *value).collect();
    let spread = Spread::of(&values, 0.95).ok().flatten();
    let better = |one: f64, other: f64| if higher_is_better { one > other } else { one < other };
    let best = measured.iter().copied().reduce(|best, run| if better(run.0, best.0) { run } else { best });
    Group {
        value,
        runs: runs.len(),
        measured: measured.len(),
        mean: spread.map(|spread| spread.mean),
        std: spread.and_then(|spread| spread.std),
        best: best.map(|(value, _)| value),
        best_run: best.map(|(_, run)| run.to_owned()),
    }
}
