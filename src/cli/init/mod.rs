//! `simpipe init`: a first config for a folder of images or a built-in dataset, with comments, that runs as it is.

mod recipe;
mod text;

use std::io::Write;
use std::path::{Component, Path, PathBuf};

use clap::Args;
use serde_json::json;

use self::recipe::{Collection, Recipe, Split};
use self::text::{counted, quoted, shown};
use super::options::plan_of;
use super::print::{self, Paint};
use crate::base::param;
use crate::base::suggest;
use crate::data::source::{Source, SplitRule, Survey, SurveyError};
use crate::error::{Error, Exit};
use crate::spec;

/// Write a first config for a folder of images or a built-in dataset.
#[derive(Debug, Args)]
#[command(after_help = "The folder holds <class>/<image> or <split>/<class>/<image>; images are JPEG or PNG.

Examples:
  simpipe init photos
  simpipe init --from photos --output configs/mine.toml
  simpipe init --dataset cifar10 --name first")]
pub(super) struct InitArgs {
    /// A folder of images.
    #[arg(value_name = "FOLDER", conflicts_with_all = ["from", "dataset"])]
    folder: Option<PathBuf>,
    /// The same, as an option.
    #[arg(long, value_name = "FOLDER", conflicts_with = "dataset")]
    from: Option<PathBuf>,
    /// A built-in dataset instead: cifar10-sample, cifar10, cifar100, fashion-mnist or mnist.
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// The experiment's name [default: that of the folder or dataset].
    #[arg(long)]
    name: Option<String>,
    /// The config to write [default: configs/NAME.toml of the project].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite a config that is there.
    #[arg(long)]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Why no config can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal {
    message: String,
    help: String,
}

impl Refusal {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

impl From<SurveyError> for Refusal {
    fn from(error: SurveyError) -> Self {
        Self { message: error.message, help: error.help }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::usage(refusal.message, refusal.help)
    }
}

pub(super) fn exec(args: &InitArgs, out: &mut dyn Write) -> Result<Exit, Error> {
    let here = std::env::current_dir()?;
    let project = spec::project_above(&here).unwrap_or(&here).to_path_buf();
    let name = name_of(args)?;
    let output =
        args.output.clone().unwrap_or_else(|| shortest(&project.join("configs"), &here).join(format!("{name}.toml")));
    refuse_overwriting(&output, args.force)?;
    let images = match (args.folder.as_ref().or(args.from.as_ref()), &args.dataset) {
        (Some(folder), _) => of_folder(folder, &output)?,
        (None, Some(dataset)) => of_dataset(dataset)?,
        (None, None) => return Err(nothing_named().into()),
    };
    let recipe = Recipe::of(&images)?;
    let text = text::config(&name, &output.display().to_string(), &images, &recipe);
    crate::base::fs::write_atomic(&output, text.as_bytes()).map_err(|error| {
        let message = format!("can't write `{}`: {}", output.display(), error.kind());
        Error::usage(message, "choose a file in a folder that you may write: `--output FILE`")
    })?;
    plan_of(&output, &[])?;
    let warnings = warnings(&images, &recipe);
    if args.json {
        let count: usize = images.train.counts.iter().chain(&images.test.counts).sum();
        let (config, classes) = (output.to_string_lossy(), images.classes.len());
        print::json(
            &json!({ "config": config, "name": name, "classes": classes, "images": count, "warnings": warnings }),
            out,
        )?;
    } else {
        say(&output, &images, &warnings, out)?;
    }
    Ok(Exit::Done)
}

fn say(output: &Path, images: &Collection, warnings: &[String], out: &mut dyn Write) -> Result<(), Error> {
    let paint = Paint::stdout();
    let count = |split: &Split| print::thousands(split.counts.iter().sum());
    let [height, width, channels] = images.image;
    let (classes, config) = (images.classes.len(), output.display());
    let (train, test) = (count(&images.train), count(&images.test));
    let kind = if channels == 1 { "grey" } else { "colour" };
    writeln!(
        out,
        "{}: {classes} classes, {train} images to train on and {test} to test on, {kind}, {height} x {width} pixels",
        shown(&images.subject)
    )?;
    for warning in warnings {
        writeln!(out, "{} {warning}", paint.yellow("warning:"))?;
    }
    writeln!(out, "wrote {config}, which `simpipe check` accepts. Next:\n")?;
    let command = if config.to_string().contains(' ') { format!("'{config}'") } else { config.to_string() };
    writeln!(out, "  simpipe plan {command}")?;
    writeln!(out, "  simpipe run {command}")?;
    Ok(())
}

/// Notes, and the classes that are left out.
fn warnings(images: &Collection, recipe: &Recipe) -> Vec<String> {
    const NAMED: usize = 5;
    let mut warnings: Vec<String> = images.notes.iter().map(|note| shown(note)).collect();
    for (split, draw) in [(&images.train, &recipe.train), (&images.test, &recipe.test)] {
        if draw.tiny.is_empty() {
            continue;
        }
        let names = draw.tiny.iter().take(NAMED);
        let names: Vec<String> =
            names.map(|label| format!("{} ({})", shown(&images.classes[*label]), split.counts[*label])).collect();
        let more = draw.tiny.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let split = shown(&split.name);
        warnings.push(format!("classes with too few images in `{split}` are left out: {}{more}", names.join(", ")));
    }
    warnings
}

fn nothing_named() -> Refusal {
    Refusal::new(
        "say what the images are: a folder, or a built-in dataset",
        format!("`simpipe init FOLDER`, or `simpipe init --dataset NAME` with {}", suggest::one_of(&datasets())),
    )
}

/// Sources that need no path.
fn datasets() -> Vec<&'static str> {
    let needs_none = |name: &&&str| param::from_json::<Source>(&json!(name)).is_ok();
    Source::NAMES.iter().filter(needs_none).copied().collect()
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
    let stem = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let pieces = stem.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|piece| !piece.is_empty());
    let name = pieces.collect::<Vec<_>>().join("-");
    Ok(if spec::is_name(&name) { name } else { "images".to_owned() })
}

fn refuse_overwriting(output: &Path, force: bool) -> Result<(), Refusal> {
    let at = output.display();
    if output.is_dir() {
        return Err(Refusal::new(format!("`{at}` is a folder"), "name a file: `--output configs/mine.toml`"));
    }
    if output.exists() && !force {
        let help = "choose another `--output` or `--name`, or overwrite it with `--force`";
        return Err(Refusal::new(format!("`{at}` is there already"), help));
    }
    Ok(())
}

/// What is in a folder, as a config at `output` names it.
fn of_folder(folder: &Path, output: &Path) -> Result<Collection, Refusal> {
    let survey = Survey::of(folder)?;
    let (size, resize_note) = size_of(&survey);
    let channels = if survey.grey { 1 } else { 3 };
    let config = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let path = shortest(&survey.root, config);
    let path = path.to_str().ok_or_else(|| {
        Refusal::new("the folder's path is not valid UTF-8, and TOML is", "rename the folder, or go through a link")
    })?;
    let mut source = format!("path = {}", quoted(path));
    if let SplitRule::Images(rule) = &survey.rule {
        source += &format!(", split = {{ images = {{ test = {} }} }}", rule.test);
    }
    source += &format!(", resize = [{}, {}]", size[0], size[1]);
    if survey.grey {
        source += ", channels = 1";
    }
    if !survey.broken.is_empty() {
        source += ", on-corrupt = \"skip\"";
    }
    let split = |name: &str| {
        let counts = survey.counts.get(name).cloned().unwrap_or_else(|| vec![0; survey.classes.len()]);
        Split { name: name.to_owned(), counts }
    };
    let everything = survey.checked == survey.files;
    Ok(Collection {
        source: format!("{{ image-folder = {{ {source} }} }}"),
        subject: real(folder).file_name().map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned()),
        train: split(&survey.train),
        test: split(&survey.test),
        image: [size[0], size[1], channels],
        exact: everything || survey.broken.is_empty(),
        notes: notes(&survey, resize_note),
        classes: survey.classes,
    })
}

fn notes(survey: &Survey, resize: Option<String>) -> Vec<String> {
    let mut notes: Vec<String> = resize.into_iter().collect();
    if survey.checked < survey.files {
        let (checked, files) = (print::thousands(survey.checked), print::thousands(survey.files));
        notes.push(format!("{checked} of {files} files were read to know sizes and find broken ones"));
    }
    if let Some((name, reason)) = survey.broken.first() {
        let files = counted(survey.broken.len(), "file", "files");
        notes.push(format!("{files} can't be read and left out, such as `{name}` ({reason})"));
    }
    notes
}

/// The height and width to train at: that of all images if it is small and the same, else a square that trains quickly.
fn size_of(survey: &Survey) -> ([usize; 2], Option<String>) {
    const SMALL: u32 = 96;
    const QUICK: u32 = 64;
    let mut sides: Vec<u32> = Vec::new();
    for ((height, width), count) in &survey.sizes {
        sides.extend(std::iter::repeat_n(*height.min(width), *count));
    }
    sides.sort_unstable();
    let (least, middle) = (survey.sizes.keys().next(), sides[sides.len() / 2]);
    if let (1, Some(&(height, width))) = (survey.sizes.len(), least)
        && height.max(width) <= SMALL
    {
        return ([height as usize, width as usize], None);
    }
    let side = if middle >= QUICK { QUICK } else { (middle / 8 * 8).max(16) };
    let kinds = survey.sizes.len();
    let note = match (kinds, least) {
        (1, Some((height, width))) => {
            format!(
                "the images have {height} x {width} pixels and are scaled to {side} x {side}: raise `resize` for detail"
            )
        }
        _ => format!("the images have {kinds} sizes and are scaled to {side} x {side}: raise `resize` for detail"),
    };
    ([side as usize; 2], Some(note))
}

fn of_dataset(name: &str) -> Result<Collection, Refusal> {
    let known = datasets();
    if !known.contains(&name) {
        let help = match name {
            "image-folder" => "name the folder: `simpipe init FOLDER`".to_owned(),
            _ => suggest::help(name, &known),
        };
        return Err(Refusal::new(format!("there is no built-in dataset `{}`", shown(name)), help));
    }
    let source: Source = param::from_json(&json!(name)).expect("built-in datasets need no parameters");
    let (facts, description) = (source.loader().facts(), source.loader().description());
    let splits = facts.splits.unwrap_or_default();
    let split = |name: &str| {
        let counts = splits.get(name).and_then(|split| split.per_class.clone()).unwrap_or_default();
        Split { name: name.to_owned(), counts }
    };
    Ok(Collection {
        source: quoted(name),
        subject: description.split(" (").next().unwrap_or(description).to_owned(),
        classes: facts.classes.unwrap_or_default(),
        train: split("train"),
        test: split("test"),
        image: facts.image.unwrap_or([32, 32, 3]),
        exact: true,
        notes: Vec::new(),
    })
}

/// `target` as seen from the folder `from`; absolute where the two have nothing in common.
fn shortest(target: &Path, from: &Path) -> PathBuf {
    let (target, from) = (real(target), real(from));
    let common = target.components().zip(from.components()).take_while(|(one, other)| one == other).count();
    if common < 2 {
        return target; // only the root: a relative path would climb through the whole system
    }
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(target.components().skip(common)).collect();
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path }
}

/// The path without links and dots, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let known = path.ancestors().find_map(|folder| Some((folder, folder.canonicalize().ok()?)));
    match known {
        Some((folder, real)) => match path.strip_prefix(folder) {
            Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
            _ => real,
        },
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_inside_a_project_and_absolute_far_away() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("photos/train")).unwrap();
        let path = |target: &str, from: &str| shortest(&root.join(target), &root.join(from));
        assert_eq!(path("photos", "configs"), Path::new("../photos"));
        assert_eq!(path("photos/train", "photos/train"), Path::new("."));
        assert_eq!(shortest(Path::new("/usr"), &root), Path::new("/usr"));
    }

    #[test]
    fn built_in_datasets_need_no_path() {
        assert_eq!(datasets(), ["cifar10-sample", "cifar10", "cifar100", "fashion-mnist", "mnist"]);
        assert_eq!(of_dataset("cifar01").unwrap_err().help, "did you mean `cifar10`?");
        assert!(of_dataset("image-folder").unwrap_err().help.contains("init FOLDER"));
        let mnist = of_dataset("mnist").unwrap();
        assert_eq!((mnist.image, mnist.train.counts.iter().sum::<usize>()), ([28, 28, 1], 60_000));
    }
}
