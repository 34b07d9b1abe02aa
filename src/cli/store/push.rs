//! `simpipe store push`: sends local results to an object store. What it shares with `store pull` is here too.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::options::PlaceOptions;
use crate::cli::print;
use crate::cli::progress::Bar;
use crate::error::{Error, Exit};
use simpipe_runner::RunRecord;
use simpipe_stages::registry;
use simpipe_store::{SyncReport, SyncScope};

/// Send results of the local store to an object store; only those missing there.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 3 if something could not be sent because it is damaged here.

Examples:
  simpipe store push --store s3://bucket/team latest
  simpipe store push --store s3://bucket/team --all --dry-run")]
pub(super) struct PushArgs {
    #[command(flatten)]
    pub(super) what: SyncArgs,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `push` and `pull` are told.
#[derive(Debug, Args)]
pub(super) struct SyncArgs {
    /// Runs whose results to transfer: ids, folders, names of experiments or `latest`.
    #[arg(value_name = "RUN", required_unless_present = "all", conflicts_with = "all")]
    runs: Vec<String>,
    /// All results.
    #[arg(long)]
    all: bool,
    /// Only list what would be transferred.
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) place: PlaceOptions,
}

pub(super) fn exec(args: &PushArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let root = args.what.root()?;
    let place = &args.what.place;
    let store = if args.what.dry_run { place.open_store_to_read(&root)? } else { place.open_store(&root)? };
    let bar = Bar::of("results");
    let (scope, dry_run) = (args.what.scope(&root)?, args.what.dry_run);
    let on_progress = |done, total| bar.show(done as u64, total as u64);
    let report = store.push(&scope, &registry::declared_files, dry_run, &on_progress)?;
    bar.clear();
    print::store_warnings(&store)?;
    finish(&report, if args.what.dry_run { "would be sent" } else { "sent" }, args.json, out)
}

impl SyncArgs {
    /// The root, if `--store` is a URL.
    pub(super) fn root(&self) -> Result<PathBuf, Error> {
        if self.place.url()?.is_none() {
            let message = "`--store` does not name an object store";
            return Err(Error::usage(message, "name one: `--store s3://bucket/folder`, or `file:///folder`"));
        }
        self.place.root_here()
    }

    /// The results that are meant.
    pub(super) fn scope(&self, root: &Path) -> Result<SyncScope, Error> {
        if self.all {
            return Ok(SyncScope::All);
        }
        let mut keys = BTreeSet::new();
        for run in &self.runs {
            let record = RunRecord::read(&self.place.run_folder(root, run)?)?;
            keys.extend(record.stages.iter().filter(|stage| stage.outcome.done()).filter_map(|stage| stage.key));
        }
        Ok(SyncScope::Keys(keys.into_iter().collect()))
    }
}

/// Prints what was transferred, and says how the command ends.
pub(super) fn finish(report: &SyncReport, verb: &str, json: bool, out: &mut dyn Write) -> Result<Exit, Error> {
    if json {
        print::json(report, out)?;
    } else {
        for key in &report.missing {
            writeln!(out, "not there: {}", print::shown(key))?;
        }
        for key in &report.damaged {
            writeln!(out, "damaged, left where it is: {}", print::shown(key))?;
        }
        let [entries, objects, results, files] =
            [report.entries, report.objects, report.skipped_entries, report.skipped_objects]
                .map(|count| print::thousands(usize::try_from(count).unwrap_or(usize::MAX)));
        writeln!(out, "{entries} results {verb}, with {objects} objects of {}", print::bytes(report.bytes))?;
        writeln!(out, "{results} results and {files} objects were there already")?;
    }
    Ok(match (report.damaged.is_empty(), report.missing.is_empty()) {
        (false, _) => Exit::Damaged,
        (true, false) => Exit::DataUnavailable,
        (true, true) => Exit::Done,
    })
}
