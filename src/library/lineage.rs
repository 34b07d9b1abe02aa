//! What made what, in the record of a run.

use crate::error::Error;
use simpipe_artifact::ModelName;
use simpipe_runner::{RunRecord, StageRecord};

/// Refuses a group of runs, one of each seed: under one id it has the stages of all of them, and none of these is what is meant.
///
/// # Errors
/// If it is one.
pub(crate) fn one_run(record: &RunRecord) -> Result<(), Error> {
    if !record.is_group() {
        return Ok(());
    }
    let runs: Vec<String> = record.seeds.iter().map(|seed| format!("`{}` (seed {})", seed.run, seed.seed)).collect();
    let message = format!("{} is a group of runs, one of each seed", record.run);
    Err(Error::usage(message, format!("take one of its runs: {}", runs.join(", "))))
}

/// The dataset whose images a stage `embed` has embedded: that which its pool is drawn from.
pub(crate) fn dataset_of<'a>(record: &'a RunRecord, embed: &StageRecord) -> Option<&'a StageRecord> {
    let pool = behind(record, embed, "sampler", "samples.parquet")?;
    behind(record, pool, "dataset", "examples.parquet")
}

/// The stage of a run that has left the file which a stage has read through a port.
pub(crate) fn behind<'a>(
    record: &'a RunRecord,
    stage: &StageRecord,
    port: &str,
    file: &str,
) -> Option<&'a StageRecord> {
    let digest = *stage.key_parts.as_ref()?.inputs.get(port)?.get(file)?;
    let has = |stage: &&StageRecord| {
        let left = stage.files.iter().find(|(name, _)| name.as_str() == file);
        stage.outcome.done() && left.is_some_and(|(_, left)| left.digest == digest)
    };
    record.stages.iter().find(has)
}

/// The stage of a run that has left this very model.
pub(crate) fn made<'a>(record: &'a RunRecord, name: &ModelName) -> Option<&'a StageRecord> {
    let left = |stage: &StageRecord, file: &str| {
        stage.files.iter().find(|(known, _)| known.as_str() == file).map(|(_, file)| file.digest)
    };
    let has = |stage: &&StageRecord| {
        let both = [left(stage, "model.json"), left(stage, "model.safetensors")];
        stage.outcome.done() && both == [Some(name.model), Some(name.weights)]
    };
    record.stages.iter().find(has)
}
