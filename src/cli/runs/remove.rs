//! `simpipe runs rm`: removes runs, so that gc may free what only they kept.

use std::io::Write;

use clap::Args;
use serde_json::json;

use crate::cli::options::PlaceOptions;
use crate::cli::print::{self, shown};
use crate::error::{Error, Exit};
use simpipe_runner::removal::{Refusal, Removal};
use simpipe_runner::{RunError, RunRecord, folders, sweep};
use simpipe_store::{RunState, Store};

/// Remove runs: their folders and records, so that `store gc` may free what only they kept. Nothing is asked.
#[derive(Debug, Args)]
#[command(
    after_help = "A run that is pinned or under way is not removed; one of several seeds goes with all its runs, and a sweep with all its \
trials.

Examples:
  simpipe runs rm 20261124T225934.120Z-0a1b2c
  simpipe runs rm latest --json"
)]
pub(super) struct RemoveArgs {
    /// Runs as `show` takes them, or sweeps.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &RemoveArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let root = args.place.root_here()?;
    let store = args.place.existing_store(&root)?;
    // All are found before one goes: `latest` is another run then.
    let find = |wanted: &String| removal(args, &root, store.as_ref(), wanted);
    let removals = args.runs.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let mut removed: Vec<&str> = Vec::new();
    for removal in &removals {
        if removal.runs().iter().all(|run| removed.contains(run)) {
            continue; // named twice
        }
        if let Some(refusal) = removal.carry_out(&root, store.as_ref())? {
            return Err(refused(&refusal));
        }
        removed.extend(removal.runs());
        if !args.json {
            for run in removal.runs() {
                writeln!(out, "removed {}", shown(run))?;
            }
        }
    }
    if args.json {
        print::json(&json!({ "removed": removed }), out)?;
    }
    Ok(Exit::Done)
}

fn removal(args: &RemoveArgs, root: &std::path::Path, store: Option<&Store>, wanted: &str) -> Result<Removal, Error> {
    match args.place.run_folder(root, wanted) {
        Ok(folder) => Ok(Removal::of(root, &folder, &RunRecord::read(&folder)?)),
        // One that was killed left no record.
        Err(Error::Run(RunError::Unrecorded { run, state, done, stages })) => {
            let mut unrecorded = store.map(|store| folders::unrecorded(root, store)).unwrap_or_default().into_iter();
            match unrecorded.find(|other| other.start.run == run) {
                Some(found) if found.state == RunState::Killed => Ok(Removal::of_unrecorded(root, &found)),
                _ => Err(RunError::Unrecorded { run, state, done, stages }.into()),
            }
        }
        Err(error @ Error::Run(RunError::NoRun { .. })) => {
            sweep::find(root, wanted).map(|folder| Removal::of_sweep(&folder)).map_err(|_| error)
        }
        Err(error) => Err(error),
    }
}

fn refused(refusal: &Refusal) -> Error {
    match refusal {
        Refusal::Running(run) => Error::usage(format!("the run {run} is under way"), "wait until it ends, or stop it"),
        Refusal::Pinned(tag) => {
            let help = format!("unpin it first: `simpipe store unpin {tag}`");
            Error::usage(format!("the run is pinned as `{tag}`"), help)
        }
        Refusal::OfGroup(group) => {
            let help = format!("remove that, and all its runs with it: `simpipe runs rm {group}`");
            Error::usage(format!("the run is one of {group}"), help)
        }
        Refusal::Elsewhere(folder) => {
            let message = format!("{} is not the folder of a run in this root", folder.display());
            Error::usage(message, "name its project with `--root DIR`")
        }
    }
}
