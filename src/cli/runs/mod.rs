//! `simpipe runs`: lists runs, newest first, those too that were killed or are under way; filtered, sorted, grouped.

mod asked;
mod groups;
mod remove;
mod sheet;
mod table;
mod watch;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use self::asked::Asked;
use super::options::PlaceOptions;
use super::{print, screen, threads};
use crate::error::{Error, Exit};
use simpipe_runner::folders;
use simpipe_runner::listing::{ListedRun, Listing};

/// List runs, newest first; filter, sort and group them by metrics and by fields of their configs.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "A field is a metric (`evaluate.map@r`), a field of the config (`train.epochs`, `train.loss`), or `run`, `name`, \
`state`, `tag`, `note`, `date`, `seed`, `seconds`, `config`, `group`, `ran` or `hits`. A condition is a field, one of = != < <= > >= \
or ~ (contains), and a value.

Examples:
  simpipe runs
  simpipe runs cifar10 --json
  simpipe runs --where 'evaluate.map@r>0.4' --where train.loss=triplet --sort evaluate.map@r --reverse
  simpipe runs --where 'date>=2026-08' --columns run,seed,train.epochs,evaluate.map@r --limit 20
  simpipe runs --group-by train.loss --sort evaluate.map@r
  simpipe runs --csv runs.csv --parquet runs.parquet
  simpipe runs --watch"
)]
pub(super) struct RunsArgs {
    #[command(subcommand)]
    command: Option<RunsCommand>,
    /// Only runs of this experiment.
    name: Option<String>,
    /// Only runs that meet this condition; if given several times, all must hold.
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<String>,
    /// Sort by a field, lowest first; runs without it come last.
    #[arg(long, value_name = "FIELD")]
    sort: Option<String>,
    /// Reverse the order: highest first or, without `--sort`, oldest first.
    #[arg(long)]
    reverse: bool,
    /// Show only this many runs.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Count the runs by what they have in a field, with mean and best of a metric: that of `--sort`, else the one that most
    /// of them lead with.
    #[arg(long, value_name = "FIELD", conflicts_with_all = ["columns", "csv", "parquet", "limit"])]
    group_by: Option<String>,
    /// Columns to show: fields separated by commas.
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    columns: Vec<String>,
    /// Write a CSV file, or `-` for standard output: with `--columns` these, else all metrics, and what differs in the configs.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Same as --csv, as a Parquet file.
    #[arg(long, value_name = "FILE")]
    parquet: Option<PathBuf>,
    /// Refresh the list whenever it changes, until interrupted.
    #[arg(long, conflicts_with_all = ["csv", "parquet", "json"])]
    watch: bool,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    Rm(remove::RemoveArgs),
}

impl RunsArgs {
    /// Whether output is for a program.
    pub(super) const fn json(&self) -> bool {
        match &self.command {
            Some(RunsCommand::Rm(args)) => args.json,
            None => self.json,
        }
    }
}

pub(super) fn exec(args: &RunsArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    threads::start()?;
    if let Some(RunsCommand::Rm(args)) = &args.command {
        return remove::exec(args, out);
    }
    if args.watch {
        return watch::exec(args, out);
    }
    let listed = read(args)?;
    if let Some(message) = folders::warning_of_future(listed.listing.runs.iter().map(|run| run.brief.run.as_str())) {
        writeln!(screen::messages(), "{} {message}", print::Paint::stderr().yellow("warning:"))?;
    }
    write(args, listed, out)?;
    Ok(Exit::Done)
}

/// The runs that are asked for, with the fields that are named.
struct Listed {
    listing: Listing,
    asked: Asked,
}

fn read(args: &RunsArgs) -> Result<Listed, Error> {
    let root = args.place.root_here()?;
    let store = args.place.existing_store(&root)?;
    let mut listing = Listing::read(&root, store.as_ref(), args.name.as_deref());
    let asked = Asked::of(args, &mut listing)?;
    asked.apply(args, &mut listing);
    Ok(Listed { listing, asked })
}

fn write(args: &RunsArgs, listed: Listed, out: &mut dyn Write) -> Result<(), Error> {
    let Listed { mut listing, asked } = listed;
    if let Some(by) = &asked.group_by {
        return groups::write(&mut listing, by, &asked, args.json, out);
    }
    let files = sheet::write(args, &mut listing, &asked, out)?;
    if args.json {
        listing.read_details();
        let runs: Vec<Json> = listing.runs.iter().map(brief).collect();
        print::json(&json!({ "runs": runs }), out)?;
    } else if !files {
        table::write(&listing.runs, &asked.columns, out)?;
    }
    Ok(())
}

fn brief(run: &ListedRun) -> Json {
    let (brief, detail) = (&run.brief, run.detail());
    let mut json = json!({
        "run": brief.run, "name": brief.name, "dir": brief.dir, "ok": brief.state == simpipe_store::RunState::Done,
        "state": brief.state, "started": brief.started, "seconds": brief.seconds, "config": brief.config,
        "seed": brief.seed, "group": brief.group, "tags": run.tags, "note": brief.note, "stages": detail.stages,
        "metrics": detail.metrics,
    });
    if let Some(progress) = brief.sweep {
        json["sweep"] = json!(progress);
    }
    json
}
