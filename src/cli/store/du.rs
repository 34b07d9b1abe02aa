//! `simpipe store du`: what takes how much space.

use std::io::Write;

use clap::Args;

use crate::cli::options::PlaceOptions;
use crate::cli::print::{self, Align, Table};
use crate::error::{Error, Exit};
use simpipe_runner::folders;
use simpipe_store::DuReport;

/// Show what takes space: by kind of stage, run and dataset.
#[derive(Debug, Args)]
#[command(after_help = "Run folders that are links into the store take no space of their own.

Examples:
  simpipe store du
  simpipe store du --store /data/simpipe-store --json")]
pub(super) struct DuArgs {
    #[command(flatten)]
    place: PlaceOptions,
    /// Show all runs, not only the 20 largest.
    #[arg(long)]
    all: bool,
    /// Print JSON; sizes are in bytes.
    #[arg(long)]
    pub(super) json: bool,
}

/// Runs shown without `--all`.
const MOST_RUNS: usize = 20;

pub(super) fn exec(args: &DuArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let root = args.place.root_here()?;
    let report = args.place.look_at_local_store(&root)?.disk_use(&folders::reach(&root))?;
    if args.json {
        print::json(&report, out)?;
        return Ok(Exit::Done);
    }
    kinds(&report, out)?;
    runs(&report, if args.all { usize::MAX } else { MOST_RUNS }, out)?;
    if !report.datasets.is_empty() {
        let mut table = Table::new(&[("Dataset", Align::Left), ("Size", Align::Right), ("Key", Align::Left)]);
        for dataset in &report.datasets {
            table.row(vec![dataset.source.clone(), print::bytes(dataset.bytes), dataset.key.short()]);
        }
        table.write(out, &print::plain)?;
        writeln!(out)?;
    }
    rest(&report, out)?;
    Ok(Exit::Done)
}

fn kinds(report: &DuReport, out: &mut dyn Write) -> Result<(), Error> {
    let columns =
        [("Stage", Align::Left), ("Results", Align::Right), ("Objects", Align::Right), ("Size", Align::Right)];
    let mut table = Table::new(&columns);
    for kind in &report.kinds {
        let counts = [kind.entries, kind.objects].map(print::thousands);
        table.row([vec![kind.kind.clone()], counts.to_vec(), vec![print::bytes(kind.bytes)]].concat());
    }
    table.write(out, &print::plain)?;
    Ok(writeln!(out)?)
}

fn runs(report: &DuReport, most: usize, out: &mut dyn Write) -> Result<(), Error> {
    if report.runs.is_empty() {
        return Ok(());
    }
    let columns = [("Run", Align::Left), ("Name", Align::Left), ("Reaches", Align::Right), ("Alone", Align::Right)];
    let mut table = Table::new(&columns);
    for run in report.runs.iter().take(most) {
        let sizes = [run.bytes, run.own_bytes].map(print::bytes);
        table.row([vec![run.run.clone(), run.name.clone()], sizes.to_vec()].concat());
    }
    table.write(out, &print::plain)?;
    if report.runs.len() > most {
        writeln!(out, "... and {} more: `--all` shows them", report.runs.len() - most)?;
    }
    writeln!(out, "{} are shared by several runs\n", print::bytes(report.shared_bytes))?;
    Ok(())
}

fn rest(report: &DuReport, out: &mut dyn Write) -> Result<(), Error> {
    let mut table = Table::new(&[("", Align::Left), ("Files", Align::Right), ("Size", Align::Right)]);
    let rows = [
        ("objects", report.objects),
        ("of them linked from run folders", report.linked),
        ("of them checkpoints", report.checkpoints),
        ("results", report.entries),
        ("quarantine", report.quarantine),
        ("work under way", report.tmp),
        ("downloads", report.downloads),
    ];
    for (what, amount) in rows.into_iter().filter(|(_, amount)| amount.count > 0) {
        table.row(vec![what.to_owned(), print::thousands(amount.count), print::bytes(amount.bytes)]);
    }
    table.write(out, &print::plain)?;
    Ok(writeln!(out, "{} in all", print::bytes(report.total_bytes))?)
}
