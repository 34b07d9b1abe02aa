//! `simpipe sweep run` and `resume`: trials until there are as many as the spec says.

use std::collections::BTreeSet;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use clap::Args;

use super::view;
use crate::cli::options::{ExperimentOptions, OverlayOptions, PlaceOptions, plan_of};
use crate::cli::print::{self, Paint, shown};
use crate::cli::{logging, screen, signal, threads};
use crate::error::{Error, Exit};
use simpipe_base::fs::create_dirs;
use simpipe_plan::Plan;
use simpipe_runner::sweep::slurm::{self, Queue};
use simpipe_runner::sweep::{self, Head, Journal, Origin, SavedOverlay, State, SweepEvent, SweepRunner, Which};
use simpipe_runner::{Event, RunError, clock};
use simpipe_spec::Overlay;
use simpipe_stages::registry;

/// Try points of a config's `[sweep]` until there are as many as it says. A sweep that was stopped or killed goes on, and
/// several processes share one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe sweep run configs/sweep-losses.toml
  simpipe sweep run configs/sweep-losses.toml --parallel 2
  simpipe sweep run configs/sweep-losses.toml --set sweep.trials=40
  simpipe sweep run configs/sweep-learning-rate.toml --from sweep-losses
  simpipe sweep run configs/sweep-losses.toml --executor slurm --parallel 8 --slurm-option=--partition=gpu
  simpipe sweep run configs/sweep-losses.toml --new --json")]
pub(super) struct RunArgs {
    #[command(flatten)]
    experiment: ExperimentOptions,
    /// Start a new sweep even if there is one with this name.
    #[arg(long)]
    new: bool,
    /// Tell the method of a new sweep what another one has found out: its finished trials whose values lie in this space,
    /// by the same objective. They count as none of this one's.
    #[arg(long, value_name = "SWEEP")]
    from: Option<String>,
    #[command(flatten)]
    place: PlaceOptions,
    #[command(flatten)]
    pub(super) how: HowOptions,
}

/// Continue a sweep with the config and options it was started with.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe sweep resume
  simpipe sweep resume sweep-losses
  simpipe sweep resume 20261124T225934 --parallel 2
  simpipe sweep resume sweep-losses --executor local")]
pub(super) struct ResumeArgs {
    /// A sweep: its id, the start of one, its folder, an experiment's name or `latest`.
    #[arg(default_value = "latest")]
    sweep: String,
    #[command(flatten)]
    place: PlaceOptions,
    #[command(flatten)]
    pub(super) how: HowOptions,
}

/// Work on a sweep as an element of an array job does: what `--executor slurm` lets Slurm start.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe sweep work artifacts/sweeps/sweep-losses/20261124T225934.120Z-0a1b2c")]
pub(super) struct WorkArgs {
    #[command(flatten)]
    place: PlaceOptions,
    #[command(flatten)]
    with: WorkerOptions,
    /// The sweep's folder.
    folder: String,
}

/// Who runs trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Executor {
    /// This process.
    Local,
    /// Elements of an array job that Slurm starts.
    Slurm,
}

/// How one process runs trials.
#[derive(Debug, Args)]
pub(super) struct WorkerOptions {
    /// Number of stages to run at once, over all trials [default: the number of cores].
    #[arg(long, value_name = "N")]
    pub(super) jobs: Option<NonZeroUsize>,
    /// Print only errors.
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// Log to standard error; give it twice for more.
    #[arg(long, short, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

/// How trials are run.
#[derive(Debug, Args)]
pub(super) struct HowOptions {
    /// Who runs the trials [default: this process, or the same as before when a sweep continues].
    #[arg(long, value_enum)]
    pub(super) executor: Option<Executor>,
    /// Number of trials at once, or of elements of the array job with Slurm [default: the spec's `parallel`].
    #[arg(long, value_name = "N")]
    pub(super) parallel: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(super) worker: WorkerOptions,
    #[command(flatten)]
    pub(super) slurm: SlurmArgs,
    /// Print the final state of the sweep as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What a cluster wants of its jobs.
#[derive(Debug, Args)]
pub(super) struct SlurmArgs {
    /// An option for sbatch, such as `--slurm-option=--partition=gpu`; may be given several times.
    #[arg(long = "slurm-option", value_name = "OPTION", allow_hyphen_values = true)]
    pub(super) options: Vec<String>,
    /// A shell command to run first in each job, such as `module load cuda`; may be given several times.
    #[arg(long = "slurm-setup", value_name = "COMMAND")]
    pub(super) setup: Vec<String>,
}

pub(super) fn run(args: &RunArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let plan = args.experiment.plan()?;
    let root = args.place.root_of(&plan);
    let origin = Origin {
        path: std::path::absolute(&args.experiment.config)?,
        overlays: args.experiment.overlays.0.iter().map(saved).collect::<std::io::Result<_>>()?,
        from: args.from.as_ref().map(|from| sweep::find(&root, from)).transpose()?,
    };
    let which = if args.new { Which::New } else { Which::Newest };
    let sweeping = Sweeping { place: &args.place, with: &args.how.worker, plan: &plan, root: &root };
    match args.how.executor {
        Some(Executor::Slurm) => sweeping.hire(&args.how, None, &origin, which, out),
        Some(Executor::Local) | None => sweeping.run(&args.how, &origin, which, out),
    }
}

pub(super) fn resume(args: &ResumeArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let root = args.place.root_here()?;
    let folder = sweep::find(&root, &args.sweep)?;
    let State { head, submitted, .. } = Journal::read(&folder)?.state;
    let plan = plan_again(&head)?;
    let origin = Origin { path: head.path, overlays: head.overlays, from: None };
    let sweeping = Sweeping { place: &args.place, with: &args.how.worker, plan: &plan, root: &root };
    match (args.how.executor, submitted.last()) {
        (Some(Executor::Slurm), last) => sweeping.hire(&args.how, last, &origin, Which::In(&folder), out),
        (None, Some(last)) => sweeping.hire(&args.how, Some(last), &origin, Which::In(&folder), out),
        (Some(Executor::Local) | None, _) => sweeping.run(&args.how, &origin, Which::In(&folder), out),
    }
}

pub(super) fn work(args: &WorkArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let root = args.place.root_here()?;
    let folder = sweep::find(&root, &args.folder)?;
    let head = Journal::read(&folder)?.state.head;
    let plan = plan_again(&head)?;
    let origin = Origin { path: head.path, overlays: head.overlays, from: None };
    let sweeping = Sweeping { place: &args.place, with: &args.with, plan: &plan, root: &root };
    let state = sweeping.work(1, own_job(), &origin, Which::In(&folder))?.1;
    writeln!(out, "{}", view::summary(&state))?;
    Ok(if signal::came() { Exit::Interrupted } else { Exit::Done })
}

/// The plan of a sweep from its config, as that is now.
pub(super) fn plan_again(head: &Head) -> Result<Plan, Error> {
    plan_of(&head.path, &OverlayOptions(head.overlays.iter().map(given).collect()))
}

/// An option as the journal keeps it: files by where they are.
fn saved(overlay: &Overlay) -> std::io::Result<SavedOverlay> {
    Ok(match overlay {
        Overlay::Set(option) => SavedOverlay::Set(option.clone()),
        Overlay::File(path) => SavedOverlay::File(std::path::absolute(path)?),
    })
}

fn given(overlay: &SavedOverlay) -> Overlay {
    match overlay {
        SavedOverlay::Set(option) => Overlay::Set(option.clone()),
        SavedOverlay::File(path) => Overlay::File(path.clone()),
    }
}

/// The element of an array job that this process is, by the words that Slurm leaves for it.
fn own_job() -> Option<String> {
    let word = |name| std::env::var(name).ok().filter(|word| !word.is_empty());
    let element = || Some(format!("{}_{}", word("SLURM_ARRAY_JOB_ID")?, word("SLURM_ARRAY_TASK_ID")?));
    element().or_else(|| word("SLURM_JOB_ID"))
}

/// A sweep to be worked on.
pub(super) struct Sweeping<'a> {
    pub(super) place: &'a PlaceOptions,
    pub(super) with: &'a WorkerOptions,
    pub(super) plan: &'a Plan,
    pub(super) root: &'a Path,
}

impl Sweeping<'_> {
    fn run(&self, how: &HowOptions, origin: &Origin, which: Which<'_>, out: &mut dyn Write) -> Result<Exit, Error> {
        let (folder, state) = self.work(self.parallel(how), None, origin, which)?;
        self.end(how, &folder, &state, out)
    }

    /// Trials at once.
    pub(super) fn parallel(&self, how: &HowOptions) -> usize {
        let parallel = self.plan.sweep.as_ref().map_or(1, |sweep| sweep.params.parallel as usize);
        how.parallel.map_or(parallel, NonZeroUsize::get)
    }

    /// The runner, given to `with` once everything is set up.
    pub(super) fn with_runner<T>(
        &self,
        workers: usize,
        job: Option<String>,
        with: impl FnOnce(&SweepRunner<'_>, &(dyn Fn(&SweepEvent<'_>) + Sync)) -> Result<T, RunError>,
    ) -> Result<T, Error> {
        threads::start()?;
        let cancel = signal::wish();
        let store = self.place.open_store(self.root)?.cancelled_by(&cancel);
        let log = logging::start(self.with.verbose);
        logging::log_panics(&log);
        let quiet = self.with.quiet;
        if !quiet {
            print::warnings(&self.plan.warnings, &mut screen::messages())?;
        }
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let runner = SweepRunner {
            root: self.root,
            store: &store,
            jobs: self.with.jobs.map_or(cores, NonZeroUsize::get),
            workers,
            cancel: &cancel,
            command: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            job,
        };
        let warned = Mutex::new(BTreeSet::new());
        let on_event = |event: &SweepEvent<'_>| {
            if let SweepEvent::Began { folder, .. } = event {
                let folder = folder.join("logs").join(format!("{}-{}", clock::now().compact(), std::process::id()));
                if create_dirs(&folder).is_ok() {
                    log.open(&folder);
                }
            }
            // What a stage warns of in one trial, it mostly warns of in all.
            let again = match event {
                SweepEvent::Run { event: Event::Warning { stage, message }, .. } => {
                    !warned.lock().unwrap_or_else(PoisonError::into_inner).insert((stage.clone(), message.clone()))
                }
                _ => false,
            };
            if !quiet && !again {
                tell(event, self.root);
            }
        };
        Ok(with(&runner, &on_event)?)
    }

    fn work(
        &self,
        workers: usize,
        job: Option<String>,
        origin: &Origin,
        which: Which<'_>,
    ) -> Result<(PathBuf, State), Error> {
        self.with_runner(workers, job, |runner, on_event| {
            runner.run(self.plan, origin, which, registry::builtin(), on_event)
        })
    }

    /// How it stands in the end.
    fn end(&self, how: &HowOptions, folder: &Path, state: &State, out: &mut dyn Write) -> Result<Exit, Error> {
        if how.json {
            let jobs = slurm::jobs(state, &Queue::default());
            print::json(&view::status(state, folder, self.root, state.run_state(false), &jobs), out)?;
        } else if !self.with.quiet {
            view::write_table(state, view::FIRST, out)?;
            writeln!(out, "\n{}", view::summary(state))?;
            writeln!(out, "sweep: {}", shown(folder.display()))?;
        }
        if signal::came() || state.stopped.as_ref().is_some_and(|stop| stop.at_once) {
            let mut err = screen::messages();
            writeln!(err, "{} interrupted", Paint::stderr().red("error:"))?;
            writeln!(err, "  help: `simpipe sweep resume {}` continues from here", shown(&state.head.sweep))?;
            return Ok(Exit::Interrupted);
        }
        let Some(stop) = &state.stopped else { return Ok(Exit::Done) };
        let mut err = screen::messages();
        writeln!(err, "{} the sweep has stopped: {}", Paint::stderr().red("error:"), shown(&stop.why))?;
        writeln!(
            err,
            "  help: `simpipe sweep table` says why; `simpipe sweep resume {}` continues it",
            shown(&state.head.sweep)
        )?;
        Ok(Exit::Failed)
    }
}

/// Says what happens, a line each, on standard error.
fn tell(event: &SweepEvent<'_>, root: &Path) {
    let (mut err, paint) = (screen::messages(), Paint::stderr());
    let warning = paint.yellow("warning:");
    let line = match event {
        SweepEvent::Began { folder, is_new, state, .. } => {
            let dir = folder.strip_prefix(root).unwrap_or(folder).display();
            let (finished, total) = (state.finished_points(), state.total);
            let how = if *is_new { "begins" } else { "goes on" };
            let earlier = state.head.earlier.as_ref().map_or_else(String::new, |earlier| {
                format!("; the method knows {} trials of {}", earlier.trials.len(), earlier.sweep)
            });
            paint.dim(&shown(format!("sweep {dir} {how}: {finished} of {total} trials are done{earlier}")))
        }
        SweepEvent::TrialStarted { trial, asked, attempt } => {
            let epochs = asked.epochs.map_or_else(String::new, |epochs| format!(", {epochs} epochs"));
            let values = match (asked.again, asked.further) {
                (Some(of), _) => format!("trial {of} with further seeds"),
                (None, Some(of)) => format!("trial {of} continues{epochs}"),
                (None, None) => format!("{}{epochs}", view::values(&asked.parameters)),
            };
            let again = if *attempt == 0 { "" } else { " (taken up again)" };
            shown(format!("trial {trial}{again}: {values}"))
        }
        SweepEvent::Run { trial, event: Event::Warning { stage, message } } => {
            let of = stage.as_ref().map_or_else(String::new, |stage| format!("{stage}: "));
            format!("{warning} {}", shown(format!("trial {trial}: {of}{message}")))
        }
        SweepEvent::Run { .. } => return,
        SweepEvent::TrialEnded { trial, seconds, state } => {
            let took = print::seconds(*seconds);
            match state.trials[*trial].reason() {
                Some(reason) => paint.red(&shown(format!("trial {trial}: failed after {took}: {reason}"))),
                None => paint.green(&shown(format!("trial {trial}: {} in {took}", view::gave(state, *trial)))),
            }
        }
        SweepEvent::Warning(message) => format!("{warning} {}", shown(message)),
    };
    drop(writeln!(err, "{line}"));
}
