//! Numbers of two runs side by side: the difference, and its interval where there is a way to one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::LEVEL;
use super::measured::Measured;
use super::pair::pair;
use simpipe_artifact::ArtifactError;
use simpipe_base::seed::Seed;
use simpipe_metric::statistics::{Bootstrap, MeanDifference};
use simpipe_stages::direction::higher_is_better;

/// Which way a number is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// A number of two runs, or of two groups, of which it is the mean.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MetricChange {
    /// As `<stage id>.<name>`.
    pub name: String,
    /// Of the first run; `None` if it has no such number.
    pub old: Option<f64>,
    /// Of the second run.
    pub new: Option<f64>,
    /// How much more the second has.
    pub difference: Option<f64>,
    /// The lower end of the difference's 95 % interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// The two-sided p-value of the paired bootstrap.
    pub p: Option<f64>,
    /// Queries, or trainings, that the interval is made of; 0 where the queries of both runs can't be paired.
    pub count: Option<usize>,
    /// What the interval is: `paired-bootstrap` over queries, or `seeds` (a t-interval over trainings).
    pub interval: Option<&'static str>,
    /// Which way it is better, where that is known.
    pub better: Option<Better>,
    /// Why there is no interval.
    pub why: Option<String>,
}

/// Suffixes of what stands beside a number.
const BESIDE: [&str; 5] = [".low", ".high", ".std", ".t_low", ".t_high"];

/// Numbers of a run by name, without the ends of intervals and deviations that stand beside them.
pub(super) fn names(metrics: &BTreeMap<String, f64>) -> BTreeSet<&str> {
    let beside =
        |name: &str| BESIDE.iter().any(|end| name.strip_suffix(end).is_some_and(|of| metrics.contains_key(of)));
    metrics.keys().map(String::as_str).filter(|name| !beside(name)).collect()
}

/// One number of two runs and the difference, without an interval.
pub(super) fn plain(name: &str, old: &Measured, new: &Measured) -> MetricChange {
    let value = |run: &Measured| run.run.record.metrics.get(name).copied();
    let (before, now) = (value(old), value(new));
    MetricChange {
        name: name.to_owned(),
        old: before,
        new: now,
        difference: before.zip(now).map(|(before, now)| now - before),
        better: higher_is_better(name).map(|higher| if higher { Better::Higher } else { Better::Lower }),
        ..MetricChange::default()
    }
}

/// Compares one number of two runs.
///
/// # Errors
/// If a table of a dataset that is needed is gone or damaged.
pub(super) fn change(name: &str, old: &Measured, new: &Measured) -> Result<MetricChange, ArtifactError> {
    let mut change = plain(name, old, new);
    if change.difference.is_none() {
        let missing = if change.old.is_none() { "first" } else { "second" };
        change.why = Some(format!("the {missing} run has no such number"));
    } else if old.run.record.is_group() || new.run.record.is_group() {
        over_seeds(&mut change, old, new);
    } else {
        over_queries(&mut change, old, new)?;
    }
    Ok(change)
}

/// The values of a number by training.
fn values(name: &str, measured: &Measured) -> Vec<f64> {
    let record = &measured.run.record;
    if !record.is_group() {
        return record.metrics.get(name).copied().into_iter().collect();
    }
    record.seeds.iter().filter(|run| run.ok).filter_map(|run| run.metrics.get(name).copied()).collect()
}

fn over_seeds(change: &mut MetricChange, old: &Measured, new: &Measured) {
    let (before, now) = (values(&change.name, old), values(&change.name, new));
    match MeanDifference::of(&now, &before, LEVEL) {
        Ok(Some(MeanDifference { value, interval: Some((low, high)) })) => {
            change.difference = Some(value);
            (change.low, change.high) = (Some(low), Some(high));
            change.count = Some(before.len() + now.len());
            change.interval = Some("seeds");
        }
        Ok(_) => change.why = Some("one training of each: no spread is known".to_owned()),
        Err(error) => change.why = Some(error.to_string()),
    }
}

fn over_queries(change: &mut MetricChange, old: &Measured, new: &Measured) -> Result<(), ArtifactError> {
    let columns = old.column(&change.name).zip(new.column(&change.name));
    let Some(((queries, before), (others, now))) = columns else {
        let stage = change.name.split('.').next().unwrap_or_default();
        let lost = [old, new].iter().any(|side| side.lost.contains_key(stage));
        let why = if lost {
            "the values of its queries can't be read"
        } else {
            "it is not a mean over queries with stored values"
        };
        change.why = Some(why.to_owned());
        return Ok(());
    };
    if before.average != now.average {
        change.why = Some("one is a mean over queries, the other one over classes".to_owned());
        return Ok(());
    }
    let stage = change.name.split('.').next().unwrap_or_default();
    let order = match pair(stage, (&old.run, queries), (&new.run, others))? {
        Ok(order) => order,
        Err(unpaired) => {
            (change.count, change.why) = (Some(0), Some(unpaired.to_string()));
            return Ok(());
        }
    };
    let now: Vec<Option<f64>> = order.iter().map(|row| now.values[*row]).collect();
    let bootstrap = Bootstrap { level: LEVEL, ..Bootstrap::new(Seed::of_stage(0, "compare", None)) };
    match bootstrap.paired(&queries.label, &now, &before.values, before.average) {
        Ok(Some(found)) => {
            (change.low, change.high) = (Some(found.interval.low), Some(found.interval.high));
            (change.p, change.count) = (Some(found.p), Some(found.queries));
            change.interval = Some("paired-bootstrap");
        }
        Ok(None) => change.why = Some("no query has a value in both runs".to_owned()),
        Err(error) => change.why = Some(error.to_string()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_intervals_are_no_numbers_of_their_own() {
        let metrics = ["e.map@r", "e.map@r.low", "e.map@r.high", "t.loss", "t.loss.std", "x.low"];
        let metrics = metrics.iter().map(|name| ((*name).to_owned(), 1.0)).collect();
        assert_eq!(names(&metrics).into_iter().collect::<Vec<_>>(), ["e.map@r", "t.loss", "x.low"]);
    }
}
