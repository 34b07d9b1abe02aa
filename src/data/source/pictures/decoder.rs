//! How the bytes of an encoded image become a picture: decoded now, or had from an earlier result.

use std::path::Path;

use crate::Storage;
use crate::in_order::{Claim, Stopped};
use crate::source::Access;
use crate::source::reader::Reader;
use simpipe_artifact::{DecodedFrom, Decodings, EncodedImage, Image, NewImage};
use simpipe_base::digest::Digest;
use simpipe_picture::{DecodeError, DecodeOptions, Decoded, Encoded, Part};

/// An image with what it was made from.
pub(super) struct Picture {
    /// As it was decoded, now or before.
    pub(super) image: NewImage,
    pub(super) from: DecodedFrom,
    /// Whether an earlier result had it.
    pub(super) taken_over: bool,
}

/// What becomes of the bytes of a file.
#[derive(Clone, Copy)]
pub(super) struct Decoder<'a> {
    options: &'a DecodeOptions,
    earlier: Option<&'a Decodings>,
    storage: &'a Storage,
}

impl<'a> Decoder<'a> {
    /// For an access, of which the rest is no other thread's.
    pub(super) const fn of(options: &'a DecodeOptions, access: &Access<'a>) -> Self {
        Self { options, earlier: access.earlier, storage: access.storage }
    }

    /// What is in memory already, decoded now or before.
    pub(super) fn picture(
        &self,
        bytes: Vec<u8>,
        encoded: Digest,
        part: Option<Part>,
        claim: &Claim<'_>,
    ) -> Result<Picture, DecodeError> {
        let digest = of_part(encoded, part);
        let Some(known) = self.earlier.and_then(|earlier| earlier.find(digest)) else {
            return self.decoded(bytes, digest, part, claim);
        };
        let from = DecodedFrom { digest, transparent: known.transparent };
        let image = match known.pixels {
            Some(pixels) => {
                claim.hold(bytes.len().saturating_add(pixels.len()) as u64).map_err(stopped)?;
                NewImage::Pixels(Image { shape: known.shape, pixels })
            }
            None => {
                let memory = Encoded::read(&bytes, self.options)?.memory();
                NewImage::Encoded(EncodedImage { shape: known.shape, digest: known.digest, bytes, part, memory })
            }
        };
        Ok(Picture { image, from, taken_over: true })
    }

    /// Decodes what is in memory already. Where the file is kept its pixels are looked at all the same: it must be whole, and they
    /// are what the image is known by.
    fn decoded(
        &self,
        bytes: Vec<u8>,
        digest: Digest,
        part: Option<Part>,
        claim: &Claim<'_>,
    ) -> Result<Picture, DecodeError> {
        let encoded = Encoded::read(&bytes, self.options)?;
        let memory = encoded.memory();
        claim.hold(memory).map_err(stopped)?;
        // Of a part only its own pixels are kept of all that are decoded.
        let pixels = encoded.pixels();
        let Decoded { image, transparent, .. } = encoded.decode_part(part)?;
        let image = if self.storage.keeps_file(bytes.len(), pixels, image.shape) {
            NewImage::Encoded(EncodedImage { shape: image.shape, digest: image.digest(), bytes, part, memory })
        } else {
            NewImage::Pixels(image)
        };
        Ok(Picture { image, from: DecodedFrom { digest, transparent }, taken_over: false })
    }
}

/// The digest of a part of an encoded picture.
fn of_part(encoded: Digest, part: Option<Part>) -> Digest {
    part.map_or(encoded, |Part { x, y }| Digest::of_json(&(encoded, x, y)))
}

/// Reads and decodes a file within the memory that it may claim; its result is all that it holds at the end.
pub(in crate::source) fn decode_file(
    path: &Path,
    reader: &Reader<'_>,
    options: &DecodeOptions,
    claim: &Claim<'_>,
) -> Result<Decoded, DecodeError> {
    let decoded = read_claiming(path, reader, options, claim).and_then(|(bytes, _)| {
        let encoded = Encoded::read(&bytes, options)?;
        claim.hold(encoded.memory()).map_err(stopped)?;
        encoded.decode()
    });
    claim.keep(decoded.as_ref().map_or(0, |decoded| decoded.image.pixels.len() as u64));
    decoded
}

/// The same, unless an earlier result has it: the file is read and hashed all the same.
pub(super) fn picture_of_file(
    path: &Path,
    reader: &Reader<'_>,
    decoder: Decoder<'_>,
    part: Option<Part>,
    claim: &Claim<'_>,
) -> Result<Picture, DecodeError> {
    let (bytes, digest) = read_claiming(path, reader, decoder.options, claim)?;
    decoder.picture(bytes, digest, part, claim)
}

/// An image file's bytes and their digest.
fn read_claiming(
    path: &Path,
    reader: &Reader<'_>,
    options: &DecodeOptions,
    claim: &Claim<'_>,
) -> Result<(Vec<u8>, Digest), DecodeError> {
    let unreadable = |error: std::io::Error| DecodeError::of_file(&error);
    let length = reader.length(path).map_err(unreadable)?;
    claim.hold(length.min(options.most_bytes())).map_err(stopped)?;
    reader.read_with_digest(path, options.most_bytes()).map_err(unreadable)
}

fn stopped(_: Stopped) -> DecodeError {
    DecodeError::Unreadable("stopped".to_owned())
}

pub(super) fn kept(picture: Result<Picture, DecodeError>, claim: &Claim<'_>) -> Result<Picture, DecodeError> {
    claim.keep(picture.as_ref().map_or(0, |picture| picture.image.bytes().len() as u64));
    picture
}
