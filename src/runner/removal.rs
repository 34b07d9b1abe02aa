//! Removing runs: the record and the folder of one, with its journal, so that gc may free what only it kept. A sweep goes like
//! a run, with all its trials.

use std::path::{Path, PathBuf};

use super::{RunError, RunRecord, folders, sweep};
use simpipe_base::fs;
use simpipe_store::{JournaledRun, Store};

/// What is to be removed: a run, a group with its runs, or a sweep with its trials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    name: String,
    /// Ids and folders, the run that was asked for last.
    runs: Vec<(String, PathBuf)>,
    group: Option<String>,
    /// Ids of the runs of its trials, which lie in its folder, if it is a sweep.
    trials: Option<Vec<String>>,
}

/// Why nothing is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A run of this id is under way.
    Running(String),
    /// A run is pinned as this.
    Pinned(String),
    /// It is a run of this group or sweep, whose record tells of it.
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
        let runs = seeds.chain([itself]).collect();
        Self { name: record.name.clone(), runs, group: record.group.clone(), trials: None }
    }

    /// Of the sweep in a folder that [`sweep::find`] has found.
    #[must_use]
    pub fn of_sweep(folder: &Path) -> Self {
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let trials = folders::names_in(&folder.join(sweep::TRIALS));
        Self {
            name: folder.parent().map(name).unwrap_or_default(),
            runs: vec![(name(folder), folder.to_path_buf())],
            group: None,
            trials: Some(trials),
        }
    }

    /// Of a run that left no record.
    #[must_use]
    pub fn of_unrecorded(root: &Path, run: &JournaledRun) -> Self {
        let itself = (run.start.run.clone(), root.join(&run.start.dir));
        Self { name: run.start.name.clone(), runs: vec![itself], group: run.start.group.clone(), trials: None }
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
            for run in self.trials.iter().flatten().chain([run]) {
                if let Some(store) = store
                    && !store.forget_run(&here, &self.name, run)?
                {
                    return Ok(Some(Refusal::Running(run.clone())));
                }
            }
            let record = folder.join(if self.trials.is_some() { sweep::FIRST } else { "run.json" });
            if record.is_file() {
                fs::remove_file(&record).map_err(RunError::io("remove", &record))?;
                fs::sync_dir(folder).map_err(RunError::io("sync", folder))?;
            }
            fs::remove_dir(folder).map_err(RunError::io("remove", folder))?;
        }
        Ok(None)
    }

    fn refusal(&self, root: &Path, store: Option<&Store>) -> Result<Option<Refusal>, RunError> {
        let (runs, sweeps) = (folders::runs_folder(root), sweep::sweeps_folder(root));
        let is_there = |group: &&String| {
            let lies_in = |folder: &Path| folder.join(&self.name).join(group);
            lies_in(&runs).join("run.json").is_file() || lies_in(&sweeps).join(sweep::FIRST).is_file()
        };
        if let Some(group) = self.group.as_ref().filter(is_there) {
            return Ok(Some(Refusal::OfGroup(group.clone())));
        }
        let home = if self.trials.is_some() { &sweeps } else { &runs };
        if let Some((_, folder)) = self.runs.iter().find(|(_, folder)| !is_of(home, folder)) {
            return Ok(Some(Refusal::Elsewhere(folder.clone())));
        }
        let under_way = |(_, folder): &&(String, PathBuf)| sweep::is_under_way(store, folder);
        if let Some((run, _)) = self.runs.iter().filter(|_| self.trials.is_some()).find(under_way) {
            return Ok(Some(Refusal::Running(run.clone())));
        }
        let Some(store) = store else { return Ok(None) };
        let mut pins = store.pins()?.into_iter();
        let runs = self.runs.iter().map(|(run, _)| run).chain(self.trials.iter().flatten());
        let pin = pins.find(|pin| pin.name == self.name && runs.clone().any(|run| *run == pin.run));
        Ok(pin.map(|pin| Refusal::Pinned(pin.tag)))
    }
}

/// Whether a folder is one of a run: `<runs>/<name>/<id>`, or of a sweep likewise, or gone.
fn is_of(runs: &Path, folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return true };
    let above = folder.parent().and_then(Path::parent);
    runs.canonicalize().is_ok_and(|runs| above == Some(runs.as_path()))
}
