//! How a sweep is shown: as JSON, as a table, in one line.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::cli::print::number;
use crate::cli::print::{self, Align, Table, shown};
use crate::cli::toml_text;
use crate::error::Error;
use simpipe_base::clock::{self, Moment};
use simpipe_base::param::node_from_json;
use simpipe_base::source::{Place, Source};
use simpipe_runner::sweep::slurm::JobSeen;
use simpipe_runner::sweep::{Standing, State};
use simpipe_store::RunState;

/// Trials that are shown where not all are asked for.
pub(super) const FIRST: usize = 10;

/// A value as a spec would have it.
pub(super) fn written(json: &Json) -> String {
    let nowhere = Place::new(&Source::new("", "", Path::new("")), 0..0);
    toml_text::inline(&node_from_json(json, &nowhere))
}

/// Values by their paths, in one line.
pub(super) fn values(parameters: &BTreeMap<String, Json>) -> String {
    if parameters.is_empty() {
        return "the config's own values".to_owned();
    }
    let values = parameters.iter().map(|(path, value)| format!("{path} = {}", written(value)));
    values.collect::<Vec<_>>().join(", ")
}

/// Options that lay a trial's values over the config.
pub(super) fn set_options(parameters: &BTreeMap<String, Json>) -> Vec<String> {
    parameters.iter().map(|(path, value)| format!("{path}={}", written(value))).collect()
}

fn objectives(state: &State) -> Json {
    let goals = state.head.goals.iter();
    goals.map(|goal| json!({ "metric": goal.metric, "direction": goal.direction() })).collect()
}

/// A trial as JSON; `standings` are of all.
pub(super) fn trial(state: &State, trial: usize, standings: &[Standing]) -> Json {
    let one = &state.trials[trial];
    let rank = standings.iter().position(|standing| standing.trial == trial);
    let standing = rank.map(|rank| &standings[rank]);
    let of_standing = |standing: &Standing| -> BTreeMap<String, f64> {
        state.head.goals.iter().map(|goal| goal.metric.clone()).zip(standing.values.iter().copied()).collect()
    };
    let own = || {
        let metrics = one.metrics()?;
        let value = |metric: &String| Some((metric.clone(), metrics.get(metric)?));
        state.head.goals.iter().map(|goal| value(&goal.metric)).collect::<Option<BTreeMap<_, _>>>()
    };
    let word = if one.is_finished() {
        "finished"
    } else if one.reason().is_some() {
        "failed"
    } else {
        "open"
    };
    let runs: Vec<Json> =
        one.runs.iter().map(|run| json!({ "seed": run.seed, "run": run.run, "dir": run.dir })).collect();
    json!({
        "trial": trial, "state": word, "again": one.again, "further": one.further, "epochs": one.epochs, "parameters": one.parameters,
        "values": standing.map(of_standing).or_else(own), "seeds": standing.map_or(one.runs.len(), |one| one.runs),
        "rank": rank.map(|rank| rank + 1), "kept": standing.map(|one| one.excess == 0.0),
        "runs": runs, "seconds": one.seconds, "reason": one.reason(), "added": one.added,
    })
}

/// How a sweep stands.
pub(super) fn status(state: &State, folder: &Path, root: &Path, how: RunState, jobs: &[JobSeen]) -> Json {
    let (head, verdict, standings) = (&state.head, state.verdict(), state.standings(true));
    let best = verdict.best.first().map(|best| trial(state, *best, &standings));
    let earlier = head
        .earlier
        .as_ref()
        .map(|earlier| json!({ "sweep": earlier.sweep, "trials": earlier.trials.len(), "left_out": earlier.left_out }));
    json!({
        "sweep": head.sweep, "name": head.name, "dir": folder.strip_prefix(root).unwrap_or(folder).to_string_lossy(), "state": how,
        "config": head.config, "started": head.started, "method": head.method, "objectives": objectives(state),
        "trials": {
            "total": state.total, "finished": state.finished_points(), "failed": state.failed.len(),
            "open": state.open().count(), "asked": state.trials.len(),
        },
        "stopped": state.stopped.as_ref().map(|stop| &stop.why), "best": best, "differ": verdict.differ,
        "statement": verdict.statement, "notes": state.notes, "from": earlier, "jobs": jobs,
    })
}

/// All trials, best first.
pub(super) fn table(state: &State) -> Json {
    let (verdict, standings) = (state.verdict(), state.standings(true));
    let trials: Vec<Json> = order(state, &standings).into_iter().map(|at| trial(state, at, &standings)).collect();
    json!({
        "sweep": state.head.sweep, "name": state.head.name, "objectives": objectives(state), "trials": trials,
        "best": verdict.best, "differ": verdict.differ, "statement": verdict.statement,
    })
}

/// The best trials, with the options that give their values.
pub(super) fn best(state: &State) -> Json {
    let (verdict, standings) = (state.verdict(), state.standings(true));
    let of_trial = |at: &usize| {
        let mut json = trial(state, *at, &standings);
        json["set"] = set_options(&state.trials[*at].parameters).into();
        json
    };
    let trials: Vec<Json> = verdict.best.iter().map(of_trial).collect();
    json!({
        "sweep": state.head.sweep, "name": state.head.name, "config": state.head.config,
        "objectives": objectives(state), "best": trials, "differ": verdict.differ, "statement": verdict.statement,
    })
}

/// Finished points best first, then all others in their order.
fn order(state: &State, standings: &[Standing]) -> Vec<usize> {
    let ranked: BTreeSet<usize> = standings.iter().map(|one| one.trial).collect();
    let others = (0..state.trials.len()).filter(|at| !ranked.contains(at));
    standings.iter().map(|one| one.trial).chain(others).collect()
}

/// The first trials for people.
pub(super) fn write_table(state: &State, most: usize, out: &mut dyn Write) -> Result<(), Error> {
    let standings = state.standings(true);
    let paths: BTreeSet<&String> = state.trials.iter().flat_map(|trial| trial.parameters.keys()).collect();
    let mut columns = vec![("Trial", Align::Right), ("State", Align::Left)];
    columns.extend(state.head.goals.iter().map(|goal| (goal.metric.as_str(), Align::Right)));
    columns.push(("Runs", Align::Right));
    let on_rungs = state.trials.iter().any(|trial| trial.epochs.is_some());
    columns.extend(on_rungs.then_some(("Epochs", Align::Right)));
    columns.extend(paths.iter().map(|path| (path.as_str(), Align::Left)));
    columns.push(("Took", Align::Right));
    let mut table = Table::new(&columns);
    let order = order(state, &standings);
    for at in order.iter().take(most) {
        let (one, json) = (&state.trials[*at], trial(state, *at, &standings));
        let word = match (one.reason(), one.again, json["kept"].as_bool()) {
            (Some(reason), ..) => format!("failed: {}", shortened(reason)),
            (None, Some(of), _) => format!("{} (seeds of {of})", json["state"].as_str().unwrap_or_default()),
            (None, None, None) if one.is_finished() => "trained further".to_owned(),
            (None, None, Some(false)) => "outside of the constraints".to_owned(),
            _ if one.added && !one.is_finished() => "added".to_owned(),
            _ => json["state"].as_str().unwrap_or_default().to_owned(),
        };
        let value = |metric: &str| json["values"][metric].as_f64().map_or_else(|| "-".to_owned(), number);
        let mut row = vec![at.to_string(), word];
        row.extend(state.head.goals.iter().map(|goal| value(&goal.metric)));
        row.push(json["seeds"].to_string());
        row.extend(on_rungs.then(|| one.epochs.map_or_else(String::new, |epochs| epochs.to_string())));
        row.extend(paths.iter().map(|path| one.parameters.get(*path).map_or_else(String::new, written)));
        row.push(one.seconds.map_or_else(|| "-".to_owned(), print::seconds));
        table.row(row);
    }
    table.write(out, &print::plain)?;
    if order.len() > most {
        writeln!(out, "{} of {} trials; `simpipe sweep table` shows all", most, order.len())?;
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        text.to_owned()
    } else {
        text.chars().take(LONGEST).chain("..".chars()).collect()
    }
}

/// `12 of 20 trials, 1 failed; trial 3 and trial 7 do not differ ..`.
pub(super) fn summary(state: &State) -> String {
    let mut text = format!("{} of {} trials", state.finished_points(), state.total);
    if !state.failed.is_empty() {
        text += &format!(", {} failed", state.failed.len());
    }
    format!("{text}; {}", state.verdict().statement)
}

/// What a trial gave: `match.map@r 0.4123`.
pub(super) fn gave(state: &State, trial: usize) -> String {
    let metrics = state.trials[trial].metrics();
    let goals = state.head.goals.iter();
    let one = |metric: &str| metrics.and_then(|metrics| metrics.get(metric)).map_or_else(|| "-".to_owned(), number);
    goals.map(|goal| format!("{} {}", goal.metric, one(&goal.metric))).collect::<Vec<_>>().join(", ")
}

/// How it stands, in one line: `running: 3 of 20 trials, 2 under way, 1 failed; best is trial 1: match.map@r 0.4123`.
pub(super) fn line(state: &State, how: RunState) -> String {
    let mut text = format!("{}: {} of {} trials", how.word(), state.finished_points(), state.total);
    let under_way = state.trials.iter().filter(|trial| trial.is_held()).count();
    if how == RunState::Running && under_way > 0 {
        text += &format!(", {under_way} under way");
    }
    if !state.failed.is_empty() {
        text += &format!(", {} failed", state.failed.len());
    }
    match state.verdict().best.first() {
        Some(best) => format!("{text}; best is trial {best}: {}", gave(state, *best)),
        None => text,
    }
}

/// The trials that somebody works on: since when, where, and what they are.
pub(super) fn write_under_way(state: &State, out: &mut dyn Write) -> Result<(), Error> {
    let now = clock::now();
    for (number, trial) in state.trials.iter().enumerate().filter(|(_, trial)| trial.is_held()) {
        let Some(worker) = &trial.worker else { continue };
        let since = Moment::from_rfc3339(&worker.since).map_or(0, |since| now.0.saturating_sub(since.0));
        let (took, what) = (print::seconds(Duration::from_millis(since).as_secs_f64()), values(&trial.parameters));
        let job = worker.job.as_ref().map_or_else(String::new, |job| format!(" (job {job})"));
        writeln!(
            out,
            "trial {number} is under way on {} for {took}: {}",
            shown(format!("{}{job}", worker.host)),
            shown(what)
        )?;
    }
    Ok(())
}

/// Jobs of Slurm's, a line each: `job 12: 2 running, 1 pending`.
pub(super) fn write_jobs(jobs: &[JobSeen], logs: &Path, out: &mut dyn Write) -> Result<(), Error> {
    for JobSeen { job, workers, states } in jobs {
        let what = match states {
            None => "`squeue` can't be asked".to_owned(),
            Some(states) if states.is_empty() => {
                format!("its {workers} workers have ended; their logs: {}", logs.join(format!("{job}_*.log")).display())
            }
            Some(states) => {
                let counts = states.iter().map(|(state, count)| format!("{count} {}", state.to_lowercase()));
                counts.collect::<Vec<_>>().join(", ")
            }
        };
        writeln!(out, "job {job}: {}", shown(what))?;
    }
    Ok(())
}
