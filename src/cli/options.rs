//! Options that several commands share, and what they mean: the experiment, the root, the store.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::{print, seeds, signal};
use crate::error::Error;
pub(super) use crate::library::plan_experiment;
use simpipe_base::issue::Issue;
use simpipe_plan::Plan;
use simpipe_runner::status::Freshness;
use simpipe_runner::{RunError, folders};
use simpipe_spec::{self as spec, Experiment, LoadOptions, Overlay};
use simpipe_stage::Unable;
use simpipe_stages::registry;
use simpipe_store::{RemoteUrl, RemoteUse, Store, StoreError};

/// Which experiment.
#[derive(Debug, Args)]
pub(super) struct ExperimentOptions {
    /// The experiment's config, such as `configs/cifar10.toml`.
    pub(super) config: PathBuf,
    #[command(flatten)]
    pub(super) overlays: OverlayOptions,
}

/// What is laid over the config: `--set` and `--set-file`, in the order of the command line.
#[derive(Debug, Clone, Default)]
pub(super) struct OverlayOptions(pub(super) Vec<Overlay>);

// Written out, for derived options of two names lose the order that they were given in.
impl FromArgMatches for OverlayOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut overlays: Vec<(usize, Overlay)> = Vec::new();
        if let (Some(at), Some(sets)) = (matches.indices_of("set"), matches.get_many::<String>("set")) {
            overlays.extend(at.zip(sets.map(|option| Overlay::Set(option.clone()))));
        }
        if let (Some(at), Some(files)) = (matches.indices_of("set-file"), matches.get_many::<PathBuf>("set-file")) {
            overlays.extend(at.zip(files.map(|path| Overlay::File(path.clone()))));
        }
        overlays.sort_by_key(|(at, _)| *at);
        Ok(Self(overlays.into_iter().map(|(_, overlay)| overlay).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for OverlayOptions {
    fn augment_args(command: Command) -> Command {
        let set = Arg::new("set")
            .long("set")
            .value_name("PATH=VALUE")
            .action(ArgAction::Append)
            .help("Change a value of the spec: `train.epochs=5`, `'train.layers[3].conv2d.filters=64'`");
        let file = Arg::new("set-file")
            .long("set-file")
            .value_name("FILE")
            .action(ArgAction::Append)
            .value_parser(clap::value_parser!(PathBuf))
            .help("Override values from a TOML file; later `--set` and `--set-file` win");
        command.arg(set).arg(file)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Where things are.
#[derive(Debug, Args)]
pub(super) struct PlaceOptions {
    /// Folder that contains `artifacts/` [default: the project].
    #[arg(long, value_name = "DIR")]
    pub(super) root: Option<PathBuf>,
    /// Folder of the store [default: `artifacts/store` in the root], or an object store to share results through: `s3://`,
    /// `gs://`, `az://`, `https://` (read-only) or `file:///`.
    #[arg(long, value_name = "DIR|URL")]
    pub(super) store: Option<PathBuf>,
    /// Fetch results from the object store, but send none.
    #[arg(long)]
    pub(super) store_read_only: bool,
}

impl ExperimentOptions {
    /// The plan, every problem of the spec as an error.
    pub(super) fn plan(&self) -> Result<Plan, Error> {
        plan_of(&self.config, &self.overlays)
    }
}

/// The experiment of a config, with what the command line lays over it.
pub(super) fn experiment_of(config: &Path, overlays: &OverlayOptions) -> Result<Experiment, Error> {
    let options = LoadOptions { overlays: overlays.0.clone(), project: None };
    spec::load(config, &options).map_err(Error::Spec)
}

/// The plan of a config.
pub(super) fn plan_of(config: &Path, overlays: &OverlayOptions) -> Result<Plan, Error> {
    plan_experiment(experiment_of(config, overlays)?)
}

/// An error at its line where the spec has `numerics` that this machine can't compute with, unless nothing has to be computed.
pub(super) fn refuse_unable(
    plan: &Plan,
    root: &Path,
    store: impl FnOnce() -> Result<Store, Error>,
) -> Result<(), Error> {
    let Experiment { device, numerics, numerics_place, .. } = &plan.experiment;
    let backend = registry::builtin().backend(device, numerics.as_deref()).map_err(RunError::Device)?;
    let Some(Unable { message, help }) = backend.unable else { return Ok(()) };
    let members = seeds::members(plan);
    let forecasts = seeds::forecasts(&members, &store()?, root)?;
    let is_tensor = |id: &str| plan.find(id).is_some_and(|node| plan.graph[node].stage.tensor());
    let mut stages = forecasts.iter().flat_map(|forecast| &forecast.stages).filter(|stage| is_tensor(&stage.id));
    if stages.all(|stage| stage.status == Freshness::Fresh) {
        return Ok(());
    }
    Err(Error::Spec(vec![Issue::at(numerics_place, "numerics", message).help(help)]))
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

    /// Opens the store to compute with: behind the local one is the object store, if `--store` is a URL.
    pub(super) fn open_store(&self, root: &Path) -> Result<Store, Error> {
        self.open(root, RemoteUse::Share)
    }

    /// Opens the store to look results up. A local one need not be there, and is not made.
    pub(super) fn open_store_to_read(&self, root: &Path) -> Result<Store, Error> {
        self.open(root, RemoteUse::Read)
    }

    /// The store that is there, for a command that looks after local ones.
    pub(super) fn open_local_store(&self, root: &Path) -> Result<Store, Error> {
        Ok(Store::open(self.look_at_local_store(root)?.root())?.saying(print::waiting).cancelled_by(&signal::wish()))
    }

    /// The same, and nothing in it changes.
    pub(super) fn look_at_local_store(&self, root: &Path) -> Result<Store, Error> {
        match self.url()? {
            None => self.existing_store(root)?.ok_or_else(|| {
                let folder = self.store.clone().unwrap_or_else(|| folders::store_folder(root));
                let help = "name one with `--store DIR`, or its project with `--root DIR`; the first run creates it";
                Error::usage(format!("there is no store at {}", folder.display()), help)
            }),
            Some(url) => {
                let message = format!("this command is for local stores, and {url} is not one");
                Err(Error::usage(message, "give a folder, or leave out `--store` to use the store in the root"))
            }
        }
    }

    /// The local store if there is one: what only looks does not make one.
    pub(super) fn existing_store(&self, root: &Path) -> Result<Option<Store>, Error> {
        let folder = match (self.url()?, &self.store) {
            (None, Some(folder)) => folder.clone(),
            _ => folders::store_folder(root),
        };
        Ok(Store::existing(&folder)?.map(|store| store.cancelled_by(&signal::wish())))
    }

    /// The folder of the run that a word means in every command: its id, the start or end of one, its folder, an
    /// experiment's name, a tag or `latest`.
    pub(super) fn run_folder(&self, root: &Path, wanted: &str) -> Result<PathBuf, Error> {
        Ok(match self.existing_store(root)? {
            Some(store) => folders::find_tagged(root, &store, wanted)?,
            None => folders::find(root, &folders::order_of(None), wanted)?,
        })
    }

    fn open(&self, root: &Path, wanted: RemoteUse) -> Result<Store, Error> {
        match (self.url()?, &self.store) {
            (Some(url), _) => {
                let wanted = if self.store_read_only { RemoteUse::Read } else { wanted };
                let local =
                    Store::open(&folders::store_folder(root))?.saying(print::waiting).cancelled_by(&signal::wish());
                Ok(local.with_remote(&url, wanted)?)
            }
            (None, folder) => {
                let folder = folder.clone().unwrap_or_else(|| folders::store_folder(root));
                let open = if wanted == RemoteUse::Read { Store::to_look_at } else { Store::open };
                Ok(open(&folder)?.saying(print::waiting).cancelled_by(&signal::wish()))
            }
        }
    }

    /// The object store that `--store` names; `None` if it is a folder or not given.
    pub(super) fn url(&self) -> Result<Option<RemoteUrl>, Error> {
        let text = self.store.as_deref().unwrap_or_else(|| Path::new("")).to_string_lossy();
        if RemoteUrl::is_url(&text) { Ok(Some(RemoteUrl::parse(&text).map_err(StoreError::from)?)) } else { Ok(None) }
    }
}
