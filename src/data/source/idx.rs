//! MNIST and Fashion-MNIST: grey images and labels in four files of the idx format, gzipped or not.
//!
//! An idx file starts with a magic number (`0x0801`: bytes in one dimension, `0x0803`: in three) and the length of
//! each dimension, all 32-bit big-endian; then come the values (Y. LeCun, C. Cortes and C. Burges, 1998).

mod layout;
mod sets;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use self::layout::{expect_layout, gunzip};
use self::sets::{FASHION_MNIST, IdxFile, MNIST, Set, Split};
use super::download::{Downloader, PATIENCE};
use super::published::{sha256, sha256_of_open, ways};
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
