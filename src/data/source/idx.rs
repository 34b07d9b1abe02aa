//! MNIST and Fashion-MNIST: grey images and labels in four files of the idx format, gzipped or not.
//!
//! An idx file starts with a magic number (`0x0801`: bytes in one dimension, `0x0803`: in three) and the length of
//! each dimension, all 32-bit big-endian; then come the values (Y. LeCun, C. Cortes and C. Burges, 1998).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::download::{Downloader, PATIENCE};
use super::published::{Published, sha256, sha256_of_open, ways};
use super::reader::Reader;
use super::{Access, DigestFile, Example, Load, Loaded, Place, Sink, SourceFacts, SplitCounts};
use crate::{DataError, Mismatch};
use simpipe_artifact::{Image, ImageShape};
use simpipe_base::contents::Contents;
use simpipe_base::digest::Digest;
use simpipe_base::param::SpecPath;

const SIDE: u32 = 28;
const SHAPE: ImageShape = ImageShape { height: SIDE, width: SIDE, channels: 1 };
const LABELS_MAGIC: u32 = 0x0801;
const IMAGES_MAGIC: u32 = 0x0803;
/// Images between two reports of progress.
const REPORT: usize = 1000;
/// Where Debian's package `dataset-fashion-mnist` puts its files.
const DEBIAN: &str = "/usr/share/datasets/fashion-mnist";

simpipe_base::params! {
    /// Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017).
    pub struct FashionMnist {
        /// The folder of the four `.gz` files, or of the files unpacked from them. If it is left out, Debian's
        /// package `dataset-fashion-mnist` is used where it is installed, else they are downloaded.
        #[aka("dir", "root", "folder", "data_dir", "directory", "data_root", "location", "file", "url")]
        path: Option<SpecPath> = None,
    }
}

simpipe_base::params! {
    /// MNIST (LeCun, Cortes and Burges, 1998).
    pub struct Mnist {
        /// The folder of the four `.gz` files, or of the files unpacked from them; downloaded if left out.
        #[aka("dir", "root", "folder", "data_dir", "directory", "data_root", "location", "file", "url")]
        path: Option<SpecPath> = None,
    }
}

/// A gzipped idx file.
#[derive(Debug, Clone)]
struct IdxFile {
    published: Published,
    /// SHA-256 of what it decompresses to, where known.
    content: Option<&'static str>,
}

/// Images and labels of a split.
#[derive(Debug, Clone)]
struct Split {
    name: &'static str,
    per_class: [usize; 10],
    images: IdxFile,
    labels: IdxFile,
}

/// What the two sets differ in.
#[derive(Debug, Clone)]
struct Set {
    source: &'static str,
    classes: [&'static str; 10],
    splits: [Split; 2],
    /// A folder that a system package may have filled.
    packaged: Option<&'static str>,
}

const fn file(
    base: &'static str,
    name: &'static str,
    bytes: u64,
    sha256: &'static str,
    content: Option<&'static str>,
) -> IdxFile {
    IdxFile { published: Published { name, base, bytes, sha256 }, content }
}

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte.gz";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte.gz";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte.gz";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte.gz";

const ZALANDO: &str = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/";
const CVDF: &str = "https://storage.googleapis.com/cvdf-datasets/mnist/";

#[rustfmt::skip]
const FASHION_MNIST: Set = Set {
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
const MNIST: Set = Set {
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

impl Split {
    fn count(&self) -> usize {
        self.per_class.iter().sum()
    }
}

impl Set {
    fn help(&self) -> String {
        ways(self.source, "the folder of the four published `.gz` files", "the folder of the files unpacked from them")
    }

    fn files(&self) -> impl Iterator<Item = &IdxFile> {
        self.splits.iter().flat_map(|split| [&split.images, &split.labels])
    }

    /// Counts by label are certain only where checksums will be checked.
    fn facts(&self, path: Option<&Path>) -> SourceFacts {
        let certain = path.is_none() || self.files().all(|file| file.content.is_some());
        let counts = |split: &Split| {
            let per_class = certain.then(|| split.per_class.to_vec());
            (split.name.to_owned(), SplitCounts { count: split.count(), per_class })
        };
        SourceFacts {
            classes: Some(self.classes.map(str::to_owned).to_vec()),
            image: Some([SIDE as usize, SIDE as usize, 1]),
            splits: Some(self.splits.iter().map(counts).collect::<BTreeMap<_, _>>()),
            ..SourceFacts::default()
        }
    }

    /// The published digest stands for a file whose content will be checked; other files are hashed.
    fn digests(&self, path: Option<&Path>, digest_file: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
        let digest = |file: &IdxFile| {
            let published = (file.published.name.to_owned(), file.published.digest());
            let Some(folder) = path else { return Ok(published) };
            let (path, gzipped) = self.find(folder, file)?;
            let sha256 = |file: &mut File| sha256_of_open(file, &|| false).map(|(digest, _)| digest);
            let as_published =
                || digest_file.fact(&path, "sha256", &sha256).is_ok_and(|found| found == file.published.sha256);
            if file.content.is_some() || (gzipped && as_published()) {
                return Ok(published);
            }
            Ok((published.0, digest_file.digest(&path).map_err(DataError::unread(&path))?))
        };
        self.files().map(digest).collect()
    }

    fn find(&self, folder: &Path, file: &IdxFile) -> Result<(PathBuf, bool), DataError> {
        let gzipped = folder.join(file.published.name);
        let plain = gzipped.with_extension("");
        if gzipped.is_file() {
            Ok((gzipped, true))
        } else if plain.is_file() {
            Ok((plain, false))
        } else if folder.is_dir() {
            Err(DataError::Missing { what: "file", path: gzipped, help: self.help() })
        } else {
            Err(DataError::Missing { what: "folder", path: folder.to_path_buf(), help: self.help() })
        }
    }

    fn places(&self, path: Option<&Path>, downloads: &Path) -> Vec<Place> {
        let packaged = self.packaged.filter(|_| path.is_none()).map(PathBuf::from);
        let chosen = path.map_or_else(|| downloads.join(self.source), Path::to_path_buf);
        let place = |folder: PathBuf| {
            let complete = self.files().all(|file| self.find(&folder, file).is_ok());
            Place { path: folder, complete }
        };
        packaged.into_iter().chain([chosen]).map(place).collect()
    }

    /// The decompressed content of a file that is known to be right, as far as anything is published of it.
    fn read(&self, folder: &Path, file: &IdxFile, expected: usize, access: &Access<'_>) -> Result<Vec<u8>, DataError> {
        let (path, gzipped) = self.find(folder, file)?;
        let reader = Reader::default();
        // A package may have compressed it less well than the publisher, but not to more than it holds.
        let most = expected as u64 + expected as u64 / 1000 + 1024;
        let bytes = reader.read_at_most(&path, most).map_err(DataError::unread(&path))?;
        // By the rule of `digests`.
        let has_read = |digest| access.has_read(&[(file.published.name.to_owned(), digest)]);
        if gzipped && sha256(&bytes) == file.published.sha256 {
            has_read(file.published.digest());
            return gunzip(&path, &bytes, expected);
        }
        if file.content.is_none() {
            has_read(reader.digest(&path).map_err(DataError::io("read", &path))?);
        }
        let content = if gzipped { gunzip(&path, &bytes, expected)? } else { bytes };
        let found = sha256(&content);
        match file.content {
            // A package may have compressed the files anew: their content counts.
            Some(published) if published != found => Err(DataError::Checksum(Box::new(Mismatch {
                name: format!("content of {}", file.published.name),
                path,
                expected: published.to_owned(),
                expected_bytes: expected as u64,
                found,
                found_bytes: content.len() as u64,
                help: format!("the file is cut short or altered; {}", self.help()),
            }))),
            Some(_) => {
                has_read(file.published.digest());
                Ok(content)
            }
            None => Ok(content),
        }
    }

    fn load(&self, path: Option<&Path>, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError> {
        let packaged = self
            .packaged
            .map(Path::new)
            .filter(|folder| path.is_none() && self.files().all(|file| self.find(folder, file).is_ok()));
        let folder = match path.or(packaged) {
            Some(folder) => folder.to_path_buf(),
            None => self.download(access)?,
        };
        let total = self.splits.iter().map(Split::count).sum();
        let mut done = 0;
        for split in &self.splits {
            let count = split.count();
            let values = |file: &IdxFile, header: &[u32], item: usize| {
                let expected = 4 * header.len() + count * item;
                let content = self.read(&folder, file, expected, access)?;
                expect_layout(&self.find(&folder, file)?.0, &content, header, expected)?;
                Ok::<_, DataError>(content[4 * header.len()..].to_vec())
            };
            let rows = u32::try_from(count).expect("fewer than 2^32 images");
            let labels = values(&split.labels, &[LABELS_MAGIC, rows], 1)?;
            let images = values(&split.images, &[IMAGES_MAGIC, rows, SIDE, SIDE], SHAPE.bytes())?;
            self.expect_counts(split, &labels, &folder)?;
            for (&label, pixels) in labels.iter().zip(images.chunks_exact(SHAPE.bytes())) {
                if label > 9 {
                    let path = self.find(&folder, &split.labels)?.0;
                    return Err(DataError::malformed(&path, format!("there is the label {label}, expected 0 to 9")));
                }
                let image = Image { shape: SHAPE, pixels: pixels.to_vec() };
                sink(Example::new(split.name, i32::from(label), image))?;
                done += 1;
                if done % REPORT == 0 || done == total {
                    access.images(done, total)?;
                }
            }
        }
        Ok(Loaded { classes: self.classes.map(str::to_owned).to_vec(), ..Loaded::default() })
    }

    /// Two sets share their file names: where no digest of the content is published, the counts by label tell them apart.
    fn expect_counts(&self, split: &Split, labels: &[u8], folder: &Path) -> Result<(), DataError> {
        let found: [usize; 10] =
            std::array::from_fn(|class| labels.iter().filter(|&&label| usize::from(label) == class).count());
        // A label above 9 is named with its own message.
        if found == split.per_class || labels.iter().any(|&label| label > 9) {
            return Ok(());
        }
        let path = self.find(folder, &split.labels)?.0;
        let expected = split.per_class;
        let reason =
            format!("these are not the labels of `{}`: found {found:?} by label, expected {expected:?}", self.source);
        Err(DataError::malformed(&path, reason))
    }

    fn download(&self, access: &Access<'_>) -> Result<PathBuf, DataError> {
        // A folder of their own: the two sets use the same file names.
        let folder = access.downloads.join(self.source);
        let help = self.help();
        let downloader = Downloader { folder: &folder, patience: PATIENCE, help: &help, access };
        for file in self.files() {
            downloader.fetch(&file.published, file.published.base)?;
        }
        Ok(folder)
    }
}

fn gunzip(path: &Path, bytes: &[u8], expected: usize) -> Result<Vec<u8>, DataError> {
    let unreadable = |error| DataError::malformed(path, format!("not a whole gzip file: {error}"));
    read_at_most(MultiGzDecoder::new(bytes), expected).map_err(unreadable)
}

/// One byte more than expected is enough to tell that there is too much.
fn read_at_most(from: impl Read, expected: usize) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(expected);
    from.take(expected as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Checks magic number, dimensions and length.
fn expect_layout(path: &Path, content: &[u8], header: &[u32], expected: usize) -> Result<(), DataError> {
    let wanted: Vec<u8> = header.iter().flat_map(|number| number.to_be_bytes()).collect();
    if !content.starts_with(&wanted) {
        let found: Vec<u32> = content
            .chunks_exact(4)
            .take(header.len())
            .map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            .collect();
        let reason = format!("not the idx header that is expected: {header:?} (magic number, sizes), found {found:?}");
        return Err(DataError::malformed(path, reason));
    }
    match content.len() {
        length if length == expected => Ok(()),
        length if length > expected => Err(DataError::malformed(path, format!("longer than {expected} bytes"))),
        length => Err(DataError::malformed(path, format!("cut short: {length} of {expected} bytes"))),
    }
}

macro_rules! load_through {
    ($source:ty, $set:ident, $description:literal) => {
        impl Load for $source {
            fn description(&self) -> &'static str {
                $description
            }
            fn facts(&self) -> SourceFacts {
                $set.facts(self.path.as_ref().map(|path| path.resolved.as_path()))
            }
            fn digests(&self, digest_file: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
                $set.digests(self.path.as_ref().map(|path| path.resolved.as_path()), digest_file)
            }
            fn path(&self) -> Option<&Path> {
                self.path.as_ref().map(|path| path.resolved.as_path())
            }
            fn places(&self, downloads: &Path) -> Vec<Place> {
                $set.places(self.path.as_ref().map(|path| path.resolved.as_path()), downloads)
            }
            fn load(&self, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError> {
                $set.load(self.path.as_ref().map(|path| path.resolved.as_path()), access, sink)
            }
        }
    };
}
load_through!(
    FashionMnist,
    FASHION_MNIST,
    "Fashion-MNIST (H. Xiao, K. Rasul and R. Vollgraf, 2017, arXiv:1708.07747), MIT licence"
);
load_through!(
    Mnist,
    MNIST,
    "MNIST (Y. LeCun, C. Cortes and C. Burges, 1998); its authors state no licence: cite LeCun et al., 1998"
);

#[cfg(test)]
#[path = "idx_tests.rs"]
mod tests;
