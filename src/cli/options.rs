//! Options that several commands share, and what they mean: the experiment, the root, the store.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::base::issue::Issue;
use crate::error::Error;
use crate::plan::Plan;
use crate::runner::folders;
use crate::spec::{self, LoadOptions};
use crate::stages::registry;
use crate::store::Store;

/// Which experiment.
#[derive(Debug, Args)]
pub(super) struct ExperimentOptions {
    /// The experiment's config, such as `configs/cifar10.toml`.
    pub(super) config: PathBuf,
    /// Change a value of the spec: `train.epochs=5`, `'train.layers[3].conv2d.filters=64'`.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(super) set: Vec<String>,
}

/// Where things are.
#[derive(Debug, Args)]
pub(super) struct PlaceOptions {
    /// Folder of `artifacts/` [default: the project].
    #[arg(long, value_name = "DIR")]
    pub(super) root: Option<PathBuf>,
    /// Folder of the store [default: `artifacts/store` of the root].
    #[arg(long, value_name = "DIR")]
    pub(super) store: Option<PathBuf>,
}

impl ExperimentOptions {
    /// The plan, every problem of the spec as an error.
    pub(super) fn plan(&self) -> Result<Plan, Error> {
        plan_of(&self.config, &self.set)
    }
}

/// The plan of a config.
pub(super) fn plan_of(config: &Path, set: &[String]) -> Result<Plan, Error> {
    let options = LoadOptions { set: set.to_vec(), project: None };
    let experiment = spec::load(config, &options).map_err(Error::Spec)?;
    let plan = Plan::build(experiment, registry::builtin()).map_err(Error::Spec)?;
    registry::builtin().backend(&plan.experiment.device).map_err(|error| {
        let issue = Issue::at(&plan.experiment.device_place, "device", error.to_string());
        Error::Spec(vec![match error.help() {
            Some(help) => issue.help(help),
            None => issue,
        }])
    })?;
    Ok(plan)
}

impl PlaceOptions {
    /// The folder of `artifacts/`.
    pub(super) fn root_of(&self, plan: &Plan) -> PathBuf {
        self.root.clone().unwrap_or_else(|| plan.experiment.project.clone())
    }

    /// The folder of `artifacts/` for commands without a config: that of the project around the current folder.
    pub(super) fn root_here(&self) -> Result<PathBuf, Error> {
        match &self.root {
            Some(root) => Ok(root.clone()),
            None => {
                let here = std::env::current_dir()?;
                Ok(spec::project_above(&here).unwrap_or(&here).to_path_buf())
            }
        }
    }

    /// Opens the store.
    pub(super) fn open_store(&self, root: &Path) -> Result<Store, Error> {
        let folder = self.store.clone().unwrap_or_else(|| folders::store_folder(root));
        let text = folder.to_string_lossy();
        if text.contains("://") {
            let message = format!("`{text}` is a URL, and this version keeps its store in a local folder");
            return Err(Error::usage(message, "give a folder: `--store /data/simpipe-store`"));
        }
        Ok(Store::open(&folder)?)
    }
}
