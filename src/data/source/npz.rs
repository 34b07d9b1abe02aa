//! NumPy archives: arrays of images and of labels, of one split or of several.

mod npy;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use self::npy::Head;
use super::class_names::{Classes, classes_of, named_by};
use super::listing::named;
use super::reader::Reader;
use super::shards::{self, Shard};
use super::{Access, DigestFile, Example, Load, Loaded, Place, Sink, SourceFacts, SplitCounts};
use crate::DataError;
use simpipe_artifact::{Image, ImageShape};
use simpipe_base::digest::Digest;
use simpipe_base::fs::open_regular;
use simpipe_base::param::SpecPath;

/// Images between two reports of progress.
const REPORT: usize = 1000;
/// Names of splits in names of arrays, and what they are here.
const SPLITS: [(&str, &str); 4] =
    [("train", "train"), ("val", "validation"), ("validation", "validation"), ("test", "test")];

simpipe_base::params! {
    /// A NumPy archive (`.npz`) of images (`uint8`: number, height, width and, where they are in colour, three channels) and
    /// labels (whole numbers or texts, one an image).
    ///
    /// The arrays are called `x_train`, `y_train`, `x_test`, `y_test` (as Keras has them), `train_images`, `train_labels`,
    /// `val_images`, .. (as MedMNIST), or `images` and `labels` (also `x` and `y`) where there is one split, `train`. Images
    /// stay as large as they are.
    ///
    /// # Example
    ///
    /// ```toml
    /// { npz = { path = "bloodmnist.npz" } }
    /// ```
    pub struct Npz {
        /// The `.npz` file.
        #[aka("file", "location", "url", "archive")]
        path: SpecPath,
        /// The names of the classes 0, 1, ..; the numbers are the names if it is left out.
        #[aka("classes", "names", "labels")]
        class_names: Vec<String> = Vec::new(),
    }
}

/// The arrays of a split.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arrays {
    split: String,
    images: String,
    labels: String,
}

/// An archive, and what is in it but for the images.
struct Opened {
    archive: ZipArchive<BufReader<File>>,
    arrays: Vec<(Arrays, Head, usize)>,
    classes: Classes,
}

/// The two arrays of a split, by the names that people give them.
fn pairs(split: &str) -> Vec<(String, String)> {
    let around = |image: &str, label: &str| {
        vec![
            (format!("{image}_{split}"), format!("{label}_{split}")),
            (format!("{split}_{image}"), format!("{split}_{label}")),
        ]
    };
    [("images", "labels"), ("x", "y"), ("X", "y"), ("data", "labels"), ("data", "target")]
        .into_iter()
        .flat_map(|(image, label)| around(image, label))
        .collect()
}

/// The arrays of all splits.
fn arrays(path: &Path, names: &[String]) -> Result<Vec<Arrays>, DataError> {
    let find = |split: &str, pairs: Vec<(String, String)>| {
        let there = |name: &String| names.contains(name);
        let (images, labels) = pairs.into_iter().find(|(images, labels)| there(images) && there(labels))?;
        Some(Arrays { split: split.to_owned(), images, labels })
    };
    let mut found: Vec<Arrays> = Vec::new();
    for (called, split) in SPLITS {
        let known = found.iter().any(|arrays| arrays.split == split);
        found.extend(find(split, pairs(called)).filter(|_| !known));
    }
    if found.is_empty() {
        let single = [("images", "labels"), ("x", "y"), ("X", "y"), ("data", "labels"), ("data", "target")];
        found.extend(find("train", single.map(|(image, label)| (image.to_owned(), label.to_owned())).to_vec()));
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let shown: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    Err(DataError::Malformed {
        path: path.to_path_buf(),
        reason: format!("no arrays of images and labels are among {}", named(&shown, super::listing::NAMED)),
        help: Some("call them `x_train`, `y_train`, `x_test` and `y_test`, or `images` and `labels`".to_owned()),
    })
}

impl Npz {
    fn shard(&self) -> Result<Shard, DataError> {
        let mut found = shards::shards(&self.path.resolved, "npz")?;
        match found.len() {
            1 => Ok(Shard { name: "arrays".to_owned(), ..found.remove(0) }),
            count => {
                Err(DataError::malformed(&self.path.resolved, format!("there are {count} `.npz` files: name one")))
            }
        }
    }

    /// What is in the archive; labels are read.
    fn open(&self, path: &Path, file: File) -> Result<Opened, DataError> {
        let unreadable = |error: ZipError| DataError::malformed(path, format!("not a readable .npz: {error}"));
        let mut archive = ZipArchive::new(BufReader::with_capacity(1 << 18, file)).map_err(unreadable)?;
        let names: Vec<String> =
            archive.file_names().flatten().filter_map(|name| Some(name.strip_suffix(".npy")?.to_owned())).collect();
        let (mut found, mut labels) = (Vec::new(), Vec::new());
        for arrays in arrays(path, &names)? {
            let wrong = |array: &str, what: String| DataError::malformed(path, format!("`{array}`: {what}"));
            let texts = {
                let mut entry = archive.by_name(&format!("{}.npy", arrays.labels)).map_err(unreadable)?;
                npy::texts(&mut entry).map_err(|what| wrong(&arrays.labels, what))?
            };
            let head = {
                let mut entry = archive.by_name(&format!("{}.npy", arrays.images)).map_err(unreadable)?;
                Head::read(&mut entry).map_err(|what| wrong(&arrays.images, what))?
            };
            let (_, count) = head.images().map_err(|what| wrong(&arrays.images, what))?;
            if count != texts.len() {
                let what = format!("it holds {} labels, where `{}` holds {count} images", texts.len(), arrays.images);
                return Err(wrong(&arrays.labels, what));
            }
            found.push((arrays, head, count));
            labels.extend(texts.into_iter().map(Some));
        }
        let classes = match self.class_names.as_slice() {
            [] => classes_of(&labels),
            names => named_by(names, &labels),
        };
        let classes = classes.map_err(|wrong| {
            let wrong: Vec<String> = wrong.into_iter().map(|(row, what)| format!("image {row}: {what}")).collect();
            DataError::malformed(path, named(&wrong, super::listing::NAMED))
        })?;
        Ok(Opened { archive, arrays: found, classes })
    }

    fn look_inside(&self) -> Result<Opened, DataError> {
        let shard = self.shard()?;
        self.open(&shard.path, open_regular(&shard.path).map_err(DataError::io("read", &shard.path))?)
    }
}

impl Load for Npz {
    fn description(&self) -> &'static str {
        "images in a NumPy archive"
    }

    fn facts(&self) -> SourceFacts {
        let Ok(Opened { arrays, classes, .. }) = self.look_inside() else { return SourceFacts::default() };
        let shapes: Vec<ImageShape> =
            arrays.iter().filter_map(|(_, head, _)| Some(head.images().ok()?.0.shape)).collect();
        let side = |shape: &ImageShape| [shape.height, shape.width, shape.channels].map(|side| side as usize);
        let image = shapes.first().filter(|first| shapes.iter().all(|shape| shape == *first)).map(side);
        let mut labels = classes.of_rows.iter();
        let mut splits = BTreeMap::new();
        for (arrays, _, count) in arrays {
            let mut per_class = vec![0; classes.names.len()];
            labels.by_ref().take(count).for_each(|label| per_class[*label] += 1);
            splits.insert(arrays.split, SplitCounts::of_classes(per_class));
        }
        SourceFacts { classes: Some(classes.names), image, splits: Some(splits), ..SourceFacts::default() }
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path.resolved)
    }

    fn digests(&self, digest_file: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
        self.look_inside()?;
        shards::digests(&[self.shard()?], digest_file)
    }

    fn places(&self, _: &Path) -> Vec<Place> {
        vec![Place::of(self.path.resolved.clone())]
    }

    fn load(&self, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError> {
        let (shard, reader) = (self.shard()?, Reader::of_all(access.stop));
        let whole = shards::open(&shard, &reader, access)?;
        let Opened { mut archive, arrays, classes } = self.open(&shard.path, whole.file()?)?;
        let (mut done, total) = (0, classes.of_rows.len());
        for (arrays, _, count) in arrays {
            let wrong = |what: String| DataError::malformed(&shard.path, format!("`{}`: {what}", arrays.images));
            let entry = archive.by_name(&format!("{}.npy", arrays.images));
            let mut entry = BufReader::new(entry.map_err(|error| wrong(error.to_string()))?);
            let (layout, _) = Head::read(&mut entry).and_then(|head| head.images()).map_err(wrong)?;
            for number in 0..count {
                let mut pixels = vec![0; layout.shape.bytes()];
                entry.read_exact(&mut pixels).map_err(|_| wrong(format!("it ends in image {number} of {count}")))?;
                let image = Image { shape: layout.shape, pixels: layout.interleaved(pixels) };
                let label = i32::try_from(classes.of_rows[done]).expect("fewer classes than images than 2^31");
                let name = format!("{}/{number}", arrays.images);
                sink(Example { name: &name, ..Example::new(&arrays.split, label, image) })?;
                done += 1;
                if done % REPORT == 0 || done == total {
                    access.images(done, total)?;
                }
            }
        }
        whole.finish()?;
        Ok(Loaded { classes: classes.names, ..Loaded::default() })
    }
}

#[cfg(test)]
#[path = "npz/npz_tests.rs"]
mod tests;
