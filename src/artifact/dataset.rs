//! `examples.parquet` and `dataset.json`: the images with their labels.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array, AsArray, LargeBinaryArray, LargeBinaryBuilder};
use serde::{Deserialize, Serialize};

use super::ArtifactError;
use super::about::{About, columns as about_columns};
use super::row_groups::RowGroups;
use super::table::{Column, Columns, ParquetWriter, ROW_GROUP};
use crate::base::digest::Digest;

/// Height, width and channels of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageShape {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: u32,
}

impl ImageShape {
    /// Bytes of an image of this shape.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.height as usize * self.width as usize * self.channels as usize
    }
}

/// Raw pixels: `height x width x channels` bytes, channels innermost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The size.
    pub shape: ImageShape,
    /// The pixels.
    pub pixels: Vec<u8>,
}

impl Image {
    /// The digest of shape and pixels: equal images have equal digests, whatever file they came from.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        for side in [self.shape.height, self.shape.width, self.shape.channels] {
            hasher.update(&side.to_le_bytes());
        }
        hasher.update(&self.pixels);
        Digest::from_hasher(&hasher)
    }
}

/// `dataset.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetInfo {
    /// Version of this format: 1.
    pub format: u32,
    /// The source's name in a spec, such as `cifar10`.
    pub source: String,
    /// What the source is, with its licence or citation.
    pub description: String,
    /// Names by label.
    pub classes: Vec<String>,
    /// Examples by split.
    pub counts: BTreeMap<String, usize>,
    /// The shape that all images share, if they do.
    pub image: Option<ImageShape>,
    /// Digest over all image digests and labels in order: the same images give the same one, however provided.
    pub checksum: String,
    /// Files that were skipped because they can't be read, as the spec allows.
    pub skipped: Vec<String>,
    /// Images with pixels that were not opaque and were laid over a background; left out if there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub transparent: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The table of examples without its pixels. `example_id` is the row number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examples {
    /// `train`, `test`, ...
    pub split: Vec<String>,
    /// Index into the classes.
    pub label: Vec<i32>,
    /// The shapes.
    pub shape: Vec<ImageShape>,
    /// [`Image::digest`] of each.
    pub digest: Vec<String>,
}

impl Default for ImageShape {
    fn default() -> Self {
        Self { height: 0, width: 0, channels: 1 }
    }
}

impl Examples {
    /// Reads everything but the pixels.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(path: &Path) -> Result<Self, ArtifactError> {
        let names = ["split", "label", "height", "width", "channels", "digest"];
        let columns = Columns::read_parquet(path, Some(&names))?;
        let (height, width, channels) = (columns.u32("height")?, columns.u32("width")?, columns.u32("channels")?);
        let shape = height
            .iter()
            .zip(&width)
            .zip(&channels)
            .map(|((&height, &width), &channels)| ImageShape { height, width, channels })
            .collect();
        Ok(Self { split: columns.text("split")?, label: columns.i32("label")?, shape, digest: columns.text("digest")? })
    }

    /// Number of examples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.label.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.label.is_empty()
    }

    /// Reads the images of some examples, in the order asked for (an id may be asked for twice).
    ///
    /// # Errors
    /// If the file can't be read or has no such example.
    pub fn read_images(path: &Path, example_ids: &[u64]) -> Result<Vec<Image>, ArtifactError> {
        let mut images: Vec<Option<Image>> = vec![None; example_ids.len()];
        Self::visit_images(path, example_ids, |place, shape, pixels| {
            images[place] = Some(Image { shape, pixels: pixels.to_vec() });
        })?;
        Ok(images.into_iter().map(|image| image.expect("every place is visited")).collect())
    }

    /// Shows the images of some examples, each with its place among `example_ids`, in the order of the file. Only the
    /// row groups that hold some of them are read, one at a time.
    ///
    /// # Errors
    /// If the file can't be read or has no such example.
    pub fn visit_images(
        path: &Path,
        example_ids: &[u64],
        mut visit: impl FnMut(usize, ImageShape, &[u8]),
    ) -> Result<(), ArtifactError> {
        let file = RowGroups::open(path, &["image", "height", "width", "channels"])?;
        let mut wanted: Vec<(u64, usize)> = example_ids.iter().copied().zip(0..).collect();
        wanted.sort_unstable();
        let (mut rest, mut start) = (&wanted[..], 0);
        for (group, length) in file.lengths().into_iter().enumerate() {
            let end = start + length as u64;
            let (here, later) = rest.split_at(rest.partition_point(|(id, _)| *id < end));
            if !here.is_empty() {
                visit_group(path, &file.read(group)?, start, here, &mut visit)?;
            }
            (rest, start) = (later, end);
        }
        match rest.first() {
            Some((id, _)) => Err(ArtifactError::malformed(path, format!("there is no example {id}"))),
            None => Ok(()),
        }
    }
}

/// Shows the wanted images (ids in order, with their places) of one row group, whose first row is example `start`.
fn visit_group(
    path: &Path,
    columns: &Columns,
    start: u64,
    wanted: &[(u64, usize)],
    visit: &mut impl FnMut(usize, ImageShape, &[u8]),
) -> Result<(), ArtifactError> {
    let (height, width, channels) = (columns.u32("height")?, columns.u32("width")?, columns.u32("channels")?);
    let pieces = columns.pieces("image")?;
    let malformed = || ArtifactError::malformed(path, "the column `image` is not binary");
    let pieces: Vec<&LargeBinaryArray> =
        pieces.iter().map(|piece| piece.as_binary_opt::<i64>().ok_or_else(malformed)).collect::<Result<_, _>>()?;
    let all: Vec<&[u8]> = pieces.iter().flat_map(|piece| (0..piece.len()).map(|row| piece.value(row))).collect();
    for (id, place) in wanted {
        let row = usize::try_from(id - start).ok().filter(|row| *row < height.len().min(all.len()));
        let row = row.ok_or_else(|| ArtifactError::malformed(path, format!("there is no example {id}")))?;
        let shape = ImageShape { height: height[row], width: width[row], channels: channels[row] };
        if all[row].len() != shape.bytes() {
            return Err(ArtifactError::malformed(path, format!("example {id} has {} bytes", all[row].len())));
        }
        visit(*place, shape, all[row]);
    }
    Ok(())
}

/// Pixels held in memory before they are written: large photographs make smaller row groups.
const MOST_WAITING_BYTES: usize = 64 << 20;

/// Writes `examples.parquet` image by image, holding at most one row group in memory.
pub struct ExamplesWriter {
    writer: ParquetWriter,
    next_id: u64,
    examples: Examples,
    pixels: Vec<Vec<u8>>,
    waiting_bytes: usize,
    checksum: blake3::Hasher,
    counts: BTreeMap<String, usize>,
    shape: Option<ImageShape>,
    mixed: bool,
    /// Which columns of [`About`] the file has.
    told: Vec<&'static str>,
    about: Vec<About>,
}

/// What [`ExamplesWriter::finish`] knows of the images it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExamplesSummary {
    /// Examples by split.
    pub counts: BTreeMap<String, usize>,
    /// The shape that all images share, if they do.
    pub image: Option<ImageShape>,
    /// [`DatasetInfo::checksum`].
    pub checksum: String,
}

impl ExamplesWriter {
    /// A writer to a path.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            writer: ParquetWriter::new(path),
            next_id: 0,
            examples: Examples::default(),
            pixels: Vec::new(),
            waiting_bytes: 0,
            checksum: blake3::Hasher::new(),
            counts: BTreeMap::new(),
            shape: None,
            mixed: false,
            told: Vec::new(),
            about: Vec::new(),
        }
    }

    /// The same, for a file with these columns of [`About`]: a file without them is one in which they are null, and has
    /// the bytes that it had before there were any.
    #[must_use]
    pub fn telling(mut self, columns: &[String]) -> Self {
        let told = |name: &&'static str| columns.iter().any(|column| column == name);
        self.told = About::COLUMNS.into_iter().filter(told).collect();
        self
    }

    /// Appends one example of which nothing more is known; its id is the number of those before it.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn push(&mut self, split: &str, label: i32, image: Image) -> Result<(), ArtifactError> {
        self.push_about(split, label, image, About::default())
    }

    /// Appends one example with what is known about it, as far as the file has columns for that.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn push_about(&mut self, split: &str, label: i32, image: Image, about: About) -> Result<(), ArtifactError> {
        if !self.told.is_empty() {
            self.about.push(about);
        }
        let digest = image.digest().to_string();
        self.checksum.update(digest.as_bytes());
        self.checksum.update(&label.to_le_bytes());
        self.checksum.update(split.as_bytes());
        *self.counts.entry(split.to_owned()).or_default() += 1;
        self.mixed |= self.shape.is_some_and(|shape| shape != image.shape);
        self.shape = Some(image.shape);
        self.examples.split.push(split.to_owned());
        self.examples.label.push(label);
        self.examples.shape.push(image.shape);
        self.examples.digest.push(digest);
        self.waiting_bytes += image.pixels.len();
        self.pixels.push(image.pixels);
        if self.pixels.len() == ROW_GROUP || self.waiting_bytes > MOST_WAITING_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ArtifactError> {
        let examples = std::mem::take(&mut self.examples);
        let pixels = std::mem::take(&mut self.pixels);
        let bytes = std::mem::take(&mut self.waiting_bytes);
        let ids: Vec<u64> = (self.next_id..).take(pixels.len()).collect();
        self.next_id += pixels.len() as u64;
        let side = |pick: fn(&ImageShape) -> u32| examples.shape.iter().map(pick).collect::<Vec<u32>>();
        let about = about_columns(&self.told, &std::mem::take(&mut self.about));
        let mut columns = vec![
            Column::u64("example_id", &ids),
            Column::text("split", &examples.split),
            Column::i32("label", &examples.label),
            Column::new("image", joined(pixels, bytes)),
            Column::u32("height", &side(|shape| shape.height)),
            Column::u32("width", &side(|shape| shape.width)),
            Column::u32("channels", &side(|shape| shape.channels)),
            Column::text("digest", &examples.digest),
        ];
        columns.extend(about);
        self.writer.append(columns)?;
        if bytes > MOST_WAITING_BYTES { self.writer.end_row_group() } else { Ok(()) }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn finish(mut self) -> Result<ExamplesSummary, ArtifactError> {
        if !self.pixels.is_empty() || self.next_id == 0 {
            self.flush()?;
        }
        self.writer.finish()?;
        Ok(ExamplesSummary {
            counts: self.counts,
            image: self.shape.filter(|_| !self.mixed),
            checksum: Digest::from_hasher(&self.checksum).to_string(),
        })
    }
}

/// One column of so many bytes in all; each image is let go of once it is in.
fn joined(pixels: Vec<Vec<u8>>, bytes: usize) -> LargeBinaryArray {
    let mut column = LargeBinaryBuilder::with_capacity(pixels.len(), bytes);
    for image in pixels {
        column.append_value(image);
    }
    column.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_before_transparency_was_counted_is_read() {
        let json = r#"{"format":1,"source":"mnist","description":"","classes":[],"counts":{},"image":null,"checksum":"",
            "skipped":[]}"#;
        let info: DatasetInfo = serde_json::from_str(json).unwrap();
        assert_eq!(info.transparent, 0);
        assert!(!serde_json::to_string(&info).unwrap().contains("transparent"), "and it is written as before");
    }

    #[test]
    fn large_images_are_not_gathered_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("examples.parquet");
        let image = Image { shape: ImageShape { height: 5000, width: 5000, channels: 1 }, pixels: vec![0; 25_000_000] };
        let mut writer = ExamplesWriter::new(&path);
        (0..7).for_each(|_| writer.push("train", 0, image.clone()).unwrap());
        writer.finish().unwrap();
        assert_eq!(RowGroups::open(&path, &["label"]).unwrap().lengths(), [3, 3, 1]);
    }

    #[test]
    fn images_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("examples.parquet");
        let shape = ImageShape { height: 2, width: 1, channels: 3 };
        let image = |value: u8| Image { shape, pixels: vec![value; 6] };
        let mut writer = ExamplesWriter::new(&path);
        for value in 0..3 {
            writer.push(if value < 2 { "train" } else { "test" }, i32::from(value), image(value)).unwrap();
        }
        let summary = writer.finish().unwrap();
        assert_eq!(summary.image, Some(shape));
        assert_eq!(summary.counts["train"], 2);
        assert_eq!(Examples::read_images(&path, &[2, 0]).unwrap(), [image(2), image(0)]);
        let examples = Examples::read(&path).unwrap();
        assert_eq!(examples.label, [0, 1, 2]);
        assert_eq!(examples.digest[1], image(1).digest().to_string());
        assert!(Examples::read_images(&path, &[3]).is_err());
    }
}
