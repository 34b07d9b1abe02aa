//! `simpipe store pull`: fetches results from an object store into the local one.

use std::io::Write;

use clap::Args;

use super::push::{SyncArgs, finish};
use crate::cli::print;
use crate::cli::progress::Bar;
use crate::error::{Error, Exit};
use simpipe_stages::registry;

/// Fetch results from an object store into the local one; only those missing here.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 3 if something is damaged there, 4 if a run's result is not there.

Examples:
  simpipe store pull --store s3://bucket/team --all
  simpipe store pull --store file:///mnt/team/store --all --dry-run")]
pub(super) struct PullArgs {
    #[command(flatten)]
    what: SyncArgs,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &PullArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let root = args.what.root()?;
    let store = args.what.place.open_store_to_read(&root)?;
    let bar = Bar::of("results");
    let (scope, dry_run) = (args.what.scope(&root)?, args.what.dry_run);
    let on_progress = |done, total| bar.show(done as u64, total as u64);
    let report = store.pull(&scope, &registry::declared_files, dry_run, &on_progress)?;
    bar.clear();
    print::store_warnings(&store)?;
    finish(&report, if args.what.dry_run { "would be fetched" } else { "fetched" }, args.json, out)
}
