//! Sources of labelled images: one a file, one word in [`Source`] adds one.
//!
//! A source says what is known before its data is touched, names the content that it reads, and hands out its
//! examples in an order that depends on nothing but that content.
//!
//! Where the images are files, a source is a list of them (`listing`): `pictures` then does the rest. Where they lie in
//! other files, `pictures` decodes what the source hands it piece by piece.

#[macro_use]
mod pictures;

mod archive;
mod cars;
mod cifar;
mod cifar10_sample;
mod class_names;
mod cub;
mod download;
mod hugging_face;
mod idx;
mod image_folder;
mod in_shop;
mod item;
mod listing;
mod manifest;
mod matlab;
mod name_list;
mod npz;
mod omniglot;
mod published;
mod reader;
mod request;
mod resize;
mod shards;
mod stanford_products;
mod stl10;
mod svhn;
mod table;
mod tiny_imagenet;
mod web_dataset;
mod word_lines;

#[cfg(test)]
mod made_for_tests;

pub use cars::Cars196;
pub use cifar::{Cifar10, Cifar100};
pub use cifar10_sample::Cifar10Sample;
pub use cub::{Cub200, Division};
pub use hugging_face::HuggingFace;
pub use idx::{FashionMnist, Mnist};
pub use image_folder::{BrokenFile, ClassFolder, ClassSplit, ImageFolder, ImageSplit, SplitRule, Survey, SurveyError};
pub use in_shop::InShop;
pub use manifest::Manifest;
pub use name_list::NameList;
pub use npz::Npz;
pub use omniglot::{Omniglot, Part};
pub use pictures::OnCorrupt;
pub use resize::{Resize, Resizing};
pub use stanford_products::StanfordProducts;
pub use stl10::Stl10;
pub use svhn::Svhn;
pub use tiny_imagenet::TinyImageNet;
pub use web_dataset::WebDataset;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(super) use image_folder::is_image;

use crate::{DataError, Storage};
use simpipe_artifact::{About, DecodedFrom, Decodings, Image, NewImage};
use simpipe_base::contents::Contents;
use simpipe_base::digest::Digest;
use simpipe_picture::DecodeOptions;

simpipe_base::choice! {
    /// Where the images come from.
    pub enum Source {
        /// 4,000 images of CIFAR-10 (300 for training and 100 for testing of each class) inside the program: no
        /// download.
        "cifar10-sample" => Cifar10Sample(Cifar10Sample),
        /// CIFAR-10: 60,000 colour images of 32 x 32 pixels in 10 classes.
        "cifar10" => Cifar10(Cifar10),
        /// CIFAR-100: 60,000 colour images of 32 x 32 pixels in 100 classes (the fine labels).
        "cifar100" => Cifar100(Cifar100),
        /// Fashion-MNIST: 70,000 grey images of 28 x 28 pixels in 10 classes.
        "fashion-mnist" => FashionMnist(FashionMnist),
        /// MNIST: 70,000 grey images of 28 x 28 pixels, the ten digits.
        "mnist" => Mnist(Mnist),
        /// Omniglot: handwritten letters of 50 alphabets, 105 x 105 pixels, 20 drawings of each letter.
        "omniglot" => Omniglot(Omniglot),
        /// JPEG, PNG, WebP, GIF, BMP and TIFF files in folders: `<split>/<class>/*`.
        #[version = 4]
        #[aka("folder", "directory", "path", "dir", "image_dataset", "image_dataset_from_directory")]
        "image-folder" => ImageFolder(ImageFolder),
        /// A table of image files: CSV, TSV, JSON Lines or Parquet with the columns `path`, `label` and what else is known.
        #[version = 2]
        #[aka("csv", "tsv", "jsonl", "table", "dataframe", "df", "oml")]
        "manifest" => Manifest(Manifest),
        /// Parquet files that hold images, as Hugging Face's `datasets` writes them.
        #[version = 2]
        #[aka("parquet", "datasets", "hf", "load_dataset")]
        "hugging-face" => HuggingFace(HuggingFace),
        /// Shards of WebDataset: `.tar` files in which the files of one sample share their name up to the ending.
        #[version = 2]
        #[aka("wds", "tar", "shards")]
        "webdataset" => WebDataset(WebDataset),
        /// A NumPy archive of arrays: images and labels, of one split or of several.
        #[aka("numpy", "npy", "medmnist")]
        "npz" => Npz(Npz),
        /// CUB-200-2011: 11,788 photographs of 200 kinds of birds.
        #[version = 2]
        #[aka("cub", "cub200", "cub-200", "birds")]
        "cub-200-2011" => Cub200(Cub200),
        /// Cars-196: 16,185 photographs of 196 models of cars.
        #[version = 2]
        #[aka("cars", "stanford-cars")]
        "cars-196" => Cars196(Cars196),
        /// Stanford Online Products: 120,053 photographs of 22,634 products.
        #[version = 2]
        #[aka("sop", "online-products")]
        "stanford-online-products" => StanfordProducts(StanfordProducts),
        /// In-shop Clothes Retrieval: 52,712 photographs of 7,982 clothes.
        #[version = 2]
        #[aka("deepfashion", "in-shop-clothes-retrieval")]
        "in-shop" => InShop(InShop),
        /// SVHN: house numbers, colour images of 32 x 32 pixels in 10 classes.
        #[aka("street-view-house-numbers", "svhn_cropped")]
        "svhn" => Svhn(Svhn),
        /// STL-10: 13,000 labelled colour images of 96 x 96 pixels in 10 classes.
        "stl-10" => Stl10(Stl10),
        /// Tiny ImageNet: 110,000 labelled colour images of 64 x 64 pixels in 200 classes.
        #[version = 2]
        #[aka("tiny-imagenet-200")]
        "tiny-imagenet" => TinyImageNet(TinyImageNet),
    }
}

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
    fn has_read(&self, read: &[(String, Digest)]) {
        read.iter().for_each(|(name, digest)| (self.on_read)(name, *digest));
    }

    /// Says how far the images are, and stops if the user wants to.
    ///
    /// # Errors
    /// [`DataError::Stopped`] then.
    fn images(&self, done: usize, total: usize) -> Result<(), DataError> {
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
    fn of(path: PathBuf) -> Self {
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

impl Source {
    /// The source behind the name.
    #[must_use]
    pub fn loader(&self) -> &dyn Load {
        match self {
            Self::Cifar10Sample(source) => source,
            Self::Cifar10(source) => source,
            Self::Cifar100(source) => source,
            Self::FashionMnist(source) => source,
            Self::Mnist(source) => source,
            Self::Omniglot(source) => source,
            Self::ImageFolder(source) => source,
            Self::Manifest(source) => source,
            Self::HuggingFace(source) => source,
            Self::WebDataset(source) => source,
            Self::Npz(source) => source,
            Self::Cub200(source) => source,
            Self::Cars196(source) => source,
            Self::StanfordProducts(source) => source,
            Self::InShop(source) => source,
            Self::Svhn(source) => source,
            Self::Stl10(source) => source,
            Self::TinyImageNet(source) => source,
        }
    }
}

/// The first letter in upper case, the rest as it is, `_` as a space: `maple_tree` -> `Maple tree`.
fn capitalised(name: &str) -> String {
    let name = name.replace('_', " ");
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
