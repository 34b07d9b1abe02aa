//! `simpipe plan`: says what a run would do and about how long it would take, without doing it.

use std::io::Write;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::options::{ExperimentOptions, PlaceOptions};
use super::print::{self, Align, Paint, Table};
use super::{screen, seeds, words};
use crate::error::{Error, Exit};
use simpipe_plan::Plan;
use simpipe_runner::estimate::Estimates;
use simpipe_runner::folders;
use simpipe_runner::status::{Forecast, Freshness, StageStatus};
use simpipe_store::Store;

/// Show which stages would run, why, and about how long they take.
#[derive(Debug, Args)]
#[command(after_help = "The estimate is what the most similar work took in earlier runs of this root.

Examples:
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

/// A stage as `--json` shows it.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    stage: &'a StageStatus,
    /// Of an experiment with several: only where the result may differ from seed to seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    /// `null` for a fresh stage, and where no work of its kind is known.
    estimated_seconds: Option<f64>,
}

pub(super) fn exec(args: &PlanArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let plan = args.experiment.plan()?;
    let root = args.place.root_of(&plan);
    let store = args.place.open_store_to_read(&root)?;
    let members = seeds::members(&plan);
    let forecasts = seeds::forecasts(&members, &store, &root)?;
    print::warnings(&plan.warnings, &mut screen::messages())?;
    print::store_warnings(&store)?;
    let rows = rows(&plan, &forecasts, &store, &root);
    if args.json {
        let (config, total) = (args.experiment.config.to_string_lossy(), total(&rows));
        print::json(&json!({ "config": config, "stages": rows, "estimated_seconds": total }), out)?;
    } else {
        table(&rows, out)?;
        summary(&rows, out)?;
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

/// The stages in the order of the plan; of several seeds, those that no seed changes once.
fn rows<'a>(plan: &Plan, forecasts: &'a [Forecast<'_>], store: &Store, root: &std::path::Path) -> Vec<Row<'a>> {
    let stages = || forecasts.iter().flat_map(|forecast| &forecast.stages);
    let stale = stages().any(|stage| stage.status != Freshness::Fresh);
    let read = || Estimates::read(root, &folders::order_of(Some(store)), plan);
    let estimates = if stale { read() } else { Estimates::default() };
    let row = |stage: &'a StageStatus, seed: Option<u64>| {
        let node = plan.find(&stage.id).filter(|_| stage.status != Freshness::Fresh);
        Row { stage, seed, estimated_seconds: node.and_then(|node| estimates.seconds(&plan.graph[node])) }
    };
    let (seeds, hanging) = (&plan.experiment.seeds, plan.hanging_on_seed());
    let of_stage = |(at, node)| {
        let each = !seeds.is_empty() && hanging.contains(node);
        let shown = if each { forecasts } else { &forecasts[..1] };
        let seed = move |member: usize| each.then(|| seeds[member]);
        shown.iter().enumerate().map(move |(member, forecast)| (&forecast.stages[at], seed(member)))
    };
    plan.order.iter().enumerate().flat_map(of_stage).map(|(stage, seed)| row(stage, seed)).collect()
}

/// The sum over all stages that may run; `None` if one of them is not known.
fn total(rows: &[Row<'_>]) -> Option<f64> {
    let waiting = rows.iter().filter(|row| row.stage.status != Freshness::Fresh);
    waiting.map(|row| row.estimated_seconds).sum()
}

fn table(rows: &[Row<'_>], out: &mut dyn Write) -> Result<(), Error> {
    let mut table = Table::new(&[
        ("Stage", Align::Left),
        ("Status", Align::Left),
        ("Key", Align::Left),
        ("Estimate", Align::Right),
        ("Why", Align::Left),
    ]);
    for Row { stage, seed, estimated_seconds } in rows {
        let key = stage.key.map_or_else(|| "-".to_owned(), |key| key.short());
        let why = why(stage);
        let estimate = match estimated_seconds {
            Some(seconds) => print::seconds(*seconds),
            None if stage.status == Freshness::Fresh => String::new(),
            None => "?".to_owned(),
        };
        let id = seed.map_or_else(|| stage.id.clone(), |seed| format!("{}, seed {seed}", stage.id));
        table.row(vec![id, word(stage.status).to_owned(), key, estimate, why]);
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

/// Why a stage would run, and from where it would go on.
fn why(stage: &StageStatus) -> String {
    let why = stage.note.clone().unwrap_or_else(|| words::reasons(&stage.reasons));
    match stage.goes_on_after {
        Some(step) => format!("{why}; continues from the checkpoint of step {step}"),
        None => why,
    }
}

/// What the whole table comes to, in a line.
fn summary(rows: &[Row<'_>], out: &mut dyn Write) -> Result<(), Error> {
    let count = |status| rows.iter().filter(|row| row.stage.status == status).count();
    let (stale, maybe) = (count(Freshness::Stale), count(Freshness::MaybeStale));
    if stale + maybe == 0 {
        writeln!(out, "\nnothing to do: every stage is fresh")?;
        return Ok(());
    }
    let known: f64 = rows.iter().filter_map(|row| row.estimated_seconds).sum();
    let unknown = rows.iter().filter(|row| row.stage.status != Freshness::Fresh && row.estimated_seconds.is_none());
    let time = match (unknown.count(), stale + maybe) {
        (0, _) => format!("about {}", print::seconds(known)),
        (unknown, all) if unknown == all => "no estimate: nothing similar was run here".to_owned(),
        (unknown, _) => format!("about {}, and {unknown} without an estimate", print::seconds(known)),
    };
    Ok(writeln!(out, "\n{stale} stale, {maybe} maybe stale: {time}")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(id: &str, status: Freshness) -> StageStatus {
        StageStatus {
            id: id.into(),
            stage: id.into(),
            status,
            reason: None,
            key: None,
            reasons: Vec::new(),
            note: None,
            goes_on_after: None,
        }
    }

    #[test]
    fn a_checkpoint_that_is_there_is_told() {
        let stage = StageStatus { note: Some("changed".into()), ..stage("train", Freshness::Stale) };
        assert_eq!(why(&stage), "changed");
        let stage = StageStatus { goes_on_after: Some(4200), ..stage };
        assert_eq!(why(&stage), "changed; continues from the checkpoint of step 4200");
        assert_eq!(serde_json::to_value(&stage).unwrap()["goes_on_after"], 4200);
    }

    #[test]
    fn the_total_is_of_what_may_run_and_says_what_it_does_not_know() {
        let stages = [stage("a", Freshness::Fresh), stage("b", Freshness::Stale), stage("c", Freshness::MaybeStale)];
        let rows = |last: Option<f64>| -> Vec<Row<'_>> {
            let seconds = [None, Some(61.0), last];
            stages
                .iter()
                .zip(seconds)
                .map(|(stage, estimated_seconds)| Row { stage, seed: None, estimated_seconds })
                .collect()
        };
        let text = |rows: &[Row<'_>]| {
            let mut out = Vec::new();
            summary(rows, &mut out).unwrap();
            String::from_utf8(out).unwrap().trim().to_owned()
        };
        assert_eq!(total(&rows(Some(4.0))), Some(65.0));
        assert_eq!(total(&rows(None)), None);
        assert_eq!(text(&rows(Some(4.0))), "1 stale, 1 maybe stale: about 1 min 05 s");
        assert_eq!(text(&rows(None)), "1 stale, 1 maybe stale: about 1 min 01 s, and 1 without an estimate");
        assert_eq!(text(&rows(None)[..1]), "nothing to do: every stage is fresh");
    }
}
