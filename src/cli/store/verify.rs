//! `simpipe store verify`: reads every stored byte.

use std::io::Write;

use clap::Args;

use crate::cli::options::PlaceOptions;
use crate::cli::print;
use crate::cli::progress::Bar;
use crate::error::{Error, Exit};
use simpipe_stages::registry;

/// Read and check every stored byte. Damaged objects move to `quarantine/`, and the next run computes them again.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 3 if anything was damaged; the next verify is clean.
Exit code 1 if something could not be read: it may be intact, and stays where it is.

Examples:
  simpipe store verify
  simpipe store verify --store /data/simpipe-store --json
  simpipe store verify --store s3://bucket/team")]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &VerifyArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let root = args.place.root_here()?;
    let report = if args.place.url()?.is_some() {
        let store = args.place.open_store_to_read(&root)?;
        let bar = Bar::of("objects");
        let report = store.verify_remote(&registry::declared_files, !args.place.store_read_only, &|done, total| {
            bar.show(done as u64, total as u64);
        })?;
        bar.clear();
        print::store_warnings(&store)?;
        report
    } else {
        let store = args.place.open_local_store(&root)?;
        let bar = Bar::of_bytes();
        let report = store.verify_with(&registry::declared_files, &|at| bar.show(at.done, at.total))?;
        bar.clear();
        report
    };
    if args.json {
        print::json(&report, out)?;
    } else {
        for name in &report.damaged_objects {
            let left = if args.place.store_read_only { "left where it is" } else { "moved to `quarantine/`" };
            writeln!(out, "damaged, {left}: {}", print::shown(name))?;
        }
        for key in &report.dropped_entries {
            writeln!(out, "dropped, for it or one of its files is damaged or gone: {}", print::shown(key))?;
        }
        let [entries, objects] = [report.entries, report.objects].map(print::thousands);
        for name in &report.writable_objects {
            writeln!(out, "could be written to, made read-only: {}", print::shown(name))?;
        }
        for step in &report.removed_markers {
            writeln!(out, "mark without its checkpoint, removed: {}", print::shown(step))?;
        }
        for what in &report.unread {
            writeln!(out, "not judged, it may be intact: {what}")?;
        }
        let speed = if report.seconds > 0.0 { report.bytes as f64 / 1e9 / report.seconds } else { 0.0 };
        let read = print::bytes(report.bytes);
        writeln!(out, "{entries} results and {objects} objects of {read} read at {speed:.1} GB/s")?;
    }
    Ok(match (report.damaged(), report.unread.is_empty()) {
        (true, _) => Exit::Damaged,
        (false, true) => Exit::Done,
        (false, false) => Exit::Failed,
    })
}
