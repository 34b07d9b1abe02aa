//! `simpipe runs`: lists runs, newest first, those too that were killed or are under way.

use std::io::Write;

use clap::Args;
use serde_json::{Value as Json, json};

use super::options::PlaceOptions;
use super::print::{self, Align, Table};
use super::screen;
use crate::error::{Error, Exit};
use crate::runner::{Outcome, RunRecord, folders};
use crate::store::{JournaledRun, RunStart, RunState};

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
    let store = args.place.existing_store(&root)?;
    let order = folders::order_of(store.as_ref());
    let all = || folders::all(&root, &order);
    let folders = args.name.as_ref().map_or_else(all, |name| folders::of_name(&root, name, &order));
    let mut lines: Vec<Line> = folders.iter().filter_map(|folder| RunRecord::read(folder).ok()).map(Line::of).collect();
    if let Some(store) = store {
        let unrecorded = folders::unrecorded(&root, &store).into_iter();
        lines.extend(
            unrecorded
                .filter(|run| args.name.as_ref().is_none_or(|name| *name == run.start.name))
                .map(Line::without_record),
        );
        order.newest_first(&mut lines, |line| (&line.name, &line.run));
    }
    if let Some(message) = folders::warning_of_future(lines.iter().map(|line| line.run.as_str())) {
        writeln!(screen::messages(), "{} {message}", print::Paint::stderr().yellow("warning:"))?;
    }
    if args.json {
        let runs: Vec<&Json> = lines.iter().map(|line| &line.json).collect();
        print::json(&json!({ "runs": runs }), out)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&[
        ("Run", Align::Left),
        ("Name", Align::Left),
        ("State", Align::Left),
        ("Ran", Align::Right),
        ("Hits", Align::Right),
        ("Took", Align::Right),
    ]);
    for line in lines {
        let counts = line.counts.map(|count| count.to_string());
        let took = line.seconds.map_or_else(|| "-".to_owned(), print::seconds);
        let name = format!("{}{}", line.name, line.seeds);
        table.row([vec![line.run, name, line.state.word().to_owned()], counts.to_vec(), vec![took]].concat());
    }
    table.write(out, &print::plain)?;
    Ok(Exit::Done)
}

/// A run as it is listed.
struct Line {
    run: String,
    name: String,
    /// Which seed it is of, or how many, where there are several.
    seeds: String,
    state: RunState,
    /// Stages that ran, and hits.
    counts: [usize; 2],
    seconds: Option<f64>,
    json: Json,
}

impl Line {
    fn of(record: RunRecord) -> Self {
        let count = |outcome| record.stages.iter().filter(|stage| stage.outcome == outcome).count();
        Self {
            state: record.state(),
            counts: [Outcome::Ran, Outcome::Hit].map(count),
            seconds: Some(record.seconds),
            json: brief(&record),
            seeds: match (&record.group, record.spec["seed"].as_u64(), record.seeds.len()) {
                (Some(_), Some(seed), _) => format!(", seed {seed}"),
                (_, _, 0) => String::new(),
                (_, _, count) => format!(", {count} seeds"),
            },
            run: record.run,
            name: record.name,
        }
    }

    /// Of a run that was killed or is under way.
    fn without_record(run: JournaledRun) -> Self {
        let count = |word| run.outcomes.values().filter(|outcome| **outcome == word).count();
        let RunStart { run: id, name, config, dir, started, stages, .. } = run.start;
        let ended = stages.iter().filter_map(|id| Some(json!({ "id": id, "outcome": run.outcomes.get(id)? })));
        let stages: Vec<Json> = ended.collect();
        let json = json!({
            "run": id, "name": name, "dir": dir, "ok": false, "state": run.state, "started": started,
            "seconds": null, "config": config, "stages": stages, "metrics": {},
        });
        let counts = [Outcome::Ran, Outcome::Hit].map(|outcome| count(outcome.word()));
        Self { run: id, name, seeds: String::new(), state: run.state, counts, seconds: None, json }
    }
}

fn brief(record: &RunRecord) -> Json {
    let stages: Vec<Json> =
        record.stages.iter().map(|stage| json!({ "id": stage.id, "outcome": stage.outcome })).collect();
    json!({
        "run": record.run, "name": record.name, "dir": record.dir, "ok": record.ok, "state": record.state(),
        "started": record.started, "seconds": record.seconds, "config": record.config, "stages": stages,
        "metrics": record.metrics,
    })
}
