//! Writes a dataset's images with what is known of them, while they come.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use super::about::{About, columns as about_columns};
use super::images::{IMAGES, Kind, Record, SplitWriter, images_file};
use super::split_name::{TEST, TRAIN};
use super::table::{Column, ParquetWriter, ROW_GROUP};
use super::{ArtifactError, ImageShape, NewImage};
use simpipe_base::digest::Digest;
use simpipe_picture::DecodeOptions;

/// Pixels held in memory before they are written, of all splits together.
const MOST_WAITING_BYTES: usize = 16 << 20;

/// Writes `examples.parquet` and the files of `images/` beside it. Pixels are written as they come; what is known of an
/// image, about 100 bytes, is held until the end, for only then is it known which number each has.
///
/// Examples are numbered split after split: `train` first and `test` last, the others between them by name, each in the order
/// in which its images came. So growing `test` gives no other image another number.
pub struct ExamplesWriter {
    path: PathBuf,
    splits: BTreeMap<String, Part>,
    waiting: usize,
    checksum: blake3::Hasher,
    shape: Option<ImageShape>,
    mixed: bool,
    /// Which columns of [`About`] the file has.
    told: Vec<&'static str>,
    /// How encoded images become pixels, where there may be some.
    decoding: Option<DecodeOptions>,
}

/// A split so far.
struct Part {
    images: SplitWriter,
    labels: Vec<i32>,
    /// Nothing where the file has no columns for it.
    about: Vec<About>,
}

/// What [`ExamplesWriter::finish`] knows of the images it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExamplesSummary {
    /// Examples by split.
    pub counts: BTreeMap<String, usize>,
    /// Images that are stored as they came.
    pub encoded: usize,
    /// The shape that all images share, if they do.
    pub image: Option<ImageShape>,
    /// [`DatasetInfo::checksum`](super::DatasetInfo::checksum).
    pub checksum: String,
}

/// Splits in the order of their examples' numbers.
pub fn in_order_of_examples<T>(splits: BTreeMap<String, T>) -> impl Iterator<Item = (String, T)> {
    let rank = |name: &str| match name {
        TRAIN => 0,
        TEST => 2,
        _ => 1,
    };
    let mut splits: Vec<(String, T)> = splits.into_iter().collect();
    splits.sort_by_key(|(name, _)| rank(name)); // stable: those of one rank stay in the order of their names
    splits.into_iter()
}

impl ExamplesWriter {
    /// A writer to a path.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            splits: BTreeMap::new(),
            waiting: 0,
            checksum: blake3::Hasher::new(),
            shape: None,
            mixed: false,
            told: Vec::new(),
            decoding: None,
        }
    }

    /// The same, for images of which some are encoded: they become pixels like this.
    #[must_use]
    pub fn decoding(self, decoding: Option<DecodeOptions>) -> Self {
        Self { decoding, ..self }
    }

    /// The same, for a file with these columns of [`About`]: in a file without them they are null.
    #[must_use]
    pub fn telling(mut self, columns: &[String]) -> Self {
        let told = |name: &&'static str| columns.iter().any(|column| column == name);
        self.told = About::COLUMNS.into_iter().filter(told).collect();
        self
    }

    /// Appends one example of which nothing more is known.
    ///
    /// # Errors
    /// If a file can't be written.
    pub fn push(&mut self, split: &str, label: i32, image: impl Into<NewImage>) -> Result<(), ArtifactError> {
        self.push_about(split, label, image, About::default())
    }

    /// Appends one example with what is known about it, as far as the file has columns for that.
    ///
    /// # Errors
    /// If a file can't be written.
    pub fn push_about(
        &mut self,
        split: &str,
        label: i32,
        image: impl Into<NewImage>,
        about: About,
    ) -> Result<(), ArtifactError> {
        let image = image.into();
        let digest = image.digest();
        self.checksum.update(digest.to_string().as_bytes());
        self.checksum.update(&label.to_le_bytes());
        self.checksum.update(split.as_bytes());
        self.mixed |= self.shape.is_some_and(|shape| shape != image.shape());
        self.shape = Some(image.shape());
        let part = match self.splits.entry(split.to_owned()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                make_folder(&self.path)?;
                let images = SplitWriter::new(self.path.with_file_name(images_file(split)));
                entry.insert(Part { images, labels: Vec::new(), about: Vec::new() })
            }
        };
        part.images.push(&image, digest);
        part.labels.push(label);
        if !self.told.is_empty() {
            part.about.push(about);
        }
        self.waiting += image.bytes().len();
        if self.waiting < MOST_WAITING_BYTES {
            return Ok(());
        }
        self.waiting = 0;
        self.splits.values_mut().try_for_each(|part| part.images.flush())
    }

    /// Ends the files.
    ///
    /// # Errors
    /// If one can't be written.
    pub fn finish(self) -> Result<ExamplesSummary, ArtifactError> {
        make_folder(&self.path)?; // also where there is no image at all
        let counts = self.splits.iter().map(|(split, part)| (split.clone(), part.labels.len())).collect();
        let records = || self.splits.values().flat_map(|part| part.images.records());
        let encoded = records().filter(|record| record.kind != Kind::Pixels).count();
        let (writer, told, rows) = (ParquetWriter::new(&self.path), self.told, Rows::default());
        let mut table = Table { writer, told, some_encoded: encoded > 0, rows };
        let mut next = 0;
        for (split, mut part) in in_order_of_examples(self.splits) {
            let (first, file) = (next, images_file(&split));
            let mut about = part.about.into_iter();
            for (record, label) in part.images.records().iter().zip(&part.labels) {
                table.push(next, &split, &file, *label, *record, about.next().unwrap_or_default())?;
                next += 1;
            }
            part.images.finish(first, self.decoding.as_ref())?;
        }
        table.finish()?;
        Ok(ExamplesSummary {
            counts,
            encoded,
            image: self.shape.filter(|_| !self.mixed),
            checksum: Digest::from_hasher(&self.checksum).to_string(),
        })
    }
}

fn make_folder(examples: &Path) -> Result<(), ArtifactError> {
    let folder = examples.with_file_name(IMAGES.trim_end_matches('/'));
    std::fs::create_dir_all(&folder).map_err(|error| ArtifactError::io("create", &folder, error))
}

/// `examples.parquet`, a row group at a time.
struct Table {
    writer: ParquetWriter,
    told: Vec<&'static str>,
    /// Whether it says which images are encoded, and how long each is.
    some_encoded: bool,
    rows: Rows,
}

/// Rows that are not written yet.
#[derive(Default)]
struct Rows {
    ids: Vec<u64>,
    split: Vec<String>,
    label: Vec<i32>,
    file: Vec<String>,
    images: Vec<Record>,
    about: Vec<About>,
}

impl Table {
    fn push(
        &mut self,
        id: u64,
        split: &str,
        file: &str,
        label: i32,
        image: Record,
        about: About,
    ) -> Result<(), ArtifactError> {
        let rows = &mut self.rows;
        rows.ids.push(id);
        rows.split.push(split.to_owned());
        rows.label.push(label);
        rows.file.push(file.to_owned());
        rows.images.push(image);
        rows.about.push(about);
        if rows.ids.len() == ROW_GROUP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ArtifactError> {
        let Rows { ids, split, label, file, images, about } = std::mem::take(&mut self.rows);
        let side = |pick: fn(&ImageShape) -> u32| images.iter().map(|image| pick(&image.shape)).collect::<Vec<u32>>();
        let digests: Vec<String> = images.iter().map(|image| image.digest.to_string()).collect();
        let mut columns = vec![
            Column::u64("example_id", &ids),
            Column::text("split", &split),
            Column::i32("label", &label),
            Column::text("file", &file),
            Column::u64("offset", &images.iter().map(|image| image.offset).collect::<Vec<u64>>()),
            Column::u32("height", &side(|shape| shape.height)),
            Column::u32("width", &side(|shape| shape.width)),
            Column::u32("channels", &side(|shape| shape.channels)),
            Column::text("digest", &digests),
        ];
        if self.some_encoded {
            let encoded: Vec<bool> = images.iter().map(|image| image.kind != Kind::Pixels).collect();
            let lengths: Vec<u64> = images.iter().map(|image| image.length).collect();
            columns.extend([Column::u64("length", &lengths), Column::bool("encoded", &encoded)]);
        }
        columns.extend(about_columns(&self.told, &about));
        self.writer.append(columns)
    }

    fn finish(mut self) -> Result<(), ArtifactError> {
        // The columns are there even without a row.
        self.flush()?;
        self.writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Image;
    use crate::table::Columns;
    use crate::{Examples, Images};

    const SHAPE: ImageShape = ImageShape { height: 2, width: 1, channels: 3 };

    fn image(value: u8) -> Image {
        Image { shape: SHAPE, pixels: vec![value; 6] }
    }

    fn written(folder: &Path, examples: &[(&str, u8)]) -> ExamplesSummary {
        let mut writer = ExamplesWriter::new(&folder.join("examples.parquet"));
        for (split, value) in examples {
            writer.push(split, i32::from(*value), image(*value)).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn images_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("examples.parquet");
        let summary = written(folder.path(), &[("train", 0), ("train", 1), ("test", 2)]);
        assert_eq!((summary.image, summary.counts["train"]), (Some(SHAPE), 2));
        assert_eq!(Examples::read_images(&path, &[2, 0, 2]).unwrap(), [image(2), image(0), image(2)]);
        let examples = Examples::read(&path).unwrap();
        assert_eq!(examples.label, [0, 1, 2]);
        assert_eq!(examples.digest[1], image(1).digest().to_string());
        assert!(Examples::read_images(&path, &[3]).is_err());
        // The table alone says where the bytes are.
        let columns = Columns::read_parquet(&path, None).unwrap();
        let (files, offsets) = (columns.text("file").unwrap(), columns.u64("offset").unwrap());
        let bytes = std::fs::read(folder.path().join(&files[1])).unwrap();
        assert_eq!(
            (files[1].as_str(), &bytes[usize::try_from(offsets[1]).unwrap()..][..6]),
            ("images/train.bin", &[1; 6][..])
        );
    }

    #[test]
    fn growing_test_moves_nothing_else() {
        let read = |examples: &[(&str, u8)]| {
            let folder = tempfile::tempdir().unwrap();
            written(folder.path(), examples);
            let examples = Examples::read(&folder.path().join("examples.parquet")).unwrap();
            let file = |split: &str| std::fs::read(folder.path().join(images_file(split))).unwrap();
            (examples.split, examples.label, file("train"), file("validation"))
        };
        let before = read(&[("test", 1), ("validation", 2), ("train", 3), ("test", 4), ("train", 5)]);
        assert_eq!((&before.1[..], before.0[2].as_str()), (&[3, 5, 2, 1, 4][..], "validation"));
        let after = read(&[("test", 9), ("test", 1), ("validation", 2), ("train", 3), ("test", 4), ("train", 5)]);
        assert_eq!(after.1, [3, 5, 2, 9, 1, 4]);
        assert!((&before.2, &before.3) == (&after.2, &after.3), "the same bytes");
    }

    #[test]
    fn large_images_are_not_gathered_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let large = Image { shape: ImageShape { height: 5000, width: 5000, channels: 1 }, pixels: vec![7; 25_000_000] };
        let mut writer = ExamplesWriter::new(&folder.path().join("examples.parquet"));
        for at in 0..4 {
            writer.push(if at % 2 == 0 { "train" } else { "test" }, 0, large.clone()).unwrap();
            assert_eq!(writer.waiting, 0, "it is in its file");
        }
        writer.finish().unwrap();
        let images = Images::open(&folder.path().join("images")).unwrap();
        assert!(images.pixels(&images.find(3).unwrap()).unwrap() == large.pixels);
    }

    #[test]
    fn a_dataset_of_nothing_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let summary = written(folder.path(), &[]);
        assert_eq!((summary.counts.len(), summary.image), (0, None));
        assert!(Examples::read(&folder.path().join("examples.parquet")).unwrap().is_empty());
        assert!(Images::open(&folder.path().join("images")).unwrap().find(0).is_err());
    }
}
