//! `simpipe runs`: lists runs, newest first.

use std::io::Write;

use clap::Args;
use serde_json::{Value as Json, json};

use super::options::PlaceOptions;
use super::print::{self, Align, Table};
use crate::error::{Error, Exit};
use crate::runner::{Outcome, RunRecord, folders};

/// List runs, newest first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe runs
  simpipe runs cifar10 --json")]
pub(super) struct RunsArgs {
    /// Only runs of this experiment.
    name: Option<String>,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &RunsArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let root = args.place.root_here()?;
    let folders = args.name.as_ref().map_or_else(|| folders::all(&root), |name| folders::of_name(&root, name));
    // A run that was killed left no record.
    let records: Vec<RunRecord> = folders.iter().filter_map(|folder| RunRecord::read(folder).ok()).collect();
    if args.json {
        let runs: Vec<Json> = records.iter().map(brief).collect();
        print::json(&json!({ "runs": runs }), out)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        ("Run", Align::Left),
        ("Name", Align::Left),
        ("Result", Align::Left),
        ("Ran", Align::Right),
        ("Hits", Align::Right),
        ("Took", Align::Right),
    ]);
    for record in &records {
        let count = |outcome| record.stages.iter().filter(|stage| stage.outcome == outcome).count().to_string();
        let (ran, hits) = (count(Outcome::Ran), count(Outcome::Hit));
        let took = print::seconds(record.seconds);
        table.row(vec![record.run.clone(), record.name.clone(), result(record).to_owned(), ran, hits, took]);
    }
    table.write(out, &print::plain)?;
    Ok(Exit::Done)
}

/// How a run ended, in a word.
pub(super) const fn result(record: &RunRecord) -> &'static str {
    match (record.ok, record.interrupted) {
        (true, _) => "ok",
        (false, true) => "interrupted",
        (false, false) => "failed",
    }
}

fn brief(record: &RunRecord) -> Json {
    let stages: Vec<Json> =
        record.stages.iter().map(|stage| json!({ "id": stage.id, "outcome": stage.outcome })).collect();
    json!({
        "run": record.run, "name": record.name, "dir": record.dir, "ok": record.ok, "started": record.started,
        "seconds": record.seconds, "config": record.config, "stages": stages, "metrics": record.metrics,
    })
}
