//! `simpipe sweep report`: a page about a sweep, with its pictures, and the same as data.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value as Json;

use super::seen::{Seen, WhichOptions};
use super::view;
use crate::cli::page::Page;
use crate::cli::print::{self, shown};
use crate::cli::report::take_apart;
use crate::cli::reproduce::experiment_of;
use crate::cli::toml_text::{self, Origins};
use crate::cli::{merged, threads};
use crate::error::{Error, Exit};
use simpipe_artifact::{SweepReport, write_json};
use simpipe_plan::sweep::written_in;
use simpipe_report::sweep::{SweepFigure, page};
use simpipe_report::sweep_page;
use simpipe_runner::RunRecord;
use simpipe_runner::sweep::{State, Trial};

/// Write a page about a sweep: the best trials and how sure that is, what mattered, every trial, pictures and tables.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe sweep report
  simpipe sweep report sweep-losses --out page
  simpipe sweep report --split public
  simpipe sweep report sweep-losses --json")]
pub(super) struct ReportArgs {
    #[command(flatten)]
    pub(super) which: WhichOptions,
    /// Folder for the page; existing files are replaced [default: `report` in the sweep's folder].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Folder for a page that strict viewers show, such as those of build servers: style sheet and pictures are files next to it,
    /// and it has no script.
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    split: Option<PathBuf>,
}

/// The file of the page, beside the one for pull requests, and that of the best experiment.
const HTML: &str = "report.html";
const BEST: &str = "best.toml";
const HELP: &str = "choose a writable folder: `--out DIR`";

pub(super) fn report(args: &ReportArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    threads::start()?;
    let seen = Seen::of(&args.which)?;
    let (Seen { root, folder, .. }, state) = (&seen, seen.state());
    let report = data(state, root);
    let target = args.out.clone().or_else(|| args.split.clone()).unwrap_or_else(|| folder.join("report"));
    write(&report, &target)?;
    if args.split.is_some() {
        take_apart(&target.join(HTML))?;
    }
    if args.which.json {
        print::json(&report, out)?;
        return Ok(Exit::Done);
    }
    writeln!(out, "{}", view::summary(state))?;
    writeln!(out, "page: {}", shown(target.join(HTML).display()))?;
    Ok(Exit::Done)
}

/// What the journal comes to, with how to have the winners again and the config's own values.
fn data(state: &State, root: &Path) -> SweepReport {
    let mut report = state.report(&view::written);
    if let Some(spec) = own_spec(state, root) {
        for parameter in &mut report.parameters {
            parameter.own = written_in(&spec, &parameter.path).as_ref().map(in_words);
        }
    }
    for winner in &mut report.winners {
        let trial = &state.trials[winner.trial];
        winner.set = view::set_options(&trial.parameters);
        winner.toml = experiment(root, trial);
    }
    report
}

/// The resolved spec of a trial that was made with the config's own values, from the record of its first run.
fn own_spec(state: &State, root: &Path) -> Option<Json> {
    let own = state.trials.iter().filter(|trial| trial.parameters.is_empty());
    let mut runs = own.filter_map(|trial| trial.runs.first());
    runs.find_map(|run| Some(RunRecord::read(&root.join(&run.dir)).ok()?.spec))
}

/// A value as the items of a list are named.
fn in_words(value: &Json) -> String {
    value.as_str().map_or_else(|| view::written(value), str::to_owned)
}

fn write(report: &SweepReport, folder: &Path) -> Result<(), Error> {
    let mut written = Page::create(folder, HELP)?;
    write_json(&folder.join(SweepReport::FILE), report)?;
    report.write_tables(folder)?;
    let mut shown = Vec::new();
    for (at, figure) in SweepFigure::all(report).iter().enumerate() {
        written.figure(&figure.file_name(), |path| {
            let (drawn, svg) = figure.show(report, path, at)?;
            shown.push((drawn.clone(), svg));
            Ok(drawn)
        })?;
    }
    let best = report.winners.first().and_then(|winner| winner.toml.as_deref());
    best.map_or(Ok(()), |toml| written.put(BEST, toml))?;
    written.put(HTML, &sweep_page(report, &shown))?;
    written.finish(|figures| page(report, figures, best.map(|_| BEST)))?;
    Ok(())
}

/// The experiment of a trial as TOML, from the record of its first run; `None` if that is gone.
fn experiment(root: &Path, trial: &Trial) -> Option<String> {
    let record = RunRecord::read(&root.join(&trial.runs.first()?.dir)).ok()?;
    let mut experiment = experiment_of(&record, &[]).ok()?;
    // Files that it names are where the run has found them: nobody knows where this text will lie.
    experiment.config = experiment.project.join(BEST);
    Some(toml_text::document(&merged::merged(&experiment), Origins::Hidden, &str::to_owned))
}
