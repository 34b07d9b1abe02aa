//! `run --lock` and `run --frozen`: what a run was made of, in a file beside the config that git keeps.

mod file;
mod section;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::file::{LockFile, NAME};
use self::section::{Known, differences, section};
use super::{seeds, sink};
use crate::error::Error;
use simpipe_base::digest::Digest;
use simpipe_base::issue::{Issue, IssueKind};
use simpipe_base::node::Node;
use simpipe_plan::{KeyParts, Plan};
use simpipe_runner::status::own_parts;
use simpipe_runner::{RunError, RunRecord, StageRecord};
use simpipe_stage::StageError;
use simpipe_stages::registry;
use simpipe_store::{Store, StoreError};

/// Puts what a run was made of into the lock beside its config; where that lies.
///
/// # Errors
/// If the lock that is there can't be read, or the new one not be written.
pub(super) fn write(plan: &Plan, record: &RunRecord, store: &Store) -> Result<PathBuf, Error> {
    let (path, name) = file::place_of(&plan.experiment.config)?;
    // Two runs that end at once write one after the other, where the store has locks.
    let absolute = std::path::absolute(&path)?;
    let held = store.lock(Digest::of(format!("{NAME} {}", absolute.display()).as_bytes()), &|_| (), &|| false);
    let mut lock = LockFile::read(&path)?.unwrap_or_default();
    lock.set(&name, &section(plan, &of_record(record)));
    let help = "the lock is next to its config: make that folder writable";
    lock.write(&path).map_err(|error| sink::unwritable(&path, &error, help))?;
    drop(held);
    Ok(path)
}

/// Looks at the lock that is to be written anew: before a long run, not after it.
///
/// # Errors
/// If the config has no place for one, or the one that is there can't be read.
pub(super) fn look(plan: &Plan) -> Result<(), Error> {
    LockFile::read(&file::place_of(&plan.experiment.config)?.0).map(drop)
}

/// A lock that a run has to keep to.
pub(super) struct Frozen<'a> {
    plan: &'a Plan,
    path: PathBuf,
    locked: Node,
}

impl<'a> Frozen<'a> {
    /// Reads the lock and compares all that is known before anything runs.
    ///
    /// # Errors
    /// If there is no lock, it is torn, or something differs from it.
    pub(super) fn check(plan: &'a Plan, store: &Store, root: &Path) -> Result<Self, Error> {
        let config = &plan.experiment.config;
        let (path, name) = file::place_of(config)?;
        let Some(lock) = LockFile::read(&path)? else {
            let message = format!("there is no `{}`, which `--frozen` keeps to", path.display());
            return Err(Error::usage(message, file::write_it(config)));
        };
        let locked = lock.section(&name, &path, config)?.clone();
        let here = section(plan, &of_plan(plan, store, root)?);
        let issues = differences(&locked, &here);
        if issues.is_empty() {
            return Ok(Self { plan, path, locked });
        }
        let help = format!("undo it, or accept what is here: {}", file::write_it(config));
        Err(Error::Spec(issues.into_iter().map(|issue| issue.help(help.clone())).collect()))
    }

    /// What a run has left that is not as locked: what no one could know before it ran.
    pub(super) fn broken_by(&self, record: &RunRecord) -> Vec<Issue> {
        let of_run = |issue: Issue| {
            let help = "`simpipe reproduce` says what leaves other bytes: kernels, backend or the program's version";
            issue.help(format!("{help}; the lock is {}", self.path.display()))
        };
        differences(&self.locked, &section(self.plan, &of_record(record))).into_iter().map(of_run).collect()
    }
}

/// What a record knows of each stage that has a result.
fn of_record(record: &RunRecord) -> BTreeMap<String, Known> {
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    for stage in &record.stages {
        let StageRecord { id, key: Some(key), key_parts: Some(parts), seed, .. } = stage else { continue };
        known
            .entry(id.clone())
            .or_insert_with(|| Known { parts: parts.clone(), keys: BTreeMap::new() })
            .keys
            .insert(*seed, *key);
    }
    known
}

/// What is known of each stage before anything runs.
fn of_plan(plan: &Plan, store: &Store, root: &Path) -> Result<BTreeMap<String, Known>, Error> {
    let members = seeds::members(plan);
    let forecasts = seeds::forecasts(&members, store, root)?;
    let hanging = plan.hanging_on_seed();
    let mut known = BTreeMap::new();
    for node in &plan.order {
        let id = &plan.graph[*node].id;
        let mut keys = BTreeMap::new();
        let mut parts: Option<KeyParts> = None;
        for (member, forecast) in members.iter().zip(&forecasts) {
            let Some(found) = forecast.parts(id) else { continue };
            let by_seed = !plan.experiment.seeds.is_empty() && hanging.contains(node);
            keys.insert(by_seed.then_some(member.experiment.seed), found.key());
            parts.get_or_insert_with(|| found.clone());
        }
        let parts = match parts {
            Some(parts) => parts,
            None => own_parts(plan, *node, registry::builtin(), store).map_err(|error| gone(id, error))?,
        };
        known.insert(id.clone(), Known { parts, keys });
    }
    Ok(known)
}

/// Data that is not there can't be compared.
fn gone(id: &str, error: StageError) -> Error {
    if matches!(error, StageError::Interrupted) {
        return Error::Run(RunError::Store(StoreError::Interrupted));
    }
    let issue = Issue::nowhere(format!("the stage `{id}` can't be compared with the lock: {error}"));
    let issue = match error.help() {
        Some(help) => issue.help(help),
        None => issue,
    };
    let unavailable = matches!(error, StageError::DataUnavailable { .. });
    Error::Spec(vec![if unavailable { issue.kind(IssueKind::Unavailable) } else { issue }])
}
