//! The images that a first config is for: a folder that was looked at, or a built-in dataset.

mod division;
mod folder;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

pub(super) use self::folder::of_folder;
use super::super::print::{self, shown};
use super::super::toml_text::quoted;
use super::refusal::Refusal;
use simpipe_base::param::{self, left_to_a_shell};
use simpipe_base::suggest;
use simpipe_data::source::Source;
use simpipe_data::split::{TEST, TRAIN};

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
    /// Images that can be held out of training, if any.
    pub(super) held_out: Option<HeldOut>,
    /// Whether there are enough classes to test some that are never trained on.
    pub(super) can_be_unseen: bool,
    /// Whether copies of what is trained on may be tested: a picture was seen in two classes, or not all were looked at.
    pub(super) copies: bool,
    /// Height, width and channels of what the network sees.
    pub(super) image: [usize; 3],
    /// How many images looked at have pixels that are not opaque.
    pub(super) transparent: usize,
    /// Whether the counts are those that a run will find.
    pub(super) exact: bool,
    /// What the user should know.
    pub(super) notes: Vec<String>,
    /// What is said of classes without an image that can be read.
    pub(super) unread: Option<Unread>,
}

/// Classes without an image that can be read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unread {
    /// Which, and why the first of their files is not read.
    pub(super) message: String,
    /// Whether there is no such file.
    pub(super) missing: bool,
}

/// How images are held out of training, and what is then left.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HeldOut {
    /// The dataset's `source` then, as TOML.
    pub(super) source: String,
    /// The dataset's `split` then, as TOML, where it has one.
    pub(super) rule: Option<String>,
    /// What is trained on.
    pub(super) train: Split,
    /// What is held out.
    pub(super) split: Split,
    /// Whether test classes are never trained on: then there is no other way.
    pub(super) by_class: bool,
}

impl HeldOut {
    /// Whether two classes of two images are held out, and as many are left.
    fn has_pairs(&self) -> bool {
        let pairs = |split: &Split| split.counts.iter().filter(|count| **count > 1).count();
        pairs(&self.train) >= 2 && pairs(&self.split) >= 2
    }
}

/// One split of a collection.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Split {
    pub(super) name: String,
    /// Images by label.
    pub(super) counts: Vec<usize>,
}

/// Refuses a path that a shell was meant to write out.
pub(super) fn refuse_of_a_shell(folder: &Path) -> Result<(), Refusal> {
    let message = folder.to_str().and_then(|written| left_to_a_shell(written, shown(written)));
    message.filter(|_| !folder.exists()).map_or(Ok(()), |message| {
        Err(Refusal::new(message, "leave out the quotes, or write out the folder, such as `/home/me/photos`"))
    })
}

/// Whether a file is a table of images, told by its name.
pub(super) fn is_table(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    let known = |extension: String| matches!(extension.as_str(), "csv" | "tsv" | "jsonl" | "ndjson" | "parquet");
    path.is_file() && extension.is_some_and(known)
}

impl Collection {
    /// Classes of two images or more.
    fn pairs(&self) -> usize {
        let held_out = self.held_out.as_ref().map(|held_out| &held_out.split.counts);
        let count = |label: usize| {
            let held_out = held_out.and_then(|counts| counts.get(label)).copied().unwrap_or(0);
            self.train.counts[label] + self.test.counts[label] + held_out
        };
        (0..self.classes.len()).filter(|label| count(*label) > 1).count()
    }

    /// Every image is a class of its own: such a set is trained on by two views of each, and nothing in it can be looked up.
    fn lone(&self) -> Refusal {
        let classes = print::thousands(self.classes.len());
        Refusal::new(
            format!("none of the {classes} classes has two images, so that no image has another to be found by"),
            "add a second image of some classes; a config of your own can train on views of each image with `sampler = \
             \"single-shot\"` and `views = 2`: see `simpipe docs single-shot`",
        )
    }

    /// A refusal for too few images, with the way out that there is.
    pub(super) fn explained(&self, refusal: Refusal) -> Refusal {
        if let Some(Unread { message, missing }) = &self.unread {
            let help = match *missing {
                true => "correct the paths: they are relative to the table",
                false => "convert them to JPEG or PNG, or remove these classes",
            };
            return Refusal::new(format!("{}: {message}", refusal.message), help);
        }
        refusal
    }

    /// What can be done where the images of classes are too few to be divided.
    pub(super) fn way_out(&self, refusal: Refusal) -> Refusal {
        let usable = self.pairs();
        let help = if self.can_be_unseen {
            "the classes are too small to hold images back: test whole classes with `--unseen-classes`, which writes \
             `split = { classes = .. }`"
                .to_owned()
        } else if usable >= 4 {
            "the classes are too small to hold images back: use 6 images of each, or 7 classes for `--unseen-classes`; \
             a config of your own can test half of the classes with `split = { classes = { test = 0.5 } }`"
                .to_owned()
        } else {
            format!("{}, at least 6 of each of two classes", refusal.help)
        };
        self.explained(Refusal { help, ..refusal })
    }
}

/// A built-in dataset.
pub(super) fn of_dataset(name: &str, unseen: bool) -> Result<Collection, Refusal> {
    let known = datasets();
    if !known.contains(&name) {
        let help = match name {
            "image-folder" => "name the folder: `simpipe init FOLDER`".to_owned(),
            "omniglot" => "its classes are known only from its archives: start from configs/omniglot.toml".to_owned(),
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
    let (train, test) = (split(TRAIN), split(TEST));
    let counts = |split: &Split| (split.name.clone(), split.counts.clone());
    let both = BTreeMap::from([counts(&train), counts(&test)]);
    let classes = facts.classes.unwrap_or_default();
    let collection = Collection {
        source: quoted(name),
        subject: description.split(" (").next().unwrap_or(description).to_owned(),
        can_be_unseen: division::unseen(&classes, &both).is_some(),
        copies: false,
        classes,
        train,
        test,
        held_out: None,
        image: facts.image.unwrap_or([32, 32, 3]),
        transparent: 0,
        exact: true,
        notes: Vec::new(),
        unread: None,
    };
    match unseen {
        true => collection.by_class(&quoted(name), &both),
        false => Ok(collection.divided(vec![TEST.to_owned()])),
    }
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

    pub(super) fn small(images: usize, classes: usize) -> Collection {
        let counts = |count: usize| Split { name: "train".to_owned(), counts: vec![count; classes] };
        Collection {
            source: String::new(),
            subject: String::new(),
            classes: (0..classes).map(|at| format!("c{at}")).collect(),
            train: counts(images - 1),
            test: counts(1),
            held_out: None,
            can_be_unseen: classes >= 7,
            copies: false,
            image: [32, 32, 3],
            transparent: 0,
            exact: true,
            notes: Vec::new(),
            unread: None,
        }
    }

    #[test]
    fn too_few_images_have_a_way_out() {
        let help = |images, classes| small(images, classes).way_out(Refusal::new("few", "bring more images")).help;
        assert!(help(4, 12).contains("`--unseen-classes`, which writes `split = { classes = .. }`"));
        assert!(help(3, 5).contains("split = { classes = { test = 0.5 } }"));
        assert_eq!(help(3, 2), "bring more images, at least 6 of each of two classes");
        let refused = |missing: bool| {
            let unread = Some(Unread { message: "no image of `z` can be read".to_owned(), missing });
            Collection { unread, ..small(4, 12) }.way_out(Refusal::new("few", "more"))
        };
        assert_eq!(refused(false).message, "few: no image of `z` can be read");
        assert!(refused(false).help.starts_with("convert them"));
        assert!(refused(true).help.contains("relative to the table"));
    }

    #[test]
    fn built_in_datasets_need_no_path() {
        assert_eq!(datasets(), ["cifar10-sample", "cifar10", "cifar100", "fashion-mnist", "mnist"]);
        assert_eq!(of_dataset("cifar01", false).unwrap_err().help, "did you mean `cifar10`?");
        assert!(of_dataset("image-folder", false).unwrap_err().help.contains("init FOLDER"));
        assert!(of_dataset("omniglot", false).unwrap_err().help.contains("configs/omniglot.toml"));
        let mnist = of_dataset("mnist", false).unwrap();
        assert_eq!((mnist.image, mnist.train.counts.iter().sum::<usize>()), ([28, 28, 1], 60_000));
    }
}
