//! `sweep.json`: all that a page about a sweep shows, as data: what varied, every trial, the best, what mattered.
//!
//! [`SweepReport::write_tables`] leaves the same as tables. Coordinates of trials are kept by position: `at[i]` of a trial is
//! the value of `parameters[i]`, `values[i]` that of `objectives[i]`.

mod tables;

use serde::{Deserialize, Serialize};

/// `sweep.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepReport {
    /// Version of this format: 1.
    pub format: u32,
    /// The sweep's id.
    pub sweep: String,
    /// The experiment's name.
    pub name: String,
    /// The config as the user named it.
    pub config: String,
    /// How points were chosen.
    pub method: String,
    /// What trials are compared by; one or several.
    pub objectives: Vec<SweepObjective>,
    /// What a trial must keep to be chosen.
    pub constraints: Vec<SweepConstraint>,
    /// How many trials there are.
    pub counts: SweepCounts,
    /// Trials that no other beats, best first: one, or the front of several objectives.
    pub best: Vec<usize>,
    /// Whether the first two differ by more than seeds do; `null` where nobody knows.
    pub differ: Option<bool>,
    /// The same in words.
    pub statement: String,
    /// What varied, in the order of the spec.
    pub parameters: Vec<SweepParameter>,
    /// Finished points best first, then all other trials by number.
    pub trials: Vec<SweepTrial>,
    /// How much each parameter explains, once for each objective.
    pub importance: Vec<SweepImportance>,
    /// How to run the config with the values of the best trials, in their order.
    pub winners: Vec<SweepWinner>,
    /// What somebody should know of the journal.
    pub notes: Vec<String>,
}

/// Which values of an objective are better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SweepDirection {
    /// Large ones.
    #[default]
    Maximize,
    /// Small ones.
    Minimize,
}

/// A number that trials are compared by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepObjective {
    /// As `STAGE.NAME`.
    pub metric: String,
    /// Which values are better.
    pub direction: SweepDirection,
}

impl SweepObjective {
    /// The value as less is better.
    #[must_use]
    pub const fn cost(&self, value: f64) -> f64 {
        match self.direction {
            SweepDirection::Maximize => -value,
            SweepDirection::Minimize => value,
        }
    }
}

/// Limits that a trial must keep to be chosen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepConstraint {
    /// As `STAGE.NAME`.
    pub metric: String,
    /// The least value.
    pub min: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
}

/// Trials of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepCounts {
    /// Finished points that there are to be in the end.
    pub total: usize,
    /// Finished points: further seeds and further epochs of one are none of their own.
    pub finished: usize,
    /// Failed trials.
    pub failed: usize,
    /// Trials that have not ended.
    pub open: usize,
}

/// One parameter that varied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepParameter {
    /// The path in the spec.
    pub path: String,
    /// Its values.
    pub values: SweepValues,
    /// The item of a list under which alone it applies.
    pub under: Option<SweepCondition>,
    /// The config's own value in words, default or not, where a trial was made with the config's own values because they lie
    /// outside of what is tried; `null` else, and where the config has no such parameter or the trial's record is gone.
    pub own: Option<String>,
}

/// What values a parameter had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SweepValues {
    /// Numbers between two, both included.
    Range {
        /// The least.
        low: f64,
        /// The most.
        high: f64,
        /// Whether factors matter rather than differences.
        log: bool,
        /// Whether only whole numbers.
        integer: bool,
    },
    /// A list, each item by a short name.
    List(Vec<String>),
}

/// When a parameter applies: another one has taken an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepCondition {
    /// The position of the other parameter.
    pub parameter: usize,
    /// The position of the item in its list.
    pub item: usize,
}

/// How a trial stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SweepState {
    /// It has its numbers.
    Finished,
    /// It has none.
    Failed,
    /// It is under way, or was when its process ended.
    #[default]
    Open,
}

impl SweepState {
    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Open => "open",
        }
    }
}

/// A trial.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepTrial {
    /// Its number; 0 has the config's own values.
    pub trial: usize,
    /// How it stands.
    pub state: SweepState,
    /// From 1 for the best; `null` for what is no finished point.
    pub rank: Option<usize>,
    /// Whether it keeps the constraints, where it has a rank.
    pub kept: Option<bool>,
    /// The trial whose point was trained with further seeds.
    pub again: Option<usize>,
    /// The trial that began the training which goes on.
    pub further: Option<usize>,
    /// How far it was trained, from 0; 0 of all where all are trained alike.
    pub rung: usize,
    /// The same in epochs, where it is not the same for all.
    pub epochs: Option<u32>,
    /// Whether its training was gone on with.
    pub promoted: bool,
    /// The runs that its values are of, further seeds included.
    pub runs: usize,
    /// Of each objective; `null` where it has none.
    pub values: Vec<Option<SweepValue>>,
    /// Of each objective the mean over its own seeds alone: what all trials have alike.
    pub own: Vec<Option<f64>>,
    /// Of each parameter: the number, or the position in the list; `null` where it does not apply or the config's own value
    /// lies outside.
    pub at: Vec<Option<f64>>,
    /// How long it took.
    pub seconds: Option<f64>,
    /// Why it failed.
    pub reason: Option<String>,
}

/// A value and how sure it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepValue {
    /// The mean over the runs.
    pub mean: f64,
    /// The lower end of the 95 % interval.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// What the interval is of; `null` without one.
    pub interval: Option<SweepInterval>,
}

/// What an interval is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SweepInterval {
    /// The mean over seeds, by Student's t: how sure it is of these values.
    Seeds,
    /// One training, over other queries like these: it does not tell what another seed would give.
    Sampling,
}

impl SweepInterval {
    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Seeds => "seeds",
            Self::Sampling => "sampling",
        }
    }
}

/// How much of an objective each parameter explains.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepImportance {
    /// The objective.
    pub metric: String,
    /// Why there are no shares; `null` where there are.
    pub missing: Option<String>,
    /// The trials that it was told from.
    pub trials: usize,
    /// How long those were trained, where that is not the same for all.
    pub epochs: Option<u32>,
    /// How well the forest predicts trials that it has not seen; near 0 or below, the shares say nothing.
    pub r2: Option<f64>,
    /// The share of each parameter alone, in their order; empty without them.
    pub shares: Vec<f64>,
    /// The share that only several together explain.
    pub interactions: Option<f64>,
}

/// How to have the best again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepWinner {
    /// The trial.
    pub trial: usize,
    /// Options that lay its values over the config, for `--set`.
    pub set: Vec<String>,
    /// The whole experiment as TOML, every default written out; `null` where its record is gone.
    pub toml: Option<String>,
}

impl SweepTrial {
    /// Whether it has the config's own values because they lie outside of what is tried.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.at.iter().all(Option::is_none)
    }

    /// Whether it began a point: neither further seeds nor further epochs of one. Only these can be compared by their
    /// [`own`](Self::own) values.
    #[must_use]
    pub const fn is_point(&self) -> bool {
        self.again.is_none() && self.further.is_none()
    }
}

impl SweepReport {
    /// The file's name.
    pub const FILE: &'static str = "sweep.json";

    /// A trial by its number.
    #[must_use]
    pub fn trial(&self, number: usize) -> Option<&SweepTrial> {
        self.trials.iter().find(|trial| trial.trial == number)
    }

    /// The finished points with their own value of an objective, by number: what can be compared.
    #[must_use]
    pub fn points(&self, objective: usize) -> Vec<(&SweepTrial, f64)> {
        let value = |trial: &SweepTrial| trial.own.get(objective).copied().flatten().filter(|value| value.is_finite());
        let points = self.trials.iter().filter(|trial| trial.is_point() && trial.state == SweepState::Finished);
        let mut points: Vec<(&SweepTrial, f64)> =
            points.filter_map(|trial| value(trial).map(|value| (trial, value))).collect();
        points.sort_by_key(|(trial, _)| trial.trial);
        points
    }

    /// How long points are trained, where that is not the same for all trials.
    #[must_use]
    pub fn first_epochs(&self) -> Option<u32> {
        self.trials.iter().filter(|trial| trial.is_point()).find_map(|trial| trial.epochs)
    }
}
