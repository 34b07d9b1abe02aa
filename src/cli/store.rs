//! `simpipe store`: looks after the store.

use std::io::Write;

use clap::{Args, Subcommand};

use super::options::PlaceOptions;
use super::print;
use crate::error::{Error, Exit};

/// Look after the store.
#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Read every stored byte; damaged objects are moved to `quarantine/` and computed again by the next run.
    #[command(after_help = "Exit code 3 if anything was damaged; the next verify is clean.

Examples:
  simpipe store verify
  simpipe store verify --store /data/simpipe-store --json")]
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
struct VerifyArgs {
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl StoreArgs {
    /// Whether output is for a program.
    pub(super) const fn json(&self) -> bool {
        let StoreCommand::Verify(args) = &self.command;
        args.json
    }
}

pub(super) fn exec(args: &StoreArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let StoreCommand::Verify(args) = &args.command;
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
