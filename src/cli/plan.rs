//! `simpipe plan`: says what a run would do, without doing it.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::options::{ExperimentOptions, PlaceOptions};
use super::print::{self, Align, Paint, Table};
use super::words;
use crate::error::{Error, Exit};
use crate::runner::status::{Forecast, Freshness};
use crate::stages::registry;

/// Show which stages a run would compute, and why.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe plan configs/cifar10.toml
  simpipe plan configs/cifar10.toml --set train.epochs=5 --json")]
pub(super) struct PlanArgs {
    #[command(flatten)]
    experiment: ExperimentOptions,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &PlanArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let plan = args.experiment.plan()?;
    let root = args.place.root_of(&plan);
    let store = args.place.open_store_to_read(&root)?;
    let forecast = Forecast::of(&plan, registry::builtin(), &store, &root)?;
    print::warnings(&store)?;
    if args.json {
        let config = args.experiment.config.to_string_lossy();
        print::json(&json!({ "config": config, "stages": forecast.stages }), out)?;
    } else {
        table(&forecast, out)?;
    }
    Ok(Exit::Done)
}

/// The word of a freshness.
pub(super) const fn word(status: Freshness) -> &'static str {
    match status {
        Freshness::Fresh => "fresh",
        Freshness::Stale => "stale",
        Freshness::MaybeStale => "maybe stale",
    }
}

fn table(forecast: &Forecast<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let columns = [("Stage", Align::Left), ("Status", Align::Left), ("Key", Align::Left), ("Why", Align::Left)];
    let mut table = Table::new(&columns);
    for stage in &forecast.stages {
        let key = stage.key.map_or_else(|| "-".to_owned(), |key| key.short());
        let why = stage.note.clone().unwrap_or_else(|| words::reasons(&stage.reasons));
        table.row(vec![stage.id.clone(), word(stage.status).to_owned(), key, why]);
    }
    let paint = Paint::stdout();
    let colour = |column: usize, cell: &str| match (column, cell.trim()) {
        (1, "fresh") => paint.green(cell),
        (1, _) => paint.yellow(cell),
        (2, _) => paint.dim(cell),
        _ => cell.to_owned(),
    };
    Ok(table.write(out, &colour)?)
}
