//! JPEG and PNG files in folders: `<split>/<class>/*`, or `<class>/*` with a rule that divides them.
//!
//! Splits, classes and files are taken in the order of their names, so the same folder gives the same labels and
//! example ids on every machine. Finding the files is in [`scan`], decoding here.

mod scan;
mod split;
mod survey;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, ImageReader};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

pub use self::split::{ClassSplit, ImageSplit, SplitRule};
pub use self::survey::{Survey, SurveyError};

use self::scan::{File, Folder};
use super::{Access, DigestFile, Example, Load, Loaded, Place, Sink, SourceFacts, SplitCounts};
use crate::artifact::{Image, ImageShape};
use crate::base::check::Check;
use crate::base::digest::Digest;
use crate::base::fs::read_regular;
use crate::base::param::SpecPath;
use crate::data::DataError;

/// Files decoded at a time: enough for every core, few enough to hold large photographs in memory.
const PIECE: usize = 256;
/// Unreadable files that a message names; the rest is counted.
const NAMED: usize = 5;

crate::params! {
    /// JPEG and PNG files in folders: `<split>/<class>/*`, or `<class>/*` with a rule that divides them.
    ///
    /// Splits, classes and files are taken in the order of their names. Hidden files and files that are no images are
    /// ignored; images of other formats are errors.
    ///
    /// # Example
    ///
    /// ```toml
    /// { image-folder = { path = "photos", split = { images = { test = 0.2 } }, resize = [64, 64] } }
    /// ```
    pub struct ImageFolder {
        /// The folder that holds the splits, or the classes.
        path: SpecPath,
        /// How images are divided into splits.
        split: SplitRule = SplitRule::Folders,
        /// Height and width that every image is scaled to, in pixels (triangle filter: bilinear, widened where it
        /// shrinks); the sizes stay as they are if it is left out.
        resize: Option<Vec<u32>> = None => size(),
        /// 3 for colour, 1 for grey (luma of ITU-R BT.709). Transparency is dropped.
        channels: u32 = 3 => Check::new("1 or 3", |channels| matches!(channels, 1 | 3)),
        /// What to do with files that can't be decoded.
        on_corrupt: OnCorrupt = OnCorrupt::Fail,
    }
}

crate::choice! {
    /// What to do with files that can't be decoded.
    pub enum OnCorrupt {
        /// Stop, and name them.
        "fail" => Fail,
        /// Leave them out, with a warning; `dataset.json` lists them.
        "skip" => Skip,
    }
}

fn size() -> Check<Option<Vec<u32>>> {
    Check::new("two numbers from 1 to 8192, height and width", |size: &Option<Vec<u32>>| {
        size.as_ref().is_none_or(|size| size.len() == 2 && size.iter().all(|side| (1..=8192).contains(side)))
    })
}

impl ImageFolder {
    /// Height and width to scale to.
    fn target(&self) -> Option<(u32, u32)> {
        self.resize.as_deref().and_then(|size| Some((*size.first()?, *size.get(1)?)))
    }

    /// Decodes files piece by piece, in order; each piece is used while the next is decoded.
    fn decoded(
        &self,
        files: &[File],
        mut use_piece: impl FnMut(&[File], Vec<Result<Image, String>>) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        std::thread::scope(|scope| {
            let (sender, pieces) = std::sync::mpsc::sync_channel(0);
            let decode = move || {
                for piece in files.chunks(PIECE) {
                    let images = piece.into_par_iter().map(|file| self.decode_file(file)).collect();
                    if sender.send((piece, images)).is_err() {
                        break; // nobody wants more
                    }
                }
            };
            let thread = std::thread::Builder::new().spawn_scoped(scope, decode);
            thread.map_err(DataError::io("start a thread to read", &self.path.resolved))?;
            pieces.into_iter().try_for_each(|(piece, images)| use_piece(piece, images))
        })
    }

    fn decode_file(&self, file: &File) -> Result<Image, String> {
        let bytes = read_regular(&file.path).map_err(|error| error.to_string())?;
        decode(&bytes, self.channels, self.target())
    }
}

impl Load for ImageFolder {
    fn description(&self) -> &'static str {
        "images from a folder"
    }

    /// From file names alone. Counts are left open where files may be skipped, everything where the folder is not
    /// as it should be: [`Load::digests`] then says why.
    fn facts(&self) -> SourceFacts {
        let Ok(folder) = Folder::scan(&self.path.resolved, &self.split) else { return SourceFacts::default() };
        let image = self.target().map(|(height, width)| [height as usize, width as usize, self.channels as usize]);
        let splits = (self.on_corrupt == OnCorrupt::Fail).then(|| {
            let mut counts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
            for file in &folder.files {
                let per_class = counts.entry(file.split.clone()).or_insert_with(|| vec![0; folder.classes.len()]);
                per_class[file.label] += 1;
            }
            counts.into_iter().map(|(split, counts)| (split, SplitCounts::of_classes(counts))).collect()
        });
        SourceFacts { classes: Some(folder.classes), image, splits }
    }

    /// One digest over the names and contents of all files.
    fn digests(&self, digest_file: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
        let folder = Folder::scan(&self.path.resolved, &self.split)?;
        let paths: Vec<&Path> = folder.files.iter().map(|file| file.path.as_path()).collect();
        let digests = digest_file
            .digests(&self.path.resolved, &paths)
            .map_err(|(path, error)| DataError::io("read", &path)(error))?;
        let digests: Vec<(&str, Digest)> = folder.files.iter().map(|file| file.name.as_str()).zip(digests).collect();
        Ok(vec![("images".to_owned(), Digest::of_json(&digests))])
    }

    fn places(&self, _: &Path) -> Vec<Place> {
        vec![Place::of(self.path.resolved.clone())]
    }

    fn load(&self, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError> {
        let Folder { classes, files } = Folder::scan(&self.path.resolved, &self.split)?;
        let (mut unreadable, mut done) = (Vec::new(), 0);
        self.decoded(&files, |piece, images| {
            for (file, image) in piece.iter().zip(images) {
                match image {
                    // After the first failure only the names of the others matter.
                    Ok(_) if !unreadable.is_empty() && self.on_corrupt == OnCorrupt::Fail => {}
                    Ok(image) => {
                        let label = i32::try_from(file.label).expect("fewer classes than files than 2^31");
                        sink(Example { split: &file.split, label, image })?;
                    }
                    Err(reason) => unreadable.push((file.name.clone(), reason)),
                }
            }
            done += piece.len();
            access.images(done, files.len())
        })?;
        if !unreadable.is_empty() && (self.on_corrupt == OnCorrupt::Fail || unreadable.len() == files.len()) {
            return Err(DataError::Unreadable {
                count: unreadable.len(),
                total: files.len(),
                listed: listed(&unreadable),
            });
        }
        Ok(Loaded { classes, skipped: unreadable.into_iter().map(|(name, _)| name).collect() })
    }
}

fn listed(unreadable: &[(String, String)]) -> String {
    let named = unreadable.iter().take(NAMED).map(|(name, reason)| format!("`{name}` ({reason})"));
    let mut text = named.collect::<Vec<_>>().join(", ");
    if unreadable.len() > NAMED {
        text.push_str(&format!(" and {} more", unreadable.len() - NAMED));
    }
    text
}

/// Decodes a JPEG or PNG file to 8-bit pixels of `channels` (1 or 3), scaled to `size` (height, width) if given.
///
/// # Errors
/// Why the bytes are no whole image.
pub(super) fn decode(bytes: &[u8], channels: u32, size: Option<(u32, u32)>) -> Result<Image, String> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| error.to_string())?;
    match reader.format() {
        Some(ImageFormat::Jpeg) if !has_end_of_image(bytes) => return Err("JPEG is cut short".to_owned()),
        Some(ImageFormat::Jpeg | ImageFormat::Png) => {}
        _ if bytes.is_empty() => return Err("empty file".to_owned()),
        _ => return Err("neither JPEG nor PNG".to_owned()),
    }
    let mut image = reader.decode().map_err(|error| error.to_string())?;
    if channels == 1 {
        image = DynamicImage::ImageLuma8(image.into_luma8());
    } else {
        image = DynamicImage::ImageRgb8(image.into_rgb8());
    }
    if let Some((height, width)) = size.filter(|&(height, width)| (height, width) != (image.height(), image.width())) {
        image = image.resize_exact(width, height, FilterType::Triangle);
    }
    let shape = ImageShape { height: image.height(), width: image.width(), channels };
    Ok(Image { shape, pixels: image.into_bytes() })
}

/// Whether the end marker (FF D9) follows the last start of a scan (FF DA). The decoder fills what is missing of a
/// truncated file with grey and reports nothing.
fn has_end_of_image(jpeg: &[u8]) -> bool {
    let last = |marker: u8| jpeg.windows(2).rposition(|pair| pair == [0xff, marker]);
    matches!((last(0xda), last(0xd9)), (Some(scan), Some(end)) if end > scan)
}

#[cfg(test)]
#[path = "image_folder_tests.rs"]
mod tests;
