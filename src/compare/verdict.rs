//! Several runs against a baseline, with a verdict for each number: for tables, and for CI.

use serde::Serialize;

use super::LEVEL;
use super::figures::{self, Better, MetricChange};
use super::measured::Measured;
use super::run::RunName;
use simpipe_artifact::{ArtifactError, Verdict};
use simpipe_stages::direction::higher_is_better;

impl MetricChange {
    /// What is to be said of the difference.
    pub(super) fn verdict(&self) -> Verdict {
        let ends = self.low.zip(self.high);
        match (self.difference, ends, self.better) {
            (None, ..) => Verdict::Missing,
            // Of other queries, an equal number says nothing.
            (Some(0.0), None, _) if self.count.is_none() => Verdict::Same,
            (Some(_), Some((low, high)), _) if low <= 0.0 && high >= 0.0 => Verdict::Same,
            (Some(_), Some((low, _)), Some(better)) => {
                if (low > 0.0) == (better == Better::Higher) {
                    Verdict::Better
                } else {
                    Verdict::Worse
                }
            }
            (Some(_), ..) => Verdict::Unknown,
        }
    }
}

/// A number with its verdict; `old` is the baseline's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// The two numbers.
    #[serde(flatten)]
    pub change: MetricChange,
    /// What is to be said.
    pub verdict: Verdict,
}

/// A run against the baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunVerdict {
    /// The run.
    #[serde(flatten)]
    pub run: RunName,
    /// Whether nothing of it is worse, missing or beyond judgement.
    pub ok: bool,
    /// Its numbers.
    pub metrics: Vec<Judged>,
}

/// Runs against a baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Version of this format: 1.
    pub format: u32,
    /// What the runs are held against.
    pub baseline: RunName,
    /// The share of intervals that hold the true difference.
    pub level: f64,
    /// How many differences were judged: of so many, some seem real by chance.
    pub comparisons: usize,
    /// How verdicts allow for that: `none`, each interval stands for itself.
    pub correction: &'static str,
    /// Whether all runs are.
    pub ok: bool,
    /// The runs, in the order in which they were named.
    pub runs: Vec<RunVerdict>,
}

/// Compares runs with a baseline by these numbers, or by all that can be judged.
///
/// # Errors
/// If a file that is needed is gone or damaged.
pub fn compare(baseline: &Measured, runs: &[Measured], wanted: &[String]) -> Result<Comparison, ArtifactError> {
    let usual = judgeable(baseline);
    let names: Vec<&str> = if wanted.is_empty() {
        usual.iter().map(String::as_str).collect()
    } else {
        wanted.iter().map(String::as_str).collect()
    };
    let mut verdicts = Vec::new();
    for run in runs {
        let mut metrics = Vec::new();
        for name in &names {
            let change = figures::change(name, baseline, run)?;
            metrics.push(Judged { verdict: change.verdict(), change });
        }
        let ok = metrics.iter().all(|judged| judged.verdict.passes());
        verdicts.push(RunVerdict { run: run.run.name(), ok, metrics });
    }
    Ok(Comparison {
        format: 1,
        baseline: baseline.run.name(),
        level: LEVEL,
        comparisons: names.len() * runs.len(),
        correction: "none",
        ok: verdicts.iter().all(|run| run.ok),
        runs: verdicts,
    })
}

/// Numbers of a run that a verdict can be given of: which way they are better is known, and how sure a difference is can be
/// known.
#[must_use]
pub fn judgeable(run: &Measured) -> Vec<String> {
    let record = &run.run.record;
    let measuring = run.run.measuring();
    let judged = |name: &&str| {
        let of_measuring = name.split('.').next().is_some_and(|id| measuring.contains(&id));
        let sure = if record.is_group() { of_measuring } else { run.column(name).is_some() };
        sure && higher_is_better(name).is_some()
    };
    figures::names(&record.metrics).into_iter().filter(judged).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(difference: Option<f64>, ends: Option<(f64, f64)>, better: Option<Better>) -> Verdict {
        let (low, high) = ends.unzip();
        let (old, new) = (Some(0.0), difference);
        MetricChange { old, new, difference, low, high, better, ..MetricChange::default() }.verdict()
    }

    #[test]
    fn only_an_interval_beyond_0_is_a_difference() {
        let (higher, lower) = (Some(Better::Higher), Some(Better::Lower));
        for (difference, ends, better, expected) in [
            (Some(0.1), Some((0.01, 0.2)), higher, Verdict::Better),
            (Some(0.1), Some((0.01, 0.2)), lower, Verdict::Worse),
            (Some(-0.1), Some((-0.2, -0.01)), higher, Verdict::Worse),
            (Some(-0.1), Some((-0.2, -0.01)), lower, Verdict::Better),
            (Some(-0.1), Some((-0.2, 0.0)), higher, Verdict::Same),
            (Some(0.0), None, higher, Verdict::Same),
            (Some(0.1), None, higher, Verdict::Unknown),
            (Some(0.1), Some((0.01, 0.2)), None, Verdict::Unknown),
            (None, None, higher, Verdict::Missing),
        ] {
            assert_eq!(verdict(difference, ends, better), expected, "{difference:?} {ends:?} {better:?}");
        }
    }
}
