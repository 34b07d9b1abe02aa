//! Bytes of an image file in, pixels out: whatever decodes images that users bring decodes them here.
//!
//! Content decides the format, never a name. The header is read first ([`Encoded::read`]): it tells the number of
//! pixels, which is limited, and the memory that decoding takes, which callers bound, before either is spent.

mod container;
mod flatten;

use std::io::{self, Cursor};
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::webp::WebPDecoder;
use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, jpeg::JpegDecoder, png::PngDecoder, tiff::TiffDecoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageResult, Limits};

use super::raster::{Image, ImageShape};
use super::scale::Scaling;

/// The most pixels of an image, unless the spec says otherwise.
pub const MAX_PIXELS: u64 = 100_000_000;
/// What is seen behind transparent pixels, unless the spec says otherwise: white.
pub const BACKGROUND: [u8; 3] = [255; 3];

/// Bytes that decoders may take beside the pixels: tables, colour profiles, rows.
const OVERHEAD: u64 = 64 << 20;

/// What becomes of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodeOptions {
    /// 3 for colour, 1 for grey (luma of ITU-R BT.709).
    pub channels: u32,
    /// The size that it is brought to, if any.
    pub scaling: Option<Scaling>,
    /// What is seen behind transparent pixels: red, green, blue.
    pub background: [u8; 3],
    /// Pixels above which an image is refused.
    pub max_pixels: u64,
}

impl DecodeOptions {
    /// Whatever a header claims beside the size: no file, and nothing that a decoder allocates, is larger than this.
    #[must_use]
    pub fn most_bytes(&self) -> u64 {
        self.max_pixels.saturating_mul(16).saturating_add(OVERHEAD)
    }
}

impl Default for DecodeOptions {
    /// Colour, in the size that the image has.
    fn default() -> Self {
        Self { channels: 3, scaling: None, background: BACKGROUND, max_pixels: MAX_PIXELS }
    }
}

/// A part of an image: from the first of two pixels to before the last, counted from its upper left corner as it is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Columns.
    pub x: (u32, u32),
    /// Rows.
    pub y: (u32, u32),
}

impl Part {
    /// It must have pixels, and the image must have all of them.
    fn expect_inside(&self, width: u32, height: u32) -> Result<(), DecodeError> {
        let Self { x, y } = self;
        if x.0 < x.1 && y.0 < y.1 && x.1 <= width && y.1 <= height {
            return Ok(());
        }
        let reason = format!(
            "its box from ({}, {}) to ({}, {}) is not inside its {width} x {height} pixels",
            x.0, y.0, x.1, y.1
        );
        Err(DecodeError::unreadable(reason))
    }
}

/// What an image file showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The pixels.
    pub image: Image,
    /// Whether the file's pixels have colours: `false` for greys alone.
    pub coloured: bool,
    /// Whether something of the background is seen: some pixel is not opaque.
    pub transparent: bool,
}

/// Why an image can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It has more pixels than are allowed.
    #[error("{width} x {height} pixels are more than `max-pixels = {max_pixels}` allows")]
    TooLarge {
        /// Columns, as the header says.
        width: u64,
        /// Rows, as the header says.
        height: u64,
        /// The limit.
        max_pixels: u64,
    },
    /// It is no whole image of a format that is read.
    #[error("{0}")]
    Unreadable(String),
    /// The file that it is in can't be read.
    #[error("{message}")]
    File {
        /// What the system says.
        kind: io::ErrorKind,
        /// The same in words.
        message: String,
    },
}

impl DecodeError {
    /// Of a file that can't be read.
    #[must_use]
    pub fn of_file(error: &io::Error) -> Self {
        Self::File { kind: error.kind(), message: error.to_string() }
    }

    /// Whether there is no such file.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::File { kind: io::ErrorKind::NotFound, .. })
    }

    fn unreadable(reason: impl ToString) -> Self {
        Self::Unreadable(reason.to_string())
    }
}

impl From<ImageError> for DecodeError {
    /// In one line, as a list of files needs it.
    fn from(error: ImageError) -> Self {
        Self::Unreadable(match error {
            ImageError::Limits(_) => "it needs more memory than an image of `max-pixels` may use".to_owned(),
            ImageError::Unsupported(error) => {
                format!("a kind of {} that is not supported: convert it to JPEG or PNG", error.format_hint())
            }
            error => error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
        })
    }
}

/// An image file whose header was read and found good.
pub struct Encoded<'a> {
    decoder: Box<dyn ImageDecoder + 'a>,
    options: &'a DecodeOptions,
    orientation: Orientation,
    /// Whether colours were multiplied by alpha already.
    premultiplied: bool,
    memory: u64,
}

impl<'a> Encoded<'a> {
    /// Looks at the header of a JPEG, PNG, WebP, GIF, BMP or TIFF file.
    ///
    /// # Errors
    /// If the bytes are none, or claim more pixels than the options allow.
    pub fn read(bytes: &'a [u8], options: &'a DecodeOptions) -> Result<Self, DecodeError> {
        let format = format(bytes)?;
        for (width, height) in container::claimed_sizes(bytes, format) {
            expect_size(width, height, options)?;
        }
        let decoder = guarded(|| decoder(bytes, format, options).map_err(DecodeError::from))?;
        let (width, height) = decoder.dimensions();
        expect_size(width, height, options)?;
        let orientation = container::orientation(bytes, format);
        let memory = memory(bytes, format, &*decoder, swaps_sides(orientation), options);
        let premultiplied = format == ImageFormat::Tiff && container::is_premultiplied(bytes);
        Ok(Self { decoder, options, orientation, premultiplied, memory })
    }

    /// The most bytes that decoding it takes, about, those of the file included.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// How many pixels the file has, whatever becomes of them.
    #[must_use]
    pub fn pixels(&self) -> u64 {
        let (width, height) = self.decoder.dimensions();
        u64::from(width) * u64::from(height)
    }

    /// The pixels: laid over the background, turned as EXIF says, then scaled.
    ///
    /// # Errors
    /// If the file is not whole.
    pub fn decode(self) -> Result<Decoded, DecodeError> {
        self.decode_part(None)
    }

    /// The pixels of a part of it, cut out before it is scaled; all of it where no part is named.
    ///
    /// # Errors
    /// As [`Self::decode`], and if the image has no such part.
    pub fn decode_part(self, part: Option<Part>) -> Result<Decoded, DecodeError> {
        guarded(|| self.decoded(part))
    }

    fn decoded(self, part: Option<Part>) -> Result<Decoded, DecodeError> {
        let Self { decoder, options, orientation, premultiplied, .. } = self;
        let coloured = decoder.color_type().has_color();
        let image = DynamicImage::from_decoder(decoder)?;
        let (image, transparent) = flatten::flatten(image, options.background, premultiplied);
        let mut image = match options.channels {
            1 => DynamicImage::ImageLuma8(image.into_luma8()),
            _ => DynamicImage::ImageRgb8(image.into_rgb8()),
        };
        image.apply_orientation(orientation);
        if let Some(part) = part {
            part.expect_inside(image.width(), image.height())?;
            image = image.crop_imm(part.x.0, part.y.0, part.x.1 - part.x.0, part.y.1 - part.y.0);
        }
        let shape = ImageShape { height: image.height(), width: image.width(), channels: options.channels };
        let image = match &options.scaling {
            Some(scaling) => scaling.apply(shape, image.into_bytes()),
            None => Image { shape, pixels: image.into_bytes() },
        };
        Ok(Decoded { image, coloured, transparent })
    }
}

/// Decodes an image file whose memory nobody bounds.
///
/// # Errors
/// As [`Encoded::read`] and [`Encoded::decode`].
pub fn decode(bytes: &[u8], options: &DecodeOptions) -> Result<Decoded, DecodeError> {
    Encoded::read(bytes, options)?.decode()
}

/// A decoder that stumbles over a hostile file must not take the program along.
fn guarded<T>(work: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(DecodeError::unreadable("its decoder failed")))
}

/// Whether bytes start as a file of a format that is read does.
#[must_use]
pub fn starts_as_image(bytes: &[u8]) -> bool {
    match guess(bytes) {
        // A text may start with its two letters too: of a bitmap the length of the second header must be one that exists.
        Some(ImageFormat::Bmp) => {
            const LENGTHS: [u8; 7] = [12, 16, 40, 52, 56, 108, 124];
            bytes.get(14..18).is_some_and(|length| LENGTHS.contains(&length[0]) && length[1..] == [0; 3])
        }
        Some(_) => true,
        None => false,
    }
}

/// The format by its first bytes, if it is one that is read.
fn guess(bytes: &[u8]) -> Option<ImageFormat> {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};
    image::guess_format(bytes).ok().filter(|format| matches!(format, Jpeg | Png | WebP | Gif | Bmp | Tiff))
}

/// The format of a whole file.
fn format(bytes: &[u8]) -> Result<ImageFormat, DecodeError> {
    let unreadable = |reason| Err(DecodeError::unreadable(reason));
    match guess(bytes) {
        Some(ImageFormat::Jpeg) if container::is_cut_short(bytes) => unreadable("JPEG is cut short"),
        Some(format) => Ok(format),
        None if bytes.is_empty() => unreadable("empty file"),
        None if bytes.get(4..8) == Some(b"ftyp") => {
            unreadable("HEIF and AVIF are not supported: convert it to JPEG or PNG")
        }
        None => unreadable("neither JPEG, PNG, WebP, GIF, BMP nor TIFF"),
    }
}

fn decoder<'a>(
    bytes: &'a [u8],
    format: ImageFormat,
    options: &DecodeOptions,
) -> ImageResult<Box<dyn ImageDecoder + 'a>> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(options.most_bytes());
    let bytes = Cursor::new(bytes);
    let mut decoder: Box<dyn ImageDecoder + 'a> = match format {
        ImageFormat::Jpeg => Box::new(JpegDecoder::new(bytes)?),
        ImageFormat::Png => Box::new(PngDecoder::with_limits(bytes, limits.clone())?),
        ImageFormat::WebP => Box::new(WebPDecoder::new(bytes)?),
        ImageFormat::Gif => Box::new(GifDecoder::new(bytes)?),
        ImageFormat::Bmp => Box::new(BmpDecoder::new(bytes)?),
        _ => Box::new(TiffDecoder::new(bytes)?),
    };
    decoder.set_limits(limits)?;
    Ok(decoder)
}

fn expect_size(width: u32, height: u32, options: &DecodeOptions) -> Result<(), DecodeError> {
    let (width, height, max_pixels) = (u64::from(width), u64::from(height), options.max_pixels);
    if width == 0 || height == 0 {
        return Err(DecodeError::unreadable("it has no pixels"));
    }
    if width * height > max_pixels { Err(DecodeError::TooLarge { width, height, max_pixels }) } else { Ok(()) }
}

fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// The most bytes in use at a time, step by step: decode, convert, turn, scale.
fn memory(bytes: &[u8], format: ImageFormat, decoder: &dyn ImageDecoder, turned: bool, options: &DecodeOptions) -> u64 {
    let file = bytes.len() as u64;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let own = decoder.total_bytes();
    let beside = match format {
        // The decoder copies the file; a progressive one keeps coefficients of two bytes.
        ImageFormat::Jpeg if container::is_progressive(bytes) => file + 2 * own,
        ImageFormat::Jpeg => file,
        // Planes, canvases and strips.
        ImageFormat::WebP | ImageFormat::Gif => 4 * pixels,
        ImageFormat::Tiff => 2 * own,
        _ => 0,
    };
    let channels = u64::from(options.channels);
    let result = pixels * channels;
    let converted = if own == result { own } else { own + 4 * pixels + result };
    let turned = if turned { 2 * result } else { 0 };
    let longest = u64::from(width.max(height));
    let scaled = options.scaling.as_ref().map_or(0, |scaling| scaling.memory(result, longest, channels));
    file + [own + beside, converted, turned, scaled].into_iter().max().unwrap_or(0)
}

#[cfg(test)]
#[path = "decode/decode_tests.rs"]
mod tests;
