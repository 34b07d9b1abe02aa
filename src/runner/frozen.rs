//! Sources of many runs that are to be compared: each is looked at once, and keys are made of what it was then. A stage that
//! reads something else says so; then it is looked at again, to tell what has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use petgraph::graph::NodeIndex;

use super::inputs::Sources;
use simpipe_plan::Plan;
use simpipe_stage::StageError;
use simpipe_store::Store;

/// A stage's kind, and the parameters that decide what it reads.
type Reader = (&'static str, String);

/// What stages of many runs read outside the store.
#[derive(Default)]
pub(super) struct FrozenSources {
    seen: Mutex<BTreeMap<Reader, Arc<Sources>>>,
    /// Who has read something else.
    misread: Mutex<BTreeSet<Reader>>,
}

/// A source that is no longer what it was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChangedSource {
    /// Its name.
    pub(super) name: String,
    /// The files and folders that the stage reads.
    pub(super) places: Vec<PathBuf>,
}

/// Every change is one insertion, so a panic elsewhere leaves the whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn reader(plan: &Plan, node: NodeIndex) -> Reader {
    let stage = &plan.graph[node].stage;
    (stage.name(), stage.source_params().to_string())
}

impl FrozenSources {
    /// What a node reads, as it was when somebody first asked.
    pub(super) fn of(&self, plan: &Plan, node: NodeIndex, store: &Store) -> Result<Arc<Sources>, StageError> {
        // The lock is held, so that nobody scans a folder beside another who does.
        let mut seen = locked(&self.seen);
        let reader = reader(plan, node);
        if let Some(sources) = seen.get(&reader) {
            return Ok(Arc::clone(sources));
        }
        let sources = Arc::new(Sources::of(plan, node, store)?);
        if !sources.digests.is_empty() {
            seen.insert(reader, Arc::clone(&sources)); // stages without any may differ from trial to trial
        }
        Ok(sources)
    }

    /// Takes note that a node has read something else.
    pub(super) fn note_misread(&self, plan: &Plan, node: NodeIndex) {
        locked(&self.misread).insert(reader(plan, node));
    }

    /// Where a node's sources lie.
    pub(super) fn places(&self, plan: &Plan, node: NodeIndex) -> Vec<PathBuf> {
        let seen = locked(&self.seen).get(&reader(plan, node)).map(Arc::clone);
        seen.map(|sources| sources.places()).unwrap_or_default()
    }

    /// Looks again at what a node reads: the first source that is another now or can't be read, or was another while it was
    /// read.
    pub(super) fn changed(&self, plan: &Plan, node: NodeIndex, store: &Store) -> Option<ChangedSource> {
        let reader = reader(plan, node);
        let seen = locked(&self.seen).get(&reader).map(Arc::clone)?;
        let now = match Sources::of(plan, node, store) {
            Ok(now) => now.digests,
            Err(StageError::Interrupted) => seen.digests.clone(),
            Err(_) => Vec::new(),
        };
        let misread = || seen.digests.first().filter(|_| locked(&self.misread).contains(&reader));
        let other = seen.digests.iter().find(|source| !now.contains(source)).or_else(misread)?;
        Some(ChangedSource { name: other.name.clone(), places: seen.places() })
    }
}
