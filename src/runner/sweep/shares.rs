//! What gc keeps of a sweep that nobody works on: its best whole, and the checkpoints of trials that may be trained further.
//! What the others gave is in the journal, and what they left is in their runs' folders.

use std::collections::BTreeMap;
use std::path::Path;

use super::folder::all;
use super::journal::Journal;
use super::state::{State, Trial};
use simpipe_store::TrialShare;

/// The runs of all sweeps of a root that need not stay whole. One whose journal can't be read stays as it is.
#[must_use]
pub fn shares(root: &Path) -> BTreeMap<String, TrialShare> {
    let states = all(root).into_iter().filter_map(|folder| Journal::read(&folder).ok());
    states.flat_map(|journal| shares_of(&journal.state)).collect()
}

/// The same of one sweep. Before there is a best, and of a trial that has not ended, everything stays.
pub(super) fn shares_of(state: &State) -> Vec<(String, TrialShare)> {
    let best = state.verdict().best;
    if best.is_empty() {
        return Vec::new();
    }
    let is_best =
        |number: usize, trial: &Trial| best.contains(&number) || trial.again.is_some_and(|of| best.contains(&of));
    let goes_on = |number: usize, trial: &Trial| {
        trial.epochs.is_some() && !state.is_done() && trial.is_finished() && state.is_farthest(number)
    };
    let mut shares = Vec::new();
    for (number, trial) in state.trials.iter().enumerate() {
        if trial.ending.is_none() || is_best(number, trial) {
            continue;
        }
        let share = if goes_on(number, trial) { TrialShare::Checkpoints } else { TrialShare::Nothing };
        shares.extend(trial.runs.iter().map(|run| (run.run.clone(), share)));
    }
    shares
}
