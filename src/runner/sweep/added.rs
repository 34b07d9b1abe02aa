//! A point that somebody has chosen: asked for beside those of the method, and taken next by whoever works.

use std::path::Path;

use super::asks::Asker;
use super::error::SweepError;
use super::journal::Journal;
use super::refuse_changed;
use crate::plan::{Plan, Sweep};
use crate::runner::RunError;
use crate::sweep::Point;

/// Asks for a point; gives the number of its trial.
///
/// # Errors
/// If the plan is of no sweep or of another one than the folder's, the point was tried or will be, or the journal can't
/// be written.
pub fn add(plan: &Plan, folder: &Path, point: &Point) -> Result<usize, RunError> {
    let Some(sweep) = &plan.sweep else {
        let config = plan.experiment.config.to_string_lossy().into_owned();
        return Err(SweepError::NoSweepIn { config }.into());
    };
    let mut journal = Journal::open(folder)?;
    refuse_changed(&journal.state.head, sweep, plan)?;
    let asker = Asker { sweep, seed: Sweep::seed(&plan.experiment), seeds: super::seeds_of(plan) };
    loop {
        // One that failed may have failed for a reason that is gone.
        let same =
            |trial: &super::Trial| trial.is_point() && trial.reason().is_none() && trial.point.as_ref() == Some(point);
        if let Some(trial) = journal.state.trials.iter().position(same) {
            return Err(SweepError::Tried { sweep: journal.state.head.sweep.clone(), trial }.into());
        }
        let number = journal.state.trials.len();
        journal.append(&asker.added(&journal.state, point.clone()))?;
        // Somebody else may have asked for another one under this number meanwhile.
        let asked = &journal.state.trials[number];
        if asked.added && asked.point.as_ref() == Some(point) {
            return Ok(number);
        }
    }
}
