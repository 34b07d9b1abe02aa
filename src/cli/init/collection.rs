//! The images that a first config is for: a folder that was looked at, or a built-in dataset.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::super::print::{self, shown};
use super::super::toml_text::quoted;
use super::Refusal;
use super::paths::{real, shortest};
use simpipe_base::param::{self, left_to_a_shell};
use simpipe_base::suggest;
use simpipe_data::source::{BrokenFile, Source, SplitCounts, SplitRule, Survey};
use simpipe_data::split::{HELD_OUT, Split as Rule, TEST, TRAIN, Undivided, VALIDATION};

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

/// Shares of the classes that are held out of training, and tested.
const UNSEEN: (f64, f64) = (0.2, 0.4);
/// Fewer images of a class than this are not divided by chance, which might leave none, but by a share of each class.
const DIVIDED: usize = 150;
/// That share is one of so many.
const EACH: usize = 5;
/// Classes of so many images have two to spare for each split, should some images be copies of others.
const APART: usize = 8;

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

/// What is in a folder, as a config at `output` names it.
///
/// A backbone sees colour, and has a size of its own: images come to it in detail.
pub(super) fn of_folder(folder: &Path, output: &Path, unseen: bool, backbone: bool) -> Result<Collection, Refusal> {
    let table = is_table(folder);
    let survey = if table { Survey::of_table(folder)? } else { Survey::of(folder)? };
    let (size, resize_note) = size_of(&survey, if backbone { &DETAILED } else { &QUICK });
    let grey = survey.grey && !backbone;
    let channels = if grey { 1 } else { 3 };
    let config = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let path = shortest(&survey.root, config);
    let path = path.to_str().ok_or_else(|| {
        Refusal::new("the folder's path is not valid UTF-8, as TOML requires", "rename the folder, or use a link")
    })?;
    let (shares, held_shares) = shares(&survey.rule);
    let mut source = format!(", resize = [{}, {}]", size[0], size[1]);
    if grey {
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
    let kind = if table { "manifest" } else { "image-folder" };
    let source_of = |shares: &str| format!("{{ {kind} = {{ path = {}{shares}{source} }} }}", quoted(path));
    let held_out = survey.held_out.as_ref().map(|name| HeldOut {
        source: source_of(&held_shares),
        rule: None,
        train: split(&survey.train),
        split: split(name),
        by_class: false,
    });
    let mut train = split(&survey.train);
    if let (Some(held_out), SplitRule::Images(_)) = (&held_out, &survey.rule) {
        train.counts.iter_mut().zip(&held_out.split.counts).for_each(|(count, held_out)| *count += held_out);
    }
    let mut collection = Collection {
        source: source_of(&shares),
        subject: real(folder).file_name().map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned()),
        train,
        test: split(&survey.test),
        held_out,
        image: [size[0], size[1], channels],
        can_be_unseen: self::unseen(&survey.classes, &survey.counts).is_some(),
        copies: !survey.twins.is_empty() || !everything,
        transparent: survey.transparent,
        exact: everything || survey.broken.is_empty(),
        notes: notes(&survey, resize_note),
        unread: unread(&survey),
        classes: survey.classes,
    };
    let all = survey.counts.keys().filter(|name| **name != survey.train).cloned().collect();
    let tested = survey.counts.contains_key(&survey.test);
    match unseen || (tested && collection.is_divided_anew()) {
        true => collection.by_class(&source_of(""), &survey.counts),
        false if tested => Ok(collection.divided(all)),
        false => collection.tested_by_chance(),
    }
}

/// How a spec says the rule by which a folder is divided: without what is held out of training, and with it.
fn shares(rule: &SplitRule) -> (String, String) {
    match rule {
        SplitRule::Images(rule) => (
            format!(", split = {{ images = {{ test = {} }} }}", rule.test),
            format!(", split = {{ images = {{ test = {}, validation = {} }} }}", rule.test, rule.validation),
        ),
        SplitRule::Folders | SplitRule::Classes(_) => (String::new(), String::new()),
    }
}

/// Whether a file is a table of images, told by its name.
pub(super) fn is_table(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    let known = |extension: String| matches!(extension.as_str(), "csv" | "tsv" | "jsonl" | "ndjson" | "parquet");
    path.is_file() && extension.is_some_and(known)
}

/// What is said of classes without an image that can be read.
fn unread(survey: &Survey) -> Option<Unread> {
    let lacks = |label: &usize| survey.counts.values().all(|counts| counts.get(*label).is_none_or(|count| *count == 0));
    let names: Vec<String> =
        (0..survey.classes.len()).filter(lacks).map(|label| format!("`{}`", survey.classes[label])).collect();
    let BrokenFile { name, reason, missing } = survey.broken.first().filter(|_| !names.is_empty())?;
    let shown = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    let more = if names.len() > 5 { format!(" and {} more", names.len() - 5) } else { String::new() };
    let message = format!("no image of {shown}{more} can be read, such as `{name}`: {reason}");
    Some(Unread { message, missing: *missing })
}

impl Collection {
    /// Whether other classes are tested than trained on, and none are held out to find thresholds with: then all of them are
    /// divided anew, and that is noted.
    fn is_divided_anew(&mut self) -> bool {
        let mut counts = self.train.counts.iter().zip(&self.test.counts);
        let apart = counts.all(|(train, test)| *train == 0 || *test == 0);
        let anew = apart && self.held_out.is_none() && self.can_be_unseen;
        if anew {
            let note = "no class of `test` is in `train`, and thresholds are found with classes of neither: the `split` of the \
                        dataset divides all classes anew; `simpipe docs split` has other ways";
            self.notes.push(note.to_owned());
        }
        anew
    }

    /// The same images with classes for testing that are never trained on.
    fn by_class(mut self, source: &str, counts: &BTreeMap<String, Vec<usize>>) -> Result<Self, Refusal> {
        if self.pairs() == 0 {
            return Err(self.explained(self.lone()));
        }
        let [train, split, test] = unseen(&self.classes, counts).ok_or_else(|| {
            let message = format!("{} classes are too few to keep some unseen", self.classes.len());
            self.explained(Refusal::new(
                message,
                "leave out `--unseen-classes`, or use at least 7 classes of two images each",
            ))
        })?;
        let rule = Some(format!("{{ classes = {{ validation = {}, test = {} }} }}", UNSEEN.0, UNSEEN.1));
        let held_out = HeldOut { source: source.to_owned(), rule, train: train.clone(), split, by_class: true };
        (self.train, self.test, self.held_out) = (train, test, Some(held_out));
        Ok(self)
    }

    /// Of a table that says no splits, where classes are large: shares of the images for testing and validation.
    fn tested_by_chance(mut self) -> Result<Self, Refusal> {
        if self.pairs() == 0 {
            return Err(self.explained(self.lone()));
        }
        if self.smallest() < DIVIDED {
            if self.can_be_stratified() {
                return Ok(self.tested_by_shares());
            }
            let message = "the table has no column `split`, and its classes are too small to split at random";
            let unseen = if self.can_be_unseen { "test whole classes with `--unseen-classes`, or " } else { "" };
            let help = format!("{unseen}add a column `split` of `train` and `test`");
            return Err(self.explained(Refusal::new(message, help)));
        }
        let part = |name: &str, percent: usize| Split {
            name: name.to_owned(),
            counts: self.train.counts.iter().map(|count| count * percent / 100).collect(),
        };
        // Chance gives a fifth to `test`, more or less: what is indexed and asked is surely there with three of four.
        let (train, held_out, test) = (part(TRAIN, 70), part(VALIDATION, 10), part(TEST, 15));
        let untested = part(TRAIN, 85);
        let rule = Some(format!("{{ images = {{ validation = {HELD_OUT}, test = 0.2 }} }}"));
        self.held_out = Some(HeldOut { source: self.source.clone(), rule, train, split: held_out, by_class: false });
        (self.train, self.test, self.exact) = (untested, test, false);
        Ok(self)
    }

    /// Of such a table with smaller classes: exact shares of each class.
    fn tested_by_shares(mut self) -> Self {
        let split = |name: &str, counts: Vec<usize>| Split { name: name.to_owned(), counts };
        let (rest, test) = fifths(&self.train.counts, &self.train.counts);
        let (train, held_out) = fifths(&rest, &self.train.counts);
        self.held_out = Some(HeldOut {
            source: self.source.clone(),
            rule: Some("{ images = { validation = 0.2, test = 0.2, stratified = true } }".to_owned()),
            train: split(TRAIN, train),
            split: split(VALIDATION, held_out),
            by_class: false,
        });
        // Copies of an image stay together, which may move some.
        (self.train, self.test, self.exact) = (split(TRAIN, rest), split(TEST, test), false);
        self
    }

    /// Images of the smallest class that there is in training.
    fn smallest(&self) -> usize {
        self.train.counts.iter().copied().filter(|count| *count > 0).min().unwrap_or(0)
    }

    /// Whether a share of each class leaves, and gives, at least two images of two classes.
    fn can_be_stratified(&self) -> bool {
        self.train.counts.iter().filter(|count| **count >= APART).count() >= 2
    }

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

    /// Where nothing is held out yet and classes are large enough: a share of the training images, by chance or of each class;
    /// the splits `keep` as they are.
    fn divided(mut self, keep: Vec<String>) -> Self {
        let by_chance = self.smallest() >= DIVIDED;
        // Images held out would join those of a split of that name.
        if self.held_out.is_some()
            || !(by_chance || self.can_be_stratified())
            || keep.iter().any(|name| name == VALIDATION)
        {
            return self;
        }
        // Without a kept `test` a fifth would become one, which nothing here looks at.
        let tested = if keep.iter().any(|name| name == TEST) { "" } else { "test = 0.0, " };
        let keep: Vec<String> = keep.iter().map(|name| quoted(name)).collect();
        let part = |tenths: usize| self.train.counts.iter().map(|count| count * tenths / 10).collect();
        let (share, (train, held_out)) = match by_chance {
            true => (format!("validation = {HELD_OUT}"), (part(9), part(1))),
            false => ("validation = 0.2, stratified = true".to_owned(), fifths(&self.train.counts, &self.train.counts)),
        };
        self.held_out = Some(HeldOut {
            source: self.source.clone(),
            rule: Some(format!("{{ images = {{ {share}, {tested}keep = [{}] }} }}", keep.join(", "))),
            train: Split { name: TRAIN.to_owned(), counts: train },
            split: Split { name: VALIDATION.to_owned(), counts: held_out },
            by_class: false,
        });
        self
    }
}

/// What is left of each class, and what goes, where a fifth of `all` its images, rounded up, is taken of those that are left:
/// the rule of `stratified`, which leaves one.
fn fifths(left: &[usize], all: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let taken = |(left, all): (&usize, &usize)| all.div_ceil(EACH).min(left.saturating_sub(1));
    let taken: Vec<usize> = left.iter().zip(all).map(taken).collect();
    (left.iter().zip(&taken).map(|(left, taken)| left - taken).collect(), taken)
}

/// Training, validation and test with classes of their own; `None` where one of them would not have two classes of two images.
fn unseen(classes: &[String], counts: &BTreeMap<String, Vec<usize>>) -> Option<[Split; 3]> {
    let (validation, test) = UNSEEN;
    let division: Rule = param::from_json(&json!({ "classes": { "validation": validation, "test": test } }))
        .expect("the shares are valid");
    let splits = counts.iter().map(|(name, counts)| (name.clone(), SplitCounts::of_classes(counts.clone()))).collect();
    let found = division.counts(Undivided { classes: Some(classes), splits: Some(&splits), columns: None })?;
    let split = |name: &str| {
        let counts = found.get(name).and_then(|split| split.per_class.clone());
        Split { name: name.to_owned(), counts: counts.unwrap_or_else(|| vec![0; classes.len()]) }
    };
    let splits = [TRAIN, VALIDATION, TEST].map(split);
    let present = |split: &Split| split.counts.iter().filter(|count| **count > 1).count();
    splits.iter().all(|split| present(split) >= 2).then_some(splits)
}

fn notes(survey: &Survey, resize: Option<String>) -> Vec<String> {
    let mut notes: Vec<String> = resize.into_iter().collect();
    if survey.checked < survey.files {
        let (checked, files) = (print::thousands(survey.checked), print::thousands(survey.files));
        notes.push(format!("{checked} of {files} files were read to find sizes and broken files"));
    }
    if survey.transparent > 0 {
        let (images, read) = (print::counted(survey.transparent, "image", "images"), print::thousands(survey.checked));
        notes.push(format!(
            "with transparent pixels: {images} of {read} checked; they are drawn on white, or on the source's \
             `background`"
        ));
    }
    if let Some((one, other)) = survey.twins.first() {
        let pictures = print::counted(survey.twins.len(), "picture stands", "pictures stand");
        notes.push(format!("{pictures} in two classes, such as `{one}` and `{other}`: one of the two is wrong"));
    }
    if let Some(BrokenFile { name, reason, .. }) = survey.broken.first() {
        let files = print::counted(survey.broken.len(), "file", "files");
        notes.push(format!("unreadable and skipped: {files}, such as `{name}` ({reason})"));
    }
    notes.extend(unread(survey).map(|unread| unread.message));
    notes
}

/// Sizes that a network is given.
struct Sides {
    /// Images of one size up to this stay as they are.
    small: u32,
    /// Others become squares of this side.
    most: u32,
}

/// For a network that is trained from nothing.
const QUICK: Sides = Sides { small: 96, most: 64 };
/// For one that was trained on images of 224 x 224.
const DETAILED: Sides = Sides { small: 256, most: 224 };

/// The height and width to train at: that of all images if it is small and the same, else a square that the network is quick
/// with.
fn size_of(survey: &Survey, sides_of: &Sides) -> ([usize; 2], Option<String>) {
    let Sides { small, most } = *sides_of;
    let mut sides: Vec<u32> = Vec::new();
    for ((height, width), count) in &survey.sizes {
        sides.extend(std::iter::repeat_n(*height.min(width), *count));
    }
    sides.sort_unstable();
    let (least, middle) = (survey.sizes.keys().next(), sides[sides.len() / 2]);
    if let (1, Some(&(height, width))) = (survey.sizes.len(), least)
        && height.max(width) <= small
    {
        return ([height as usize, width as usize], None);
    }
    let side = if middle >= most { most } else { (middle / 8 * 8).max(16) };
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
        can_be_unseen: self::unseen(&classes, &both).is_some(),
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

    fn small(images: usize, classes: usize) -> Collection {
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
    fn a_table_without_splits_is_divided_where_its_classes_are_large() {
        let large = |images| Collection { test: Split { name: "test".into(), counts: vec![0; 8] }, ..small(images, 8) };
        let divided = large(201).tested_by_chance().unwrap();
        let held_out = divided.held_out.unwrap();
        assert_eq!((held_out.train.counts[0], held_out.split.counts[0], divided.test.counts[0]), (140, 20, 30));
        assert_eq!(held_out.rule.as_deref(), Some("{ images = { validation = 0.1, test = 0.2 } }"));
        let refused = large(7).tested_by_chance().unwrap_err();
        assert!(refused.help.contains("--unseen-classes") && refused.help.contains("column `split`"), "{refused:?}");
    }

    #[test]
    fn smaller_classes_give_an_exact_share_each() {
        let bare = Collection { test: Split { name: "test".into(), counts: vec![0; 8] }, ..small(10, 8) };
        let divided = bare.tested_by_chance().unwrap();
        let held_out = divided.held_out.unwrap();
        assert_eq!((held_out.train.counts[0], held_out.split.counts[0], divided.test.counts[0]), (5, 2, 2));
        assert_eq!(divided.train.counts[0], 7, "those that are held out are no test images");
        assert_eq!(held_out.rule.as_deref(), Some("{ images = { validation = 0.2, test = 0.2, stratified = true } }"));
        let held_out = small(13, 3).divided(vec!["test".to_owned()]).held_out.unwrap();
        assert_eq!((held_out.train.counts[0], held_out.split.counts[0]), (9, 3));
        let rule = "{ images = { validation = 0.2, stratified = true, keep = [\"test\"] } }";
        assert_eq!(held_out.rule.as_deref(), Some(rule));
        assert_eq!(small(6, 3).divided(vec!["test".to_owned()]).held_out, None, "too few to spare any");
        assert_eq!(fifths(&[1, 2, 6, 0], &[1, 2, 6, 0]), (vec![1, 1, 4, 0], vec![0, 1, 2, 0]));
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
