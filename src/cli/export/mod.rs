//! `simpipe export`: a run's trained model as a file that other programs read, or the run as a whole.
//!
//! A format of a model is a file beside this one, a [`Format`], and a line in [`FORMATS`]; one of a whole run a
//! [`RunFormat`], and a line in [`RUN_FORMATS`].

mod columns;
mod crate_metadata;
mod embeddings;
mod event_file;
mod faiss;
mod joined;
mod mlflow;
mod mlflow_messages;
mod model;
mod npz;
mod onnx;
mod projector;
mod ro_crate;
mod safetensors;
mod tensorboard;
mod torch;
mod torch_folder;
mod torch_module;
mod whole_run;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use self::model::StoredModel;
use self::whole_run::{RunFormat, StoredRun};
use super::options::PlaceOptions;
use super::print::{self, shown};
use super::sink;
use crate::error::{Error, Exit};
use simpipe_base::digest::Digest;
use simpipe_base::interrupt::LeftToEnd;
use simpipe_runner::RunRecord;

/// Write a run's model, index or embeddings for other programs, or hand on the whole run.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  simpipe export latest
  simpipe export cifar10 --format torch --output cifar10.torch.safetensors
  simpipe export cifar10 --onnx model.onnx
  simpipe export cifar10 --torch model
  simpipe export cifar10 --format torch-module --output model.py
  simpipe export paper --format safetensors --stage train --json
  simpipe export paper --ro-crate paper.zip
  simpipe export latest --tensorboard logs
  simpipe export latest --projector logs/projector
  simpipe export latest --faiss index.faiss
  simpipe export latest --parquet embeddings.parquet --stage embed-validation
  simpipe export latest --format npz
  simpipe export latest --mlflow http://127.0.0.1:5000")]
pub(super) struct ExportArgs {
    /// A run: its id, the start of one, its folder, an experiment's name, a tag or `latest`.
    run: String,
    /// What to write.
    #[arg(long, value_name = "FORMAT", default_value = "torch", value_parser = formats())]
    format: String,
    /// The file; of `tensorboard`, `projector` and `torch-folder` a folder, of `mlflow` the address of a server [default: the
    /// experiment's name with the format's ending, in the current folder].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Same as `--format onnx --output FILE`: raw pixels in, the run's embeddings out.
    #[arg(long, value_name = "FILE", group = "whole", conflicts_with_all = ["format", "output"])]
    onnx: Option<PathBuf>,
    /// Same as `--format torch-folder --output DIR`: weights and a module of PyTorch that loads them.
    #[arg(long, value_name = "DIR", group = "whole", conflicts_with_all = ["format", "output"])]
    torch: Option<PathBuf>,
    /// Same as `--format faiss --output FILE`: the index's vectors by their example ids.
    #[arg(long, value_name = "FILE", group = "whole", conflicts_with_all = ["format", "output"])]
    faiss: Option<PathBuf>,
    /// Same as `--format parquet --output FILE`: embeddings as a table.
    #[arg(long, value_name = "FILE", group = "whole", conflicts_with_all = ["format", "output"])]
    parquet: Option<PathBuf>,
    /// Same as `--format arrow --output FILE`: the same table as an Arrow IPC file.
    #[arg(long, value_name = "FILE", group = "whole", conflicts_with_all = ["format", "output"])]
    arrow: Option<PathBuf>,
    /// Same as `--format npz --output FILE`: embeddings as a NumPy archive.
    #[arg(long, value_name = "FILE", group = "whole", conflicts_with_all = ["format", "output"])]
    npz: Option<PathBuf>,
    /// Same as `--format ro-crate --output FILE`: all files of the run with what made them, as one archive.
    #[arg(long, value_name = "FILE.zip", group = "whole", conflicts_with_all = ["format", "output"])]
    ro_crate: Option<PathBuf>,
    /// Same as `--format tensorboard --output DIR`: event files below a folder.
    #[arg(long, value_name = "DIR", group = "whole", conflicts_with_all = ["format", "output"])]
    tensorboard: Option<PathBuf>,
    /// Same as `--format projector --output DIR`: embeddings for TensorBoard's Embedding Projector.
    #[arg(long, value_name = "DIR", group = "whole", conflicts_with_all = ["format", "output"])]
    projector: Option<PathBuf>,
    /// Same as `--format mlflow --output URL`: parameters, figures and tags to a server.
    #[arg(long, value_name = "URL", group = "whole", conflicts_with_all = ["format", "output"])]
    mlflow: Option<PathBuf>,
    /// The stage whose model, index or embeddings it is, where the run has several; of `onnx` also a stage `embed`, by whose
    /// views and layers the file embeds.
    #[arg(long, value_name = "ID")]
    stage: Option<String>,
    /// Overwrite the file if it is there; send a run once more that a server has.
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
    /// Whether how embeddings are made of the model is part of the file.
    fn writes_use(&self) -> bool {
        false
    }
    /// What the file is called in the folder that `--output` names; `None` where that is the file.
    fn in_folder(&self) -> Option<&'static str> {
        None
    }
}

/// Every format.
const FORMATS: &[&dyn Format] =
    &[&torch::Torch, &torch_module::TorchModule, &torch_folder::TorchFolder, &onnx::Onnx, &safetensors::Safetensors];

/// Every format of a whole run.
const RUN_FORMATS: &[&dyn RunFormat] = &[
    &ro_crate::RoCrate,
    &tensorboard::Tensorboard,
    &projector::Projector,
    &npz::Npz,
    &columns::Parquet,
    &columns::Arrow,
    &faiss::Faiss,
    &mlflow::Mlflow,
];

/// A file that is to be written.
struct Exported {
    bytes: Vec<u8>,
    /// How its tensors are named.
    names: &'static str,
    tensors: Vec<Row>,
    /// Whether the file is code that takes the tensors, and holds none.
    is_code: bool,
    /// Files beside it in its folder.
    beside: Vec<(&'static str, Vec<u8>)>,
    /// What else a program is told of it, by name.
    facts: Map<String, Json>,
    /// What else a person is told.
    words: String,
}

impl Exported {
    /// A file alone.
    fn alone(bytes: Vec<u8>, names: &'static str, tensors: Vec<Row>) -> Self {
        Self { bytes, names, tensors, is_code: false, beside: Vec::new(), facts: Map::new(), words: String::new() }
    }
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
    let of_models = FORMATS.iter().map(|format| (format.name(), format.about()));
    let of_runs = RUN_FORMATS.iter().map(|format| (format.name(), format.about()));
    PossibleValuesParser::new(of_models.chain(of_runs).map(|(name, about)| PossibleValue::new(name).help(about)))
}

impl ExportArgs {
    /// The format and its output, whichever way they are written.
    fn wish(&self) -> (&str, Option<&Path>) {
        let options = [
            ("onnx", &self.onnx),
            ("torch-folder", &self.torch),
            ("faiss", &self.faiss),
            ("parquet", &self.parquet),
            ("arrow", &self.arrow),
            ("npz", &self.npz),
            ("ro-crate", &self.ro_crate),
            ("tensorboard", &self.tensorboard),
            ("projector", &self.projector),
            ("mlflow", &self.mlflow),
        ];
        let short = options.into_iter().find_map(|(name, output)| Some((name, Some(output.as_deref()?))));
        short.unwrap_or((&self.format, self.output.as_deref()))
    }
}

pub(super) fn exec(args: &ExportArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let (name, output) = args.wish();
    if let Some(format) = RUN_FORMATS.iter().find(|format| format.name() == name) {
        return export_run(args, *format, output, out);
    }
    let format = FORMATS.iter().find(|format| format.name() == name);
    let format = format.ok_or_else(|| Error::usage(format!("there is no format `{name}`"), "see `--help`"))?;
    let record = read_record(args)?;
    let root = args.place.root_here()?;
    let output = output.map_or_else(|| PathBuf::from(format.file_name(&record.name)), Path::to_path_buf);
    let file = format.in_folder().map_or_else(|| output.clone(), |name| output.join(name));
    if format.in_folder().is_some() && output == Path::new("-") {
        return Err(Error::usage("the export needs a folder", "name one: `--torch DIR`"));
    }
    if format.in_folder().is_some() && output.is_file() {
        return Err(Error::usage(format!("`{}` is a file", output.display()), "name a folder"));
    }
    refuse_overwriting(&file, args.force)?;
    let store = args.place.open_store_to_read(&root)?.verifying();
    let model = StoredModel::read(&record, args.stage.as_deref(), &store, format.writes_use())?;
    print::store_warnings(&store)?;
    let exported = format.file(&model)?;
    let beside = exported.beside.iter().map(|(name, bytes)| (output.join(name), bytes));
    let files: Vec<(PathBuf, &Vec<u8>)> = std::iter::once((file.clone(), &exported.bytes)).chain(beside).collect();
    for (path, _) in &files[1..] {
        refuse_overwriting(path, args.force)?;
    }
    let writing = LeftToEnd::begin();
    for (path, bytes) in files {
        let help = "choose a file in a writable folder: `--output FILE`";
        sink::write(&path, bytes).map_err(|error| sink::unwritable(&path, &error, help))?;
    }
    drop(writing);
    say(args, format.name(), &model, &file, &exported, out)?;
    Ok(Exit::Done)
}

fn read_record(args: &ExportArgs) -> Result<RunRecord, Error> {
    let root = args.place.root_here()?;
    Ok(RunRecord::read(&args.place.run_folder(&root, &args.run)?)?)
}

/// Hands on a run as a whole.
fn export_run(
    args: &ExportArgs,
    format: &dyn RunFormat,
    output: Option<&Path>,
    out: &mut dyn Write,
) -> Result<Exit, Error> {
    if let Some(stage) = args.stage.as_ref().filter(|_| !format.takes_stage()) {
        let message = format!("`--stage {stage}` chooses a model, and `{}` takes the whole run", format.name());
        return Err(Error::usage(message, "leave `--stage` out"));
    }
    let record = read_record(args)?;
    let output = output.map(|output| output.to_string_lossy().into_owned());
    let output = output.or_else(|| format.default_output(&record.name)).ok_or_else(|| {
        let message = format!("`{}` needs {} to write to", format.name(), format.target());
        Error::usage(message, format!("name it: `--{} ..`", format.name()))
    })?;
    let store = args.place.open_store_to_read(&args.place.root_here()?)?.verifying();
    let run = StoredRun { record: &record, store: &store, stage: args.stage.as_deref() };
    let sent = format.write(&run, &output, args.force)?;
    print::store_warnings(&store)?;
    if args.json {
        let mut report = json!({ "run": record.run, "format": format.name() });
        if let (Json::Object(report), Json::Object(more)) = (&mut report, sent.json) {
            report.extend(more);
        }
        print::json(&report, out)?;
    } else {
        writeln!(out, "{}", sent.words)?;
    }
    Ok(Exit::Done)
}

fn say(
    args: &ExportArgs,
    format: &str,
    model: &StoredModel,
    output: &Path,
    exported: &Exported,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let Exported { bytes, names, tensors, is_code, facts, words, .. } = exported;
    if args.json {
        let mut report = json!({
            "run": model.run, "stage": model.stage, "format": format, "file": output.to_string_lossy(),
            "bytes": bytes.len(), "digest": Digest::of(bytes), "names": names, "tensors": tensors,
        });
        if let Json::Object(report) = &mut report {
            report.extend(facts.clone());
        }
        return Ok(print::json(&report, out)?);
    }
    let (file, count, size) = (output.display(), tensors.len(), print::thousands(bytes.len()));
    let (stage, run) = (shown(&model.stage), shown(&model.run));
    let what = if *is_code { format!("code for {count} tensors") } else { format!("{count} tensors") };
    writeln!(out, "wrote {}: {what} of `{stage}` of {run}, {size} bytes{words}", shown(file))?;
    Ok(())
}

fn refuse_overwriting(output: &Path, force: bool) -> Result<(), Error> {
    let at = output.display();
    if output == Path::new("-") {
        return Err(Error::usage("the export needs a file", "name one: `--output FILE`"));
    }
    if output.is_dir() {
        return Err(Error::usage(format!("`{at}` is a folder"), "name a file: `--output FILE`"));
    }
    if output.is_file() && !force {
        let help = "choose another `--output`, or overwrite it with `--force`";
        return Err(Error::usage(format!("`{at}` already exists"), help));
    }
    Ok(())
}
