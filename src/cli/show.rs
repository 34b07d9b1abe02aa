//! `simpipe show`: a run's summary, or what is in an artifact file.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::options::PlaceOptions;
use super::print::shown;
use super::{print, run, seeds, show_file};
use crate::error::{Error, Exit};
use simpipe_runner::{RunRecord, notes};

/// Show a run (its id, the start of one, its folder, an experiment's name, a tag or `latest`) or an artifact file.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe show latest
  simpipe show cifar10 --json
  simpipe show artifacts/runs/cifar10/20260801T120000.000Z-0a1b2c/match/matches.parquet")]
pub(super) struct ShowArgs {
    /// A run, or a `.parquet`, `.arrow`, `.json`, `.safetensors`, `.pth` or `.pt` file.
    what: String,
    /// Number of rows to show of a table.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rows: usize,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &ShowArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let path = Path::new(&args.what);
    if path.is_file() {
        if path.components().count() == 1 && path.file_name() == Some(args.what.as_ref()) {
            refuse_two_readings(args)?;
        }
        refuse_config(path)?;
        show_file::write(path, args.rows, args.json, out)?;
        return Ok(Exit::Done);
    }
    let folder = run_folder(args)?;
    let record = RunRecord::read(&folder)?;
    if args.json {
        print::json(&record, out)?;
    } else {
        summary(&record, &folder, out)?;
    }
    Ok(Exit::Done)
}

fn run_folder(args: &ShowArgs) -> Result<PathBuf, Error> {
    args.place.run_folder(&args.place.root_here()?, &args.what)
}

/// A config is no result.
fn refuse_config(path: &Path) -> Result<(), Error> {
    if path.extension().is_none_or(|extension| extension != "toml") {
        return Ok(());
    }
    let path = path.display();
    Err(Error::usage(format!("`{path}` is a config, not a result"), format!("write `simpipe config show {path}`")))
}

/// A file here may be called like an experiment, a tag or `latest`.
fn refuse_two_readings(args: &ShowArgs) -> Result<(), Error> {
    let Ok(folder) = run_folder(args) else { return Ok(()) };
    let (what, folder) = (&args.what, folder.display());
    Err(Error::usage(format!("`{what}` is both a file here and a run"), format!("write `./{what}` or `{folder}`")))
}

fn summary(record: &RunRecord, folder: &Path, out: &mut dyn Write) -> Result<(), Error> {
    writeln!(out, "{} {}: {}", shown(&record.name), shown(&record.run), record.state().word())?;
    writeln!(out, "config: {}", shown(&record.config))?;
    writeln!(out, "started: {}, took {}", shown(&record.started), print::seconds(record.seconds))?;
    writeln!(out, "folder: {}", shown(folder.display()))?;
    if let Some(note) = notes::read(folder) {
        writeln!(out, "note: {}", shown(note))?;
    }
    writeln!(out)?;
    if record.is_group() {
        return seeds::summary(record, out);
    }
    run::stage_table(&record.stages, out)?;
    if !record.metrics.is_empty() {
        writeln!(out)?;
        run::metrics(record, out)?;
    }
    Ok(())
}
