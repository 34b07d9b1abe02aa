//! STL-10: its published binary files.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::reader::Reader;
use super::shards::{self, Shard};
use super::{Access, DigestFile, Example, Load, Loaded, Place, Sink, SourceFacts, SplitCounts};
use crate::DataError;
use simpipe_artifact::{Image, ImageShape};
use simpipe_base::contents::Contents;
use simpipe_base::digest::Digest;
use simpipe_base::param::SpecPath;

const SIDE: u32 = 96;
const SHAPE: ImageShape = ImageShape { height: SIDE, width: SIDE, channels: 3 };
/// By label, from 1.
const CLASSES: [&str; 10] = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"];
const SPLITS: [(&str, usize); 2] = [("train", 5000), ("test", 8000)];
/// Images between two reports of progress.
const REPORT: usize = 500;
const LABELS: u64 = 1 << 20;

simpipe_base::params! {
    /// STL-10 (Coates, Lee and Ng, "An Analysis of Single Layer Networks in Unsupervised Feature Learning", 2011): 5,000
    /// training and 8,000 test images of 96 x 96 pixels in 10 classes. The images without labels are not read.
    ///
    /// # Example
    ///
    /// ```toml
    /// { stl-10 = { path = "stl10_binary" } }
    /// ```
    pub struct Stl10 {
        /// The folder `stl10_binary`, or the one that holds it.
        #[aka("dir", "root", "folder", "data_dir", "directory", "data_root", "location", "file", "url")]
        path: SpecPath,
    }
}

impl Stl10 {
    /// The files of images and labels of each split.
    fn files(&self) -> Result<Vec<[Shard; 2]>, DataError> {
        let inside = self.path.resolved.join("stl10_binary");
        let folder: PathBuf = if inside.is_dir() { inside } else { self.path.resolved.clone() };
        let shard = |split: &str, what: &str| {
            let name = format!("{split}_{what}.bin");
            let path = folder.join(&name);
            if path.is_file() {
                return Ok(Shard { name, path, split: split.to_owned() });
            }
            let help = "put the unpacked files of `stl10_binary.tar.gz` into the folder `path`".to_owned();
            Err(DataError::Missing { what: "file", path, help })
        };
        SPLITS.iter().map(|(split, _)| Ok([shard(split, "X")?, shard(split, "y")?])).collect()
    }
}

/// Columns of three planes as rows of pixels.
fn turned(bytes: &[u8]) -> Image {
    let side = SIDE as usize;
    let pixel = |(row, column): (usize, usize)| [0, 1, 2].map(|channel| bytes[(channel * side + column) * side + row]);
    let places = (0..side).flat_map(|row| (0..side).map(move |column| (row, column)));
    Image { shape: SHAPE, pixels: places.flat_map(pixel).collect() }
}

impl Load for Stl10 {
    fn description(&self) -> &'static str {
        "STL-10 (A. Coates, H. Lee and A. Y. Ng, An Analysis of Single Layer Networks in Unsupervised Feature Learning, 2011); \
         its authors state no licence: cite the paper"
    }

    fn facts(&self) -> SourceFacts {
        if self.files().is_err() {
            return SourceFacts::default();
        }
        let counts = |(split, count): (&str, usize)| (split.to_owned(), SplitCounts { count, per_class: None });
        SourceFacts {
            classes: Some(CLASSES.map(str::to_owned).to_vec()),
            image: Some([SIDE as usize, SIDE as usize, 3]),
            splits: Some(BTreeMap::from(SPLITS.map(counts))),
            ..SourceFacts::default()
        }
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path.resolved)
    }

    fn digests(&self, digest_file: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
        // Labels first: so they are read.
        let files: Vec<Shard> = self.files()?.into_iter().flat_map(|[images, labels]| [labels, images]).collect();
        shards::digests(&files, digest_file)
    }

    fn places(&self, _: &Path) -> Vec<Place> {
        vec![Place { complete: self.files().is_ok(), path: self.path.resolved.clone() }]
    }

    fn load(&self, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError> {
        let reader = Reader::of_all(access.stop);
        for [images, labels] in self.files()? {
            let bytes = reader.read_at_most(&labels.path, LABELS).map_err(DataError::io("read", &labels.path))?;
            let digest = reader.digest(&labels.path).map_err(DataError::io("read", &labels.path))?;
            access.has_read(&[(labels.name.clone(), digest)]);
            let whole = shards::open(&images, &reader, access)?;
            let mut file = BufReader::with_capacity(1 << 18, whole.file()?);
            let mut pixels = vec![0; SHAPE.bytes()];
            for (at, label) in bytes.iter().enumerate() {
                let label =
                    label.checked_sub(1).filter(|label| usize::from(*label) < CLASSES.len()).ok_or_else(|| {
                        DataError::malformed(
                            &labels.path,
                            format!("the label of image {at} is {label}, expected 1 to 10"),
                        )
                    })?;
                file.read_exact(&mut pixels).map_err(|_| {
                    let what = format!("it ends in image {at}, where there are {} labels", bytes.len());
                    DataError::malformed(&images.path, what)
                })?;
                sink(Example::new(&images.split, i32::from(label), turned(&pixels)))?;
                if at % REPORT == 0 {
                    access.images(at, bytes.len())?;
                }
            }
            if file.read(&mut [0]).map_err(DataError::io("read", &images.path))? > 0 {
                let what = format!("it holds more than {} images, which have labels", bytes.len());
                return Err(DataError::malformed(&images.path, what));
            }
            access.images(bytes.len(), bytes.len())?;
            whole.finish()?;
        }
        Ok(Loaded { classes: CLASSES.map(str::to_owned).to_vec(), ..Loaded::default() })
    }
}

#[cfg(test)]
mod tests {
    use crate::source::made_for_tests::{load, refused, source, survives, write};

    /// Images of which the second column is 9.
    fn images(count: usize) -> Vec<u8> {
        let plane = |channel: u8| {
            (0..96 * 96).map(move |at| if (96..192).contains(&at) { 9 } else { channel }).collect::<Vec<u8>>()
        };
        [1, 2, 3].map(plane).concat().repeat(count)
    }

    #[test]
    fn columns_become_rows() {
        let folder = tempfile::tempdir().unwrap();
        for (split, labels) in [("train", &[1, 10][..]), ("test", &[2])] {
            write(folder.path(), &format!("stl10_binary/{split}_X.bin"), images(labels.len()));
            write(folder.path(), &format!("stl10_binary/{split}_y.bin"), labels);
        }
        let (seen, _) = load(&source("stl-10", folder.path()), None).unwrap();
        let classes: Vec<String> = seen.iter().map(|seen| format!("{} {}", seen.split, seen.class)).collect();
        assert_eq!(classes, ["train airplane", "train truck", "test bird"]);
        assert_eq!(seen[0].image.pixels[..9], [1, 2, 3, 9, 9, 9, 1, 2, 3]);
    }

    #[test]
    fn labels_and_images_must_agree() {
        let folder = tempfile::tempdir().unwrap();
        let of = source("stl-10", folder.path());
        assert_eq!(refused(&of, folder.path()), "there is no file at ROOT/train_X.bin");
        for (name, bytes) in
            [("train_X", images(1)), ("train_y", vec![1, 1]), ("test_X", images(1)), ("test_y", vec![1])]
        {
            write(folder.path(), &format!("{name}.bin"), bytes);
        }
        assert_eq!(refused(&of, folder.path()), "ROOT/train_X.bin: it ends in image 1, where there are 2 labels");
        write(folder.path(), "train_y.bin", [11]);
        assert_eq!(refused(&of, folder.path()), "ROOT/train_y.bin: the label of image 0 is 11, expected 1 to 10");
        write(folder.path(), "train_X.bin", images(2));
        write(folder.path(), "train_y.bin", [1]);
        assert!(refused(&of, folder.path()).contains("more than 1 images"));
    }

    #[test]
    fn damaged_files_are_errors_and_no_panics() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [("train_X", images(1)), ("train_y", vec![1]), ("test_X", images(1)), ("test_y", vec![2])]
        {
            write(folder.path(), &format!("{name}.bin"), bytes);
        }
        for name in ["train_X.bin", "test_y.bin"] {
            survives(&source("stl-10", folder.path()), &folder.path().join(name));
        }
    }
}
