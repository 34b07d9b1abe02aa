//! The images that a first config is for: a folder that was looked at, or a built-in dataset.

use std::path::Path;

use serde_json::json;

use super::super::print::{self, shown};
use super::super::toml_text::quoted;
use super::Refusal;
use super::paths::{real, shortest};
use super::text::counted;
use crate::base::param;
use crate::base::suggest;
use crate::data::source::{Source, SplitRule, Survey};

/// Images for training and testing, by label.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Collection {
    /// The dataset's `source`, as TOML.
    pub(super) source: String,
    /// What was looked at: the folder's name, or `CIFAR-10`.
    pub(super) subject: String,
    /// Names by label.
    pub(super) classes: Vec<String>,
    pub(super) train: Split,
    pub(super) test: Split,
    /// Height, width and channels of what the network sees.
    pub(super) image: [usize; 3],
    /// How many images looked at have pixels that are not opaque.
    pub(super) transparent: usize,
    /// Whether the counts are those that a run will find.
    pub(super) exact: bool,
    /// What the user should know.
    pub(super) notes: Vec<String>,
}

/// One split of a collection.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Split {
    pub(super) name: String,
    /// Images by label.
    pub(super) counts: Vec<usize>,
}

/// What is in a folder, as a config at `output` names it.
pub(super) fn of_folder(folder: &Path, output: &Path) -> Result<Collection, Refusal> {
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
        transparent: survey.transparent,
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
    if survey.transparent > 0 {
        let (images, read) = (counted(survey.transparent, "image", "images"), print::thousands(survey.checked));
        notes.push(format!(
            "with transparent pixels: {images} of {read} looked at; white is seen behind them, another colour with \
             `background` of the source"
        ));
    }
    if let Some((name, reason)) = survey.broken.first() {
        let files = counted(survey.broken.len(), "file", "files");
        notes.push(format!("unreadable and left out: {files}, such as `{name}` ({reason})"));
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

/// A built-in dataset.
pub(super) fn of_dataset(name: &str) -> Result<Collection, Refusal> {
    let known = datasets();
    if !known.contains(&name) {
        let help = match name {
            "image-folder" => "name the folder: `simpipe init FOLDER`".to_owned(),
            "omniglot" => {
                "its classes are known once its archives are there: start from configs/omniglot.toml".to_owned()
            }
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
        transparent: 0,
        exact: true,
        notes: Vec::new(),
    })
}

/// Sources that need no path and whose classes are known before anything is read.
pub(super) fn datasets() -> Vec<&'static str> {
    let needs_none = |name: &&&str| {
        let source: Option<Source> = param::from_json(&json!(name)).ok();
        source.is_some_and(|source| source.loader().facts().classes.is_some())
    };
    Source::NAMES.iter().filter(needs_none).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_datasets_need_no_path() {
        assert_eq!(datasets(), ["cifar10-sample", "cifar10", "cifar100", "fashion-mnist", "mnist"]);
        assert_eq!(of_dataset("cifar01").unwrap_err().help, "did you mean `cifar10`?");
        assert!(of_dataset("image-folder").unwrap_err().help.contains("init FOLDER"));
        assert!(of_dataset("omniglot").unwrap_err().help.contains("configs/omniglot.toml"));
        let mnist = of_dataset("mnist").unwrap();
        assert_eq!((mnist.image, mnist.train.counts.iter().sum::<usize>()), ([28, 28, 1], 60_000));
    }
}
