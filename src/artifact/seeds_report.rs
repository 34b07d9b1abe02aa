//! `seeds.json`: what the runs of one experiment at several seeds come to: each figure's spread over trainings, beside what
//! each training knows of its own.

use serde::{Deserialize, Serialize};

/// `seeds.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SeedsReport {
    /// Version of this format: 1.
    pub format: u32,
    /// The group's id.
    pub group: String,
    /// The experiment's name.
    pub name: String,
    /// The config as the user named it.
    pub config: String,
    /// The runs in the order of the seeds.
    pub runs: Vec<SeedsRun>,
    /// Every figure of runs that have all their results, by name.
    pub metrics: Vec<SeedsMetric>,
}

/// One run of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedsRun {
    /// Its seed.
    pub seed: u64,
    /// Its id.
    pub run: String,
    /// Whether every stage has its result: only then its figures count.
    pub ok: bool,
    /// The stage that failed and why, where one did.
    pub failure: Option<String>,
}

/// A figure over seeds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SeedsMetric {
    /// As `STAGE.NAME`.
    pub name: String,
    /// The mean of the runs that have it.
    pub mean: f64,
    /// The standard deviation of one training; `null` where only one run has it.
    pub std: Option<f64>,
    /// The lower end of the 95 % t-interval of the mean.
    pub t_low: Option<f64>,
    /// Its upper end.
    pub t_high: Option<f64>,
    /// What each run has, in their order.
    pub values: Vec<Option<SeedsValue>>,
}

/// A figure of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct SeedsValue {
    /// The value.
    pub value: f64,
    /// The ends of its own interval, where it has one: what other queries would give, not what another training would.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
}

impl SeedsReport {
    /// The file's name.
    pub const FILE: &'static str = "seeds.json";

    /// Runs whose figures count.
    #[must_use]
    pub fn done(&self) -> usize {
        self.runs.iter().filter(|run| run.ok).count()
    }
}

impl SeedsMetric {
    /// Whether any run knows how sure the value is by itself.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.values.iter().flatten().any(|value| value.low.is_some() && value.high.is_some())
    }
}
