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
mod contract;
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
pub use contract::{Access, DigestFile, Example, Load, Loaded, Place, Sink, SourceFacts, SplitCounts, Step};
pub use cub::{Cub200, Division};
pub use hugging_face::HuggingFace;
pub use idx::{FashionMnist, Mnist};
pub(super) use image_folder::is_image;
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
