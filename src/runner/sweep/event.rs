//! What whoever shows a sweep hears of it.

use std::path::Path;

use super::state::{State, Trial};
use crate::Event;

/// What happens in a sweep.
#[derive(Debug)]
pub enum SweepEvent<'a> {
    /// This process begins to work on it.
    Began {
        /// The sweep's id.
        sweep: &'a str,
        /// Its folder.
        folder: &'a Path,
        /// Whether it is a new one.
        is_new: bool,
        /// What is known of it.
        state: &'a State,
    },
    /// A trial begins.
    TrialStarted {
        /// Its number.
        trial: usize,
        /// What it is.
        asked: &'a Trial,
        /// How often it was begun before.
        attempt: u32,
    },
    /// Something happens in a run of a trial.
    Run {
        /// Its number.
        trial: usize,
        /// What.
        event: &'a Event,
    },
    /// A trial has ended.
    TrialEnded {
        /// Its number.
        trial: usize,
        /// How long it took.
        seconds: f64,
        /// What is known now.
        state: &'a State,
    },
    /// Something that somebody should know.
    Warning(&'a str),
}
