//! A point that somebody has chosen: asked for beside those of the method, and taken next by whoever works.

use std::path::Path;

use super::asks::Asker;
use super::begin::{refuse_changed, sweep_of};
use super::error::SweepError;
use super::journal::Journal;
use crate::RunError;
use simpipe_plan::{Plan, Sweep};
use simpipe_sweep::Point;

/// Asks for a point; gives the number of its trial.
///
/// # Errors
/// If the plan is of no sweep or of another one than the folder's, the point was tried or will be, or the journal can't
/// be written.
pub fn add(plan: &Plan, folder: &Path, point: &Point) -> Result<usize, RunError> {
    let sweep = sweep_of(plan)?;
    let mut journal = Journal::read(folder)?;
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
        journal.ask(&asker.added(&journal.state, point.clone()))?;
        // Somebody else may have asked for another one under this number meanwhile.
        let asked = journal.state.trials.get(number);
        if asked.is_some_and(|asked| asked.added && asked.point.as_ref() == Some(point)) {
            return Ok(number);
        }
    }
}
