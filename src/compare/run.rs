//! A run with what it left on the disk, every byte of which is checked before it is believed.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value as Json;

use simpipe_artifact::{ArtifactError, ComparedValue, Images};
use simpipe_base::fs;
use simpipe_runner::{RunError, RunRecord, StageRecord};
use simpipe_store::Store;

/// A recorded run.
#[derive(Debug)]
pub struct Run {
    /// What it did.
    pub record: RunRecord,
    folder: PathBuf,
    store: Option<Store>,
}

/// A run as others speak of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunName {
    /// Its id.
    pub run: String,
    /// The experiment's name.
    pub name: String,
    /// Its seeds.
    pub seeds: Vec<u64>,
}

impl Run {
    /// Reads a run's record; files that its folder lacks are taken from the store.
    ///
    /// # Errors
    /// If it is no run record.
    pub fn read(folder: &Path, store: Option<Store>) -> Result<Self, RunError> {
        Ok(Self { record: RunRecord::read(folder)?, folder: folder.to_path_buf(), store })
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> RunName {
        let RunRecord { run, name, seeds, spec, .. } = &self.record;
        let own = spec["seed"].as_u64().filter(|_| seeds.is_empty());
        let seeds = seeds.iter().map(|run| run.seed).chain(own).collect();
        RunName { run: run.clone(), name: name.clone(), seeds }
    }

    /// The ids of the stages that measure how good a search is, in the order of the plan.
    pub(super) fn measuring(&self) -> Vec<&str> {
        let stages = self.record.stages.iter();
        let stages = stages.filter(|stage| matches!(stage.stage.as_str(), "evaluate" | "match" | "few-shot"));
        let mut ids: Vec<&str> = stages.map(|stage| stage.id.as_str()).collect();
        // A group lists a stage once for each seed.
        ids.dedup();
        ids
    }

    /// A number with its own interval: of a group that over seeds, else that over queries.
    pub(super) fn estimated(&self, name: &str) -> Option<ComparedValue> {
        let record = &self.record;
        let own = || ["low", "high"].map(|end| record.metrics.get(&format!("{name}.{end}")).copied());
        let [low, high] = if record.is_group() { record.t_interval(name) } else { own() };
        Some(ComparedValue { value: *record.metrics.get(name)?, low, high })
    }

    /// A file of a stage, with the very bytes that the run left; `None` if it left none of this name.
    ///
    /// # Errors
    /// If it is gone or damaged, both in the run's folder and in the store.
    pub fn file(&self, stage: &StageRecord, name: &str) -> Result<Option<PathBuf>, ArtifactError> {
        let Some((_, file)) = stage.files.iter().find(|(known, _)| known.as_str() == name) else { return Ok(None) };
        let own = self.folder.join(&stage.id).join(name);
        let stored = self.store.as_ref().map(|store| store.object(file.digest));
        let mut damaged = None;
        for path in [Some(own.clone()), stored].into_iter().flatten() {
            match fs::digest(&path) {
                Ok(digest) if digest == file.digest => return Ok(Some(path)),
                Ok(_) => damaged = damaged.or(Some(path)),
                Err(_) => {}
            }
        }
        Err(match damaged {
            Some(path) => ArtifactError::malformed(&path, "it is damaged: its bytes are not those that the run left"),
            None => {
                let gone = std::io::Error::new(
                    std::io::ErrorKind::NotFound,
                    "neither the run nor the store has it any longer",
                );
                ArtifactError::io("read", &own, gone)
            }
        })
    }

    /// The images that a stage `dataset` has left.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub fn images(&self, dataset: &StageRecord) -> Result<Images, ArtifactError> {
        let names = dataset.files.keys().map(|name| name.as_str());
        Images::among(&self.folder.join(&dataset.id), names, |name| self.file(dataset, name))
    }

    /// The nearest stage of a kind that a stage reads from.
    #[must_use]
    pub fn above(&self, id: &str, kind: &str) -> Option<&StageRecord> {
        let mut level = vec![id.to_owned()];
        for _ in 0..=self.record.stages.len() {
            let stages = level.iter().filter_map(|id| self.record.stage(id));
            if let Some(found) = stages.into_iter().find(|stage| stage.stage == kind) {
                return Some(found);
            }
            let inputs =
                |id: &String| self.record.spec["stages"][id]["inputs"].as_object().cloned().unwrap_or_default();
            let above = level.iter().flat_map(|id| inputs(id).into_iter().map(|(_, from)| from).collect::<Vec<_>>());
            level = above.filter_map(|from| from.as_str().map(str::to_owned)).collect();
        }
        None
    }

    /// The names of the classes that a stage's labels stand for; none where they are not known.
    #[must_use]
    pub fn classes(&self, id: &str) -> Vec<String> {
        let read = || -> Option<Vec<String>> {
            let path = self.file(self.above(id, "dataset")?, "dataset.json").ok()??;
            let info: Json = serde_json::from_slice(&fs::read_regular(&path).ok()?).ok()?;
            serde_json::from_value(info.get("classes")?.clone()).ok()
        };
        read().unwrap_or_default()
    }
}
