//! `decoded-from.parquet`: what each image of a dataset was decoded from, so that a later result of the same spec takes over
//! its pixels where that is still the same.
//!
//! No port reads it, so that the same pixels from other bytes change no other result.

use std::path::Path;

use super::table::{Column, Columns, write_parquet};
use super::{ArtifactError, Image, ImageShape, Images};
use simpipe_base::digest::Digest;

/// What an image was decoded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DecodedFrom {
    /// The digest of the encoded bytes, and of what part of the picture was taken.
    pub digest: Digest,
    /// Whether something of the background is seen.
    pub transparent: bool,
}

impl DecodedFrom {
    /// The file's name.
    pub const FILE: &'static str = "decoded-from.parquet";

    /// Writes the table: a row for each example in their order, `None` where nothing was decoded.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(path: &Path, rows: impl Iterator<Item = Option<Self>>) -> Result<(), ArtifactError> {
        let rows: Vec<(u64, Self)> = (0..).zip(rows).filter_map(|(id, from)| Some((id, from?))).collect();
        let ids: Vec<u64> = rows.iter().map(|(id, _)| *id).collect();
        let digests: Vec<String> = rows.iter().map(|(_, from)| from.digest.to_string()).collect();
        let transparent: Vec<bool> = rows.iter().map(|(_, from)| from.transparent).collect();
        write_parquet(
            path,
            vec![
                Column::u64("example_id", &ids),
                Column::text("digest", &digests),
                Column::bool("transparent", &transparent),
            ],
        )
    }
}

/// What an earlier dataset has of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoding {
    /// The shape of its pixels.
    pub shape: ImageShape,
    /// [`Image::digest`].
    pub digest: Digest,
    /// Whether something of the background is seen.
    pub transparent: bool,
    /// The pixels, unless the file is stored that they come from.
    pub pixels: Option<Vec<u8>>,
}

/// The images of an earlier dataset, found by what they were decoded from.
#[derive(Debug)]
pub struct Decodings {
    images: Images,
    /// In the order of digests.
    rows: Vec<(DecodedFrom, u64)>,
}

impl Decodings {
    /// Those of a dataset's folder; `None` if it does not tell.
    ///
    /// # Errors
    /// If its files can't be read.
    pub fn open(folder: &Path) -> Result<Option<Self>, ArtifactError> {
        let path = folder.join(DecodedFrom::FILE);
        if !path.exists() {
            return Ok(None);
        }
        let mut rows = Vec::new();
        Columns::each_of_parquet(&path, |piece| {
            let row = |((id, digest), transparent): ((u64, String), bool)| {
                let digest = digest.parse().map_err(|error| ArtifactError::malformed(&path, error))?;
                Ok((DecodedFrom { digest, transparent }, id))
            };
            let pieces =
                piece.u64("example_id")?.into_iter().zip(piece.text("digest")?).zip(piece.bool("transparent")?);
            pieces.map(row).try_for_each(|row| row.map(|row| rows.push(row)))
        })?;
        rows.sort_unstable();
        Ok(Some(Self { images: Images::beside(&folder.join("examples.parquet"))?, rows }))
    }

    /// The image that was decoded from something. One whose pixels are not what they were is none; where the file itself is
    /// stored, there are no pixels to compare.
    #[must_use]
    pub fn find(&self, digest: Digest) -> Option<Decoding> {
        let at = self.rows.partition_point(|(from, _)| from.digest < digest);
        let (from, id) = self.rows.get(at).filter(|(from, _)| from.digest == digest)?;
        let place = self.images.find(*id).ok()?;
        let (shape, transparent) = (place.shape, from.transparent);
        if place.is_encoded() {
            return Some(Decoding { shape, digest: place.digest, transparent, pixels: None });
        }
        let image = Image { shape, pixels: self.images.pixels(&place).ok()?.into_owned() };
        let pixels = (image.digest() == place.digest).then_some(image.pixels)?;
        Some(Decoding { shape, digest: place.digest, transparent, pixels: Some(pixels) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EncodedImage, ExamplesWriter, NewImage};

    #[test]
    fn an_image_is_found_by_what_it_was_decoded_from() {
        let folder = tempfile::tempdir().unwrap();
        let shape = ImageShape { height: 1, width: 1, channels: 1 };
        let image = |value: u8| Image { shape, pixels: vec![value] };
        let of = |value: u8| Digest::of(&[value]);
        assert!(Decodings::open(folder.path()).unwrap().is_none());
        let mut writer = ExamplesWriter::new(&folder.path().join("examples.parquet"));
        [5, 6, 7].into_iter().for_each(|value| writer.push("train", 0, image(value)).unwrap());
        writer.finish().unwrap();
        let from =
            [5, 6, 7].map(|value| (value != 6).then(|| DecodedFrom { digest: of(value), transparent: value == 7 }));
        DecodedFrom::write(&folder.path().join(DecodedFrom::FILE), from.into_iter()).unwrap();
        let decodings = Decodings::open(folder.path()).unwrap().unwrap();
        let found = [5, 6, 7, 8].map(|value| decodings.find(of(value)));
        let expected = |value: u8, transparent| {
            let Image { shape, pixels } = image(value);
            Some(Decoding { shape, digest: image(value).digest(), transparent, pixels: Some(pixels) })
        };
        assert_eq!(found, [expected(5, false), None, expected(7, true), None]);
        // What is not as it was is decoded again.
        drop(decodings);
        let path = folder.path().join("images/train.bin");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(Decodings::open(folder.path()).unwrap().unwrap().find(of(5)), None);
    }

    #[test]
    fn of_an_image_that_is_stored_as_it_came_what_is_known_is_enough() {
        let folder = tempfile::tempdir().unwrap();
        let (shape, digest) = (ImageShape { height: 4, width: 5, channels: 3 }, Digest::of(b"pixels"));
        let decoding = Some(simpipe_picture::DecodeOptions::default());
        let mut writer = ExamplesWriter::new(&folder.path().join("examples.parquet")).decoding(decoding);
        let encoded = EncodedImage { shape, digest, bytes: b"a file".to_vec(), part: None, memory: 0 };
        writer.push("train", 0, NewImage::Encoded(encoded)).unwrap();
        assert_eq!(writer.finish().unwrap().encoded, 1);
        let from = DecodedFrom { digest: Digest::of(b"a file"), transparent: true };
        DecodedFrom::write(&folder.path().join(DecodedFrom::FILE), std::iter::once(Some(from))).unwrap();
        let found = Decodings::open(folder.path()).unwrap().unwrap().find(from.digest);
        assert_eq!(found, Some(Decoding { shape, digest, transparent: true, pixels: None }));
    }
}
