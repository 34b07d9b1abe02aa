//! The images of a folder or of a table, as a first config names them.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Collection, HeldOut, Split, Unread, division, is_table};
use crate::cli::init::paths::{real, shortest};
use crate::cli::init::refusal::Refusal;
use crate::cli::print;
use crate::cli::toml_text::quoted;
use simpipe_data::source::{BrokenFile, SplitRule, Survey};

/// What is in a folder, as a config at `output` names it.
///
/// A backbone sees colour, and has a size of its own: images come to it in detail.
pub(in crate::cli::init) fn of_folder(
    folder: &Path,
    output: &Path,
    unseen: bool,
    backbone: bool,
) -> Result<Collection, Refusal> {
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
    if let Some(held_out) = held_out.as_ref().filter(|_| survey.divides_classes()) {
        train.counts.iter_mut().zip(&held_out.split.counts).for_each(|(count, held_out)| *count += held_out);
    }
    let held_out = held_out.filter(HeldOut::has_pairs);
    let collection = Collection {
        source: source_of(&shares),
        subject: real(folder).file_name().map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned()),
        train,
        test: split(&survey.test),
        held_out,
        image: [size[0], size[1], channels],
        can_be_unseen: division::unseen(&survey.classes, &survey.counts).is_some(),
        copies: !survey.twins.is_empty() || !everything,
        transparent: survey.transparent,
        exact: everything || survey.broken.is_empty(),
        notes: notes(&survey, resize_note),
        unread: unread(&survey),
        classes: survey.classes.clone(),
    };
    divided(collection, &survey, &source_of(""), unseen)
}

/// The collection with images held out of training as its classes allow; `source` is that of the folder as a whole.
fn divided(mut collection: Collection, survey: &Survey, source: &str, unseen: bool) -> Result<Collection, Refusal> {
    let all = survey.counts.keys().filter(|name| **name != survey.train).cloned().collect();
    let tested = survey.counts.contains_key(&survey.test);
    // A tenth of small classes is an image each, which has no other to be found by.
    if survey.divides_classes() && tested && !unseen && collection.held_out.is_none() {
        return Ok(collection.divided_by_shares(source));
    }
    match unseen || (tested && collection.is_divided_anew()) {
        true => collection.by_class(source, &survey.counts),
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

/// What is said of classes without an image that can be read.
fn unread(survey: &Survey) -> Option<Unread> {
    let lacks = |label: &usize| survey.counts.values().all(|counts| counts.get(*label).is_none_or(|count| *count == 0));
    let lacking: Vec<usize> = (0..survey.classes.len()).filter(lacks).collect();
    let BrokenFile { name, reason, missing, .. } = survey.broken.iter().find(|file| lacking.contains(&file.label))?;
    let named: Vec<String> = lacking.iter().take(5).map(|label| with_formats(survey, *label)).collect();
    let more = if lacking.len() > 5 { format!(" and {} more", lacking.len() - 5) } else { String::new() };
    let message = format!("no image of {}{more} can be read, such as `{name}`: {reason}", named.join(", "));
    Some(Unread { message, missing: *missing })
}

/// A class with the formats of its files that can't be read, as their names end: `dog` (HEIC).
fn with_formats(survey: &Survey, label: usize) -> String {
    let broken = survey.broken.iter().filter(|file| file.label == label && !file.missing);
    let ending = |file: &BrokenFile| Some(Path::new(&file.name).extension()?.to_string_lossy().to_uppercase());
    let formats: BTreeSet<String> = broken.filter_map(ending).collect();
    let formats = Vec::from_iter(formats).join(", ");
    let class = &survey.classes[label];
    if formats.is_empty() { format!("`{class}`") } else { format!("`{class}` ({formats})") }
}

/// What the user should know of what was looked at.
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
