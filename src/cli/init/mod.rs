//! `simpipe init`: a first config for a folder of images or a built-in dataset, with comments, that runs as it is.

mod backbone;
mod collection;
mod paths;
mod recipe;
mod refusal;
mod text;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use self::backbone::Pretrained;
use self::collection::{Collection, Split, datasets, is_table, of_dataset, of_folder, refuse_of_a_shell};
use self::paths::shortest;
use self::recipe::Recipe;
use self::refusal::Refusal;
use super::options::{OverlayOptions, plan_of};
use super::print::{self, Paint, shown};
use super::sink;
use crate::error::{Error, Exit};
use simpipe_base::interrupt::LeftToEnd;
use simpipe_base::suggest;
use simpipe_data::split::ENOUGH;
use simpipe_spec as spec;

/// Write a first config for a folder of images or a built-in dataset.
#[derive(Debug, Args)]
#[command(
    after_help = "The folder holds <class>/<image> or <split>/<class>/<image>; images are JPEG, PNG, WebP, GIF, BMP or TIFF. A \
table is CSV, TSV, JSON Lines or Parquet with the columns `path`, `label` and, optionally, `split`.

Examples:
  simpipe init photos
  simpipe init photos.csv
  simpipe init --from photos --output configs/mine.toml
  simpipe init --unseen-classes photos
  simpipe init photos --backbone efficientnet-lite0.pth
  simpipe init --dataset cifar10 --name first"
)]
pub(super) struct InitArgs {
    /// A folder of images, or a table that lists them.
    #[arg(value_name = "FOLDER", conflicts_with_all = ["from", "dataset"])]
    folder: Option<PathBuf>,
    /// Same as FOLDER.
    #[arg(long, value_name = "FOLDER", conflicts_with = "dataset")]
    from: Option<PathBuf>,
    /// A built-in dataset instead: cifar10-sample, cifar10, cifar100, fashion-mnist or mnist.
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// Test on classes that are never trained on, instead of other images of the same classes.
    #[arg(long)]
    unseen_classes: bool,
    /// Weights of a pretrained network, or the network in ONNX: the config trains a head on its features.
    #[arg(long, value_name = "FILE")]
    backbone: Option<PathBuf>,
    /// Architecture of the weights [default: recognised by their tensors].
    #[arg(long, value_name = "NAME", requires = "backbone")]
    architecture: Option<String>,
    /// Name of the experiment [default: that of the folder or dataset].
    #[arg(long)]
    name: Option<String>,
    /// The config to write [default: configs/NAME.toml of the project].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite an existing config.
    #[arg(long)]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn exec(args: &InitArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let here = std::env::current_dir()?;
    let project = paths::project_for(&here, args.folder.as_deref().or(args.from.as_deref()));
    let name = name_of(args)?;
    let output =
        args.output.clone().unwrap_or_else(|| shortest(&project.join("configs"), &here).join(format!("{name}.toml")));
    refuse_overwriting(&output, args.force)?;
    let backbone = args.backbone.as_deref();
    let backbone = backbone.map(|file| Pretrained::of(file, args.architecture.as_deref(), &output)).transpose()?;
    let folder = args.folder.as_ref().or(args.from.as_ref());
    folder.map_or(Ok(()), |folder| refuse_of_a_shell(folder))?;
    let images = match (folder, &args.dataset) {
        (Some(folder), _) => of_folder(folder, &output, args.unseen_classes, backbone.is_some())?,
        (None, Some(dataset)) => of_dataset(dataset, args.unseen_classes)?,
        (None, None) => return Err(nothing_named().into()),
    };
    if let Some([_, _, 1]) = backbone.as_ref().map(|_| images.image) {
        let message = "the images of this dataset are grey, and a backbone needs colour";
        return Err(Refusal::new(message, "leave out `--backbone`, or give the images as a folder").into());
    }
    let recipe = Recipe::of(&images, backbone)?;
    let text = text::config(&name, &output.display().to_string(), &images, &recipe);
    let help = "choose a file in a writable folder: `--output FILE`";
    let writing = LeftToEnd::begin();
    sink::write(&output, text.as_bytes()).map_err(|error| sink::unwritable(&output, &error, help))?;
    if args.output.is_none() {
        mark(&project)?;
    }
    drop(writing);
    plan_of(&output, &OverlayOptions::default())?;
    let warnings = warnings(&images, &recipe);
    if args.json {
        let count: usize = text::splits(&images, &recipe).into_iter().flat_map(|split| &split.counts).sum();
        let (config, classes) = (output.to_string_lossy(), images.classes.len());
        print::json(
            &json!({ "config": config, "name": name, "classes": classes, "images": count, "transparent": images.transparent, "warnings": warnings }),
            out,
        )?;
    } else {
        say(&output, &images, &text::splits(&images, &recipe), &warnings, out)?;
        if text::could_be_unseen(&images, &recipe) {
            let hint = "The results will be about classes that were trained on. To test new classes, add \
                        `--unseen-classes --force`.";
            writeln!(out, "\n{hint}")?;
        }
    }
    Ok(Exit::Done)
}

/// Makes the folder a project, where it is none yet: results then go there, from wherever in it a command is given.
fn mark(project: &Path) -> Result<(), Error> {
    let (file, text) = (
        project.join(spec::PROJECT_FILE),
        "# This folder is a simpipe project: results go to artifacts/ next to this file.\n",
    );
    if spec::project_above(project).is_some() {
        return Ok(());
    }
    let help = "choose a writable folder, or `--output FILE`";
    sink::write(&file, text.as_bytes()).map_err(|error| sink::unwritable(&file, &error, help))
}

fn say(
    output: &Path,
    images: &Collection,
    splits: &[&Split],
    warnings: &[String],
    out: &mut dyn Write,
) -> Result<(), Error> {
    let paint = Paint::stdout();
    let count = |split: &Split| print::thousands(split.counts.iter().sum());
    let [height, width, channels] = images.image;
    let (classes, config) = (images.classes.len(), output.display());
    let kind = if channels == 1 { "grey" } else { "colour" };
    let counts = match splits {
        [train, held_out, test] => format!(
            "{} images to train on, {} to find the threshold with and {} to test on",
            count(train),
            count(held_out),
            count(test)
        ),
        _ => format!("{} images to train on and {} to test on", count(&images.train), count(&images.test)),
    };
    writeln!(out, "{}: {classes} classes, {counts}, {kind}, {height} x {width} pixels", shown(&images.subject))?;
    for warning in warnings {
        writeln!(out, "{} {warning}", paint.yellow("warning:"))?;
    }
    writeln!(out, "wrote {}, which `simpipe check` accepts. Next:\n", shown(&config))?;
    let command = shown(for_a_shell(&config.to_string()));
    writeln!(out, "  simpipe plan {command}")?;
    writeln!(out, "  simpipe run {command}")?;
    Ok(())
}

/// A path as a shell takes it for one word.
fn for_a_shell(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | ',' | ':' | '@' | '%');
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

/// Notes, and the classes that are left out.
fn warnings(images: &Collection, recipe: &Recipe) -> Vec<String> {
    const NAMED: usize = 5;
    let mut warnings: Vec<String> = images.notes.iter().map(shown).collect();
    if recipe.held_out.is_none() {
        let large = images.train.counts.iter().filter(|count| **count >= ENOUGH).count() >= 2;
        let way = || format!("; with {ENOUGH} or more images in two classes, `init` holds some out");
        let more = if large { String::new() } else { way() };
        warnings.push(format!(
            "no images are held out of training, so the threshold is found on training images and is too strict for new \
             ones{more}"
        ));
    }
    let held_out = images.held_out.as_ref().zip(recipe.held_out.as_ref());
    let held_out = held_out.map(|(held_out, draw)| (&held_out.split, draw));
    let train =
        images.held_out.as_ref().filter(|_| recipe.held_out.is_some()).map_or(&images.train, |held| &held.train);
    for (split, draw) in
        [Some((train, &recipe.train)), held_out, Some((&images.test, &recipe.test))].into_iter().flatten()
    {
        if draw.tiny.is_empty() {
            continue;
        }
        let names = draw.tiny.iter().take(NAMED);
        let names: Vec<String> =
            names.map(|label| format!("{} ({})", shown(&images.classes[*label]), split.counts[*label])).collect();
        let more = draw.tiny.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let split = shown(&split.name);
        warnings.push(format!("classes with too few images in `{split}` are skipped: {}{more}", names.join(", ")));
    }
    warnings
}

fn nothing_named() -> Refusal {
    Refusal::new(
        "name a folder of images or a built-in dataset",
        format!("`simpipe init FOLDER`, or `simpipe init --dataset NAME` with {}", suggest::one_of(&datasets())),
    )
}

/// The experiment's name: the user's, or made from the folder's.
fn name_of(args: &InitArgs) -> Result<String, Refusal> {
    if let Some(name) = &args.name {
        return if spec::is_name(name) {
            Ok(name.clone())
        } else {
            Err(Refusal::new(
                format!("`--name` names a file and a folder, so it can't be `{}`", shown(name)),
                "use letters, digits, `-`, `_` and `.`",
            ))
        };
    }
    if let Some(dataset) = &args.dataset {
        return Ok(dataset.clone());
    }
    let Some(folder) = args.folder.as_ref().or(args.from.as_ref()) else { return Err(nothing_named()) };
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.clone());
    let stem = if is_table(&folder) { folder.file_stem() } else { folder.file_name() };
    let stem = stem.unwrap_or_default().to_string_lossy().to_lowercase();
    let pieces = stem.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|piece| !piece.is_empty());
    let name = pieces.collect::<Vec<_>>().join("-");
    Ok(if spec::is_name(&name) { name } else { "images".to_owned() })
}

fn refuse_overwriting(output: &Path, force: bool) -> Result<(), Refusal> {
    let at = output.display();
    if output == Path::new("-") {
        return Err(Refusal::new("a config is a file", "name one: `--output configs/mine.toml`"));
    }
    if output.is_dir() {
        return Err(Refusal::new(format!("`{at}` is a folder"), "name a file: `--output configs/mine.toml`"));
    }
    if output.exists() && !output.is_file() {
        return Err(Refusal::new(format!("`{at}` is a pipe or a device"), "name a file: `--output configs/mine.toml`"));
    }
    if output.exists() && !force {
        let help = "choose another `--output` or `--name`, or overwrite it with `--force`";
        return Err(Refusal::new(format!("`{at}` already exists"), help));
    }
    Ok(())
}
