//! `simpipe store`: looks after the store.

mod pull;
mod push;

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
    /// Read every stored byte, with a URL those of the object store; damaged objects are moved to `quarantine/` and computed again by the next run.
    #[command(after_help = "Exit code 3 if anything was damaged; the next verify is clean.

Examples:
  simpipe store verify
  simpipe store verify --store /data/simpipe-store --json
  simpipe store verify --store s3://bucket/team")]
    Verify(VerifyArgs),
    Push(push::PushArgs),
    Pull(pull::PullArgs),
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
    pub(super) fn json(&self) -> bool {
        match &self.command {
            StoreCommand::Verify(args) => args.json,
            StoreCommand::Push(args) => args.json,
            StoreCommand::Pull(args) => args.json,
        }
    }
}

pub(super) fn exec(args: &StoreArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    match &args.command {
        StoreCommand::Verify(args) => verify(args, out),
        StoreCommand::Push(args) => push::exec(args, out),
        StoreCommand::Pull(args) => pull::exec(args, out),
    }
}

fn verify(args: &VerifyArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let store = args.place.open_store_to_read(&args.place.root_here()?)?;
    let report = if args.place.url()?.is_some() {
        let bar = push::Bar::new("objects");
        let report = store.verify_remote(!args.place.store_read_only, &|done, total| bar.show(done, total))?;
        bar.clear();
        report
    } else {
        store.verify()?
    };
    if args.json {
        print::json(&report, out)?;
    } else {
        for name in &report.damaged_objects {
            let left = if args.place.store_read_only { "left where it is" } else { "moved to `quarantine/`" };
            writeln!(out, "damaged, {left}: {name}")?;
        }
        for key in &report.dropped_entries {
            writeln!(out, "dropped, for its files are damaged or gone: {key}")?;
        }
        let [entries, objects] = [report.entries, report.objects].map(print::thousands);
        writeln!(out, "{entries} results and {objects} objects of {} bytes read", report.bytes)?;
    }
    Ok(if report.clean() { Exit::Done } else { Exit::Damaged })
}
