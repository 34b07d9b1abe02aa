//! What becomes of encoded images, whatever holds them: decoding by all cores, in order, within a bound of memory; what can't
//! be read is named or left out.

use std::path::Path;

use super::item::{Item, named};
use super::reader::Reader;
use super::{Access, Example, Loaded, Resize, Sink};
use crate::in_order::{BUDGET, Claim, Stopped, in_order};
use crate::{DataError, Storage};
use simpipe_artifact::{About, DecodedFrom, Decodings, EncodedImage, Image, NewImage};
use simpipe_base::check::Check;
use simpipe_base::digest::Digest;
use simpipe_picture::{BACKGROUND, DecodeError, DecodeOptions, Decoded, Encoded, Part};

/// More than that in colour do not fit into one value of a Parquet file.
pub(super) const MOST_PIXELS: u64 = 700_000_000;
/// Unreadable files that a message names; the rest is counted.
const NAMED: usize = 20;
/// Images, and bytes of them, that are gathered before they are decoded together.
const GATHERED: (usize, usize) = (512, 64 << 20);

simpipe_base::choice! {
    /// What to do with files that can't be decoded.
    pub enum OnCorrupt {
        /// Stop, and name them.
        "fail" => Fail,
        /// Skip them, with a warning; `dataset.json` lists them.
        "skip" => Skip,
    }
}

pub(super) fn colour() -> Check<Vec<u8>> {
    Check::new("three numbers from 0 to 255: red, green and blue", |colour: &Vec<u8>| colour.len() == 3)
}

/// Parameters of a source of encoded images: its own, and then what becomes of the images.
macro_rules! picture_source {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident { $($fields:tt)* }
    ) => {
        simpipe_base::params! {
            $(#[doc = $doc])*
            pub struct $name {
                $($fields)*
                /// Height and width to resize every image to, in pixels, or a table that says how: `[64, 64]` stretches
                /// images, `{ size = [64, 64], mode = "centre-crop" }` shows their middle. Bit-identical to Pillow. By
                /// default images keep their sizes.
                #[aka("image_size", "size", "target_size", "input_shape", "shape", "img_size")]
                resize: Option<$crate::source::Resize> = None => $crate::source::Resize::range().optional(),
                /// 3 for colour, 1 for grey (luma of ITU-R BT.709).
                channels: u32 = 3 => simpipe_base::check::Check::new("1 or 3", |channels| matches!(channels, 1 | 3)),
                /// The colour behind transparent pixels: red, green and blue from 0 to 255.
                background: Vec<u8> = simpipe_picture::BACKGROUND.to_vec() => $crate::source::pictures::colour(),
                /// The largest number of pixels of an image as it is in the file. An image that claims more is treated
                /// as one that can't be decoded; the header is enough to see that, so it takes no memory.
                max_pixels: u64 = simpipe_picture::MAX_PIXELS =>
                    simpipe_base::check::between(1, $crate::source::pictures::MOST_PIXELS),
                /// What to do with files that can't be decoded.
                on_corrupt: $crate::source::OnCorrupt = $crate::source::OnCorrupt::Fail,
            }
        }

        impl $name {
            /// What becomes of the images.
            fn to_pictures(&self) -> $crate::source::pictures::Pictures {
                let (resize, background) = (self.resize.as_ref(), self.background.as_slice());
                $crate::source::pictures::Pictures::new(
                    self.channels, resize, background, self.max_pixels, self.on_corrupt.clone(),
                )
            }
        }
    };
}

/// What becomes of the images of a source.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pictures {
    /// How each is decoded.
    pub(super) options: DecodeOptions,
    /// What to do with those that can't be.
    pub(super) on_corrupt: OnCorrupt,
}

impl Pictures {
    /// Of parameters as a spec has them.
    pub(super) fn new(
        channels: u32,
        resize: Option<&Resize>,
        background: &[u8],
        max_pixels: u64,
        on_corrupt: OnCorrupt,
    ) -> Self {
        let scaling = resize.and_then(Resize::to_scaling);
        let background = background.try_into().unwrap_or(BACKGROUND);
        Self { options: DecodeOptions { channels, scaling, background, max_pixels }, on_corrupt }
    }

    /// Height, width and channels, if all images will share them.
    pub(super) fn shape(&self) -> Option<[usize; 3]> {
        let scaling = self.options.scaling.as_ref()?;
        Some([scaling.height, scaling.width, self.options.channels].map(|side| side as usize))
    }
}

/// An image with what it was made from.
struct Picture {
    /// As it was decoded, now or before.
    image: NewImage,
    from: DecodedFrom,
    /// Whether an earlier result had it.
    taken_over: bool,
}

/// What becomes of the bytes of a file.
#[derive(Clone, Copy)]
struct Decoder<'a> {
    options: &'a DecodeOptions,
    earlier: Option<&'a Decodings>,
    storage: &'a Storage,
}

impl<'a> Decoder<'a> {
    /// For an access, of which the rest is no other thread's.
    const fn of(options: &'a DecodeOptions, access: &Access<'a>) -> Self {
        Self { options, earlier: access.earlier, storage: access.storage }
    }

    /// What is in memory already, decoded now or before.
    fn picture(
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

/// Images that can't be read, and those that were.
struct Tally<'a> {
    pictures: &'a Pictures,
    unreadable: Vec<(String, DecodeError)>,
    transparent: usize,
    taken_over: usize,
}

impl<'a> Tally<'a> {
    fn new(pictures: &'a Pictures) -> Self {
        Self { pictures, unreadable: Vec::new(), transparent: 0, taken_over: 0 }
    }

    /// The image, if it can be read and is still wanted: after the first failure only the names of the others matter.
    fn take(&mut self, name: impl FnOnce() -> String, picture: Result<Picture, DecodeError>) -> Option<Picture> {
        match picture {
            Ok(_) if !self.unreadable.is_empty() && self.pictures.on_corrupt == OnCorrupt::Fail => None,
            Ok(picture) => {
                self.transparent += usize::from(picture.from.transparent);
                self.taken_over += usize::from(picture.taken_over);
                Some(picture)
            }
            Err(reason) => {
                self.unreadable.push((name(), reason));
                None
            }
        }
    }

    /// What came of `total` images.
    fn finish(self, total: usize) -> Result<Loaded, DataError> {
        let Self { pictures, unreadable, transparent, taken_over } = self;
        if !unreadable.is_empty() && (pictures.on_corrupt == OnCorrupt::Fail || unreadable.len() == total) {
            let listed: Vec<String> = unreadable.iter().map(|(name, reason)| format!("`{name}` ({reason})")).collect();
            return Err(DataError::Unreadable {
                count: unreadable.len(),
                total,
                listed: named(&listed, NAMED),
                too_large: unreadable.iter().any(|(_, reason)| matches!(reason, DecodeError::TooLarge { .. })),
            });
        }
        let skipped = unreadable.into_iter().map(|(name, _)| name).collect();
        Ok(Loaded { skipped, transparent, taken_over, ..Loaded::default() })
    }
}

/// Says what a reader has read, by the rule of the source's digests.
pub(super) type HasRead<'a> = dyn Fn(&Reader<'_>) -> Result<(), DataError> + 'a;

/// Images in files of their own.
pub(super) struct FileImages<'a> {
    pub(super) items: &'a [Item],
    pub(super) pictures: &'a Pictures,
    pub(super) reader: &'a Reader<'a>,
}

impl FileImages<'_> {
    /// Hands them all to `sink`; `has_read` is called once all were read, before anything is complained of.
    pub(super) fn load(
        &self,
        access: &Access<'_>,
        has_read: &HasRead<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<Loaded, DataError> {
        let (items, decoder) = (self.items, Decoder::of(&self.pictures.options, access));
        let (mut tally, mut done) = (Tally::new(self.pictures), 0);
        let decode = |item: &Item, claim: &Claim<'_>| {
            let part = item.more.as_ref().and_then(|more| more.part);
            kept(picture_of_file(&item.path, self.reader, decoder, part, claim), claim)
        };
        in_order(items, BUDGET, decode, |result| {
            let Some((at, decoded)) = result else { return access.images(done, items.len()) };
            let item = &items[at];
            done = at + 1;
            let Some(Picture { image, from, .. }) = tally.take(|| item.shown(), decoded) else { return Ok(()) };
            let label = i32::try_from(item.label).expect("fewer classes than files than 2^31");
            let more = item.more.as_deref();
            let about = more.map(|more| more.about.clone()).unwrap_or_default();
            let value = more.and_then(|more| more.value.as_deref());
            let (split, decoded_from) = (item.split.as_str(), Some(from));
            sink(Example { split, label, image, name: &item.name, about, value, decoded_from })?;
            if (access.stop)() { Err(DataError::Stopped) } else { Ok(()) }
        })?;
        has_read(self.reader)?;
        tally.finish(items.len())
    }
}

impl Item {
    /// Its name in a list of files, with its line where it stands in one.
    fn shown(&self) -> String {
        match self.more.as_ref().map_or(0, |more| more.line) {
            0 => self.name.clone(),
            line => format!("{}, line {line}", self.name),
        }
    }
}

/// Reads and decodes a file within the memory that it may claim; its result is all that it holds at the end.
pub(super) fn decode_file(
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
fn picture_of_file(
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

fn kept(picture: Result<Picture, DecodeError>, claim: &Claim<'_>) -> Result<Picture, DecodeError> {
    claim.keep(picture.as_ref().map_or(0, |picture| picture.image.bytes().len() as u64));
    picture
}

/// An encoded image that lay in another file.
#[derive(Debug, Clone, Default)]
pub(super) struct Encoding {
    pub(super) split: String,
    pub(super) label: i32,
    /// Where it lay, with `/` between the parts.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) about: About,
    pub(super) value: Option<String>,
}

/// Decodes images as they come out of other files.
pub(super) struct Stream<'a, 'b> {
    access: &'a Access<'a>,
    sink: &'a mut Sink<'b>,
    tally: Tally<'a>,
    waiting: Vec<Encoding>,
    bytes: usize,
    done: usize,
    /// As far as it is known.
    total: usize,
}

impl<'a, 'b> Stream<'a, 'b> {
    pub(super) fn new(pictures: &'a Pictures, access: &'a Access<'a>, total: usize, sink: &'a mut Sink<'b>) -> Self {
        Self { access, sink, tally: Tally::new(pictures), waiting: Vec::new(), bytes: 0, done: 0, total }
    }

    /// The next image.
    pub(super) fn push(&mut self, encoding: Encoding) -> Result<(), DataError> {
        self.bytes += encoding.bytes.len();
        self.waiting.push(encoding);
        if self.waiting.len() >= GATHERED.0 || self.bytes >= GATHERED.1 { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), DataError> {
        let waiting = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        let decoder = Decoder::of(&self.tally.pictures.options, self.access);
        let decode = |encoding: &Encoding, claim: &Claim<'_>| {
            let (bytes, digest) = (encoding.bytes.clone(), Digest::of(&encoding.bytes));
            kept(decoder.picture(bytes, digest, None, claim), claim)
        };
        let (access, tally, sink, done) = (self.access, &mut self.tally, &mut *self.sink, self.done);
        in_order(&waiting, BUDGET, decode, |result| {
            let Some((at, decoded)) = result else {
                return access.images(done, self.total.max(done));
            };
            let Encoding { split, label, name, about, value, .. } = &waiting[at];
            let Some(Picture { image, from, .. }) = tally.take(|| name.clone(), decoded) else { return Ok(()) };
            let (about, value) = (about.clone(), value.as_deref());
            sink(Example { split, label: *label, image, name, about, value, decoded_from: Some(from) })
        })?;
        self.done += waiting.len();
        self.access.images(self.done, self.total.max(self.done))
    }

    /// What came of them all; `has_read` says what they were read from before anything is complained of.
    pub(super) fn finish(mut self, has_read: impl FnOnce() -> Result<(), DataError>) -> Result<Loaded, DataError> {
        self.flush()?;
        has_read()?;
        self.tally.finish(self.done)
    }
}
