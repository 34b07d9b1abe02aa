//! What a file of images says of each, and at its end of itself.

use simpipe_base::digest::Digest;
use simpipe_picture::{ImageShape, Part};

pub(super) const RECORD: usize = 64;
pub(super) const TRAILER: usize = 32;
/// All images are pixels.
pub(super) const PIXELS_ALONE: &[u8; 8] = b"SIMPIMG1";
/// Some images are encoded.
pub(super) const SOME_ENCODED: &[u8; 8] = b"SIMPIMG2";
/// What is said beside how encoded images become pixels: the most bytes that this takes of one.
pub(super) const MEMORY: &str = "memory";
/// Bytes in front of an image that is a part of a picture: the part.
pub(super) const PART: usize = 16;

/// How an image lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As pixels.
    Pixels,
    /// As it came.
    Encoded,
    /// As it came, behind the part of the picture that it is.
    PartOfEncoded,
}

impl Kind {
    const fn number(self) -> u32 {
        match self {
            Self::Pixels => 0,
            Self::Encoded => 1,
            Self::PartOfEncoded => 2,
        }
    }

    const fn of(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Pixels),
            1 => Some(Self::Encoded),
            2 => Some(Self::PartOfEncoded),
            _ => None,
        }
    }
}

/// What a file says of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    /// Where its bytes begin.
    pub(crate) offset: u64,
    /// How many they are.
    pub(crate) length: u64,
    /// Of its pixels.
    pub(crate) shape: ImageShape,
    pub(crate) digest: Digest,
    pub(crate) kind: Kind,
}

impl Record {
    pub(super) fn to_bytes(self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        let ImageShape { height, width, channels } = self.shape;
        bytes[..8].copy_from_slice(&self.offset.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.length.to_le_bytes());
        for (at, number) in [height, width, channels, self.kind.number()].into_iter().enumerate() {
            bytes[16 + 4 * at..20 + 4 * at].copy_from_slice(&number.to_le_bytes());
        }
        bytes[32..].copy_from_slice(self.digest.as_bytes());
        bytes
    }

    /// `None` if the length is not that of the shape, or it can't be held. In a file of pixels alone the kind says nothing.
    pub(super) fn from_bytes(bytes: &[u8; RECORD], some_encoded: bool) -> Option<Self> {
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());
        let short = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default());
        let shape = ImageShape { height: short(16), width: short(20), channels: short(24) };
        let [height, width, channels] = [shape.height, shape.width, shape.channels].map(u64::from);
        let pixels = height.checked_mul(width)?.checked_mul(channels)?;
        let digest = Digest::from_bytes(bytes[32..].try_into().ok()?);
        let kind = if some_encoded { Kind::of(short(28))? } else { Kind::Pixels };
        let record = Self { offset: long(0), length: long(8), shape, digest, kind };
        let fits = match kind {
            Kind::Pixels => record.length == pixels,
            Kind::Encoded => record.length <= u32::MAX.into(),
            Kind::PartOfEncoded => record.length <= u32::MAX.into() && record.offset >= PART as u64,
        };
        fits.then_some(record)
    }
}

/// A part of a picture as it stands in front of it: the first and last column, the first and last row.
pub(super) fn part_to_bytes(part: Part) -> [u8; PART] {
    let mut bytes = [0; PART];
    for (at, side) in [part.x.0, part.x.1, part.y.0, part.y.1].into_iter().enumerate() {
        bytes[4 * at..4 * at + 4].copy_from_slice(&side.to_le_bytes());
    }
    bytes
}

pub(super) fn part_from_bytes(bytes: &[u8]) -> Option<Part> {
    let (sides, rest) = bytes.as_chunks::<4>();
    let [left, right, top, bottom] = <[[u8; 4]; 4]>::try_from(sides).ok()?.map(u32::from_le_bytes);
    rest.is_empty().then_some(Part { x: (left, right), y: (top, bottom) })
}
