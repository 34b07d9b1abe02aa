//! What the stages that compute on the device spend their time in, where somebody asks. How that is measured is the caller's:
//! this decides when, and puts it into the folder of the run. No key and no result knows of it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::{Finished, Outcome, RunError};
use simpipe_artifact::{Profile, ProfileRow};
use simpipe_base::fs;
use simpipe_plan::Plan;

/// Measures whatever this process computes; one stage at a time has the device, so that is the stage's.
pub trait Profiler: Sync {
    /// Begins anew.
    fn start(&self);
    /// Ends it; gives what was measured. The stage's id is filled in.
    fn stop(&self) -> Vec<ProfileRow>;
}

/// The profile of a run under way.
pub(super) struct Profiling<'a> {
    profiler: &'a dyn Profiler,
    found: Mutex<Profile>,
}

impl<'a> Profiling<'a> {
    pub(super) fn new(profiler: &'a dyn Profiler) -> Self {
        Self { profiler, found: Mutex::default() }
    }

    /// Does the work of a stage, and keeps what it takes if it succeeds.
    pub(super) fn measure<T, E>(&self, stage: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.profiler.start();
        let started = Instant::now();
        let result = work();
        let (seconds, rows) = (started.elapsed().as_secs_f64(), self.profiler.stop());
        if result.is_ok() {
            self.found.lock().unwrap_or_else(PoisonError::into_inner).put(stage, rows, seconds);
        }
        result
    }

    /// Keeps what was measured; gives what there is to say of stages that were not, and why it is not kept.
    pub(super) fn end(&self, plan: &Plan, stages: &[Finished], folder: &Path) -> Vec<String> {
        let unwritten = self.write(folder).err().map(|error| error.to_string());
        said_of_hits(plan, stages).into_iter().chain(unwritten).collect()
    }

    /// Writes what was measured into the folder of the run, if there is anything: whole or not at all, but not synced.
    fn write(&self, folder: &Path) -> Result<(), RunError> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.0.is_empty() {
            return Ok(());
        }
        let (path, draft) = (folder.join(Profile::FILE), folder.join("profile.parquet.tmp"));
        let written = found.write(&draft).map_err(std::io::Error::other);
        written.and_then(|()| fs::rename(&draft, &path)).map_err(RunError::io("write", &path))
    }
}

/// What to say of stages whose result was stored: nothing was computed that could be measured.
fn said_of_hits(plan: &Plan, stages: &[Finished]) -> Option<String> {
    let on_device = plan.order.iter().zip(stages).filter(|(node, _)| plan.graph[**node].stage.tensor());
    let hits = on_device.filter(|(_, finished)| finished.record.outcome == Outcome::Hit);
    let hits: Vec<String> = hits.map(|(_, finished)| format!("`{}`", finished.record.id)).collect();
    if hits.is_empty() {
        return None;
    }
    let (hits, is) = (hits.join(", "), if hits.len() == 1 { "is a hit and has" } else { "are hits and have" });
    Some(format!(
        "{hits} {is} no profile: only what is computed is measured, and under another `--root` nothing is stored yet"
    ))
}
