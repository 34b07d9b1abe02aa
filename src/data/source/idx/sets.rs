//! The two sets that are published in files of idx: their classes, counts, addresses and checksums.

use crate::source::published::Published;

/// Where Debian's package `dataset-fashion-mnist` puts its files.
const DEBIAN: &str = "/usr/share/datasets/fashion-mnist";

/// A gzipped idx file.
#[derive(Debug, Clone)]
pub(super) struct IdxFile {
    pub(super) published: Published,
    /// SHA-256 of what it decompresses to, where known.
    pub(super) content: Option<&'static str>,
}

/// Images and labels of a split.
#[derive(Debug, Clone)]
pub(super) struct Split {
    pub(super) name: &'static str,
    pub(super) per_class: [usize; 10],
    pub(super) images: IdxFile,
    pub(super) labels: IdxFile,
}

impl Split {
    pub(super) fn count(&self) -> usize {
        self.per_class.iter().sum()
    }
}

/// What the two sets differ in.
#[derive(Debug, Clone)]
pub(super) struct Set {
    pub(super) source: &'static str,
    pub(super) classes: [&'static str; 10],
    pub(super) splits: [Split; 2],
    /// A folder that a system package may have filled.
    pub(super) packaged: Option<&'static str>,
}

pub(super) const fn file(
    base: &'static str,
    name: &'static str,
    bytes: u64,
    sha256: &'static str,
    content: Option<&'static str>,
) -> IdxFile {
    IdxFile { published: Published { name, base, bytes, sha256 }, content }
}

pub(super) const TRAIN_IMAGES: &str = "train-images-idx3-ubyte.gz";
pub(super) const TRAIN_LABELS: &str = "train-labels-idx1-ubyte.gz";
pub(super) const TEST_IMAGES: &str = "t10k-images-idx3-ubyte.gz";
pub(super) const TEST_LABELS: &str = "t10k-labels-idx1-ubyte.gz";

const ZALANDO: &str = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/";
const CVDF: &str = "https://storage.googleapis.com/cvdf-datasets/mnist/";

#[rustfmt::skip]
pub(super) const FASHION_MNIST: Set = Set {
    source: "fashion-mnist",
    classes: [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ],
    splits: [
        Split {
            name: "train",
            per_class: [6000; 10],
            images: file(ZALANDO, TRAIN_IMAGES, 26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                Some("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888")),
            labels: file(ZALANDO, TRAIN_LABELS, 29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                Some("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9")),
        },
        Split {
            name: "test",
            per_class: [1000; 10],
            images: file(ZALANDO, TEST_IMAGES, 4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                Some("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b")),
            labels: file(ZALANDO, TEST_LABELS, 5148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                Some("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34")),
        },
    ],
    packaged: Some(DEBIAN),
};

#[rustfmt::skip]
pub(super) const MNIST: Set = Set {
    source: "mnist",
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    splits: [
        Split {
            name: "train",
            per_class: [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
            images: file(CVDF, TRAIN_IMAGES, 9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", None),
            labels: file(CVDF, TRAIN_LABELS, 28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", None),
        },
        Split {
            name: "test",
            per_class: [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
            images: file(CVDF, TEST_IMAGES, 1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", None),
            labels: file(CVDF, TEST_LABELS, 4542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", None),
        },
    ],
    packaged: None,
};
