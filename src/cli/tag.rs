//! `simpipe tag`: a name for a run, which also keeps its results; the same as `store pin --tag`.

use std::io::Write;

use clap::Args;

use super::options::PlaceOptions;
use super::store::pin;
use crate::error::{Error, Exit};
use simpipe_runner::RunRecord;

/// Give a run a name that every command knows, and keep its results. Same as `store pin --tag`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe tag latest baseline
  simpipe compare latest --baseline baseline
  simpipe tag baseline baseline --remove")]
pub(super) struct TagArgs {
    /// A run, named as for `show`.
    run: String,
    /// The name: letters, digits, `-`, `_` and `.`.
    name: String,
    /// Remove the name, so that gc may delete the results.
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &TagArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let TagArgs { run, name, remove, place, json } = args;
    if !remove {
        return pin::pin_as(run, Some(name), place, *json, out);
    }
    let root = place.root_here()?;
    let store = place.open_local_store(&root)?;
    if let Some(pinned) = store.pinned(name) {
        let record = RunRecord::read(&place.run_folder(&root, run)?)?;
        if record.run != pinned.run {
            let message = format!("`{name}` is a tag of {}, not of {}", pinned.run, record.run);
            return Err(Error::usage(message, format!("`simpipe store unpin {name}` takes it away whosever it is")));
        }
    }
    pin::remove(name, &store, *json, out)
}
