//! `simpipe store gc`: removes what no kept run reaches.

use std::io::Write;
use std::time::Duration;

use clap::Args;

use crate::cli::options::PlaceOptions;
use crate::cli::print::{self, Align, Table};
use crate::error::{Error, Exit};
use simpipe_runner::{folders, sweep};
use simpipe_stage::TimeLimit;
use simpipe_store::{GcPolicy, GcReport};

/// List what no kept run needs, and with `--delete` delete it. Safe while runs are in progress.
#[derive(Debug, Args)]
#[command(after_help = "Kept are the last runs of every experiment that used this store, pinned and running runs, \
checkpoints of trainings that have not ended, and what is younger than the grace period. A sweep counts as one run: its best \
trial stays, and the checkpoints of those that may be trained further.

Examples:
  simpipe store gc
  simpipe store gc --keep-runs 20 --delete
  simpipe store gc --keep-runs 1 --grace 10m --downloads --delete --json")]
pub(super) struct GcArgs {
    #[command(flatten)]
    place: PlaceOptions,
    /// Delete it; without this option nothing changes.
    #[arg(long)]
    delete: bool,
    /// Number of runs to keep per experiment.
    #[arg(long, value_name = "N", default_value_t = GcPolicy::default().keep_runs)]
    keep_runs: usize,
    /// Never delete anything younger than this.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = length)]
    grace: Duration,
    /// Delete checkpoints of trainings without a result after this time.
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = length)]
    checkpoint_age: Duration,
    /// Delete damaged files in `quarantine/` after this time.
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = length)]
    quarantine_age: Duration,
    /// Delete downloaded archives too; a run that needs one downloads it again.
    #[arg(long)]
    downloads: bool,
    /// Delete although locks do not work here: no other simpipe uses the store, on this or another machine.
    #[arg(long)]
    alone: bool,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// A length of time as specs write it; `0s` is none.
fn length(text: &str) -> Result<Duration, String> {
    TimeLimit::parse(text)
        .map(|limit| limit.0)
        .ok_or_else(|| "expected a duration such as `30m`, `1h30m` or `7d`".into())
}

pub(super) fn exec(args: &GcArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let root = args.place.root_here()?;
    // Who only looks changes nothing, and needs no right to.
    let store =
        if args.delete { args.place.open_local_store(&root)? } else { args.place.look_at_local_store(&root)? };
    let policy = GcPolicy {
        keep_runs: args.keep_runs,
        grace: args.grace,
        checkpoint_age: args.checkpoint_age,
        quarantine_age: args.quarantine_age,
        downloads: args.downloads,
        alone: args.alone,
        delete: args.delete,
        trials: sweep::shares(&root),
    };
    let report = store.gc(&policy, &folders::reach(&root))?;
    print::store_warnings(&store)?;
    if args.json {
        print::json(&report, out)?;
    } else {
        write(&report, out)?;
    }
    Ok(Exit::Done)
}

fn write(report: &GcReport, out: &mut dyn Write) -> Result<(), Error> {
    let size = |bytes: u64| print::bytes(bytes);
    if !report.removed.is_empty() {
        let head = if report.deleted { "Removed" } else { "Would go" };
        let mut table = Table::new(&[
            (head, Align::Left),
            ("Results", Align::Right),
            ("Size", Align::Right),
            ("Last reached by run", Align::Left),
        ]);
        for group in &report.removed {
            let run = group.run.clone().unwrap_or_else(|| "none that is known".to_owned());
            table.row(vec![group.kind.clone(), group.entries.to_string(), size(group.bytes), run]);
        }
        table.write(out, &print::plain)?;
        writeln!(out)?;
    }
    let mut table = Table::new(&[("Kept because", Align::Left), ("Results", Align::Right), ("Size", Align::Right)]);
    for group in &report.kept {
        table.row(vec![group.why.clone(), group.entries.to_string(), size(group.bytes)]);
    }
    table.write(out, &print::plain)?;
    writeln!(out)?;
    for line in lines(report) {
        writeln!(out, "{}", print::shown(line))?;
    }
    Ok(())
}

/// What else goes, and what it comes to.
fn lines(report: &GcReport) -> Vec<String> {
    let amount = |amount: simpipe_store::Amount, what: &str| {
        (amount.count > 0).then(|| format!("{} {what}, {}", print::thousands(amount.count), print::bytes(amount.bytes)))
    };
    let count = |count: usize, what: &str| (count > 0).then(|| format!("{} {what}", print::thousands(count)));
    let parts = [
        amount(report.orphans, "objects without a result"),
        count(report.markers, "marks of checkpoints"),
        count(report.journals.len(), "journals of runs"),
        amount(report.quarantine, "old files in `quarantine/`"),
        count(report.memos, "memos of deleted files"),
        count(report.locks, "locks of dead processes"),
        amount(report.downloads, "downloaded files"),
    ];
    let mut lines: Vec<String> = parts.into_iter().flatten().collect();
    let freed = report.objects.bytes + report.quarantine.bytes + report.downloads.bytes;
    let total = format!("{} objects, {} in all", print::thousands(report.objects.count), print::bytes(freed));
    lines.push(if report.deleted {
        format!("removed: {total}")
    } else if report.objects.count + report.markers + report.memos + report.journals.len() == 0 && freed == 0 {
        "nothing would go".to_owned()
    } else {
        format!("to delete: {total}; nothing was changed: add `--delete`")
    });
    if report.linked.count > 0 {
        let linked = print::bytes(report.linked.bytes);
        lines.push(format!("{linked} of them are also linked from run folders, and are freed once those are deleted"));
    }
    if report.unreadable > 0 {
        lines.push(format!("{} results can't be read: `simpipe store verify` moves them aside", report.unreadable));
    }
    lines
}
