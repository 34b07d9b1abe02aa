//! Image files in folders: `<split>/<class>/*`, or `<class>/*` with a rule that divides them.
//!
//! Splits, classes and files are taken in the order of their names, so the same folder gives the same labels and
//! example ids on every machine. Finding the files is in [`scan`], decoding in [`decode`](crate::data::decode).

mod scan;
mod split;
mod survey;
mod twins;

use std::collections::BTreeMap;
use std::path::Path;

pub use self::split::{ClassSplit, ImageSplit, SplitRule};
pub use self::survey::{Survey, SurveyError};

use self::scan::{File, Folder};
use super::reader::Reader;
use super::{Access, DigestFile, Example, Load, Loaded, Place, Sink, SourceFacts, SplitCounts};
use crate::base::check::{self, Check, between};
use crate::base::digest::Digest;
use crate::base::param::SpecPath;
use crate::data::DataError;
use crate::data::decode::{BACKGROUND, DecodeError, DecodeOptions, Decoded, Encoded, MAX_PIXELS};
use crate::data::in_order::{BUDGET, Claim, Stopped, in_order};

/// More than that in colour do not fit into one value of a Parquet file.
const MOST_PIXELS: u64 = 700_000_000;
/// Unreadable files that a message names; the rest is counted.
const NAMED: usize = 5;

crate::params! {
    /// JPEG, PNG, WebP, GIF, BMP and TIFF files in folders: `<split>/<class>/*`, or `<class>/*` with a rule that divides
    /// them.
    ///
    /// Splits, classes and files are taken in the order of their names. A file is taken for an image by its ending
    /// (`.jpg`, `.jpeg`, `.jpe`, `.jfif`, `.png`, `.apng`, `.webp`, `.gif`, `.bmp`, `.dib`, `.tif`, `.tiff` in any case),
    /// or, where its name has none, by its first bytes; how it is decoded, its content alone decides: a JPEG named
    /// `x.png` is a JPEG. Hidden files and others are ignored; `.heic`, `.avif` and other images that are not read, pipes
    /// and devices are errors.
    ///
    /// An image is first laid over `background`, then turned as its EXIF orientation says (all eight values, in JPEG,
    /// PNG, WebP and TIFF), then scaled. Of an animation or a file of several pages the first picture is taken, of an
    /// animated PNG the one that other programs show. Sixteen bits are rounded to eight; colour profiles are not applied.
    ///
    /// # Example
    ///
    /// ```toml
    /// { image-folder = { path = "photos", split = { images = { test = 0.2 } }, resize = [64, 64] } }
    /// ```
    pub struct ImageFolder {
        /// The folder that holds the splits, or the classes.
        #[aka("dir", "root", "folder", "data_dir", "directory", "data_root", "location", "file", "url")]
        path: SpecPath,
        /// How images are divided into splits.
        #[aka("subset", "part", "partition", "fold")]
        split: SplitRule = SplitRule::Folders,
        /// Height and width that every image is scaled to, in pixels (triangle filter: bilinear, widened where it
        /// shrinks); the sizes stay as they are if it is left out.
        #[aka("image_size", "size", "target_size", "input_shape", "shape", "img_size")]
        resize: Option<Vec<u32>> = None => check::height_and_width(8192).optional(),
        /// 3 for colour, 1 for grey (luma of ITU-R BT.709).
        channels: u32 = 3 => Check::new("1 or 3", |channels| matches!(channels, 1 | 3)),
        /// The colour behind transparent pixels: red, green and blue from 0 to 255. What is half transparent is mixed in
        /// sRGB values, as browsers do. How many images have pixels that are not opaque stands in `dataset.json`.
        background: Vec<u8> = BACKGROUND.to_vec() => background(),
        /// The most pixels that an image may have, as it is in the file. One that claims more is treated as one that
        /// can't be decoded; its header tells, so that it takes no memory.
        max_pixels: u64 = MAX_PIXELS => between(1, MOST_PIXELS),
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

fn background() -> Check<Vec<u8>> {
    Check::new("three numbers from 0 to 255: red, green and blue", |background: &Vec<u8>| background.len() == 3)
}

impl ImageFolder {
    /// Whether the folders say how the images are divided.
    #[must_use]
    pub const fn by_folders(&self) -> bool {
        self.split.by_folders()
    }

    /// The same images where something else divides them: `None` where the folder is one of splits, or none at all. Of a
    /// folder of classes all images are one split.
    #[must_use]
    pub fn undivided(&self) -> Option<Self> {
        let whole = SplitRule::Images(ImageSplit { test: 0.0, validation: 0.0 });
        let is = |rule: &SplitRule| Folder::scan(&self.path.resolved, rule).is_ok();
        (self.by_folders() && !is(&SplitRule::Folders) && is(&whole)).then(|| Self { split: whole, ..self.clone() })
    }

    /// Height and width to scale to.
    fn target(&self) -> Option<(u32, u32)> {
        self.resize.as_deref().and_then(|size| Some((*size.first()?, *size.get(1)?)))
    }

    /// What becomes of each image.
    fn decode_options(&self) -> DecodeOptions {
        DecodeOptions {
            channels: self.channels,
            size: self.target(),
            background: self.background.as_slice().try_into().unwrap_or(BACKGROUND),
            max_pixels: self.max_pixels,
        }
    }

    /// One digest over the names and contents of files.
    fn digests_of(&self, files: &[File], contents: &DigestFile<'_>) -> Result<Vec<(String, Digest)>, DataError> {
        let paths: Vec<&Path> = files.iter().map(|file| file.path.as_path()).collect();
        let digests = contents.digests(&self.path.resolved, &paths);
        let digests = digests.map_err(|(path, error)| DataError::unread(&path)(error))?;
        let digests: Vec<(&str, Digest)> = files.iter().map(|file| file.name.as_str()).zip(digests).collect();
        Ok(vec![("images".to_owned(), Digest::of_json(&digests))])
    }
}

/// Reads and decodes a file within the memory that it may claim; its result is all that it holds at the end.
fn decode_file(
    path: &Path,
    reader: &Reader<'_>,
    options: &DecodeOptions,
    claim: &Claim<'_>,
) -> Result<Decoded, DecodeError> {
    let decoded = decode_claiming(path, reader, options, claim);
    claim.keep(decoded.as_ref().map_or(0, |decoded| decoded.image.pixels.len() as u64));
    decoded
}

fn decode_claiming(
    path: &Path,
    reader: &Reader<'_>,
    options: &DecodeOptions,
    claim: &Claim<'_>,
) -> Result<Decoded, DecodeError> {
    let unreadable = |error: std::io::Error| DecodeError::Unreadable(error.to_string());
    let length = reader.length(path).map_err(unreadable)?;
    let stopped = |_: Stopped| DecodeError::Unreadable("stopped".to_owned());
    claim.hold(length.min(options.most_bytes())).map_err(stopped)?;
    let bytes = reader.read_at_most(path, options.most_bytes()).map_err(unreadable)?;
    let encoded = Encoded::read(&bytes, options)?;
    claim.hold(encoded.memory()).map_err(stopped)?;
    encoded.decode()
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
        self.digests_of(&folder.files, digest_file)
    }

    fn places(&self, _: &Path) -> Vec<Place> {
        vec![Place::of(self.path.resolved.clone())]
    }

    fn load(&self, access: &Access<'_>, sink: &mut Sink<'_>) -> Result<Loaded, DataError> {
        let Folder { classes, files } = Folder::scan(&self.path.resolved, &self.split)?;
        let options = self.decode_options();
        let (mut unreadable, mut transparent, mut done, reader) = (Vec::new(), 0, 0, Reader::of_all(access.stop));
        let decode = |file: &File, claim: &Claim<'_>| decode_file(&file.path, &reader, &options, claim);
        in_order(&files, BUDGET, decode, |result| {
            let Some((at, decoded)) = result else { return access.images(done, files.len()) };
            let file = &files[at];
            done = at + 1;
            match decoded {
                // After the first failure only the names of the others matter.
                Ok(_) if !unreadable.is_empty() && self.on_corrupt == OnCorrupt::Fail => Ok(()),
                Ok(Decoded { image, transparent: seen_through, .. }) => {
                    transparent += usize::from(seen_through);
                    let label = i32::try_from(file.label).expect("fewer classes than files than 2^31");
                    sink(Example { split: &file.split, label, image })?;
                    if (access.stop)() { Err(DataError::Stopped) } else { Ok(()) }
                }
                Err(reason) => {
                    unreadable.push((file.name.clone(), reason));
                    Ok(())
                }
            }
        })?;
        access.has_read(&self.digests_of(&files, &reader)?);
        if !unreadable.is_empty() && (self.on_corrupt == OnCorrupt::Fail || unreadable.len() == files.len()) {
            return Err(DataError::Unreadable {
                count: unreadable.len(),
                total: files.len(),
                listed: listed(&unreadable),
                too_large: unreadable.iter().any(|(_, reason)| matches!(reason, DecodeError::TooLarge { .. })),
            });
        }
        Ok(Loaded { classes, skipped: unreadable.into_iter().map(|(name, _)| name).collect(), transparent })
    }
}

fn listed(unreadable: &[(String, DecodeError)]) -> String {
    let named = unreadable.iter().take(NAMED).map(|(name, reason)| format!("`{name}` ({reason})"));
    let mut text = named.collect::<Vec<_>>().join(", ");
    if unreadable.len() > NAMED {
        text.push_str(&format!(" and {} more", unreadable.len() - NAMED));
    }
    text
}

#[cfg(test)]
#[path = "image_folder_tests.rs"]
mod tests;
