//! `simpipe compare`: runs against a baseline, with a verdict that CI reads.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::diff::{difference, figure, measured, named};
use super::options::PlaceOptions;
use super::print::{self, Align, Paint, Table, shown};
use super::{screen, sink, threads};
use crate::error::{Error, Exit};
use simpipe_base::suggest;
use simpipe_compare::{Comparison, Measured, Verdict, compare, judgeable};
use simpipe_runner::RunError;

/// Compare runs with a baseline; exit with 1 if one is worse beyond its interval, or if the baseline is missing.
#[derive(Debug, Args)]
#[command(
    after_help = "Two single runs are compared over the queries that both were asked (`evaluate` and `match` store a value \
for each), by the paired bootstrap; runs of several seeds by their means, with a t-interval over the seeds. What can't be \
judged does not pass.

Examples:
  simpipe compare latest --baseline baseline
  simpipe compare triplet softmax --baseline multi-similarity --metric evaluate.map@r
  simpipe compare latest --baseline main --out compare.json"
)]
pub(super) struct CompareArgs {
    /// Runs, each named as for `show`.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
    /// The run to compare with.
    #[arg(long, value_name = "RUN")]
    baseline: String,
    /// A metric to judge; may be given several times [default: all that can have a verdict].
    #[arg(long = "metric", value_name = "NAME")]
    metrics: Vec<String>,
    /// Write the output of `--json` to a file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &CompareArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    threads::start()?;
    let baseline = match measured(&args.place, &args.baseline) {
        Err(error @ Error::Run(RunError::NoRun { .. } | RunError::Unrecorded { .. })) => {
            return missing(args, &error, out);
        }
        baseline => baseline?,
    };
    let runs = args.runs.iter().map(|run| measured(&args.place, run)).collect::<Result<Vec<_>, _>>()?;
    check(args, &baseline)?;
    let found = compare(&baseline, &runs, &args.metrics)?;
    if let Some(path) = &args.out {
        let mut bytes = Vec::new();
        print::json(&found, &mut bytes)?;
        put(path, &bytes)?;
    }
    if args.json {
        print::json(&found, out)?;
    } else {
        write(&found, out)?;
    }
    Ok(if found.ok { Exit::Done } else { Exit::Failed })
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let help = "choose a file in a writable folder: `--out FILE`";
    sink::write(path, bytes).map_err(|error| sink::unwritable(path, &error, help))
}

/// Without a baseline nothing passes: for CI that is no mistake of the command line.
fn missing(args: &CompareArgs, error: &Error, out: &mut dyn Write) -> Result<Exit, Error> {
    if let Some(path) = &args.out {
        let mut bytes = Vec::new();
        print::errors_json(error, &mut bytes)?;
        put(path, &bytes)?;
    }
    if args.json {
        print::errors_json(error, out)?;
    } else {
        print::errors(error, &mut screen::messages())?;
        writeln!(screen::messages(), "  without a baseline nothing is compared, so nothing passes")?;
    }
    Ok(Exit::Failed)
}

/// Whether there is something to judge by.
fn check(args: &CompareArgs, baseline: &Measured) -> Result<(), Error> {
    let known = judgeable(baseline);
    let (run, there) = (&baseline.run.record.run, &baseline.run.record.metrics);
    if let Some(name) = args.metrics.iter().find(|name| !there.contains_key(*name)) {
        let names: Vec<&str> = if known.is_empty() {
            there.keys().map(String::as_str).collect()
        } else {
            known.iter().map(String::as_str).collect()
        };
        return Err(Error::usage(format!("the baseline {run} has no metric `{name}`"), suggest::help(name, &names)));
    }
    if args.metrics.is_empty() && known.is_empty() {
        let message = format!("the baseline {run} has nothing to judge: no stage has per-query values");
        return Err(Error::usage(message, "add a stage `evaluate` to its pipeline, or name metrics with `--metric`"));
    }
    Ok(())
}

fn write(found: &Comparison, out: &mut dyn Write) -> Result<(), Error> {
    writeln!(out, "baseline: {}", named(&found.baseline))?;
    let paint = Paint::stdout();
    let colour = |column: usize, cell: &str| match cell.trim() {
        "better" if column == 4 => paint.green(cell),
        "worse" | "missing" | "unknown" if column == 4 => paint.red(cell),
        _ => cell.to_owned(),
    };
    for run in &found.runs {
        writeln!(out, "\n{}: {}", named(&run.run), if run.ok { "ok" } else { "not ok" })?;
        let mut table = Table::new(&[
            ("Metric", Align::Left),
            ("Baseline", Align::Right),
            ("Run", Align::Right),
            ("Difference [95 %]", Align::Left),
            ("Verdict", Align::Left),
        ]);
        for judged in &run.metrics {
            let change = &judged.change;
            let figures = [figure(change.old), figure(change.new), difference(change)];
            let verdict = judged.verdict.in_words(change.difference).to_owned();
            let row = [vec![change.name.clone()], figures.to_vec(), vec![verdict]].concat();
            table.row(row);
        }
        table.write(out, &colour)?;
        let unclear = run.metrics.iter().filter(|judged| matches!(judged.verdict, Verdict::Missing | Verdict::Unknown));
        let mut told: Vec<&str> = Vec::new();
        for judged in unclear {
            let why = judged.change.why.as_deref().unwrap_or("it is not known which direction is better");
            if !told.contains(&why) {
                writeln!(out, "`{}`: {}", shown(&judged.change.name), shown(why))?;
                told.push(why);
            }
        }
    }
    let count = found.comparisons;
    if count > 1 {
        writeln!(out, "\n{count} differences, each judged on its own: with so many, some look real by chance")?;
    }
    Ok(())
}
