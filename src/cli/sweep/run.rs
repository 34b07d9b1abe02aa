//! `simpipe sweep run` and `resume`: trials until there are as many as the spec says.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;

use clap::Args;

use super::view;
use crate::base::fs::create_dirs;
use crate::cli::options::{ExperimentOptions, OverlayOptions, PlaceOptions, plan_of};
use crate::cli::print::{self, Paint, shown};
use crate::cli::{logging, screen, signal, threads};
use crate::error::{Error, Exit};
use crate::plan::Plan;
use crate::runner::sweep::{self, Head, Journal, Origin, SavedOverlay, State, SweepEvent, SweepRunner, Which};
use crate::runner::{Event, clock};
use crate::spec::Overlay;
use crate::stages::registry;

/// Try points of a config's `[sweep]` until there are as many as it says. A sweep that was stopped or killed goes on, and
/// several processes share one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe sweep run configs/sweep-losses.toml
  simpipe sweep run configs/sweep-losses.toml --parallel 2
  simpipe sweep run configs/sweep-losses.toml --set sweep.trials=40
  simpipe sweep run configs/sweep-learning-rate.toml --from sweep-losses
  simpipe sweep run configs/sweep-losses.toml --new --json")]
pub(super) struct RunArgs {
    #[command(flatten)]
    experiment: ExperimentOptions,
    /// Begin another sweep, though there is one of this name.
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

/// Go on with a sweep as it was begun: the config and its options need not be given again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe sweep resume
  simpipe sweep resume sweep-losses
  simpipe sweep resume 20261124T225934 --parallel 2")]
pub(super) struct ResumeArgs {
    /// A sweep: its id, the start of one, its folder, an experiment's name or `latest`.
    #[arg(default_value = "latest")]
    sweep: String,
    #[command(flatten)]
    place: PlaceOptions,
    #[command(flatten)]
    pub(super) how: HowOptions,
}

/// How trials are run.
#[derive(Debug, Args)]
pub(super) struct HowOptions {
    /// Trials at once [default: the spec's `parallel`].
    #[arg(long, value_name = "N")]
    parallel: Option<NonZeroUsize>,
    /// Stages at once, of all trials together [default: the number of cores].
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Say nothing but errors.
    #[arg(long, short)]
    quiet: bool,
    /// Log to standard error; twice for more.
    #[arg(long, short, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Print how the sweep stands in the end as JSON.
    #[arg(long)]
    pub(super) json: bool,
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
    Sweeping { place: &args.place, how: &args.how, plan: &plan, root: &root }.run(&origin, which, out)
}

pub(super) fn resume(args: &ResumeArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let root = args.place.root_here()?;
    let folder = sweep::find(&root, &args.sweep)?;
    let head = Journal::read(&folder)?.state.head;
    let plan = plan_again(&head)?;
    let origin = Origin { path: head.path, overlays: head.overlays, from: None };
    Sweeping { place: &args.place, how: &args.how, plan: &plan, root: &root }.run(&origin, Which::In(&folder), out)
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

/// A sweep to be worked on.
struct Sweeping<'a> {
    place: &'a PlaceOptions,
    how: &'a HowOptions,
    plan: &'a Plan,
    root: &'a Path,
}

impl Sweeping<'_> {
    fn run(&self, origin: &Origin, which: Which<'_>, out: &mut dyn Write) -> Result<Exit, Error> {
        threads::start()?;
        let cancel = signal::wish();
        let store = self.place.open_store(self.root)?.cancelled_by(&cancel);
        let log = logging::start(self.how.verbose);
        logging::log_panics(&log);
        let quiet = self.how.quiet;
        if !quiet {
            print::warnings(&self.plan.warnings, &mut screen::messages())?;
        }
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let parallel = self.plan.sweep.as_ref().map_or(1, |sweep| sweep.params.parallel as usize);
        let runner = SweepRunner {
            root: self.root,
            store: &store,
            jobs: self.how.jobs.map_or(cores, NonZeroUsize::get),
            workers: self.how.parallel.map_or(parallel, NonZeroUsize::get),
            cancel: &cancel,
            command: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
        };
        let on_event = |event: &SweepEvent<'_>| {
            if let SweepEvent::Began { folder, .. } = event {
                let folder = folder.join("logs").join(format!("{}-{}", clock::now().compact(), std::process::id()));
                if create_dirs(&folder).is_ok() {
                    log.open(&folder);
                }
            }
            if !quiet {
                tell(event, self.root);
            }
        };
        let (folder, state) = runner.run(self.plan, origin, which, registry::builtin(), &on_event)?;
        self.end(&folder, &state, out)
    }

    /// How it stands in the end.
    fn end(&self, folder: &Path, state: &State, out: &mut dyn Write) -> Result<Exit, Error> {
        if self.how.json {
            print::json(&view::status(state, folder, self.root, state.run_state(false)), out)?;
        } else if !self.how.quiet {
            view::write_table(state, view::FIRST, out)?;
            writeln!(out, "\n{}", view::summary(state))?;
            writeln!(out, "sweep: {}", shown(folder.display()))?;
        }
        if signal::came() || state.stopped.as_ref().is_some_and(|stop| stop.at_once) {
            let mut err = screen::messages();
            writeln!(err, "{} interrupted", Paint::stderr().red("error:"))?;
            writeln!(err, "  help: `simpipe sweep resume {}` goes on from here", shown(&state.head.sweep))?;
            return Ok(Exit::Interrupted);
        }
        let Some(stop) = &state.stopped else { return Ok(Exit::Done) };
        let mut err = screen::messages();
        writeln!(err, "{} the sweep has stopped: {}", Paint::stderr().red("error:"), shown(&stop.why))?;
        writeln!(
            err,
            "  help: `simpipe sweep table` says why; `simpipe sweep resume {}` goes on",
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
                (None, Some(of)) => format!("trial {of} goes on{epochs}"),
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
