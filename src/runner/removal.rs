//! Removing runs: the record and the folder of one, with its journal, so that gc may free what only it kept.

use std::path::{Path, PathBuf};

use super::{RunError, RunRecord, folders};
use crate::base::fs;
use crate::store::{JournaledRun, Store};

/// What is to be removed: a run, or a group with its runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    name: String,
    /// Ids and folders, the run that was asked for last.
    runs: Vec<(String, PathBuf)>,
    group: Option<String>,
}

/// Why nothing is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A run of this id is under way.
    Running(String),
    /// A run is pinned as this.
    Pinned(String),
    /// It is a run of this group, whose record tells of it.
    OfGroup(String),
    /// This folder is none of a run of this root.
    Elsewhere(PathBuf),
}

impl Removal {
    /// Of a recorded run: of a group also the runs of its seeds.
    #[must_use]
    pub fn of(root: &Path, folder: &Path, record: &RunRecord) -> Self {
        let seeds = record.seeds.iter().map(|run| (run.run.clone(), root.join(&run.dir)));
        let itself = (record.run.clone(), folder.to_path_buf());
        Self { name: record.name.clone(), runs: seeds.chain([itself]).collect(), group: record.group.clone() }
    }

    /// Of a run that left no record.
    #[must_use]
    pub fn of_unrecorded(root: &Path, run: &JournaledRun) -> Self {
        let itself = (run.start.run.clone(), root.join(&run.start.dir));
        Self { name: run.start.name.clone(), runs: vec![itself], group: run.start.group.clone() }
    }

    /// Ids of the runs that go.
    #[must_use]
    pub fn runs(&self) -> Vec<&str> {
        self.runs.iter().map(|(run, _)| run.as_str()).collect()
    }

    /// Removes them, or says why not.
    ///
    /// A run goes in an order that leaves it whole, or gone for every list, wherever this is cut short: first the journal,
    /// then the record, then the rest.
    ///
    /// # Errors
    /// If a pin can't be read, or something can't be removed.
    pub fn carry_out(&self, root: &Path, store: Option<&Store>) -> Result<Option<Refusal>, RunError> {
        if let Some(refusal) = self.refusal(root, store)? {
            return Ok(Some(refusal));
        }
        let here = folders::journaled_root(root);
        for (run, folder) in &self.runs {
            if let Some(store) = store
                && !store.forget_run(&here, &self.name, run)?
            {
                return Ok(Some(Refusal::Running(run.clone())));
            }
            let record = folder.join("run.json");
            if record.is_file() {
                fs::remove_file(&record).map_err(RunError::io("remove", &record))?;
                fs::sync_dir(folder).map_err(RunError::io("sync", folder))?;
            }
            fs::remove_dir(folder).map_err(RunError::io("remove", folder))?;
        }
        Ok(None)
    }

    fn refusal(&self, root: &Path, store: Option<&Store>) -> Result<Option<Refusal>, RunError> {
        let runs = folders::runs_folder(root);
        if let Some((_, folder)) = self.runs.iter().find(|(_, folder)| !is_of(&runs, folder)) {
            return Ok(Some(Refusal::Elsewhere(folder.clone())));
        }
        let group = self.group.as_ref().filter(|group| runs.join(&self.name).join(group).join("run.json").is_file());
        if let Some(group) = group {
            return Ok(Some(Refusal::OfGroup(group.clone())));
        }
        let Some(store) = store else { return Ok(None) };
        let mut pins = store.pins()?.into_iter();
        let pin = pins.find(|pin| pin.name == self.name && self.runs.iter().any(|(run, _)| *run == pin.run));
        Ok(pin.map(|pin| Refusal::Pinned(pin.tag)))
    }
}

/// Whether a folder is one of a run: `<runs>/<name>/<id>`, or gone.
fn is_of(runs: &Path, folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return true };
    let above = folder.parent().and_then(Path::parent);
    runs.canonicalize().is_ok_and(|runs| above == Some(runs.as_path()))
}
