//! [`Checkpoints`] of a stage over the store's set.

use serde_json::json;

use simpipe_base::digest::Digest;
use simpipe_plan::KeyParts;
use simpipe_stage::{Checkpoints, DynStage};
use simpipe_store::{CheckpointSet, Store};

/// Checkpoints of one run of a stage.
pub(super) struct StoredCheckpoints<'a> {
    set: CheckpointSet<'a>,
    warn: &'a (dyn Fn(String) + Sync),
}

impl<'a> StoredCheckpoints<'a> {
    /// `None` for stages that keep none. The key is the stage's, with the parameters that decide a state after a
    /// number of steps in place of all: a longer training therefore finds a shorter one's.
    pub(super) fn of(
        stage: &dyn DynStage,
        parts: &KeyParts,
        store: &'a Store,
        warn: &'a (dyn Fn(String) + Sync),
    ) -> Option<Self> {
        let params = stage.resume_params()?;
        let parts = KeyParts { params, ..parts.clone() };
        Some(Self { set: CheckpointSet::new(store, json!(parts)), warn })
    }

    /// What the store knows the set by.
    pub(super) fn set(&self) -> Digest {
        self.set.id()
    }
}

/// The step after which a stage would go on, if it ran: that of the furthest checkpoint here that lies within its work. No state
/// is read, and no object store is asked; `None` where nothing is there, or the stage keeps none.
pub(super) fn goes_on_after(stage: &dyn DynStage, parts: &KeyParts, store: &Store, steps: Option<u64>) -> Option<u64> {
    let parts = KeyParts { params: stage.resume_params()?, ..parts.clone() };
    CheckpointSet::new(store, json!(parts)).furthest_here(steps?).filter(|step| *step > 0)
}

impl Checkpoints for StoredCheckpoints<'_> {
    fn latest(&self, limit: u64) -> Option<(u64, Vec<u8>)> {
        let (found, damaged) = self.set.latest_and_damaged(limit);
        let after = found.as_ref().map_or(0, |(step, _)| *step);
        for step in damaged {
            (self.warn)(format!(
                "the checkpoint of step {step} is damaged or gone: training continues from step {after}"
            ));
        }
        found
    }

    fn save(&self, step: u64, bytes: &[u8]) {
        if let Err(error) = self.set.save(step, bytes) {
            (self.warn)(format!("no checkpoint of step {step} was kept: {error}"));
        }
    }
}
