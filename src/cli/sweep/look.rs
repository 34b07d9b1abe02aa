//! `simpipe sweep status`, `table`, `best` and `stop`: what is known of a sweep, and how to end it.

use std::io::Write;
use std::path::Path;

use clap::Args;
use serde_json::json;

use super::seen::{Seen, WhichOptions};
use super::{view, watch};
use crate::cli::print::{self, Paint, shown};
use crate::cli::screen;
use crate::error::{Error, Exit};
use simpipe_runner::sweep::slurm::{self, Queue};
use simpipe_runner::sweep::{self, State};
use simpipe_store::Store;

/// Show the progress of a sweep.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe sweep status
  simpipe sweep status --watch
  simpipe sweep status sweep-losses --json")]
pub(super) struct StatusArgs {
    #[command(flatten)]
    pub(super) which: WhichOptions,
    /// Refresh as it changes, until the sweep ends; one line per change if output is not a terminal.
    #[arg(long, conflicts_with = "json")]
    watch: bool,
}

/// List the trials of a sweep, best first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe sweep table
  simpipe sweep table sweep-losses --json")]
pub(super) struct TableArgs {
    #[command(flatten)]
    pub(super) which: WhichOptions,
}

/// Show the best trial of a sweep, how sure that is, and the command that runs it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe sweep best
  simpipe sweep best sweep-losses --json")]
pub(super) struct BestArgs {
    #[command(flatten)]
    pub(super) which: WhichOptions,
}

/// Ask every process of a sweep to stop after its current step, with a checkpoint; or end a single trial.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe sweep stop
  simpipe sweep stop sweep-losses
  simpipe sweep stop sweep-losses --trial 7")]
pub(super) struct StopArgs {
    #[command(flatten)]
    pub(super) which: WhichOptions,
    /// End only this trial and record it as failed; the others continue, and another point takes its place.
    #[arg(long, value_name = "N")]
    trial: Option<usize>,
}

pub(super) fn status(args: &StatusArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let mut seen = Seen::of(&args.which)?;
    if args.watch {
        return watch::exec(seen, out);
    }
    let how = seen.look()?;
    if args.which.json {
        print::json(&view::status(seen.state(), &seen.folder, &seen.root, how, &seen.jobs), out)?;
    } else {
        seen.write(how, out)?;
    }
    Ok(Exit::Done)
}

pub(super) fn table(args: &TableArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let state = Seen::of(&args.which)?.journal.state;
    if args.which.json {
        print::json(&view::table(&state), out)?;
        return Ok(Exit::Done);
    }
    view::write_table(&state, usize::MAX, out)?;
    writeln!(out, "\n{}", view::summary(&state))?;
    Ok(Exit::Done)
}

pub(super) fn best(args: &BestArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let state = Seen::of(&args.which)?.journal.state;
    let verdict = state.verdict();
    if verdict.best.is_empty() {
        return Err(Error::usage(verdict.statement, "`simpipe sweep status` says how far it is"));
    }
    if args.which.json {
        print::json(&view::best(&state), out)?;
        return Ok(Exit::Done);
    }
    for trial in &verdict.best {
        let one = &state.trials[*trial];
        let values = state.standings(true).into_iter().find(|standing| standing.trial == *trial);
        let values = values.map(|standing| standing.values).unwrap_or_default();
        let goals = state.head.goals.iter().zip(values);
        let gave: Vec<String> =
            goals.map(|(goal, value)| format!("{} {}", goal.metric, crate::cli::print::number(value))).collect();
        writeln!(out, "trial {trial}: {}", shown(gave.join(", ")))?;
        writeln!(out, "  {}", shown(view::values(&one.parameters)))?;
        let options = view::set_options(&one.parameters).into_iter();
        let options: Vec<String> = options.map(|option| format!(" --set '{option}'")).collect();
        writeln!(out, "  simpipe run {}{}", shown(&state.head.config), shown(options.concat()))?;
        for run in &one.runs {
            writeln!(out, "  seed {}: {}", run.seed, shown(&run.dir))?;
        }
    }
    writeln!(out, "{}", verdict.statement)?;
    Ok(Exit::Done)
}

pub(super) fn stop(args: &StopArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let root = args.which.place.root_here()?;
    let folder = sweep::find(&root, &args.which.sweep)?;
    let store = args.which.place.existing_store(&root)?;
    if let Some(trial) = args.trial {
        return stop_trial(args, trial, &folder, store.as_ref(), out);
    }
    let (stopped, state) = sweep::stop(&folder)?;
    let cancelled = cancel_jobs(&state)?;
    let under_way = sweep::is_under_way(store.as_ref(), &folder);
    let id = &state.head.sweep;
    if args.which.json {
        print::json(&json!({ "sweep": id, "stopped": stopped, "running": under_way, "cancelled": cancelled }), out)?;
        return Ok(Exit::Done);
    }
    let what = match (stopped, under_way) {
        (true, true) => "its trials stop after their step, with a checkpoint",
        (true, false) => "no process is working on it; `simpipe sweep resume` continues it",
        (false, _) => "it was stopped or done before",
    };
    writeln!(out, "sweep {}: {what}", shown(id))?;
    cancelled.iter().try_for_each(|job| writeln!(out, "job {job} is cancelled"))?;
    Ok(Exit::Done)
}

/// Ends a trial; the journal tells whoever works on it.
fn stop_trial(
    args: &StopArgs,
    trial: usize,
    folder: &Path,
    store: Option<&Store>,
    out: &mut dyn Write,
) -> Result<Exit, Error> {
    let state = sweep::stop_trial(folder, trial)?;
    let (id, under_way) = (&state.head.sweep, sweep::is_under_way(store, folder));
    if args.which.json {
        let said = json!({
            "sweep": id, "trial": trial, "stopped": true, "running": under_way, "cancelled": Vec::<String>::new(),
        });
        print::json(&said, out)?;
        return Ok(Exit::Done);
    }
    let when = if under_way { "ends after its step, with a checkpoint" } else { "ends when the sweep continues" };
    writeln!(out, "sweep {}: trial {trial} {when}", shown(id))?;
    Ok(Exit::Done)
}

/// Cancels the jobs that have not ended. The mark in the journal stops all that can't be: those in the queue as they begin.
fn cancel_jobs(state: &State) -> Result<Vec<String>, Error> {
    let left = slurm::jobs(state, &Queue::default()).into_iter();
    let left: Vec<String> = left.filter(|job| job.states.is_none() || job.left() > 0).map(|job| job.job).collect();
    if left.is_empty() {
        return Ok(left);
    }
    match slurm::cancel(&left) {
        Ok(()) => Ok(left),
        Err(error) => {
            let warning = Paint::stderr().yellow("warning:");
            writeln!(screen::messages(), "{warning} {}", shown(&error))?;
            writeln!(screen::messages(), "  help: {}", error.help())?;
            Ok(Vec::new())
        }
    }
}
