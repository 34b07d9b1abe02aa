//! `simpipe export`: a run's trained model as a file that other programs read.
//!
//! A format is a file beside this one, a [`Format`], and a line in [`FORMATS`].

mod model;
mod safetensors;
#[cfg(test)]
mod tests;
mod torch;
mod torch_module;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use serde::Serialize;
use serde_json::json;

use self::model::StoredModel;
use super::options::PlaceOptions;
use super::print::{self, shown};
use super::sink;
use crate::base::digest::Digest;
use crate::base::interrupt::LeftToEnd;
use crate::error::{Error, Exit};
use crate::runner::RunRecord;

/// Write a run's trained model as a file that other programs read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe export latest
  simpipe export cifar10 --format torch --output cifar10.torch.safetensors
  simpipe export cifar10 --format torch-module --output model.py
  simpipe export paper --format safetensors --stage train --json")]
pub(super) struct ExportArgs {
    /// A run as `show` takes it: its id, the start of one, its folder, an experiment's name, a tag or `latest`.
    run: String,
    /// What to write.
    #[arg(long, value_name = "FORMAT", default_value = "torch", value_parser = formats())]
    format: String,
    /// The file [default: the experiment's name with the format's ending, in the current folder].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The stage whose model it is, where the run has several.
    #[arg(long, value_name = "ID")]
    stage: Option<String>,
    /// Overwrite the file if it is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: PlaceOptions,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// A way to write a model.
trait Format: Sync {
    /// What `--format` calls it.
    fn name(&self) -> &'static str;
    /// One line for the help.
    fn about(&self) -> &'static str;
    /// The file's name, where the user gives none.
    fn file_name(&self, experiment: &str) -> String;
    /// The file. The same model gives the same bytes.
    fn file(&self, model: &StoredModel) -> Result<Exported, Error>;
}

/// Every format.
const FORMATS: &[&dyn Format] = &[&torch::Torch, &torch_module::TorchModule, &safetensors::Safetensors];

/// A file that is to be written.
struct Exported {
    bytes: Vec<u8>,
    /// How its tensors are named.
    names: &'static str,
    tensors: Vec<Row>,
}

/// A tensor of the file.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    #[serde(rename = "type")]
    dtype: &'static str,
    shape: Vec<usize>,
    /// Our own name; `null` for what only the format needs.
    path: Option<String>,
}

fn formats() -> PossibleValuesParser {
    PossibleValuesParser::new(FORMATS.iter().map(|format| PossibleValue::new(format.name()).help(format.about())))
}

pub(super) fn exec(args: &ExportArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let format = FORMATS.iter().find(|format| format.name() == args.format);
    let format = format.ok_or_else(|| Error::usage(format!("there is no format `{}`", args.format), "see `--help`"))?;
    let root = args.place.root_here()?;
    let record = RunRecord::read(&args.place.run_folder(&root, &args.run)?)?;
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format.file_name(&record.name)));
    refuse_overwriting(&output, args.force)?;
    let store = args.place.open_store_to_read(&root)?.verifying();
    let model = StoredModel::read(&record, args.stage.as_deref(), &store)?;
    print::store_warnings(&store)?;
    let exported = format.file(&model)?;
    let writing = LeftToEnd::begin();
    let help = "choose a file in a folder that you may write: `--output FILE`";
    sink::write(&output, &exported.bytes).map_err(|error| sink::unwritable(&output, &error, help))?;
    drop(writing);
    say(args, &model, &output, &exported, out)?;
    Ok(Exit::Done)
}

fn say(
    args: &ExportArgs,
    model: &StoredModel,
    output: &Path,
    exported: &Exported,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let Exported { bytes, names, tensors } = exported;
    if args.json {
        let report = json!({
            "run": model.run, "stage": model.stage, "format": args.format, "file": output.to_string_lossy(),
            "bytes": bytes.len(), "digest": Digest::of(bytes), "names": names, "tensors": tensors,
        });
        return Ok(print::json(&report, out)?);
    }
    let (file, count, size) = (output.display(), tensors.len(), print::thousands(bytes.len()));
    let (stage, run) = (shown(&model.stage), shown(&model.run));
    writeln!(out, "wrote {}: {count} tensors of `{stage}` of {run}, {size} bytes", shown(file))?;
    Ok(())
}

fn refuse_overwriting(output: &Path, force: bool) -> Result<(), Error> {
    let at = output.display();
    if output == Path::new("-") {
        return Err(Error::usage("a model is written into a file", "name one: `--output FILE`"));
    }
    if output.is_dir() {
        return Err(Error::usage(format!("`{at}` is a folder"), "name a file: `--output FILE`"));
    }
    if output.is_file() && !force {
        let help = "choose another `--output`, or overwrite it with `--force`";
        return Err(Error::usage(format!("`{at}` is there already"), help));
    }
    Ok(())
}
