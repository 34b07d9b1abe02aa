//! `simpipe runs`: lists runs, newest first, those too that were killed or are under way.

use std::io::Write;
use std::path::Path;

use clap::Args;
use serde_json::{Value as Json, json};

use super::options::PlaceOptions;
use super::print::{self, Align, Table};
use super::screen;
use crate::error::{Error, Exit};
use crate::runner::sweep::{self, Journal};
use crate::runner::{Outcome, RunRecord, folders};
use crate::store::{JournaledRun, RunStart, RunState, Store};

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
    let sweeps = args.name.as_ref().map_or_else(|| sweep::all(&root), |name| sweep::of_name(&root, name));
    lines.extend(sweeps.iter().filter_map(|folder| Line::of_sweep(folder, &root, store.as_ref())));
    if let Some(store) = store {
        let unrecorded = folders::unrecorded(&root, &store).into_iter();
        lines.extend(
            unrecorded
                .filter(|run| args.name.as_ref().is_none_or(|name| *name == run.start.name))
                .map(Line::without_record),
        );
    }
    order.newest_first(&mut lines, |line| (&line.name, &line.run));
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
        let counts = line.counts.map_or(["-", "-"].map(str::to_owned), |counts| counts.map(|count| count.to_string()));
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
    /// Stages that ran, and hits; none of a sweep.
    counts: Option<[usize; 2]>,
    seconds: Option<f64>,
    json: Json,
}

impl Line {
    fn of(record: RunRecord) -> Self {
        let count = |outcome| record.stages.iter().filter(|stage| stage.outcome == outcome).count();
        Self {
            state: record.state(),
            counts: Some([Outcome::Ran, Outcome::Hit].map(count)),
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

    /// Of a sweep, which stands for all of its trials.
    fn of_sweep(folder: &Path, root: &Path, store: Option<&Store>) -> Option<Self> {
        let state = Journal::read(folder).ok()?.state;
        let head = &state.head;
        let run_state = super::sweep::run_state(&state, sweep::is_under_way(store, folder));
        let (finished, total) = (state.finished_points(), state.total);
        let best = state.verdict().best.first().copied();
        let metrics = best.and_then(|trial| state.trials[trial].metrics().cloned()).unwrap_or_default();
        let json = json!({
            "run": head.sweep, "name": head.name, "dir": folder.strip_prefix(root).unwrap_or(folder).to_string_lossy(), "ok": state.done,
            "state": run_state, "started": head.started, "seconds": null, "config": head.config, "stages": [],
            "metrics": metrics, "sweep": { "trials": total, "finished": finished, "failed": state.failed.len() },
        });
        Some(Self {
            run: head.sweep.clone(),
            name: head.name.clone(),
            seeds: format!(", sweep: {finished} of {total} trials"),
            state: run_state,
            counts: None,
            seconds: None,
            json,
        })
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
        let counts = Some([Outcome::Ran, Outcome::Hit].map(|outcome| count(outcome.word())));
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
