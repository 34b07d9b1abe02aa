//! Sweeps: trials of one experiment with other values, each an ordinary run, and a journal that survives anything.
//!
//! | file | owns |
//! |---|---|
//! | `journal` | the lines that tell what happened |
//! | `state` | what they come to |
//! | `asks` | which trial comes next |
//! | `work` | the loop, claims, the wish to stop |
//! | `trial` | one trial |
//! | `standings` | who is best, and how sure that is |
//! | `report` | what it comes to as data for a page |
//! | `folder` | where sweeps are |
//!
//! A trial is asked for, claimed and ended by a line each. A process that is killed leaves a claim whose owner is dead:
//! the trial is taken up again with the same values. Points are chosen in `sweep`, paths and metrics checked in `plan`.

mod asks;
mod error;
mod folder;
mod journal;
mod report;
mod standings;
mod state;
#[cfg(test)]
mod tests;
mod trial;
mod work;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

pub use error::SweepError;
pub use folder::{all, find, is_of_sweep, of_name, sweeps_folder, trials};
pub use journal::{Coordinate, Entry, FORMAT, Head, Journal, SavedOverlay, TrialRun};
pub use standings::{Standing, Verdict};
pub use state::{Ending, State, Stop, Trial};
pub use work::SweepEvent;

pub(super) use folder::TRIALS;

use super::inputs::Sources;
use super::{RunError, folders};
use crate::base::clock;
use crate::base::digest::Digest;
use crate::plan::{Plan, Reason, Sweep};
use crate::stage::{Catalog, StageError};
use crate::store::{Claim, RunStart, Store, StoreError};
use asks::Asker;
use work::Work;

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
}

/// Digests of what the stages of a plan read from outside, by stage and source.
type Frozen = BTreeMap<String, BTreeMap<String, Digest>>;

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
        let Some(sweep) = &plan.sweep else {
            let config = plan.experiment.config.to_string_lossy().into_owned();
            return Err(SweepError::NoSweepIn { config }.into());
        };
        let (folder, is_new) = self.open_or_begin(plan, sweep, origin, which)?;
        let mut journal = Journal::open(&folder)?;
        let _presence = self.presence(&folder)?;
        journal.append(&Entry::Joined { trials: sweep.trials })?;
        let id = journal.state.head.sweep.clone();
        let began = SweepEvent::Began { sweep: &id, folder: &folder, is_new, state: &journal.state };
        on_event(&began);
        journal.state.notes.iter().for_each(|note| on_event(&SweepEvent::Warning(note)));
        let seeds = match plan.experiment.seeds.as_slice() {
            [] => vec![plan.experiment.seed],
            seeds => seeds.to_vec(),
        };
        // Between two trials gc must see that the sweep is under way.
        let kept = self.store.journal(self.start(plan, &id, &folder))?;
        let work = Work {
            runner: self,
            plan,
            catalog,
            on_event,
            asker: Asker { sweep, seed: Sweep::seed(&plan.experiment), seeds },
            sweep: id,
            folder: folder.clone(),
            sources: journal.state.head.sources.clone(),
            jobs: (self.jobs / self.workers.max(1)).max(1),
            stop: AtomicBool::new(false),
            journal: Mutex::new(journal),
        };
        let result = work.run(self.workers.max(1));
        let interrupted = work.stopping();
        let mut journal = work.journal.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        journal.refresh()?;
        kept.finish(result.is_ok() && journal.state.done, interrupted)?;
        result.map(|()| (folder, journal.state))
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

    /// Says to others that this process works on the sweep, until it is dropped.
    fn presence(&self, folder: &Path) -> Result<Presence, RunError> {
        let workers = folder.join("workers");
        for number in 0_u32.. {
            if let Some(claim) = self.store.claim_name(&workers, &format!("{}-{number}", clock::now().compact()))? {
                return Ok(Presence(Some(claim)));
            }
        }
        unreachable!("2^32 processes can't join in one millisecond")
    }

    /// The folder of the sweep to work on, and whether it was made for that.
    fn open_or_begin(
        &self,
        plan: &Plan,
        sweep: &Sweep,
        origin: &Origin,
        which: Which<'_>,
    ) -> Result<(PathBuf, bool), RunError> {
        let cancelled = || self.cancel.load(std::sync::atomic::Ordering::Relaxed);
        let name =
            Digest::of_json(&("sweep", std::path::absolute(self.root).unwrap_or_default(), &plan.experiment.name));
        // Two that begin at one time work on one.
        let _lock = self.store.lock(name, &|_| {}, &cancelled)?;
        let found = match which {
            Which::New => None,
            Which::Newest => of_name(self.root, &plan.experiment.name).into_iter().next(),
            Which::In(folder) => Some(folder.to_path_buf()),
        };
        let sources = self.sources(plan)?;
        let Some(folder) = found else { return Ok((self.begin(plan, sweep, origin, sources)?, true)) };
        let head = Journal::read(&folder)?.state.head;
        let differences = Sweep::differences(&head.identity, &sweep.identity(plan));
        if !differences.is_empty() {
            let differences = differences.iter().map(words).collect();
            return Err(SweepError::Changed { sweep: head.sweep, differences }.into());
        }
        for (stage, found) in &sources {
            if let Some(frozen) = head.sources.get(stage) {
                trial::refuse_others(&head.sweep, stage, frozen, found)?;
            }
        }
        Ok((folder, false))
    }

    fn begin(&self, plan: &Plan, sweep: &Sweep, origin: &Origin, sources: Frozen) -> Result<PathBuf, RunError> {
        let (id, inside) = folders::create_below(&sweeps_folder(self.root), &plan.experiment.name, clock::now())?;
        let folder = inside.path().to_path_buf();
        let head = Head {
            sweep: id,
            name: plan.experiment.name.clone(),
            config: plan.experiment.config.to_string_lossy().into_owned(),
            path: origin.path.clone(),
            overlays: origin.overlays.clone(),
            method: sweep.params.method.name().to_owned(),
            goals: sweep.goals.clone(),
            bounds: sweep.bounds.clone(),
            identity: sweep.identity(plan),
            sources,
            started: clock::now().rfc3339(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Journal::create(&folder, head)?;
        Ok(folder)
    }

    /// What the stages read from outside now. What can't be told yet, such as of data that is not there, is not frozen.
    fn sources(&self, plan: &Plan) -> Result<Frozen, RunError> {
        let mut frozen = Frozen::new();
        for node in &plan.order {
            match Sources::of(plan, *node, self.store) {
                Ok(sources) if !sources.digests.is_empty() => {
                    let digests = sources.digests.into_iter().map(|source| (source.name, source.digest));
                    frozen.insert(plan.graph[*node].id.clone(), digests.collect());
                }
                Err(StageError::Interrupted) => return Err(StoreError::Interrupted.into()),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(frozen)
    }
}

/// Tells others that this process works on a sweep.
struct Presence(Option<Claim>);

impl Drop for Presence {
    fn drop(&mut self) {
        if let Some(claim) = self.0.take() {
            claim.forget();
        }
    }
}

/// A difference in words: `train.epochs: 1 -> 2`.
fn words(reason: &Reason) -> String {
    let value = |value: &Option<serde_json::Value>| {
        value.as_ref().map_or_else(|| "its default".to_owned(), ToString::to_string)
    };
    let path = reason.path.as_deref().unwrap_or_default();
    format!("`{path}` was {}, is {}", value(&reason.old), value(&reason.new))
}

/// Asks everybody who works on a sweep to stop, with checkpoints; `false` if it was stopped or is done already.
///
/// # Errors
/// If the journal can't be read or written.
pub fn stop(folder: &Path) -> Result<bool, RunError> {
    let mut journal = Journal::open(folder)?;
    if journal.state.stopped.is_some() || journal.state.done {
        return Ok(false);
    }
    journal.append(&Entry::SweepStopped { why: "somebody asked for it".to_owned(), at_once: true })?;
    Ok(true)
}

/// Whether a process works on the sweep now.
#[must_use]
pub fn is_under_way(store: Option<&Store>, folder: &Path) -> bool {
    let Ok(items) = std::fs::read_dir(folder.join("workers")) else { return false };
    let paths = items.flatten().map(|item| item.path());
    store.is_some_and(|store| paths.into_iter().any(|path| store.is_claimed(&path)))
}
