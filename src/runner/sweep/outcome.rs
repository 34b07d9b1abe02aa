//! What becomes of a trial.

use std::time::Instant;

use super::entry::TrialRun;
use super::metrics::Metrics;

/// What became of a trial.
pub(super) enum Outcome {
    /// It has all the numbers that trials are compared by.
    Finished { runs: Vec<TrialRun>, metrics: Metrics },
    /// It has not.
    Failed { runs: Vec<TrialRun>, reason: String },
    /// It was asked to stop.
    Interrupted { runs: Vec<TrialRun> },
}

/// Seconds since a moment.
pub(super) fn since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64()
}
