//! An image on its way into a dataset: its pixels, or the bytes of its file that become these pixels.

use simpipe_base::digest::Digest;
use simpipe_picture::{Image, ImageShape, Part};

/// An image as a dataset is to hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewImage {
    /// As pixels.
    Pixels(Image),
    /// As it came.
    Encoded(EncodedImage),
}

/// The bytes of a file, or of a part of one, that are an image of JPEG, PNG or another format that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedImage {
    /// The shape of its pixels, as they are once decoded and scaled.
    pub shape: ImageShape,
    /// [`Image::digest`] of these.
    pub digest: Digest,
    /// The file.
    pub bytes: Vec<u8>,
    /// What of the picture is the image; all of it if nothing is said.
    pub part: Option<Part>,
    /// The most bytes that decoding it takes, about.
    pub memory: u64,
}

impl NewImage {
    /// The shape of its pixels.
    #[must_use]
    pub const fn shape(&self) -> ImageShape {
        match self {
            Self::Pixels(image) => image.shape,
            Self::Encoded(image) => image.shape,
        }
    }

    /// [`Image::digest`]: the same whichever way it is held.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match self {
            Self::Pixels(image) => image.digest(),
            Self::Encoded(image) => image.digest,
        }
    }

    /// The pixels, where it is held as such.
    #[must_use]
    pub fn into_pixels(self) -> Option<Image> {
        match self {
            Self::Pixels(image) => Some(image),
            Self::Encoded(_) => None,
        }
    }

    /// The bytes that it takes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Pixels(image) => &image.pixels,
            Self::Encoded(image) => &image.bytes,
        }
    }
}

impl From<Image> for NewImage {
    fn from(image: Image) -> Self {
        Self::Pixels(image)
    }
}
