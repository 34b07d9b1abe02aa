//! `comparison.json`: all that a page about several runs shows, as data: what differs, how sure that is, how they were
//! trained, which queries are answered otherwise.
//!
//! Everything is kept by position: `values[i]` and `differences[i]` are those of `runs[i]`. The first run is the one that the
//! others are held against.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// `comparison.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparisonReport {
    /// Version of this format: 1.
    pub format: u32,
    /// The share of intervals that hold the true value.
    pub level: f64,
    /// The runs, the first one first.
    pub runs: Vec<ComparedRun>,
    /// Fields of the specs that differ.
    pub fields: Vec<ComparedField>,
    /// What the runs were computed by, where that differs.
    pub versions: Vec<ComparedField>,
    /// Numbers that a difference can be judged of, and all others that differ.
    pub metrics: Vec<ComparedMetric>,
    /// How many differences are told: of so many, some seem real by chance.
    pub comparisons: usize,
    /// Losses by step, of each training.
    pub curves: Vec<ComparedCurve>,
    /// Queries whose answer flipped, of each run against the first and each stage that both have.
    pub flips: Vec<ComparedFlips>,
    /// What somebody should know: what is gone or damaged.
    pub notes: Vec<String>,
}

/// A run, or a group of runs that differ in their seed alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedRun {
    /// Its id.
    pub run: String,
    /// The experiment's name.
    pub name: String,
    /// Its seeds; of a group several.
    pub seeds: Vec<u64>,
    /// Whether it is a group: its values are then means over trainings.
    pub group: bool,
    /// The number that its own page opens with; `null` where it measures nothing.
    pub headline: Option<ComparedHeadline>,
    /// Queries that are in the index as well, by stage: only stages that have some. Of a group the mean.
    pub indexed: BTreeMap<String, u64>,
}

/// The number that a run is known by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedHeadline {
    /// As `<stage id>.<name>`.
    pub metric: String,
    /// How large it is.
    pub value: ComparedValue,
    /// Queries of the stage that it leaves out, as they were seen before. Of a group those of its first run.
    pub left_out: u64,
    /// Queries that it counts although they were seen before.
    pub leaks: u64,
}

/// A field that differs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedField {
    /// Its path, such as `train.loss`.
    pub path: String,
    /// Of each run; `null` where it has no such field.
    pub values: Vec<Option<Json>>,
}

/// A number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedMetric {
    /// As `<stage id>.<name>`.
    pub name: String,
    /// Whether more of it is better; `null` where nobody knows.
    pub higher_is_better: Option<bool>,
    /// Of each run; `null` where it has no such number.
    pub values: Vec<Option<ComparedValue>>,
    /// Of each run against the first; `null` for that one itself.
    pub differences: Vec<Option<ComparedDifference>>,
}

/// A value and how sure it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedValue {
    /// The value; of a group the mean.
    pub value: f64,
    /// The lower end of its interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
}

/// How much more a run has than the first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedDifference {
    /// The difference; `null` where one has no such number.
    pub value: Option<f64>,
    /// The lower end of its interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// The two-sided p-value of the paired bootstrap.
    pub p: Option<f64>,
    /// What the interval is: `paired-bootstrap` over queries, or `seeds`.
    pub interval: Option<String>,
    /// Queries or trainings that it is made of.
    pub count: Option<usize>,
    /// What is to be said of it.
    pub verdict: Verdict,
    /// Why there is no interval.
    pub why: Option<String>,
}

/// What is to be said of a difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The whole interval is on the better side.
    Better,
    /// The interval holds 0, which leaves open whether there is a difference; or the numbers are equal.
    Same,
    /// The whole interval is on the worse side: a regression.
    Worse,
    /// The run has no such number.
    Missing,
    /// The numbers differ, and nobody can say how sure that is, or which way is better.
    #[default]
    Unknown,
}

impl Verdict {
    /// Whether a run with it passes: what can't be judged does not.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(self, Self::Better | Self::Same)
    }

    /// Whether it says something of the difference.
    #[must_use]
    pub const fn is_known(self) -> bool {
        !matches!(self, Self::Missing | Self::Unknown)
    }

    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Same => "same",
            Self::Worse => "worse",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }

    /// The words for a reader, of a difference: an interval that holds 0 does not say that two runs are the same.
    #[must_use]
    pub fn in_words(self, difference: Option<f64>) -> &'static str {
        if self == Self::Same && difference != Some(0.0) { "not told apart" } else { self.word() }
    }
}

/// The loss of a training.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedCurve {
    /// The position of the run.
    pub run: usize,
    /// The seed, of a training of a group.
    pub seed: Option<u64>,
    /// The stage.
    pub stage: String,
    /// Step and mean loss of the batches round it; of many steps some.
    pub loss: Vec<(f64, f64)>,
    /// Step and validation loss at the ends of epochs.
    pub validation: Vec<(f64, f64)>,
}

/// Queries of a stage whose answer flipped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparedFlips {
    /// The position of the run that is held against the first.
    pub run: usize,
    /// The stage.
    pub stage: String,
    /// Queries of both; 0 where they can't be paired.
    pub queries: usize,
    /// Queries that this run alone has right.
    pub fixed: usize,
    /// Queries that the first run alone has right.
    pub broken: usize,
    /// All of them.
    pub images: Vec<ComparedFlip>,
    /// Why there are none to be told.
    pub why: Option<String>,
}

/// A query whose answer flipped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparedFlip {
    /// Its example in the first run's dataset.
    pub query_id: u64,
    /// Its class.
    pub label: String,
    /// What the first run took it for; `null` for nothing.
    pub before: Option<String>,
    /// What this run took it for.
    pub after: Option<String>,
    /// Whether this run is right.
    pub fixed: bool,
    /// The file that the image came from, where the dataset says it.
    pub file: Option<String>,
}

impl ComparisonReport {
    /// The file's name.
    pub const FILE: &'static str = "comparison.json";

    /// A run in few words: its number on the page, its experiment and the end of its id.
    #[must_use]
    pub fn label(&self, run: usize) -> String {
        self.runs.get(run).map_or_else(String::new, |of| {
            let end = of.run.rsplit('-').next().unwrap_or(&of.run);
            format!("{} {} {end}", run + 1, of.name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_holds_0_is_not_called_the_same() {
        let words = |verdict: Verdict, difference: f64| verdict.in_words(Some(difference));
        assert_eq!([words(Verdict::Same, 0.1), words(Verdict::Same, 0.0)], ["not told apart", "same"]);
        assert_eq!((words(Verdict::Worse, -0.1), Verdict::Missing.in_words(None)), ("worse", "missing"));
    }

    #[test]
    fn the_word_is_that_of_the_json_and_only_what_is_judged_can_pass() {
        let all = [Verdict::Better, Verdict::Same, Verdict::Worse, Verdict::Missing, Verdict::Unknown];
        for verdict in all {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.word());
        }
        assert_eq!(all.map(Verdict::passes), [true, true, false, false, false]);
        assert_eq!(all.map(Verdict::is_known), [true, true, true, false, false]);
    }
}
