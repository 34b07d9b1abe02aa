//! Which sweep of a config is meant: a new one, or one that goes on, if it is still the same.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::entry::{Earlier, Entry, Head};
use super::error::SweepError;
use super::event::SweepEvent;
use super::folder::{of_name, sweeps_folder};
use super::journal::Journal;
use super::{Origin, SweepRunner, Which, earlier};
use crate::frozen::FrozenSources;
use crate::{RunError, folders};
use simpipe_base::clock;
use simpipe_base::digest::Digest;
use simpipe_plan::{Plan, Reason, Sweep};
use simpipe_stage::{Catalog, StageError};
use simpipe_store::StoreError;

/// Digests of what the stages of a plan read from outside, by stage and source.
type Digests = BTreeMap<String, BTreeMap<String, Digest>>;

/// The sweep of a plan.
pub(super) fn sweep_of(plan: &Plan) -> Result<&Sweep, SweepError> {
    let config = || plan.experiment.config.to_string_lossy().into_owned();
    plan.sweep.as_deref().ok_or_else(|| SweepError::NoSweepIn { config: config() })
}

impl SweepRunner<'_> {
    /// The sweep that is meant, with a word that it goes on now. `frozen` gets what its sources are.
    pub(super) fn join(
        &self,
        plan: &Plan,
        origin: &Origin,
        which: Which<'_>,
        catalog: &dyn Catalog,
        frozen: &FrozenSources,
        on_event: &(dyn Fn(&SweepEvent<'_>) + Sync),
    ) -> Result<(PathBuf, Journal), RunError> {
        let sweep = sweep_of(plan)?;
        let (folder, is_new) = self.open_or_begin(plan, sweep, origin, which, catalog, frozen)?;
        let mut journal = Journal::read(&folder)?;
        if self.job.is_none() {
            journal.append(&Entry::Joined { trials: sweep.trials })?;
        }
        let state = &journal.state;
        on_event(&SweepEvent::Began { sweep: &state.head.sweep, folder: &folder, is_new, state });
        let left_out = if is_new { left_out(&state.head) } else { Vec::new() };
        state.notes.iter().chain(&left_out).for_each(|note| on_event(&SweepEvent::Warning(note)));
        Ok((folder, journal))
    }

    /// The folder of the sweep to work on, and whether it was made for that.
    fn open_or_begin(
        &self,
        plan: &Plan,
        sweep: &Sweep,
        origin: &Origin,
        which: Which<'_>,
        catalog: &dyn Catalog,
        frozen: &FrozenSources,
    ) -> Result<(PathBuf, bool), RunError> {
        let cancelled = || self.cancel.load(Ordering::Relaxed);
        let name =
            Digest::of_json(&("sweep", std::path::absolute(self.root).unwrap_or_default(), &plan.experiment.name));
        // Two that begin at one time work on one.
        let _lock = self.store.lock(name, &|_| {}, &cancelled)?;
        let found = match which {
            Which::New => None,
            Which::Newest => of_name(self.root, &plan.experiment.name).into_iter().next(),
            Which::In(folder) => Some(folder.to_path_buf()),
        };
        let sources = self.sources(plan, frozen)?;
        let Some(folder) = found else {
            let from = origin.from.as_deref();
            let earlier = from.map(|from| earlier::read(from, self.root, plan, sweep, catalog)).transpose()?;
            return Ok((self.begin(plan, sweep, origin, sources, earlier)?, true));
        };
        let head = Journal::read(&folder)?.state.head;
        refuse_changed(&head, sweep, plan)?;
        if let Some(from) = &origin.from {
            let from = from.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if head.earlier.as_ref().is_none_or(|earlier| earlier.sweep != from) {
                return Err(SweepError::BegunWithout { sweep: head.sweep, from }.into());
            }
        }
        refuse_other_sources(&head, &sources, plan, frozen)?;
        Ok((folder, false))
    }

    fn begin(
        &self,
        plan: &Plan,
        sweep: &Sweep,
        origin: &Origin,
        sources: Digests,
        earlier: Option<Earlier>,
    ) -> Result<PathBuf, RunError> {
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
            earlier,
        };
        Journal::create(&folder, head)?;
        Ok(folder)
    }

    /// What the stages read from outside now. What can't be told yet, such as of data that is not there, is not frozen.
    fn sources(&self, plan: &Plan, frozen: &FrozenSources) -> Result<Digests, RunError> {
        let mut digests = Digests::new();
        for node in &plan.order {
            match frozen.of(plan, *node, self.store) {
                Ok(sources) if !sources.digests.is_empty() => {
                    let own = sources.digests.iter().map(|source| (source.name.clone(), source.digest));
                    digests.insert(plan.graph[*node].id.clone(), own.collect());
                }
                Err(StageError::Interrupted) => return Err(StoreError::Interrupted.into()),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(digests)
    }
}

/// Refuses to go on with a sweep over other data than it was begun with.
fn refuse_other_sources(head: &Head, sources: &Digests, plan: &Plan, frozen: &FrozenSources) -> Result<(), RunError> {
    for (stage, found) in sources {
        let began = head.sources.get(stage);
        let is_other =
            |name: &str, digest: &Digest| began.and_then(|began| began.get(name)).is_some_and(|began| began != digest);
        if let Some((name, _)) = found.iter().find(|(name, digest)| is_other(name, digest)) {
            let places = plan.find(stage).map(|node| frozen.places(plan, node)).unwrap_or_default();
            let (sweep, stage, source_name) = (head.sweep.clone(), stage.clone(), name.clone());
            return Err(SweepError::SourceChanged { sweep, stage, source_name, places }.into());
        }
    }
    Ok(())
}

/// Refuses to go on with a sweep under another config than it was begun with.
pub(super) fn refuse_changed(head: &Head, sweep: &Sweep, plan: &Plan) -> Result<(), RunError> {
    let differences = Sweep::differences(&head.identity, &sweep.identity(plan));
    if differences.is_empty() {
        return Ok(());
    }
    let differences = differences.iter().map(words).collect();
    Err(SweepError::Changed { sweep: head.sweep.clone(), differences }.into())
}

/// Why trials of another sweep were not told, a sentence each.
fn left_out(head: &Head) -> Vec<String> {
    let of = |earlier: &Earlier| {
        let sentence = |(reason, count): (&String, &usize)| {
            let trials = if *count == 1 { "trial" } else { "trials" };
            format!("{count} {trials} of {} can't be used by the method: {reason}", earlier.sweep)
        };
        earlier.left_out.iter().map(sentence).collect()
    };
    head.earlier.as_ref().map(of).unwrap_or_default()
}

/// A difference in words: `train.epochs: 1 -> 2`.
fn words(reason: &Reason) -> String {
    let value = |value: &Option<serde_json::Value>| {
        value.as_ref().map_or_else(|| "its default".to_owned(), ToString::to_string)
    };
    let path = reason.path.as_deref().unwrap_or_default();
    format!("`{path}` was {}, is {}", value(&reason.old), value(&reason.new))
}
