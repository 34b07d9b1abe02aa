//! Sweeps: trials of one experiment with other values, each an ordinary run, and a journal that survives anything.
//!
//! | file | owns |
//! |---|---|
//! | `entry` | a line that tells what happened |
//! | `line` | how it is written |
//! | `metrics` | numbers of many trials |
//! | `journal` | all lines, of whoever says something |
//! | `state` | what they come to |
//! | `begin` | which sweep is meant, and whether it is still the same |
//! | `asks` | which trial comes next |
//! | `added` | points that somebody has chosen |
//! | `earlier` | what another sweep's trials say of this one |
//! | `claims` | who works on which trial |
//! | `event` | what whoever shows it hears |
//! | `work` | the loop, the wish to stop |
//! | `trial` | one trial |
//! | `standings` | who is best, and how sure that is |
//! | `shares` | what gc keeps of its trials |
//! | `report` | what it comes to as data for a page |
//! | `folder` | where sweeps are |
//! | `slurm` | workers as the elements of an array job |
//!
//! A trial is asked for, claimed and ended by a line each. A process that is killed leaves a claim whose owner is dead:
//! the trial is taken up again with the same values. Points are chosen in `sweep`, paths and metrics checked in `plan`.

mod added;
mod asks;
mod begin;
mod claims;
mod earlier;
mod entry;
mod error;
mod event;
mod folder;
mod journal;
mod line;
mod metrics;
mod outcome;
mod report;
mod shares;
pub mod slurm;
mod standings;
mod state;
#[cfg(test)]
mod tests;
mod trial;
mod work;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

pub use added::add;
pub use claims::is_under_way;
pub use entry::{Coordinate, Earlier, Entry, FORMAT, Head, SavedOverlay, Told, TrialRun, Worker};
pub use error::SweepError;
pub use event::SweepEvent;
pub use folder::{all, find, is_of_sweep, of_name, sweeps_folder, trials};
pub use journal::Journal;
pub use metrics::Metrics;
pub use shares::shares;
pub use standings::{Standing, Verdict};
pub use state::{Ending, State, Stop, Trial};

pub(super) use folder::TRIALS;
pub(super) use journal::FIRST;

use self::asks::Asker;
use self::claims::Claims;
use self::slurm::{Hiring, Queue, Submitted};
use self::work::Work;
use super::RunError;
use super::frozen::FrozenSources;
use super::git::SharedLook;
use simpipe_base::clock;
use simpipe_plan::{Plan, Sweep};
use simpipe_stage::Catalog;
use simpipe_store::{RunStart, Store};

/// Where and how to run sweeps.
pub struct SweepRunner<'a> {
    /// The folder that holds `artifacts/`.
    pub root: &'a Path,
    /// Where results are.
    pub store: &'a Store,
    /// Stages at once, of all trials together.
    pub jobs: usize,
    /// Trials at once.
    pub workers: usize,
    /// Set when the user wants to stop.
    pub cancel: &'a AtomicBool,
    /// The command line, for the records.
    pub command: Vec<String>,
    /// The element of an array job of Slurm's that this process is. It works for whoever submitted the job: of itself it
    /// sets no sweep going again, and it leaves where there is nothing to do.
    pub job: Option<String>,
}

/// Which sweep of a config is meant.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// The newest of its name; a new one if there is none.
    Newest,
    /// A new one.
    New,
    /// The one in this folder.
    In(&'a Path),
}

/// The config of a sweep, to plan it again.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// Where the config is.
    pub path: PathBuf,
    /// What is laid over it.
    pub overlays: Vec<SavedOverlay>,
    /// The folder of a sweep whose trials are told to the method of a new one.
    pub from: Option<PathBuf>,
}

impl SweepRunner<'_> {
    /// Runs trials until the sweep has as many as the plan says, together with whoever else works on it, and gives what
    /// is known then.
    ///
    /// # Errors
    /// If the plan is of no sweep or of another one than was begun, its sources have changed, or something can't be
    /// written. A trial that fails is no error.
    pub fn run(
        &self,
        plan: &Plan,
        origin: &Origin,
        which: Which<'_>,
        catalog: &dyn Catalog,
        on_event: &(dyn Fn(&SweepEvent<'_>) + Sync),
    ) -> Result<(PathBuf, State), RunError> {
        let frozen = FrozenSources::default();
        let (folder, journal) = self.join(plan, origin, which, catalog, &frozen, on_event)?;
        let sweep = begin::sweep_of(plan)?;
        let (id, queue) = (journal.state.head.sweep.clone(), Queue::default());
        let (job, lease) = (self.job.as_deref(), sweep.params.lease.0);
        let claims = Claims { store: self.store, folder: &folder, job, lease, queue: &queue };
        let presence = claims.presence()?;
        // Between two trials gc must see that the sweep is under way.
        let kept = self.store.journal(self.start(plan, &id, &folder))?;
        let work = Work {
            runner: self,
            plan,
            catalog,
            on_event,
            asker: Asker { sweep, seed: Sweep::seed(&plan.experiment), seeds: seeds_of(plan) },
            sweep: id,
            folder: &folder,
            claims,
            frozen,
            git: SharedLook::begin(&plan.experiment.project),
            jobs: (self.jobs / self.workers.max(1)).max(1),
            stop: AtomicBool::new(false),
            wishes: Mutex::default(),
            journal: Mutex::new(journal),
        };
        let result = work.run(self.workers.max(1));
        let interrupted = work.stopping();
        let mut journal = work.journal.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        journal.refresh()?;
        kept.finish(result.is_ok() && journal.state.is_done(), interrupted)?;
        drop(presence);
        result?;
        Ok((folder, journal.state))
    }

    /// Begins the sweep or goes on with it, and lets Slurm start processes that work on it; gives the job, unless enough
    /// are queued or at work, or nothing is left to do.
    ///
    /// # Errors
    /// As [`run`](Self::run); if there is no Slurm, or it refuses the job.
    pub fn hire(
        &self,
        plan: &Plan,
        origin: &Origin,
        which: Which<'_>,
        catalog: &dyn Catalog,
        hiring: &Hiring<'_>,
        on_event: &(dyn Fn(&SweepEvent<'_>) + Sync),
    ) -> Result<(PathBuf, State, Option<Submitted>), RunError> {
        hiring.with.check()?;
        let (folder, mut journal) = self.join(plan, origin, which, catalog, &FrozenSources::default(), on_event)?;
        let state = &journal.state;
        let there: usize = slurm::jobs(state, &Queue::default()).iter().map(slurm::JobSeen::left).sum();
        let left = state.total.saturating_sub(state.finished_points()).max(state.open().count()).max(1);
        let workers = hiring.workers.min(left).saturating_sub(there);
        if state.is_done() || workers == 0 {
            return Ok((folder, journal.state, None));
        }
        let job = slurm::submit(&folder, state, hiring, workers)?;
        journal.append(&Entry::JobSubmitted { job: job.clone() })?;
        Ok((folder, journal.state, Some(job)))
    }

    /// The sweep's own entry among the runs of the store.
    fn start(&self, plan: &Plan, id: &str, folder: &Path) -> RunStart {
        RunStart {
            run: id.to_owned(),
            name: plan.experiment.name.clone(),
            config: plan.experiment.config.to_string_lossy().into_owned(),
            root: std::path::absolute(self.root).unwrap_or_default().to_string_lossy().into_owned(),
            dir: folder.strip_prefix(self.root).unwrap_or(folder).to_string_lossy().into_owned(),
            started: clock::now().rfc3339(),
            stages: Vec::new(),
            group: None,
        }
    }
}

/// The seeds of each trial.
fn seeds_of(plan: &Plan) -> Vec<u64> {
    match plan.experiment.seeds.as_slice() {
        [] => vec![plan.experiment.seed],
        seeds => seeds.to_vec(),
    }
}

/// Asks everybody who works on a sweep to stop, with checkpoints; `false` if it was stopped or is done already. Gives what is
/// known of it then.
///
/// # Errors
/// If the journal can't be read or written.
pub fn stop(folder: &Path) -> Result<(bool, State), RunError> {
    let mut journal = Journal::read(folder)?;
    let goes_on = journal.state.stopped.is_none() && !journal.state.is_done();
    if goes_on {
        journal.append(&Entry::SweepStopped { why: "it was asked for".to_owned(), at_once: true })?;
    }
    Ok((goes_on, journal.state))
}

/// Asks whoever works on a trial to end it, with a checkpoint, while all others go on: it counts as failed, but not among the
/// failures that stop the sweep. One that nobody works on ends as soon as somebody would. Gives what is known of the sweep then.
///
/// # Errors
/// If there is no such trial, it has ended, or the journal can't be read or written.
pub fn stop_trial(folder: &Path, trial: usize) -> Result<State, RunError> {
    let mut journal = Journal::read(folder)?;
    let sweep = journal.state.head.sweep.clone();
    match journal.state.trials.get(trial) {
        None => Err(SweepError::NoTrial { sweep, trial, trials: journal.state.trials.len() }.into()),
        Some(one) if one.ending.is_some() => Err(SweepError::Ended { sweep, trial }.into()),
        Some(_) => {
            journal.append(&Entry::TrialUnwanted { trial })?;
            Ok(journal.state)
        }
    }
}
