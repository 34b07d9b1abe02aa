//! `simpipe store verify`: reads every stored byte.

use std::io::Write;

use clap::Args;

use crate::cli::options::PlaceOptions;
use crate::cli::print;
use crate::error::{Error, Exit};

/// Read every stored byte; damaged objects are moved to `quarantine/` and computed again by the next run.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 3 if anything was damaged; the next verify is clean.

Examples:
  simpipe store verify
  simpipe store verify --store /data/simpipe-store --json")]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &VerifyArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let store = args.place.open_store(&args.place.root_here()?)?;
    let report = store.verify()?;
    if args.json {
        print::json(&report, out)?;
    } else {
        for name in &report.damaged_objects {
            writeln!(out, "damaged, moved to `quarantine/`: {name}")?;
        }
        for key in &report.dropped_entries {
            writeln!(out, "dropped, for its files are damaged or gone: {key}")?;
        }
        let [entries, objects] = [report.entries, report.objects].map(print::thousands);
        writeln!(out, "{entries} results and {objects} objects of {} bytes read", report.bytes)?;
    }
    Ok(if report.clean() { Exit::Done } else { Exit::Damaged })
}
