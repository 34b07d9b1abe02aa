//! What a line of a sweep's journals says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::metrics::Metrics;
use super::slurm::Submitted;
use simpipe_base::digest::Digest;
use simpipe_base::{clock, file_name};
use simpipe_plan::sweep::{Bound, Goal};
use simpipe_sweep::{Point, Value};

/// Version of the lines' format.
// 1 - all processes append to one file
// 2 - each has a file of its own, and lines say their place among all
pub const FORMAT: u32 = 2;

/// What is laid over the config, to plan the sweep again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SavedOverlay {
    /// `--set`.
    Set(String),
    /// `--set-file`.
    File(PathBuf),
}

/// A sweep as it begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Its id.
    #[serde(deserialize_with = "file_name::word")]
    pub sweep: String,
    /// The experiment's name.
    #[serde(deserialize_with = "file_name::word")]
    pub name: String,
    /// The config as the user named it.
    pub config: String,
    /// Where the config is.
    pub path: PathBuf,
    /// What is laid over it.
    pub overlays: Vec<SavedOverlay>,
    /// How points are chosen.
    pub method: String,
    /// What trials are compared by.
    pub goals: Vec<Goal>,
    /// What a trial must keep.
    pub bounds: Vec<Bound>,
    /// What must not change: see [`Sweep::identity`](simpipe_plan::Sweep::identity).
    pub identity: Json,
    /// Digests of what the stages read from outside, by stage and source.
    pub sources: BTreeMap<String, BTreeMap<String, Digest>>,
    /// When it began, in UTC.
    pub started: String,
    /// The simpipe that began it.
    pub version: String,
    /// What the method was told before the first trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Earlier>,
}

/// What another sweep has found out, as far as it says something of this one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Earlier {
    /// Its id.
    #[serde(deserialize_with = "file_name::word")]
    pub sweep: String,
    /// Its trials in the order of completion.
    pub trials: Vec<Told>,
    /// How many others there are, by why they say nothing.
    pub left_out: BTreeMap<String, usize>,
}

/// A trial of another sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Its number there.
    pub trial: usize,
    /// Its place in the space of this sweep.
    pub point: Vec<Option<Coordinate>>,
    /// What it gave, as far as trials are compared by it.
    pub metrics: Metrics,
}

/// The value of one dimension in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coordinate {
    /// Any number.
    Real(f64),
    /// A whole number.
    Integer(i64),
    /// An item of a list.
    Item(usize),
}

/// A run of a trial, one for each seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialRun {
    /// The seed.
    pub seed: u64,
    /// The run's id.
    #[serde(deserialize_with = "file_name::word")]
    pub run: String,
    /// Its folder, relative to the root.
    #[serde(deserialize_with = "file_name::inside")]
    pub dir: String,
    /// Its headline numbers.
    pub metrics: Metrics,
}

/// Who works on a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// The machine.
    pub host: String,
    /// The element of an array job of Slurm's that it is: `12_3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// When it took the trial, in UTC.
    pub since: String,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Entry {
    /// The first line.
    SweepStarted {
        /// Of all lines.
        format: u32,
        /// What it is.
        head: Box<Head>,
    },
    /// A process begins to work on it, or does so again after it was stopped.
    Joined {
        /// Finished points in the end, as it stands in the config now.
        trials: usize,
    },
    /// Workers were asked of Slurm.
    JobSubmitted {
        /// Which.
        job: Submitted,
    },
    /// A point is to be tried.
    TrialAsked {
        /// Its number.
        trial: usize,
        /// Its place in the space; `None` for the config's own values where they lie outside.
        point: Option<Vec<Option<Coordinate>>>,
        /// Its values by their paths.
        parameters: BTreeMap<String, Json>,
        /// Of one run each.
        seeds: Vec<u64>,
        /// The trial whose point is trained with further seeds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again: Option<usize>,
        /// The trial that began the training which goes on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        further: Option<usize>,
        /// How far it is trained, counted from 0; the only rung where all are trained alike.
        #[serde(default)]
        rung: usize,
        /// The same in epochs, where it is not the same for all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epochs: Option<u32>,
        /// Whether somebody has chosen it, and no method.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        added: bool,
    },
    /// Somebody works on a trial.
    TrialClaimed {
        /// Its number.
        trial: usize,
        /// How often it was claimed before.
        attempt: u32,
        /// Who that is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Worker>,
    },
    /// A trial has all its numbers.
    TrialFinished {
        /// Its number.
        trial: usize,
        /// Of its claim.
        attempt: u32,
        /// One for each seed.
        runs: Vec<TrialRun>,
        /// Means over the seeds.
        metrics: Metrics,
        /// How long it took.
        seconds: f64,
    },
    /// A trial has no number to be compared by.
    TrialFailed {
        /// Its number.
        trial: usize,
        /// Of its claim.
        attempt: u32,
        /// Those that were begun.
        runs: Vec<TrialRun>,
        /// Why.
        reason: String,
        /// How long it took.
        seconds: f64,
    },
    /// Who worked on a trial was asked to stop: another may go on with it at once.
    TrialReleased {
        /// Its number.
        trial: usize,
        /// Of its claim.
        attempt: u32,
    },
    /// Somebody wants a trial to end, and all others to go on.
    TrialUnwanted {
        /// Its number.
        trial: usize,
    },
    /// Nothing is left to do.
    SweepDone {},
    /// No further trial begins until somebody joins.
    SweepStopped {
        /// Why.
        why: String,
        /// Whether trials under way stop too, after a checkpoint.
        at_once: bool,
    },
}

impl Entry {
    /// The first line.
    pub(super) fn started(head: Head) -> Self {
        Self::SweepStarted { format: FORMAT, head: Box::new(head) }
    }

    /// The trial that it is about.
    pub(super) const fn trial(&self) -> Option<usize> {
        match self {
            Self::TrialAsked { trial, .. }
            | Self::TrialClaimed { trial, .. }
            | Self::TrialFinished { trial, .. }
            | Self::TrialFailed { trial, .. }
            | Self::TrialReleased { trial, .. }
            | Self::TrialUnwanted { trial } => Some(*trial),
            Self::SweepStarted { .. }
            | Self::Joined { .. }
            | Self::JobSubmitted { .. }
            | Self::SweepDone {}
            | Self::SweepStopped { .. } => None,
        }
    }
}

impl Worker {
    /// This process, from now on.
    pub(super) fn here(job: Option<&str>) -> Self {
        Self { host: host(), job: job.map(str::to_owned), since: clock::now().rfc3339() }
    }
}

/// The name of this machine.
pub(super) fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

impl Coordinate {
    /// A point in JSON.
    pub(super) fn of_point(point: &Point) -> Vec<Option<Self>> {
        let of_value = |value: Value| match value {
            Value::Real(real) => Self::Real(real),
            Value::Integer(integer) => Self::Integer(integer),
            Value::Item(item) => Self::Item(item),
        };
        point.0.iter().map(|value| value.map(of_value)).collect()
    }

    /// The point that JSON tells.
    pub(super) fn point(coordinates: &[Option<Self>]) -> Point {
        let value = |coordinate: Self| match coordinate {
            Self::Real(real) => Value::Real(real),
            Self::Integer(integer) => Value::Integer(integer),
            Self::Item(item) => Value::Item(item),
        };
        Point(coordinates.iter().map(|coordinate| coordinate.map(value)).collect())
    }
}
