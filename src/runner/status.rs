//! What a run would do, without doing it: which stages are fresh, which stale and why.
//!
//! Keys are built from upstream *output* digests. Below a stale stage they are therefore not known before it has run:
//! such stages are "maybe stale", and may turn out to be hits.

use std::collections::BTreeMap;

use petgraph::graph::NodeIndex;
use serde::Serialize;

use super::inputs::{Candidates, Entries, Sources};
use super::{History, RunError, checkpoints, estimate, folders, inputs, reasons};
use simpipe_plan::{Key, KeyParts, Plan, Reason, ReasonKind};
use simpipe_stage::{BackendChoice, Catalog, StageError};
use simpipe_store::{AcEntry, Damage, Found, Store, StoreError};

/// Whether a stage would run. The surer, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// Its result is stored.
    Fresh,
    /// An upstream stage would run first; if that leaves the same bytes as before, this one is fresh.
    MaybeStale,
    /// It would run.
    Stale,
}

/// One stage of a forecast.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageStatus {
    /// The stage's id.
    pub id: String,
    /// Its kind.
    pub stage: String,
    /// Whether it would run.
    pub status: Freshness,
    /// Why: the most telling reason.
    pub reason: Option<Reason>,
    /// What its result is stored under, if its inputs are known.
    pub key: Option<Key>,
    /// All reasons.
    pub reasons: Vec<Reason>,
    /// Why more is not known, such as data that is not there.
    pub note: Option<String>,
    /// The step of the checkpoint here after which it would go on; `None` where it would start over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goes_on_after: Option<u64>,
}

/// The forecast of a plan.
pub struct Forecast<'a> {
    plan: &'a Plan,
    history: History,
    parts: BTreeMap<NodeIndex, KeyParts>,
    /// In the order of the plan.
    pub stages: Vec<StageStatus>,
}

/// A stage in an explanation, and those that it leads back to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The stage's id.
    pub id: String,
    /// Whether it would run.
    pub status: Freshness,
    /// What its result is stored under.
    pub key: Option<Key>,
    /// Every reason.
    pub reasons: Vec<Reason>,
    /// Why more is not known.
    pub note: Option<String>,
    /// The run that it is compared with.
    pub compared_with: Option<String>,
    /// Upstream stages that the reasons name.
    pub causes: Vec<Explanation>,
}

impl<'a> Forecast<'a> {
    /// Looks at every stage of a plan; changes nothing in the store.
    ///
    /// # Errors
    /// If the device can't be used or the store can't be read.
    pub fn of(plan: &'a Plan, catalog: &dyn Catalog, store: &Store, root: &std::path::Path) -> Result<Self, RunError> {
        let backend = super::backend_of(plan, catalog).map_err(RunError::Device)?;
        let ids = plan.order.iter().map(|node| plan.graph[*node].id.as_str());
        let order = folders::order_of(Some(store));
        let history = History::read(root, &order, plan, ids);
        let mut forecast = Self { plan, history, parts: BTreeMap::new(), stages: Vec::new() };
        let mut entries = Entries::new();
        for node in &plan.order {
            let status = forecast.look_at(*node, &backend, store, &mut entries)?;
            forecast.stages.push(status);
        }
        Ok(forecast)
    }

    fn look_at(
        &mut self,
        node: NodeIndex,
        backend: &BackendChoice,
        store: &Store,
        entries: &mut Entries,
    ) -> Result<StageStatus, RunError> {
        let unknown = self.plan.upstream(node).into_iter().find(|(upstream, _)| !entries.contains_key(upstream));
        if let Some((upstream, _)) = unknown {
            let reasons = vec![Reason::upstream(self.plan.graph[upstream].id.as_str())];
            return Ok(self.status(node, Freshness::MaybeStale, None, reasons));
        }
        let sources = match Sources::of(self.plan, node, store) {
            Ok(sources) => sources,
            Err(StageError::Interrupted) => return Err(StoreError::Interrupted.into()),
            Err(error) => {
                let status = self.status(node, Freshness::Stale, None, vec![Reason::new(ReasonKind::NeverRan)]);
                return Ok(StageStatus { note: Some(error.to_string()), ..status });
            }
        };
        let candidates = Candidates::of(self.plan, node, backend, entries, &sources.digests);
        let mut damage = None;
        for parts in candidates.accepted {
            if let Some(entry) = usable(store, &parts, self.plan.graph[node].stage.files(), &mut damage)? {
                entries.insert(node, entry);
                let status = self.status(node, Freshness::Fresh, Some(parts.key()), Vec::new());
                self.parts.insert(node, parts);
                return Ok(status);
            }
        }
        let parts = candidates.compute;
        let reasons = reasons::of_miss(self.plan, node, &parts, &self.history, damage.as_ref());
        let status = self.status(node, Freshness::Stale, Some(parts.key()), reasons);
        let stage = self.plan.graph[node].stage.as_ref();
        let goes_on_after = checkpoints::goes_on_after(stage, &parts, store, estimate::units(stage));
        self.parts.insert(node, parts);
        Ok(StageStatus { goes_on_after, ..status })
    }

    fn status(&self, node: NodeIndex, status: Freshness, key: Option<Key>, reasons: Vec<Reason>) -> StageStatus {
        let node = &self.plan.graph[node];
        let reason = reasons.first().cloned();
        StageStatus {
            id: node.id.clone(),
            stage: node.stage.name().to_owned(),
            status,
            reason,
            key,
            reasons,
            note: None,
            goes_on_after: None,
        }
    }

    /// What decides a stage's result, if its inputs are known.
    #[must_use]
    pub fn parts(&self, id: &str) -> Option<&KeyParts> {
        self.parts.get(&self.plan.find(id)?)
    }

    /// The status of a stage.
    #[must_use]
    pub fn stage(&self, id: &str) -> Option<&StageStatus> {
        self.stages.iter().find(|stage| stage.id == id)
    }

    /// Why a stage is stale, followed upstream to the causes; `None` if the plan has no such stage.
    #[must_use]
    pub fn explain(&self, id: &str) -> Option<Explanation> {
        let status = self.stage(id)?;
        let run = self.history.run_of(id);
        let causes = self.causes(&status.reasons, run);
        Some(Explanation {
            id: status.id.clone(),
            status: status.status,
            key: status.key,
            reasons: status.reasons.clone(),
            note: status.note.clone(),
            compared_with: run.map(|run| run.run.clone()),
            causes,
        })
    }

    /// Explanations of the upstream stages that reasons name, each once.
    fn causes(&self, reasons: &[Reason], run: Option<&super::RunRecord>) -> Vec<Explanation> {
        let mut causes: Vec<Explanation> = Vec::new();
        for id in reasons.iter().filter_map(|reason| reason.upstream.as_deref()) {
            if causes.iter().any(|cause| cause.id == id) {
                continue;
            }
            causes.extend(self.explain(id).map(|cause| self.with_past(cause, run)));
        }
        causes
    }

    /// A fresh stage whose output is another than in `run` is explained by what changed in its key since then.
    fn with_past(&self, cause: Explanation, run: Option<&super::RunRecord>) -> Explanation {
        if cause.status != Freshness::Fresh {
            return cause;
        }
        let node = self.plan.find(&cause.id);
        let past = run.and_then(|run| run.stage(&cause.id)?.snapshot());
        let (Some(node), Some(past)) = (node, past) else { return cause };
        let Some(parts) = self.parts.get(&node) else { return cause };
        let reasons = reasons::changes(self.plan, node, &past, parts);
        let causes = self.causes(&reasons, run);
        Explanation { reasons, causes, compared_with: run.map(|run| run.run.clone()), ..cause }
    }
}

/// What of a stage's key is its own: all but the files of upstream stages, which need not be there yet.
///
/// # Errors
/// If the device can't be used or a source can't be read.
pub fn own_parts(plan: &Plan, node: NodeIndex, catalog: &dyn Catalog, store: &Store) -> Result<KeyParts, StageError> {
    let backend = super::backend_of(plan, catalog)?;
    let sources = Sources::of(plan, node, store)?;
    Ok(plan.key_parts(node, BTreeMap::new(), sources.digests, &inputs::key_name(&backend.compute)))
}

/// The stored result under a key, without moving a damaged one and without fetching what only an object store has.
fn usable(
    store: &Store,
    parts: &KeyParts,
    files: &'static [&'static str],
    damage: &mut Option<Damage>,
) -> Result<Option<AcEntry>, RunError> {
    match store.inspect_declared(parts.key(), &|_| Some(files))? {
        Found::Hit(entry) => return Ok(Some(entry)),
        Found::Miss => {}
        Found::Damaged(found) => *damage = Some(found),
    }
    Ok(store.remote_entry(parts.key(), &|_| Some(files))?)
}
