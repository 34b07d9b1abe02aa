//! Examples in the form in which networks take them: one block of bytes a batch.

use std::borrow::Cow;
use std::path::Path;

use super::input::Input;
use simpipe_artifact::{ArtifactError, ImagePlace, ImageShape, Images};

/// Images that all have one shape, or features that a network has made of images. Images stay in their files, which are
/// mapped, as pixels or as they came: what is held of one is where it lies. Features are in memory.
#[derive(Debug)]
pub struct Pixels {
    /// Height, width, channels; features are the channels of one pixel.
    pub shape: [usize; 3],
    held: Content,
}

#[derive(Debug)]
enum Content {
    Mapped(Images, Vec<ImagePlace>),
    /// `[n, features]`, as [`to_bytes`](super::to_bytes) writes them, with the digests of their images.
    Features(Vec<u8>, Vec<String>),
}

/// Why images can't be stacked.
#[derive(Debug, thiserror::Error)]
pub enum PixelsError {
    /// The dataset can't be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// There is none.
    #[error("there are no images to work on")]
    Empty,
    /// Shapes differ.
    #[error("images must share one shape: example {first} has {expected:?}, example {other} has {found:?}")]
    Mixed {
        /// The first image's example.
        first: u64,
        /// Its height, width, channels.
        expected: [usize; 3],
        /// The example that differs.
        other: u64,
        /// Its height, width, channels.
        found: [usize; 3],
    },
}

impl Pixels {
    /// The images of some examples, in the order asked for, from the files of a folder `images/`.
    ///
    /// # Errors
    /// If the files can't be read, there is no image, or shapes differ.
    pub fn read(folder: &Path, example_ids: &[u64]) -> Result<Self, PixelsError> {
        Self::of(Images::open(folder)?, example_ids)
    }

    fn of(images: Images, example_ids: &[u64]) -> Result<Self, PixelsError> {
        let places = example_ids.iter().map(|id| images.find(*id)).collect::<Result<Vec<_>, _>>()?;
        let shape = places.first().ok_or(PixelsError::Empty)?.shape;
        let sides =
            |ImageShape { height, width, channels }: ImageShape| [height, width, channels].map(|side| side as usize);
        if let Some(other) = places.iter().position(|place| place.shape != shape) {
            return Err(PixelsError::Mixed {
                first: example_ids[0],
                expected: sides(shape),
                other: example_ids[other],
                found: sides(places[other].shape),
            });
        }
        Ok(Self { shape: sides(shape), held: Content::Mapped(images, places) })
    }

    /// Features `[n, features]`, as [`to_bytes`](super::to_bytes) writes them, with the digests of the images that they are of.
    #[must_use]
    pub fn of_features(features: usize, bytes: Vec<u8>, digests: Vec<String>) -> Self {
        Self { shape: Input::Vector(features).sides(), held: Content::Features(bytes, digests) }
    }

    /// What a network takes of them.
    #[must_use]
    pub const fn input(&self) -> Input {
        match &self.held {
            Content::Features(..) => Input::Vector(self.shape[2]),
            _ => Input::Image(self.shape),
        }
    }

    /// Bytes of one example.
    #[must_use]
    pub const fn image_size(&self) -> usize {
        self.input().bytes()
    }

    /// The most bytes that it takes to make the bytes of one example, beside these.
    #[must_use]
    pub fn decoding_memory(&self) -> usize {
        match &self.held {
            Content::Mapped(images, _) => usize::try_from(images.decoding_memory()).unwrap_or(usize::MAX),
            Content::Features(..) => 0,
        }
    }

    /// How many examples there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.held {
            Content::Mapped(_, places) => places.len(),
            Content::Features(_, digests) => digests.len(),
        }
    }

    /// The bytes of one example: without a copy, but of an image that is stored as it came, which is decoded now.
    ///
    /// # Panics
    /// If that is no longer the image that was stored: its file was damaged since the store looked at it.
    #[must_use]
    pub fn image(&self, at: usize) -> Cow<'_, [u8]> {
        match &self.held {
            Content::Mapped(images, places) => images.pixels(&places[at]).unwrap_or_else(|error| panic!("{error}")),
            Content::Features(bytes, _) => Cow::Borrowed(&bytes[at * self.image_size()..(at + 1) * self.image_size()]),
        }
    }

    /// [`Image::digest`](simpipe_artifact::Image::digest) of an image, as artifacts have it.
    #[must_use]
    pub fn digest(&self, at: usize) -> String {
        match &self.held {
            Content::Mapped(_, places) => places[at].digest.to_string(),
            Content::Features(_, digests) => digests[at].clone(),
        }
    }

    /// The bytes of some examples, one after the other: of images `[n, height, width, channels]`.
    #[must_use]
    pub fn stack(&self, images: impl ExactSizeIterator<Item = usize>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(images.len() * self.image_size());
        images.for_each(|at| bytes.extend_from_slice(&self.image(at)));
        bytes
    }

    /// The images of batch `number` where each but the last has `size`.
    #[must_use]
    pub fn batch(&self, number: usize, size: usize) -> Vec<u8> {
        let end = (number + 1).saturating_mul(size).min(self.count());
        self.stack((number * size).min(end)..end)
    }

    /// All batches of `size` images; the last may have fewer.
    pub fn batches(&self, size: usize) -> impl Iterator<Item = Vec<u8>> {
        (0..self.count().div_ceil(size.max(1))).map(move |number| self.batch(number, size.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_artifact::{ExamplesWriter, Image};

    #[test]
    fn images_are_stacked_in_order_and_must_share_a_shape() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = ExamplesWriter::new(&folder.path().join("examples.parquet"));
        for (width, value) in [(2, 10), (2, 20), (3, 30), (2, 40)] {
            let shape = ImageShape { height: 1, width, channels: 1 };
            writer.push("train", 0, Image { shape, pixels: vec![value; shape.bytes()] }).unwrap();
        }
        writer.finish().unwrap();
        let folder = folder.path().join("images");
        let pixels = Pixels::read(&folder, &[1, 0, 3]).unwrap();
        assert_eq!((pixels.shape, pixels.count(), pixels.image(1)), ([1, 2, 1], 3, Cow::Borrowed(&[10, 10][..])));
        assert_eq!(pixels.stack(0..2), [20, 20, 10, 10]);
        assert_eq!(pixels.batches(2).collect::<Vec<_>>(), [vec![20, 20, 10, 10], vec![40, 40]]);
        let error = Pixels::read(&folder, &[0, 2]).unwrap_err().to_string();
        assert_eq!(error, "images must share one shape: example 0 has [1, 2, 1], example 2 has [1, 3, 1]");
        assert!(matches!(Pixels::read(&folder, &[]), Err(PixelsError::Empty)));
    }
}
