//! What is compared: a run, or a group of runs that differ in their seed alone.

use super::measured::Measured;
use super::run::Run;

/// A run, or a group with its runs.
#[derive(Debug)]
pub struct Side {
    /// The run, or the group.
    pub measured: Measured,
    /// The runs of a group with their seeds, as far as they are there.
    pub members: Vec<(u64, Run)>,
}
