//! `simpipe reproduce`: makes a run again from its record alone, and compares what it left byte by byte.

mod moved;
mod place;
mod words;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use clap::Args;
use serde::Serialize;

use self::place::Place;
use super::options::{PlaceOptions, plan_experiment};
use super::reporter::Reporter;
use super::{logging, print, signal, threads};
use crate::error::{Error, Exit};
use simpipe_base::source::Source;
use simpipe_plan::Plan;
use simpipe_runner::reproduction::{self, StageComparison, Verdict};
use simpipe_runner::{Event, GitState, RunRecord, Runner, folders};
use simpipe_spec::{self as spec, Experiment};
use simpipe_stages::registry;
use simpipe_store::Store;

/// Make a run again from its record alone, in an empty store, and compare every file that it left: exit code 0 if all are
/// the same bytes, 1 if not.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe reproduce latest
  simpipe reproduce cifar10 --into /data/again --json
  simpipe reproduce paper --data /home/ada/photos=/mnt/photos
  simpipe reproduce ~/Downloads/run.json")]
pub(super) struct ReproduceArgs {
    /// A run as `show` takes it (its id, the start of one, its folder, an experiment's name, a tag or `latest`), or a
    /// `run.json` that lies anywhere.
    run: String,
    /// Keep the second run and its store in this folder, which must be empty or new [default: a temporary folder, which is
    /// removed].
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// A file or folder that the run read lies elsewhere now; OLD as the run's spec writes it, or where it lay.
    #[arg(long, value_name = "OLD=NEW")]
    data: Vec<String>,
    #[command(flatten)]
    place: PlaceOptions,
    /// Stages at once [default: the number of cores].
    #[arg(long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,
    /// Say nothing but the result and errors.
    #[arg(long, short)]
    quiet: bool,
    /// Log to standard error; twice for more.
    #[arg(long, short, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Report<'a> {
    /// The first run's id, and the experiment's name.
    run: &'a str,
    name: &'a str,
    /// Whether every file of the first run is there again with the same bytes.
    equal: bool,
    /// The first stage that is not as it was.
    first: Option<First<'a>>,
    /// In the order of the plan.
    stages: &'a [StageComparison],
    /// The second run: its id, its folder relative to `into`, and how long it took.
    again: Again<'a>,
    /// Where the second run is kept; `null` if it was removed.
    into: Option<String>,
    /// What made each of the two.
    versions: Both<'a>,
    /// The git repository that the first run was made in.
    #[serde(skip_serializing_if = "Option::is_none")]
    git: Option<&'a GitState>,
}

#[derive(Debug, Serialize)]
struct First<'a> {
    stage: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    /// In words.
    why: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Again<'a> {
    run: &'a str,
    dir: &'a str,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Both<'a> {
    recorded: &'a std::collections::BTreeMap<String, String>,
    found: &'a std::collections::BTreeMap<String, String>,
}

pub(super) fn exec(args: &ReproduceArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    threads::start()?;
    let root = args.place.root_here()?;
    let existing = args.place.existing_store(&root)?;
    let recorded = read_record(&args.run, &root, &args.place)?;
    let plan = plan(&recorded, &args.data)?;
    let place = Place::prepare(args.into.as_deref(), existing.as_ref())?;
    let again = run(args, &plan, place.root())?;
    let stages = reproduction::compare(&recorded, &again);
    let exit = exit_of(&stages, &again);
    if args.json {
        print::json(&report(&recorded, &again, &stages, &place), out)?;
    } else {
        words::write(&recorded, &again, &stages, place.kept(), out)?;
    }
    Ok(exit)
}

/// The record that the user means: a file of any name, or a run of this root.
fn read_record(wanted: &str, root: &Path, place: &PlaceOptions) -> Result<RunRecord, Error> {
    let path = Path::new(wanted);
    let record =
        if path.is_file() { RunRecord::read_file(path)? } else { RunRecord::read(&place.run_folder(root, wanted)?)? };
    if record.stages.iter().any(|stage| stage.outcome.done()) {
        return Ok(record);
    }
    let help = format!("`simpipe show {wanted}` says why");
    Err(Error::usage(format!("the run {} has no result that could be reproduced", record.run), help))
}

/// The plan of a record's experiment, with its data where it lies now.
fn plan(record: &RunRecord, data: &[String]) -> Result<Plan, Error> {
    experiment_of(record, data).and_then(plan_experiment).map_err(|error| told(error, record))
}

/// The experiment of a record, with its data where it lay, or where options say.
pub(super) fn experiment_of(record: &RunRecord, data: &[String]) -> Result<Experiment, Error> {
    let config = Path::new(&record.config);
    // Only what an older program has recorded still starts from a folder.
    let folder = config.parent().map(|folder| std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf()));
    let source = Source::new(format!("the record of {}", record.run), "", &folder.unwrap_or_default());
    // Of a group each seed has its own record of a stage.
    let mut ids: Vec<&str> = Vec::new();
    let listed = record.stages.iter().chain(record.seeds.iter().flat_map(|run| &run.stages));
    for stage in listed.filter(|stage| record.spec["stages"].get(&stage.id).is_some()) {
        if !ids.contains(&stage.id.as_str()) {
            ids.push(&stage.id);
        }
    }
    let mut experiment = spec::from_resolved(&record.spec, &ids, &source).map_err(Error::Spec)?;
    experiment.config = config.to_path_buf();
    moved::relocate(&mut experiment, record, data)?;
    Ok(experiment)
}

/// Problems of a record, with what to do about data that is not where it was. A record keeps values and no text: there is no
/// line to be shown, and the path says where the problem is.
fn told(error: Error, record: &RunRecord) -> Error {
    let Error::Spec(mut issues) = error else { return error };
    for issue in &mut issues {
        if issue.is_unavailable() {
            let old = record.paths.iter().find(|(path, _)| **path == issue.path).map_or("OLD", |(_, at)| at);
            issue.help = Some(format!("say where it is now: `--data {old}=NEW`"));
        }
        let at = if issue.path.is_empty() { String::new() } else { format!(", at `{}`", issue.path) };
        issue.message = format!("the record of {}{at}: {}", record.run, issue.message);
        issue.place = None;
    }
    Error::Spec(issues)
}

/// The second run.
fn run(args: &ReproduceArgs, plan: &Plan, root: &Path) -> Result<RunRecord, Error> {
    let cancel = signal::wish();
    let log = logging::start(args.verbose);
    logging::log_panics(&log);
    let reporter = Arc::new(Reporter::new(log, None, args.quiet));
    let store = Store::open(&folders::store_folder(root))?.cancelled_by(&cancel).saying({
        let reporter = Arc::clone(&reporter);
        move |message| reporter.on_event(&Event::Warning { stage: None, message: message.to_owned() })
    });
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let runner = Runner {
        root,
        store: &store,
        jobs: args.jobs.map_or(cores, std::num::NonZero::get),
        cancel: &cancel,
        command: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
        profiler: None,
    };
    let on_event = |event: &Event| reporter.on_event(event);
    let record = if plan.experiment.seeds.is_empty() {
        runner.run(plan, registry::builtin(), &on_event)?
    } else {
        runner.run_seeds(plan, registry::builtin(), &on_event)?
    };
    if cancel.load(Ordering::Relaxed) && !record.ok {
        return Err(simpipe_store::StoreError::Interrupted.into());
    }
    Ok(record)
}

/// Data that is gone weighs more than the stages that differ because of it.
fn exit_of(stages: &[StageComparison], again: &RunRecord) -> Exit {
    let failed = stages.iter().filter(|stage| stage.verdict == Verdict::Failed);
    let cause = failed.filter_map(|stage| stage.failure.as_ref()).map(|failure| Exit::of_failure(failure.kind)).next();
    match (cause, reproduction::first(stages)) {
        (Some(exit), _) => exit,
        (None, Some(_)) => Exit::Failed,
        (None, None) if again.interrupted => Exit::Interrupted,
        (None, None) => Exit::Done,
    }
}

fn report<'a>(
    recorded: &'a RunRecord,
    again: &'a RunRecord,
    stages: &'a [StageComparison],
    place: &Place,
) -> Report<'a> {
    let first = reproduction::first(stages);
    Report {
        run: &recorded.run,
        name: &recorded.name,
        equal: first.is_none(),
        first: first.map(|stage| First { stage: &stage.id, seed: stage.seed, why: words::why(stage) }),
        stages,
        again: Again { run: &again.run, dir: &again.dir, seconds: again.seconds },
        into: place.kept().map(|folder| folder.to_string_lossy().into_owned()),
        versions: Both { recorded: &recorded.versions, found: &again.versions },
        git: recorded.git.as_ref(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use simpipe_base::issue::Issue;
    use simpipe_base::source::Place as Written;

    #[test]
    fn a_problem_of_a_record_has_a_path_and_no_line_of_a_text_that_nobody_has() {
        let record: RunRecord = serde_json::from_value(json!({
            "format": 1, "run": "r", "name": "x", "dir": "artifacts/runs/x/r", "ok": true, "interrupted": false,
            "started": "", "finished": "", "seconds": 1.0, "saved_seconds": 0.0, "config": "x.toml", "command": [],
            "versions": {}, "stages": [], "metrics": {}, "spec": {}, "paths": { "dataset.path": "/home/ada/photos" },
        }))
        .unwrap();
        let place = Written::new(&Source::new("the record of r", "", Path::new("/")), 0..0);
        let gone = Issue::at(&place, "dataset.path", "there is no folder").unavailable();
        let wrong = Issue::at(&place, "", "it has no `seed`").help("was it changed?");
        let shown: Vec<String> =
            told(Error::Spec(vec![gone, wrong]), &record).issues().iter().map(|issue| issue.render()).collect();
        let expected = [
            "the record of r, at `dataset.path`: there is no folder\n  help: say where it is now: `--data \
             /home/ada/photos=NEW`\n",
            "the record of r: it has no `seed`\n  help: was it changed?\n",
        ];
        assert_eq!(shown, expected);
    }
}
