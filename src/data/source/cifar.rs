//! CIFAR-10 and CIFAR-100 in their official binary layout, as an archive or unpacked.
//!
//! A record is one label byte (CIFAR-100: a coarse one, then the fine one that is used here) and 3,072 pixels: the
//! red, the green and the blue plane of 32 rows of 32.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::archive::{Member, read_members};
use super::download::{Downloader, PATIENCE};
use super::published::{Published, ways};
use super::reader::{PublishedReader, Reader};
use super::{Access, DigestFile, Example, Load, Loaded, Place, Sink, SourceFacts, SplitCounts, capitalised};
use simpipe_artifact::{Image, ImageShape};
use simpipe_base::digest::Digest;

use crate::DataError;
use simpipe_base::param::SpecPath;

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const SHAPE: ImageShape = ImageShape { height: 32, width: 32, channels: 3 };
/// Class names take a few bytes each: a longer list is not one.
const NAMES_AT_MOST: u64 = 1 << 16;
/// Images between two reports of progress.
const REPORT: usize = 1000;

simpipe_base::params! {
    /// CIFAR-10 (Krizhevsky, 2009).
    pub struct Cifar10 {
        /// `cifar-10-binary.tar.gz`, or the folder `cifar-10-batches-bin` unpacked from it; downloaded if left out.
        #[aka("dir", "root", "folder", "data_dir", "directory", "data_root", "location", "file", "url")]
        path: Option<SpecPath> = None,
    }
}

simpipe_base::params! {
    /// CIFAR-100 (Krizhevsky, 2009), fine labels.
    pub struct Cifar100 {
        /// `cifar-100-binary.tar.gz`, or the folder `cifar-100-binary` unpacked from it; downloaded if left out.
        #[aka("dir", "root", "folder", "data_dir", "directory", "data_root", "location", "file", "url")]
        path: Option<SpecPath> = None,
    }
}

/// One file of records.
#[derive(Debug, Clone, Copy)]
struct Batch {
    name: &'static str,
    split: &'static str,
    records: usize,
}

/// What the two sets differ in.
#[derive(Debug, Clone)]
struct Layout {
    source: &'static str,
    description: &'static str,
    archive: Published,
    folder: &'static str,
    batches: &'static [Batch],
    /// Label bytes of a record; the last one is used.
    label_bytes: usize,
    /// The file of class names, a line each.
    names: &'static str,
    classes: &'static [&'static str],
}

const fn train(name: &'static str, records: usize) -> Batch {
    Batch { name, split: "train", records }
}

const fn test(name: &'static str) -> Batch {
    Batch { name, split: "test", records: 10_000 }
}

const CIFAR10: Layout = Layout {
    source: "cifar10",
    description: "CIFAR-10 (A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009); its authors \
                  state no licence: cite the report",
    archive: Published {
        name: "cifar-10-binary.tar.gz",
        base: "https://www.cs.toronto.edu/~kriz/",
        bytes: 170_052_171,
        sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    },
    folder: "cifar-10-batches-bin",
    batches: &[
        train("data_batch_1.bin", 10_000),
        train("data_batch_2.bin", 10_000),
        train("data_batch_3.bin", 10_000),
        train("data_batch_4.bin", 10_000),
        train("data_batch_5.bin", 10_000),
        test("test_batch.bin"),
    ],
    label_bytes: 1,
    names: "batches.meta.txt",
    classes: &super::cifar10_sample::CLASSES,
};

#[rustfmt::skip]
const CIFAR100: Layout = Layout {
    source: "cifar100",
    description: "CIFAR-100 (A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009), fine labels; \
                  its authors state no licence: cite the report",
    archive: Published {
        name: "cifar-100-binary.tar.gz",
        base: "https://www.cs.toronto.edu/~kriz/",
        bytes: 168_513_733,
        sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    },
    folder: "cifar-100-binary",
    batches: &[train("train.bin", 50_000), test("test.bin")],
    label_bytes: 2,
    names: "fine_label_names.txt",
    classes: &[
        "Apple", "Aquarium fish", "Baby", "Bear", "Beaver", "Bed", "Bee", "Beetle", "Bicycle", "Bottle", "Bowl", "Boy",
        "Bridge", "Bus", "Butterfly", "Camel", "Can", "Castle", "Caterpillar", "Cattle", "Chair", "Chimpanzee", "Clock",
        "Cloud", "Cockroach", "Couch", "Crab", "Crocodile", "Cup", "Dinosaur", "Dolphin", "Elephant", "Flatfish",
        "Forest", "Fox", "Girl", "Hamster", "House", "Kangaroo", "Keyboard", "Lamp", "Lawn mower", "Leopard", "Lion",
        "Lizard", "Lobster", "Man", "Maple tree", "Motorcycle", "Mountain", "Mouse", "Mushroom", "Oak tree", "Orange",
        "Orchid", "Otter", "Palm tree", "Pear", "Pickup truck", "Pine tree", "Plain", "Plate", "Poppy", "Porcupine",
        "Possum", "Rabbit", "Raccoon", "Ray", "Road", "Rocket", "Rose", "Sea", "Seal", "Shark", "Shrew", "Skunk",
        "Skyscraper", "Snail", "Snake", "Spider", "Squirrel", "Streetcar", "Sunflower", "Sweet pepper", "Table", "Tank",
        "Telephone", "Television", "Tiger", "Tractor", "Train", "Trout", "Tulip", "Turtle", "Wardrobe", "Whale",
        "Willow tree", "Wolf", "Woman", "Worm",
    ],
};

/// The archive's name in a key.
const ARCHIVE: &str = "archive";

/// Where files were read, and what was in them, by name.
type Files = (PathBuf, BTreeMap<&'static str, Vec<u8>>);

/// Where the records are.
enum Origin {
    Download,
    Archive(PathBuf),
    Folder(PathBuf),
}

impl Layout {
    fn help(&self) -> String {
        ways(self.source, &format!("`{}`", self.archive.name), &format!("the unpacked `{}`", self.folder))
    }

    const fn record(&self) -> usize {
        self.label_bytes + 3 * PLANE
    }

    fn origin(&self, path: Option<&Path>) -> Result<Origin, DataError> {
        let Some(path) = path else { return Ok(Origin::Download) };
        let inside = path.join(self.folder);
        if inside.is_dir() {
            Ok(Origin::Folder(inside))
        } else if path.is_dir() {
            Ok(Origin::Folder(path.to_path_buf()))
        } else if path.is_file() {
            Ok(Origin::Archive(path.to_path_buf()))
        } else {
            Err(DataError::Missing { what: "archive or folder", path: path.to_path_buf(), help: self.help() })
        }
    }

    fn facts(&self, path: Option<&Path>) -> SourceFacts {
        // What a folder holds is not checked by digest: only its number of records is certain.
        let (folder, names) = match self.origin(path) {
            Ok(Origin::Folder(folder)) => {
                (true, Reader::default().read_at_most(&folder.join(self.names), NAMES_AT_MOST).ok())
            }
            _ => (false, None),
        };
        let classes = self.class_names(names).ok();
        let mut splits: BTreeMap<String, SplitCounts> = BTreeMap::new();
        for batch in self.batches {
            splits.entry(batch.split.to_owned()).or_default().count += batch.records;
        }
        if !folder {
            for split in splits.values_mut() {
                let per_class = split.count / self.classes.len();
                *split = SplitCounts::of_classes(vec![per_class; self.classes.len()]);
            }
        }
        SourceFacts { classes, image: Some([SIDE, SIDE, 3]), splits: Some(splits), ..SourceFacts::default() }
    }

    fn digests(&self, path: Option<&Path>, digest_file: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
        let folder = match self.origin(path)? {
            Origin::Folder(folder) => folder,
            origin => {
                if let Origin::Archive(path) = origin {
                    self.expect_length(&path)?;
                }
                return Ok(vec![(ARCHIVE.to_owned(), self.archive.digest())]);
            }
        };
        self.digests_of(&folder, &self.files_in(&folder)?, digest_file)
    }

    /// The files that are read of a folder. It may have no list of names.
    fn files_in(&self, folder: &Path) -> Result<Vec<&'static str>, DataError> {
        let mut names: Vec<&str> = self.batches.iter().map(|batch| batch.name).collect();
        names.iter().try_for_each(|name| self.expect_file(&folder.join(name)))?;
        if folder.join(self.names).exists() {
            names.push(self.names);
        }
        Ok(names)
    }

    fn digests_of(
        &self,
        folder: &Path,
        files: &[&str],
        contents: &DigestFile<'_>,
    ) -> Result<Vec<(String, Digest)>, DataError> {
        let digest = |name: &&str| {
            let path = folder.join(name);
            Ok(((*name).to_owned(), contents.digest(&path).map_err(DataError::unread(&path))?))
        };
        files.iter().map(digest).collect()
    }

    fn places(&self, path: Option<&Path>, downloads: &Path) -> Vec<Place> {
        vec![Place::of(path.map_or_else(|| downloads.join(self.archive.name), Path::to_path_buf))]
    }

    /// A cheap look: the digest is checked when the archive is read.
    fn expect_length(&self, path: &Path) -> Result<(), DataError> {
        let metadata = std::fs::metadata(path).map_err(DataError::io("read", path))?;
        if metadata.len() == self.archive.bytes { Ok(()) } else { self.archive.verify(path, &self.help(), &|| false) }
    }

    fn expect_file(&self, path: &Path) -> Result<(), DataError> {
        if path.is_file() {
            return Ok(());
        }
        Err(DataError::Missing { what: "file", path: path.to_path_buf(), help: self.help() })
    }

    fn load(&self, path: Option<&Path>, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError> {
        let (at, contents) = match self.origin(path)? {
            Origin::Folder(folder) => self.read_folder(folder, access)?,
            Origin::Archive(path) => self.read_archive(path, access)?,
            Origin::Download => {
                let help = self.help();
                let downloader = Downloader { folder: access.downloads, patience: PATIENCE, help: &help, access };
                self.read_archive(downloader.fetch(&self.archive, self.archive.base)?, access)?
            }
        };
        let malformed = |reason: String| DataError::malformed(&at, reason);
        let classes = self.class_names(contents.get(self.names).cloned()).map_err(malformed)?;
        let total = self.batches.iter().map(|batch| batch.records).sum();
        let mut done = 0;
        for batch in self.batches {
            let records = contents.get(batch.name).map(Vec::as_slice).unwrap_or_default();
            let expected = batch.records * self.record();
            if records.len() != expected {
                let (name, found) = (batch.name, records.len());
                let reason = format!("`{name}` must be {expected} bytes ({} records), found {found}", batch.records);
                return Err(malformed(reason));
            }
            for (row, record) in records.chunks_exact(self.record()).enumerate() {
                let label = usize::from(record[self.label_bytes - 1]);
                if label >= classes.len() {
                    let reason = format!("record {row} of `{}` has the label {label} of {}", batch.name, classes.len());
                    return Err(malformed(reason));
                }
                let label = i32::try_from(label).expect("a byte fits");
                sink(Example::new(batch.split, label, interleaved(&record[self.label_bytes..])))?;
                done += 1;
                if done % REPORT == 0 || done == total {
                    access.images(done, total)?;
                }
            }
        }
        Ok(Loaded { classes, ..Loaded::default() })
    }

    fn read_folder(&self, folder: PathBuf, access: &Access<'_>) -> Result<Files, DataError> {
        let (reader, files) = (Reader::default(), self.files_in(&folder)?);
        let mut contents = BTreeMap::new();
        for member in self.members().iter().filter(|member| files.contains(&member.name)) {
            let path = folder.join(member.name);
            let content = reader.read_at_most(&path, member.at_most).map_err(DataError::unread(&path))?;
            contents.insert(member.name, content);
        }
        access.has_read(&self.digests_of(&folder, &files, &reader)?);
        Ok((folder, contents))
    }

    fn read_archive(&self, path: PathBuf, access: &Access<'_>) -> Result<Files, DataError> {
        let mut file = PublishedReader::open(&self.archive, &path, access.stop)?;
        let contents = read_members(&mut file, &path, self.folder, &self.members(), access.stop);
        file.finish(&self.help())?; // of an altered archive that is the better message
        access.has_read(&[(ARCHIVE.to_owned(), self.archive.digest())]);
        Ok((path, contents?))
    }

    /// The files to read.
    fn members(&self) -> Vec<Member> {
        let batch = |batch: &Batch| Member { name: batch.name, at_most: (batch.records * self.record()) as u64 };
        let names = Member { name: self.names, at_most: NAMES_AT_MOST };
        self.batches.iter().map(batch).chain([names]).collect()
    }

    /// The names that the set brings along, else those it is known to have; in the case of a title, either way.
    fn class_names(&self, text: Option<Vec<u8>>) -> Result<Vec<String>, String> {
        let Some(text) = text else { return Ok(self.classes.iter().map(|&name| name.to_owned()).collect()) };
        let text = String::from_utf8_lossy(&text);
        let names: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(capitalised).collect();
        if names.len() == self.classes.len() {
            return Ok(names);
        }
        Err(format!("`{}` must name {} classes, found {}", self.names, self.classes.len(), names.len()))
    }
}

/// Three planes as pixels of three channels.
fn interleaved(planes: &[u8]) -> Image {
    let (red, rest) = planes.split_at(PLANE);
    let (green, blue) = rest.split_at(PLANE);
    let pixels = red.iter().zip(green).zip(blue).flat_map(|((&red, &green), &blue)| [red, green, blue]).collect();
    Image { shape: SHAPE, pixels }
}

macro_rules! load_through {
    ($source:ty, $layout:ident) => {
        impl Load for $source {
            fn description(&self) -> &'static str {
                $layout.description
            }
            fn facts(&self) -> SourceFacts {
                $layout.facts(self.path.as_ref().map(|path| path.resolved.as_path()))
            }
            fn digests(&self, digest_file: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
                $layout.digests(self.path.as_ref().map(|path| path.resolved.as_path()), digest_file)
            }
            fn path(&self) -> Option<&Path> {
                self.path.as_ref().map(|path| path.resolved.as_path())
            }
            fn places(&self, downloads: &Path) -> Vec<Place> {
                $layout.places(self.path.as_ref().map(|path| path.resolved.as_path()), downloads)
            }
            fn load(&self, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError> {
                $layout.load(self.path.as_ref().map(|path| path.resolved.as_path()), access, sink)
            }
        }
    };
}
load_through!(Cifar10, CIFAR10);
load_through!(Cifar100, CIFAR100);

#[cfg(test)]
#[path = "cifar_tests.rs"]
mod tests;
