//! `simpipe run`: computes what is not stored yet.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::event_sink::EventSink;
use super::lock::Frozen;
use super::options::{ExperimentOptions, PlaceOptions, refuse_unable};
use super::print::{self, Align, Paint, Table, shown};
use super::reporter::Reporter;
use super::{lock, logging, profile, run_page, screen, seeds, signal, sink, threads, words};
use crate::error::{Error, Exit};
use simpipe_artifact::Profile;
use simpipe_plan::Plan;
use simpipe_runner::{Event, Failure, FailureKind, Outcome, Profiler, RunRecord, Runner, StageRecord};
use simpipe_stages::registry;
use simpipe_store::Store;

/// Run an experiment. Stages whose result is stored are hits; the others are computed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe run configs/cifar10.toml
  simpipe run configs/cifar10.toml --set train.epochs=5 --set 'train.loss={ multi-similarity = { epsilon = 0.2 } }'
  simpipe run configs/cifar10.toml --set 'seeds=[1, 2, 3]'
  simpipe run configs/cifar10.toml --lock
  simpipe run configs/cifar10.toml --frozen
  simpipe run configs/cifar10.toml --root /tmp/profile --profile
  simpipe run configs/cifar10.toml --root /data/experiments --json
  simpipe run configs/cifar10.toml --store s3://bucket/team")]
pub(super) struct RunArgs {
    #[command(flatten)]
    experiment: ExperimentOptions,
    #[command(flatten)]
    place: PlaceOptions,
    /// Write events as JSON, one per line, to a file or to `-` (standard output).
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Number of stages to run at once [default: the number of cores].
    #[arg(long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,
    /// Read and check every stored byte before it is used.
    #[arg(long)]
    verify: bool,
    /// Write keys and source digests of all stages into `simpipe.lock` next to the config, for git.
    #[arg(long, conflicts_with = "frozen")]
    lock: bool,
    /// Refuse to run if anything differs from `simpipe.lock`.
    #[arg(long)]
    frozen: bool,
    /// Measure what training and embedding spend their time in, by layer and operation, into `profile.parquet` in the run's
    /// folder and onto its page. Results stay as they are to the byte, so a stored one is a hit and has no profile.
    #[arg(long)]
    profile: bool,
    /// Print only errors.
    #[arg(long, short)]
    quiet: bool,
    /// Log to standard error; give it twice for more.
    #[arg(long, short, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Print the run's record as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &RunArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    if args.json && args.events.as_deref() == Some(Path::new("-")) {
        let help = "write the events to a file: `--events FILE`";
        return Err(Error::usage("`--json` and `--events -` would both write to standard output", help));
    }
    threads::start()?;
    let plan = args.experiment.plan()?;
    let root = args.place.root_of(&plan);
    let store = args.place.open_store(&root)?;
    let store = if args.verify { store.verifying() } else { store };
    refuse_unable(&plan, &root, || args.place.open_store_to_read(&root))?;
    let cancel = signal::wish();
    if args.lock {
        lock::look(&plan)?;
    }
    let frozen = args.frozen.then(|| Frozen::check(&plan, &store, &root)).transpose()?;
    let log = logging::start(args.verbose);
    logging::log_panics(&log);
    let events = args.events.as_deref().map(open_events).transpose()?;
    let reporter = Arc::new(Reporter::new(log, events, args.quiet));
    let store = store.cancelled_by(&cancel).saying({
        let reporter = Arc::clone(&reporter);
        move |message| reporter.on_event(&Event::Warning { stage: None, message: message.to_owned() })
    });
    if !args.quiet {
        print::warnings(&plan.warnings, &mut screen::messages())?;
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let runner = Runner {
        root: &root,
        store: &store,
        jobs: args.jobs.map_or(cores, std::num::NonZero::get),
        cancel: &cancel,
        command: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
        profiler: args.profile.then_some(&profile::Networks as &dyn Profiler),
    };
    let on_event = |event: &Event| reporter.on_event(event);
    let record = record_of(&runner, &plan, &on_event)?;
    keep_page(&plan, &record, &root, &store)?;
    let exit = exit_of(&record);
    let exit = match keep_lock(args, &plan, &record, &store, frozen.as_ref())? {
        Exit::Done => exit,
        broken => broken,
    };
    let printed = if args.json {
        print::json(&record, out).map_err(Error::from)
    } else if args.events.as_deref() == Some(Path::new("-")) {
        summary(&plan, &record, &root, args.quiet, &mut screen::messages())
    } else {
        summary(&plan, &record, &root, args.quiet, out)
    };
    match printed.and_then(|()| explain_failure(&record, &root)) {
        // How the run ended weighs more than a terminal that has closed meanwhile.
        Err(Error::Output(_)) if exit != Exit::Done => {}
        printed => printed?,
    }
    let Some(why) = reporter.lost_events() else { return Ok(exit) };
    writeln!(screen::messages(), "{} {why}", Paint::stderr().red("error:"))?;
    Ok(if exit == Exit::Done { Exit::Failed } else { exit })
}

/// Runs the experiment, or each of its seeds and then writes the page of their group.
fn record_of(runner: &Runner<'_>, plan: &Plan, on_event: &(dyn Fn(&Event) + Sync)) -> Result<RunRecord, Error> {
    if plan.experiment.seeds.is_empty() {
        return Ok(runner.run(plan, registry::builtin(), on_event)?);
    }
    let record = runner.run_seeds(plan, registry::builtin(), on_event)?;
    if !record.interrupted {
        seeds::page(&record, runner.root)?;
    }
    Ok(record)
}

/// Puts the pages of the run into its folder; what can't be is a warning.
fn keep_page(plan: &Plan, record: &RunRecord, root: &Path, store: &Store) -> Result<(), Error> {
    for message in run_page::keep(plan, record, root, store) {
        writeln!(screen::messages(), "{} {}", Paint::stderr().yellow("warning:"), shown(message))?;
    }
    Ok(())
}

/// Writes the lock, or says what the run has left that is not as locked.
fn keep_lock(
    args: &RunArgs,
    plan: &Plan,
    record: &RunRecord,
    store: &Store,
    frozen: Option<&Frozen<'_>>,
) -> Result<Exit, Error> {
    if args.lock && !record.ok {
        let message = "simpipe.lock stays as it is: not every stage has a result";
        writeln!(screen::messages(), "{} {message}", Paint::stderr().yellow("warning:"))?;
    } else if args.lock {
        let path = lock::write(plan, record, store)?;
        if !args.quiet {
            writeln!(screen::messages(), "locked: {}", shown(path.display()))?;
        }
    }
    let broken = frozen.map(|frozen| frozen.broken_by(record)).unwrap_or_default();
    if broken.is_empty() || !record.ok {
        return Ok(Exit::Done);
    }
    print::errors(&Error::Spec(broken), &mut screen::messages())?;
    Ok(Exit::Failed)
}

fn open_events(path: &Path) -> Result<EventSink, Error> {
    let help = "choose another file for `--events`, or `-`; a pipe needs its reader first";
    EventSink::open(path).map_err(|error| sink::unwritable(path, &error, help))
}

fn exit_of(record: &RunRecord) -> Exit {
    match record.failure() {
        Some((_, failure)) => Exit::of_failure(failure.kind),
        None if record.ok => Exit::Done,
        None => Exit::Interrupted,
    }
}

/// A failure with all that helps to find its cause.
fn explain_failure(record: &RunRecord, root: &Path) -> Result<(), Error> {
    if record.failure().is_none() && !record.ok {
        writeln!(screen::messages(), "{} interrupted", Paint::stderr().red("error:"))?; // between two stages
    }
    if !record.is_group() {
        let failure = record.failure();
        return failure.map_or(Ok(()), |(stage, failure)| explain(stage, failure, None, &root.join(&record.dir)));
    }
    record.seeds.iter().try_for_each(|run| {
        let failed = run.stages.iter().find_map(|stage| Some((stage, stage.failure.as_ref()?)));
        failed.map_or(Ok(()), |(stage, failure)| explain(stage, failure, Some(run.seed), &root.join(&run.dir)))
    })
}

fn explain(stage: &StageRecord, failure: &Failure, seed: Option<u64>, folder: &Path) -> Result<(), Error> {
    let mut err = screen::messages();
    let red = Paint::stderr().red("error:");
    let key = stage.key.map_or_else(|| "not known yet".to_owned(), |key| key.short());
    let place = failure.place.as_ref().map_or_else(String::new, |place| format!("{place}: "));
    let at = seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
    let what = format!("{place}stage `{}` ({}{at}): {}", stage.id, stage.stage, failure.message);
    writeln!(err, "{red} {}", shown(what))?;
    writeln!(err, "  key: {key}, log: {}", shown(folder.join("log.txt").display()))?;
    if let Some(help) = &failure.help {
        writeln!(err, "  help: {}", shown(help))?;
    }
    if failure.kind == FailureKind::Interrupted {
        writeln!(err, "  help: run the same command again: it continues from here")?;
    }
    Ok(())
}

fn summary(plan: &Plan, record: &RunRecord, root: &Path, quiet: bool, out: &mut dyn Write) -> Result<(), Error> {
    if quiet {
        return Ok(());
    }
    if record.is_group() {
        seeds::summary(record, out)?;
        writeln!(out, "\n{}", totals(record))?;
        return seeds::places(record, &reports_of(plan), root, out);
    }
    stage_table(&record.stages, out)?;
    if !record.metrics.is_empty() {
        writeln!(out)?;
        metrics(record, out)?;
    }
    writeln!(out)?;
    writeln!(out, "{}", totals(record))?;
    let folder = root.join(&record.dir);
    // That of a stage which failed says so and no more.
    let done = |id: &&str| record.stages.iter().any(|stage| stage.id == *id && stage.outcome.done());
    let reports = reports_of(plan).into_iter().filter(done).filter_map(|id| run_page::there(&folder, id));
    let reports: Vec<PathBuf> = reports.collect();
    if reports.is_empty() {
        writeln!(out, "run: {}", shown(folder.display()))?;
    }
    reports.iter().try_for_each(|report| writeln!(out, "report: {}", shown(report.display())))?;
    let profile = folder.join(Profile::FILE);
    if profile.is_file() {
        writeln!(out, "profile: {}", shown(profile.display()))?;
    }
    Ok(())
}

/// Ids of the stages that leave a report.
fn reports_of(plan: &Plan) -> Vec<&str> {
    let reports = plan.order.iter().filter(|node| plan.graph[**node].stage.name() == "report");
    reports.map(|node| plan.graph[*node].id.as_str()).collect()
}

/// What a run did, in one line: `2 ran, 8 hits in 3.1 s; stored results saved 1 min 20 s; peak memory 312 MB
/// without mapped files`.
fn totals(record: &RunRecord) -> String {
    let count = |outcome| record.stages.iter().filter(|stage| stage.outcome == outcome).count();
    let hits = count(Outcome::Hit);
    let interrupted = record.stages.iter().filter(|stage| stage.interrupted()).count();
    let counted = [
        (count(Outcome::Ran), "ran"),
        (hits, if hits == 1 { "hit" } else { "hits" }),
        (count(Outcome::Failed) - interrupted, "failed"),
        (interrupted, "interrupted"),
        (count(Outcome::Skipped), "skipped"),
    ];
    let counted: Vec<String> =
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let mut text = format!("{} in {}", counted.join(", "), print::seconds(record.seconds));
    if record.saved_seconds > 0.0 {
        text += &format!("; stored results saved {}", print::seconds(record.saved_seconds));
    }
    if let Some(peak) = record.peak_memory {
        text += &format!("; peak memory {} without mapped files", print::bytes(peak));
    }
    text
}

/// Stage, outcome, seconds, why.
pub(super) fn stage_table(stages: &[StageRecord], out: &mut dyn Write) -> Result<(), Error> {
    let columns = [("Stage", Align::Left), ("Outcome", Align::Left), ("Seconds", Align::Right), ("Why", Align::Left)];
    let mut table = Table::new(&columns);
    for stage in stages {
        let why = match (&stage.failure, &stage.skipped) {
            (Some(_), _) if stage.interrupted() => "the next run continues from here".to_owned(),
            (Some(failure), _) => failure.message.clone(),
            (None, Some(why)) => why.clone(),
            (None, None) => words::reasons(&stage.reasons),
        };
        let outcome = if stage.interrupted() { "interrupted" } else { stage.outcome.word() };
        table.row(vec![stage.id.clone(), outcome.to_owned(), format!("{:.3}", stage.seconds), why]);
    }
    let paint = Paint::stdout();
    let colour = |column: usize, cell: &str| match cell.trim() {
        _ if column != 1 => cell.to_owned(),
        word if word == Outcome::Ran.word() => paint.green(cell),
        word if word == Outcome::Hit.word() => paint.dim(cell),
        word if word == Outcome::Failed.word() => paint.red(cell),
        _ => paint.yellow(cell),
    };
    Ok(table.write(out, &colour)?)
}

/// Every metric of a run.
pub(super) fn metrics(record: &RunRecord, out: &mut dyn Write) -> Result<(), Error> {
    let mut table = Table::new(&[("Metric", Align::Left), ("Value", Align::Right)]);
    for (name, value) in &record.metrics {
        table.row(vec![name.clone(), print::number(*value)]);
    }
    Ok(table.write(out, &print::plain)?)
}
