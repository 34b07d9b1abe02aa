//! An experiment that can be run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Error, Event, Run};
use crate::error;
use simpipe_base::issue::Issue;
use simpipe_plan::Plan;
use simpipe_runner::{Runner, folders};
use simpipe_spec::{self as spec, LoadOptions, Overlay};
use simpipe_stage::StageError;
use simpipe_stages::registry;
use simpipe_store::Store;

/// A config with its template, checked: all that `simpipe check` says would be said when it is opened.
///
/// ```no_run
/// # fn main() -> Result<(), simpipe::Error> {
/// let run = simpipe::Experiment::open("configs/smoke.toml")?
///     .set("train.epochs=2")?
///     .run(|event| eprintln!("{event:?}"))?;
/// println!("{}: recall@1 {}", run.id(), run.metrics()["match.recall@1"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Experiment {
    config: PathBuf,
    overlays: Vec<Overlay>,
    plan: Plan,
    root: Option<PathBuf>,
    stop: Arc<AtomicBool>,
}

impl Experiment {
    /// Reads a config.
    ///
    /// # Errors
    /// Every problem of the spec, each at its line.
    pub fn open(config: impl AsRef<Path>) -> Result<Self, Error> {
        let config = config.as_ref().to_path_buf();
        let plan = planned(&config, &[])?;
        Ok(Self { config, overlays: Vec::new(), plan, root: None, stop: Arc::default() })
    }

    /// The same experiment with another value: `train.epochs=5`, as `--set` takes it.
    ///
    /// # Errors
    /// As [`Experiment::open`].
    pub fn set(mut self, change: &str) -> Result<Self, Error> {
        self.overlays.push(Overlay::Set(change.to_owned()));
        self.plan = planned(&self.config, &self.overlays)?;
        Ok(self)
    }

    /// The same experiment, whose runs and results are kept below `artifacts/` of this folder and not of the project's.
    #[must_use]
    pub fn at(mut self, root: impl AsRef<Path>) -> Self {
        self.root = Some(root.as_ref().to_path_buf());
        self
    }

    /// The same experiment, whose runs stop soon after this becomes true. Run again, they go on from there.
    #[must_use]
    pub fn stopped_by(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = stop;
        self
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.plan.experiment.name
    }

    /// What the spec is warned of, in words.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.plan.warnings.iter().map(|issue| issue.message.clone()).collect()
    }

    /// Computes what is not stored yet and tells of it as it goes, from whatever thread does the work.
    ///
    /// # Errors
    /// If a stage fails or the run is stopped; the run is recorded all the same, and [`Run::open`] opens it.
    pub fn run(&self, tell: impl Fn(&Event) + Sync) -> Result<Run, Error> {
        let root = self.root.clone().unwrap_or_else(|| self.plan.experiment.project.clone());
        let store = Store::open(&folders::store_folder(&root))?.cancelled_by(&self.stop);
        let runner = Runner {
            root: &root,
            store: &store,
            jobs: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            cancel: &self.stop,
            // The arguments of a program of somebody else's are not ours to keep: one may be a password.
            command: std::env::args_os().take(1).map(|program| program.to_string_lossy().into_owned()).collect(),
            profiler: None,
        };
        let on_event = |event: &simpipe_runner::Event| tell(&event.into());
        let record = if self.plan.experiment.seeds.is_empty() {
            runner.run(&self.plan, registry::builtin(), &on_event)?
        } else {
            runner.run_seeds(&self.plan, registry::builtin(), &on_event)?
        };
        if let Some((stage, failure)) = record.failure() {
            let failed = StageError::failed(format!("`{}`: {}", stage.id, failure.message));
            return Err(match &failure.help {
                Some(help) => failed.with_help(help.clone()),
                None => failed,
            }
            .into());
        }
        if !record.ok {
            return Err(StageError::Interrupted.into());
        }
        Ok(Run::of(record, root, store))
    }
}

fn planned(config: &Path, overlays: &[Overlay]) -> Result<Plan, Error> {
    let options = LoadOptions { overlays: overlays.to_vec(), project: None };
    let experiment = spec::load(config, &options).map_err(error::Error::Spec)?;
    Ok(plan_experiment(experiment)?)
}

/// The plan of an experiment, on a device that is there.
pub(crate) fn plan_experiment(experiment: spec::Experiment) -> Result<Plan, error::Error> {
    let plan = Plan::build(experiment, registry::builtin()).map_err(error::Error::Spec)?;
    let spec::Experiment { device, numerics, .. } = &plan.experiment;
    registry::builtin().backend(device, numerics.as_deref()).map_err(|error| {
        let issue = Issue::at(&plan.experiment.device_place, "device", error.to_string());
        error::Error::Spec(vec![match error.help() {
            Some(help) => issue.help(help),
            None => issue,
        }])
    })?;
    Ok(plan)
}
