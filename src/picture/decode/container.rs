//! What stands around the pixels of a file and decoders don't tell, or tell too late: EXIF orientation, sizes that are
//! claimed twice, the kind of alpha. All of it is read from bytes in memory, with no trust in any length.

use image::ImageFormat;
use image::metadata::Orientation;

/// EXIF and TIFF tags.
const ORIENTATION: u16 = 0x0112;
const EXTRA_SAMPLES: u16 = 0x0152;

/// JPEG markers.
const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;
const PROGRESSIVE: u8 = 0xc2;
const APP1: u8 = 0xe1;

/// What EXIF starts with where it has a place of its own, and sometimes does where it has not.
const EXIF: &[u8] = b"Exif\0\0";

/// How the image is to be turned; as it is where nothing, or nonsense, is said.
pub(super) fn orientation(bytes: &[u8], format: ImageFormat) -> Orientation {
    let exif =
        match format {
            ImageFormat::Jpeg => segments(bytes)
                .find_map(|(marker, content)| (marker == APP1).then(|| content.strip_prefix(EXIF)).flatten()),
            ImageFormat::Png => chunks(bytes).find_map(|(name, content)| (name == b"eXIf").then_some(content)),
            ImageFormat::WebP => riff(bytes.get(12..).unwrap_or_default())
                .find_map(|(name, content)| (name == b"EXIF").then_some(content)),
            ImageFormat::Tiff => Some(bytes),
            _ => None,
        };
    exif.map(|exif| exif.strip_prefix(EXIF).unwrap_or(exif))
        .and_then(|exif| first_value(exif, ORIENTATION))
        .and_then(|value| Orientation::from_exif(u8::try_from(value).ok()?))
        .unwrap_or(Orientation::NoTransforms)
}

/// Whether a TIFF file says that its colours were multiplied by alpha (associated alpha).
pub(super) fn is_premultiplied(tiff: &[u8]) -> bool {
    first_value(tiff, EXTRA_SAMPLES) == Some(1)
}

/// Widths and heights that stand in a file before its decoder looks at them, or where it does not.
pub(super) fn claimed_sizes(bytes: &[u8], format: ImageFormat) -> Vec<(u32, u32)> {
    match format {
        // Decoders make tables and unpack profiles before they tell the size.
        ImageFormat::Png => be32(bytes, 16).zip(be32(bytes, 20)).into_iter().collect(),
        // The size of the canvas and that of the bitmap in it are compared only when the bitmap is decoded.
        ImageFormat::WebP => bitmaps(bytes.get(12..).unwrap_or_default()),
        _ => Vec::new(),
    }
}

/// The sizes of the bitmaps in a WebP file, those of animations included.
fn bitmaps(file: &[u8]) -> Vec<(u32, u32)> {
    let of = |name: &[u8], content: &[u8]| match name {
        b"VP8 " => le16(content, 6).zip(le16(content, 8)).map(|(w, h)| (u32::from(w) & 0x3fff, u32::from(h) & 0x3fff)),
        b"VP8L" => le32(content, 1).map(|bits| ((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1)),
        _ => None,
    };
    let frame = |content: &[u8]| {
        riff(content.get(16..).unwrap_or_default()).filter_map(|(name, content)| of(name, content)).collect::<Vec<_>>()
    };
    riff(file)
        .flat_map(
            |(name, content)| if name == b"ANMF" { frame(content) } else { of(name, content).into_iter().collect() },
        )
        .collect()
}

/// Whether a JPEG file is decoded in several passes, which takes more memory.
pub(super) fn is_progressive(jpeg: &[u8]) -> bool {
    segments(jpeg).any(|(marker, _)| marker == PROGRESSIVE)
}

/// Whether no end marker follows the last start of a scan. The decoder fills what is missing of such a file with grey
/// and reports nothing.
pub(super) fn is_cut_short(jpeg: &[u8]) -> bool {
    let last = |marker: u8| jpeg.windows(2).rposition(|pair| pair == [0xff, marker]);
    !matches!((last(START_OF_SCAN), last(END_OF_IMAGE)), (Some(scan), Some(end)) if end > scan)
}

/// The marker and content of each segment before the first scan of a JPEG file.
fn segments(jpeg: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut at = 2;
    std::iter::from_fn(move || {
        // Markers may be filled up with any number of 0xff.
        let marker = loop {
            match jpeg.get(at..at + 2)? {
                [0xff, 0xff] => at += 1,
                [0xff, marker] => break *marker,
                _ => return None,
            }
        };
        if matches!(marker, START_OF_SCAN | END_OF_IMAGE) {
            return None;
        }
        let length = usize::from(be16(jpeg, at + 2)?);
        let content = jpeg.get(at + 4..at + 2 + length)?;
        at += 2 + length;
        Some((marker, content))
    })
}

/// The name and content of each chunk of a PNG file.
fn chunks(png: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut at = 8;
    std::iter::from_fn(move || {
        let length = usize::try_from(be32(png, at)?).ok()?;
        let name = png.get(at + 4..at + 8)?;
        let content = png.get(at + 8..(at + 8).checked_add(length)?)?;
        at += 12 + length;
        Some((name, content))
    })
}

/// The name and content of each chunk of a RIFF file, from its first chunk on.
fn riff(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let name = bytes.get(at..at + 4)?;
        let length = usize::try_from(le32(bytes, at + 4)?).ok()?;
        let end = (at + 8).checked_add(length)?.min(bytes.len());
        let content = bytes.get(at + 8..end)?;
        at = end + length % 2;
        Some((name, content))
    })
}

/// The first value of a tag in the first directory of TIFF-like data.
fn first_value(tiff: &[u8], tag: u16) -> Option<u32> {
    let big = match tiff.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let short = |at| if big { be16(tiff, at) } else { le16(tiff, at) };
    let long = |at| if big { be32(tiff, at) } else { le32(tiff, at) };
    let directory = usize::try_from(long(4)?).ok()?;
    let entries = (0..usize::from(short(directory)?)).map(|entry| directory + 2 + 12 * entry);
    let entry = entries.take_while(|at| *at < tiff.len()).find(|at| short(*at) == Some(tag))?;
    let size = match short(entry + 2)? {
        1 => 1,
        3 => 2,
        4 => 4,
        _ => return None,
    };
    let count = long(entry + 4)?;
    let at = match u64::from(count) * size {
        0 => return None,
        1..=4 => entry + 8,
        _ => usize::try_from(long(entry + 8)?).ok()?,
    };
    match size {
        1 => tiff.get(at).map(|byte| u32::from(*byte)),
        2 => short(at).map(u32::from),
        _ => long(at),
    }
}

fn at<const N: usize>(bytes: &[u8], start: usize) -> Option<[u8; N]> {
    bytes.get(start..start.checked_add(N)?)?.try_into().ok()
}

fn be16(bytes: &[u8], start: usize) -> Option<u16> {
    at(bytes, start).map(u16::from_be_bytes)
}

fn le16(bytes: &[u8], start: usize) -> Option<u16> {
    at(bytes, start).map(u16::from_le_bytes)
}

fn be32(bytes: &[u8], start: usize) -> Option<u32> {
    at(bytes, start).map(u32::from_be_bytes)
}

fn le32(bytes: &[u8], start: usize) -> Option<u32> {
    at(bytes, start).map(u32::from_le_bytes)
}
