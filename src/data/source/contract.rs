//! What a source is asked for and what it is given: its facts, its examples, and access to what its caller has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::{DataError, Storage};
use simpipe_artifact::{About, DecodedFrom, Decodings, Image, NewImage};
use simpipe_base::contents::Contents;
use simpipe_base::digest::Digest;
use simpipe_picture::DecodeOptions;

/// What is known of a source's images before they are read; `None` where only reading tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceFacts {
    /// Names by label.
    pub classes: Option<Vec<String>>,
    /// Height, width, channels, if all images share them.
    pub image: Option<[usize; 3]>,
    /// Split name to counts.
    pub splits: Option<BTreeMap<String, SplitCounts>>,
    /// What is told of each example beside its split and label, by the names of columns.
    pub columns: Vec<String>,
}

/// How many examples a split has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SplitCounts {
    /// Of all classes.
    pub count: usize,
    /// By label.
    pub per_class: Option<Vec<usize>>,
}

impl SplitCounts {
    /// Counts by label.
    #[must_use]
    pub fn of_classes(per_class: Vec<usize>) -> Self {
        Self { count: per_class.iter().sum(), per_class: Some(per_class) }
    }
}

/// One labelled image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example<'a> {
    /// `train`, `test`, ...
    pub split: &'a str,
    /// Index into the classes.
    pub label: i32,
    /// The pixels, or the file that they come from.
    pub image: NewImage,
    /// The path of its file inside the source, with `/` between the parts; empty where it has none.
    pub name: &'a str,
    /// What else is known about it.
    pub about: About,
    /// What it has in [`Access::column`].
    pub value: Option<&'a str>,
    /// What it was decoded from, where that is hashed by itself.
    pub decoded_from: Option<DecodedFrom>,
}

impl<'a> Example<'a> {
    /// An image of which nothing more is known.
    #[must_use]
    pub fn new(split: &'a str, label: i32, image: Image) -> Self {
        Self { split, label, image: image.into(), name: "", about: About::default(), value: None, decoded_from: None }
    }
}

/// What a source can say once it has handed out every example.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Names by label.
    pub classes: Vec<String>,
    /// Files left out because they can't be read, where the spec allows that.
    pub skipped: Vec<String>,
    /// Images with pixels that are not opaque.
    pub transparent: usize,
    /// Images whose pixels came from [`Access::earlier`].
    pub taken_over: usize,
}

/// How far the loading is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Units done.
    pub done: u64,
    /// Units in all.
    pub total: u64,
    /// `images` or `bytes`.
    pub unit: &'static str,
    /// Such as the file under way.
    pub message: String,
}

/// What a source needs from its caller.
pub struct Access<'a> {
    /// Folder for downloaded files.
    pub downloads: &'a Path,
    /// Takes progress.
    pub on_progress: &'a dyn Fn(Step),
    /// Whether the user wants to stop.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Takes what was read, under the name that [`Load::digests`] gives it: the result is stored only if it is what the
    /// key was made of.
    pub on_read: &'a dyn Fn(&str, Digest),
    /// One of [`SourceFacts::columns`] that each example is to come with.
    pub column: Option<&'a str>,
    /// Images that were decoded before, with the same options.
    pub earlier: Option<&'a Decodings>,
    /// Which images are handed out as the files that they came as.
    pub storage: &'a Storage,
}

impl Access<'_> {
    /// Says what was read. A source says it as soon as everything is read, before it complains of what it found: bytes
    /// that changed meanwhile are often no image either.
    pub(super) fn has_read(&self, read: &[(String, Digest)]) {
        read.iter().for_each(|(name, digest)| (self.on_read)(name, *digest));
    }

    /// Says how far the images are, and stops if the user wants to.
    ///
    /// # Errors
    /// [`DataError::Stopped`] then.
    pub(super) fn images(&self, done: usize, total: usize) -> Result<(), DataError> {
        (self.on_progress)(Step { done: done as u64, total: total as u64, unit: "images", message: String::new() });
        if (self.stop)() { Err(DataError::Stopped) } else { Ok(()) }
    }
}

/// Takes examples in order.
pub type Sink<'a> = dyn FnMut(Example<'_>) -> Result<(), DataError> + 'a;

/// Digests of files' contents, possibly remembered from an earlier call.
pub type DigestFile<'a> = dyn Contents + 'a;

/// Where a source looks for its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file or folder.
    pub path: PathBuf,
    /// Whether everything is there, by name alone: no byte is read.
    pub complete: bool,
}

impl Place {
    /// A place that is complete once it exists.
    pub(super) fn of(path: PathBuf) -> Self {
        Self { complete: path.exists(), path }
    }
}

/// What every source provides.
pub trait Load {
    /// What it is, with its licence or citation.
    fn description(&self) -> &'static str;

    /// What is known before the data is read: at most names and lists are looked at.
    fn facts(&self) -> SourceFacts;

    /// The same once the data is about to be read, however long it takes: classes and columns are known then.
    ///
    /// # Errors
    /// If the data is not there or is not what it should be.
    fn look(&self, _access: &Access<'_>) -> Result<SourceFacts, DataError> {
        Ok(self.facts())
    }

    /// How images that it hands out encoded become pixels; nothing where it hands out pixels alone.
    fn decoding(&self) -> Option<DecodeOptions> {
        None
    }

    /// The file or folder that the spec names, if it names one.
    fn path(&self) -> Option<&Path> {
        None
    }

    /// What is allowed but seldom meant: a message and what to do.
    fn doubt(&self) -> Option<(&'static str, String, String)> {
        None
    }

    /// Digests of the content that it reads, by name. The same images give the same digests, wherever they lie.
    ///
    /// # Errors
    /// If the data that the spec points to is not there.
    fn digests(&self, digest_file: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError>;

    /// Where it looks for its data, in that order; none for data inside the program. `downloads` is the folder of
    /// downloaded files.
    fn places(&self, downloads: &Path) -> Vec<Place>;

    /// Hands every example to `sink`, always in the same order, and says through [`Access::on_read`] what those were
    /// decoded from: digests of the very bytes, under the names and by the rules of [`Load::digests`].
    ///
    /// # Errors
    /// If the data is not there or is not what it should be, and whatever `sink` gives.
    fn load(&self, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError>;
}
