//! Small files of every format, most made by the encoders of the same crate, the others byte by byte.

use flate2::Crc;
use flate2::write::ZlibEncoder;
use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use image::{ExtendedColorType, GrayAlphaImage, ImageEncoder, LumaA, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;

const BACK: [u8; 3] = [10, 120, 230];

fn options() -> DecodeOptions {
    DecodeOptions { background: BACK, ..DecodeOptions::default() }
}

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn chunk(name: &[u8], content: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(name);
    crc.update(content);
    let length = u32::try_from(content.len()).unwrap();
    [&length.to_be_bytes(), name, content, &crc.sum().to_be_bytes()].concat()
}

/// A PNG file of one row.
fn png(size: (u32, u32), depth_and_colour: [u8; 2], before: &[u8], row: &[u8], after: &[u8]) -> Vec<u8> {
    let header = [&size.0.to_be_bytes()[..], &size.1.to_be_bytes(), &depth_and_colour, &[0; 3]].concat();
    let mut packed = ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &[&[0], row].concat()).unwrap();
    let pixels = chunk(b"IDAT", &packed.finish().unwrap());
    [b"\x89PNG\r\n\x1a\n", &chunk(b"IHDR", &header)[..], before, &pixels, after, &chunk(b"IEND", &[])].concat()
}

/// An uncompressed TIFF file of 8 bits a sample, little-endian; `more` are tags, types and values.
fn tiff(size: (u16, u16), samples: u16, more: &[(u16, u16, u32)], pixels: &[u8]) -> Vec<u8> {
    let bits = 8 + 2 + 12 * (9 + more.len()) + 4;
    let pixels_at = bits + 8;
    let photometric = if samples < 3 { 1 } else { 2 };
    let bits_value = if samples < 3 { u32::from(samples) * 8 } else { u32::try_from(bits).unwrap() };
    let mut tags: Vec<(u16, u16, u32, u32)> = vec![
        (0x100, 3, 1, size.0.into()),
        (0x101, 3, 1, size.1.into()),
        (0x102, 3, samples.into(), bits_value),
        (0x103, 3, 1, 1),
        (0x106, 3, 1, photometric),
        (0x111, 4, 1, u32::try_from(pixels_at).unwrap()),
        (0x115, 3, 1, samples.into()),
        (0x116, 3, 1, size.1.into()),
        (0x117, 4, 1, u32::try_from(pixels.len()).unwrap()),
    ];
    tags.extend(more.iter().map(|(tag, kind, value)| (*tag, *kind, 1, *value)));
    tags.sort_unstable();
    let mut bytes = [&b"II*\0\x08\0\0\0"[..], &u16::try_from(tags.len()).unwrap().to_le_bytes()].concat();
    for (tag, kind, count, value) in tags {
        bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    [&bytes[..], &[0; 4], &[8, 0, 8, 0, 8, 0, 8, 0], pixels].concat()
}

fn pixels(bytes: &[u8], options: &DecodeOptions) -> (Vec<u8>, bool) {
    let decoded = decode(bytes, options).unwrap();
    (decoded.image.pixels, decoded.transparent)
}

fn reason(bytes: &[u8]) -> String {
    decode(bytes, &options()).unwrap_err().to_string()
}

fn picture() -> RgbImage {
    RgbImage::from_fn(3, 2, |x, y| Rgb([60 * x as u8, 90 * y as u8, 77]))
}

#[test]
fn every_format_is_told_by_its_content_and_noticed_if_it_is_cut_short() {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, Tiff, WebP};
    let grainy = RgbImage::from_fn(40, 40, |x, y| Rgb([(x * y % 251) as u8, (x * 7 % 256) as u8, (y * 5) as u8]));
    for format in [Png, WebP, Bmp, Tiff, Gif, Jpeg] {
        let bytes = encoded(picture(), format);
        assert!(starts_as_image(&bytes[..32]), "{format:?}");
        let decoded = decode(&bytes, &options()).unwrap();
        assert_eq!(decoded.image.shape, ImageShape { height: 2, width: 3, channels: 3 });
        assert!(decoded.coloured && !decoded.transparent, "{format:?}");
        let near = if format == Jpeg { 60 } else { 0 };
        let far = decoded.image.pixels.iter().zip(picture().into_raw()).any(|(a, b)| a.abs_diff(b) > near);
        assert!(!far, "{format:?}: {:?}", decoded.image.pixels);
        let bytes = encoded(grainy.clone(), format);
        for length in [bytes.len() / 2, bytes.len() * 9 / 10] {
            assert!(decode(&bytes[..length], &options()).is_err(), "{format:?} of {length} bytes");
        }
    }
    assert_eq!(reason(b""), "empty file");
    assert_eq!(reason(b"BMW and other cars of the year"), reason(b"BMW and other cars of the year").replace('\n', ""));
    assert!(!starts_as_image(b"BMW and other cars of the year"));
    assert_eq!(reason(b"this is no image"), "neither JPEG, PNG, WebP, GIF, BMP nor TIFF");
    assert!(reason(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").starts_with("HEIF and AVIF are not supported"));
}

#[test]
fn no_format_shows_a_hidden_colour() {
    // One transparent pixel with a colour of its own, one opaque.
    let colours = RgbaImage::from_fn(2, 1, |x, _| if x == 0 { Rgba([200, 0, 0, 0]) } else { Rgba([1, 2, 3, 255]) });
    let greys = GrayAlphaImage::from_fn(2, 1, |x, _| LumaA([200, if x == 0 { 0 } else { 255 }]));
    let deep = image::ImageBuffer::from_fn(2, 1, |x, _| {
        if x == 0 { Rgba([51_400_u16, 0, 0, 0]) } else { Rgba([257, 514, 771, 65_535]) }
    });
    let palette = [chunk(b"PLTE", &[200, 0, 0, 1, 2, 3]), chunk(b"tRNS", &[0, 255])].concat();
    let key = chunk(b"tRNS", &[0, 200, 0, 0, 0, 0]);
    let expected = [&BACK[..], &[1, 2, 3]].concat();
    for (name, bytes) in [
        ("RGBA PNG", encoded(colours.clone(), ImageFormat::Png)),
        ("PNG of 16 bits", encoded(DynamicImage::ImageRgba16(deep), ImageFormat::Png)),
        ("palette PNG", png((2, 1), [8, 3], &palette, &[0, 1], &[])),
        ("PNG with a colour key", png((2, 1), [8, 2], &key, &[200, 0, 0, 1, 2, 3], &[])),
        ("WebP", encoded(colours.clone(), ImageFormat::WebP)),
        ("GIF", encoded(colours.clone(), ImageFormat::Gif)),
        ("BMP", encoded(colours.clone(), ImageFormat::Bmp)),
        ("TIFF", tiff((2, 1), 4, &[(0x152, 3, 2)], &[200, 0, 0, 0, 1, 2, 3, 255])),
        ("TIFF of multiplied colours", tiff((2, 1), 4, &[(0x152, 3, 1)], &[0, 0, 0, 0, 1, 2, 3, 255])),
    ] {
        assert_eq!(pixels(&bytes, &options()), (expected.clone(), true), "{name}");
    }
    let grey = [&BACK[..], &[200; 3]].concat();
    assert_eq!(pixels(&encoded(greys, ImageFormat::Png), &options()), (grey.clone(), true));
    let key = chunk(b"tRNS", &[0, 9]);
    assert_eq!(pixels(&png((2, 1), [8, 0], &key, &[9, 200], &[]), &options()), (grey, true));
}

#[test]
fn grey_is_made_of_what_is_seen_and_half_of_a_multiplied_colour_is_not_halved_again() {
    let colours = RgbaImage::from_pixel(1, 1, Rgba([255, 0, 0, 0]));
    let grey = DecodeOptions { channels: 1, ..DecodeOptions::default() };
    assert_eq!(pixels(&encoded(colours, ImageFormat::Png), &grey), (vec![255], true));
    let multiplied = tiff((1, 1), 4, &[(0x152, 3, 1)], &[100, 50, 0, 128]);
    assert_eq!(pixels(&multiplied, &DecodeOptions::default()), (vec![227, 177, 127], true));
    let not_multiplied = tiff((1, 1), 4, &[(0x152, 3, 2)], &[200, 100, 0, 128]);
    assert_eq!(pixels(&not_multiplied, &DecodeOptions::default()), (vec![227, 177, 127], true));
}

/// The pixel of the stored picture that is seen at (x, y), by the definition of the eight values.
fn seen(orientation: u8, x: usize, y: usize, (width, height): (usize, usize)) -> (usize, usize) {
    match orientation {
        2 => (width - 1 - x, y),
        3 => (width - 1 - x, height - 1 - y),
        4 => (x, height - 1 - y),
        5 => (y, x),
        6 => (y, height - 1 - x),
        7 => (width - 1 - y, height - 1 - x),
        8 => (width - 1 - y, x),
        _ => (x, y),
    }
}

/// EXIF with one tag, of the type SHORT (3) or LONG (4).
fn exif(value: u32, kind: u16, big: bool) -> Vec<u8> {
    let short = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let long = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let inline = if kind == 3 { [short(value as u16), [0; 2]].concat() } else { long(value).to_vec() };
    let start: &[u8] = if big { b"MM\0*" } else { b"II*\0" };
    [start, &long(8), &short(1), &short(0x112), &short(kind), &long(1), &inline, &[0; 4]].concat()
}

/// A picture of blocks that JPEG keeps apart, in every format that carries EXIF.
fn with_exif(value: u8) -> Vec<(&'static str, Vec<u8>)> {
    let block = |x: u32, y: u32| Rgb([if x < 16 { 250 } else { 5 }, if y < 8 { 250 } else { 5 }, (x / 8 * 60) as u8]);
    let image = RgbImage::from_fn(24, 16, block);
    let (raw, kind) = (image.as_raw().as_slice(), ExtendedColorType::Rgb8);
    let [short, long] = [3, 4].map(|kind| exif(value.into(), kind, kind == 4));
    let mut files = Vec::new();
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 100);
    encoder.set_exif_metadata(short.clone()).unwrap();
    encoder.write_image(raw, 24, 16, kind).unwrap();
    files.push(("JPEG", std::mem::take(&mut bytes)));
    let mut encoder = PngEncoder::new(&mut bytes);
    encoder.set_exif_metadata(long.clone()).unwrap();
    encoder.write_image(raw, 24, 16, kind).unwrap();
    files.push(("PNG", std::mem::take(&mut bytes)));
    let plain = encoded(image.clone(), ImageFormat::Png);
    let end = plain.len() - 12;
    files.push(("PNG with EXIF at its end", [&plain[..end], &chunk(b"eXIf", &short), &plain[end..]].concat()));
    for (name, exif) in [("WebP", long), ("WebP with a prefix", [EXIF_PREFIX, &short].concat())] {
        let mut encoder = WebPEncoder::new_lossless(&mut bytes);
        encoder.set_exif_metadata(exif).unwrap();
        encoder.write_image(raw, 24, 16, kind).unwrap();
        files.push((name, std::mem::take(&mut bytes)));
    }
    files.push(("TIFF", tiff((24, 16), 3, &[(0x112, 3, value.into())], raw)));
    files
}

const EXIF_PREFIX: &[u8] = b"Exif\0\0";

#[test]
fn all_orientations_are_honoured_in_all_formats() {
    for value in 0..=9 {
        let upright = decode(&with_exif(1)[1].1, &options()).unwrap().image;
        for (name, bytes) in with_exif(value) {
            let image = decode(&bytes, &options()).unwrap().image;
            let (width, height) = if (5..9).contains(&value) { (16, 24) } else { (24, 16) };
            assert_eq!((image.shape.width, image.shape.height), (width, height), "{name} {value}");
            for y in 0..height as usize {
                for x in 0..width as usize {
                    let (from_x, from_y) = seen(value, x, y, (24, 16));
                    let pixel = |image: &Image, width: usize, x: usize, y: usize| {
                        let at = 3 * (y * width + x);
                        [image.pixels[at], image.pixels[at + 1], image.pixels[at + 2]]
                    };
                    let (found, expected) = (pixel(&image, width as usize, x, y), pixel(&upright, 24, from_x, from_y));
                    let near = if name == "JPEG" { 40 } else { 0 };
                    let far = found.iter().zip(expected).any(|(a, b)| a.abs_diff(b) > near);
                    assert!(!far, "{name} {value} at {x}, {y}: {found:?}, expected {expected:?}");
                }
            }
        }
    }
}

#[test]
fn scaling_follows_turning() {
    let options = DecodeOptions { scaling: Some(Scaling::stretch((12, 8))), ..options() };
    let image = decode(&with_exif(6)[1].1, &options).unwrap().image;
    assert_eq!(image.shape, ImageShape { height: 12, width: 8, channels: 3 });
    // Turned by hand first, it is the same to the last bit.
    let turned = decode(&with_exif(6)[1].1, &DecodeOptions { scaling: None, ..options.clone() }).unwrap().image;
    let turned = RgbImage::from_raw(16, 24, turned.pixels).unwrap();
    assert_eq!(decode(&encoded(turned, ImageFormat::Png), &options).unwrap().image, image);
}

/// Files of every format that claim a size.
fn claiming(width: u16, height: u16) -> Vec<(&'static str, Vec<u8>)> {
    let le = |value: u16| value.to_le_bytes();
    let riff = |chunks: &[(&[u8], &[u8])]| {
        let chunks: Vec<u8> = chunks
            .iter()
            .flat_map(|(name, content)| {
                [name, &u32::try_from(content.len()).unwrap().to_le_bytes()[..], content].concat()
            })
            .collect();
        [b"RIFF", &u32::try_from(chunks.len() + 4).unwrap().to_le_bytes()[..], b"WEBP", &chunks].concat()
    };
    let vp8 = |width: u16, height: u16| [&[0x10, 0, 0, 0x9d, 1, 0x2a], &le(width)[..], &le(height), &[0; 8]].concat();
    let side = |side: u16| (u32::from(side) - 1).to_le_bytes()[..3].to_vec();
    let canvas = |width, height| [&[0; 4][..], &side(width), &side(height)].concat();
    let mut jpeg = encoded(picture(), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    let mut bmp = encoded(picture(), ImageFormat::Bmp);
    bmp[18..22].copy_from_slice(&u32::from(width).to_le_bytes());
    bmp[22..26].copy_from_slice(&(-i32::from(height)).to_le_bytes());
    let mut gif = encoded(picture(), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[le(width), le(height)].concat());
    vec![
        ("JPEG", jpeg),
        ("PNG", png((width.into(), height.into()), [8, 2], &[], &[1, 2, 3], &[])),
        ("GIF", gif),
        ("BMP", bmp),
        ("TIFF", tiff((width, height), 3, &[], &[1, 2, 3])),
        ("WebP canvas", riff(&[(b"VP8X", &canvas(width, height)), (b"VP8 ", &vp8(1, 1))])),
        ("WebP bitmap", riff(&[(b"VP8X", &canvas(1, 1)), (b"VP8 ", &vp8(width, height))])),
        ("WebP", riff(&[(b"VP8 ", &vp8(width, height))])),
    ]
}

#[test]
fn a_header_that_claims_too_much_is_enough() {
    for (name, bytes) in claiming(16_000, 15_000) {
        let error = decode(&bytes, &options()).unwrap_err();
        assert_eq!(error, DecodeError::TooLarge { width: 16_000, height: 15_000, max_pixels: MAX_PIXELS }, "{name}");
        assert_eq!(error.to_string(), "16000 x 15000 pixels are more than `max-pixels = 100000000` allows");
    }
    let all = DecodeOptions { max_pixels: 6, ..options() };
    assert!(decode(&encoded(picture(), ImageFormat::Png), &all).is_ok());
    let fewer = DecodeOptions { max_pixels: 5, ..options() };
    assert!(decode(&encoded(picture(), ImageFormat::Png), &fewer).is_err());
}

#[test]
fn a_frame_beyond_its_screen_takes_no_memory() {
    let mut gif = encoded(picture(), ImageFormat::Gif);
    let frame = gif.iter().position(|byte| *byte == b',').unwrap();
    gif[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    assert_eq!(reason(&gif), "it needs more memory than an image of `max-pixels` may use");
}

#[test]
fn memory_is_told_before_it_is_taken() {
    let memory = |bytes: &[u8], options: &DecodeOptions| Encoded::read(bytes, options).unwrap().memory();
    let image = RgbImage::new(1000, 500);
    let (png, jpeg) = (encoded(image.clone(), ImageFormat::Png), encoded(image, ImageFormat::Jpeg));
    let own = 1_500_000;
    assert_eq!(memory(&png, &options()), own + png.len() as u64);
    assert_eq!(memory(&jpeg, &options()), own + 2 * jpeg.len() as u64);
    let scaled = DecodeOptions { scaling: Some(Scaling::stretch((100, 10))), ..options() };
    assert_eq!(memory(&png, &scaled), own + 3 * (100 * 1000 + 2 * 100 * 10) + png.len() as u64);
    let grey = DecodeOptions { channels: 1, ..options() };
    assert!(memory(&png, &grey) > own + 500_000);
}

/// Draws without a crate: each number follows from the last (Marsaglia's xorshift).
fn next(state: &mut u64, below: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state % below.max(1) as u64).unwrap()
}

/// A file as a bad disk or a bad person leaves it: bytes changed, cut, doubled, or filled with one value.
fn mutated(file: &[u8], state: &mut u64) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..=next(state, 3) {
        let (at, other) = (next(state, bytes.len()), next(state, bytes.len()));
        let (begin, end) = (at.min(other), at.max(other));
        match next(state, 6) {
            0 => bytes[at] ^= 1 << next(state, 8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][next(state, 5)],
            2 => bytes.truncate(at.max(1)),
            3 => drop(bytes.drain(begin..end.min(begin + 40).max(begin + 1).min(bytes.len()))),
            4 => bytes[begin..end.min(begin + 16)].fill(0xff),
            _ => {
                let piece = bytes[begin..end.min(begin + 64)].to_vec();
                drop(bytes.splice(other..other, piece));
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

#[test]
fn mutated_files_are_images_or_errors() {
    let grainy = RgbImage::from_fn(31, 17, |x, y| Rgb([(x * y % 251) as u8, (x * 7 % 256) as u8, (y * 5) as u8]));
    let mut files: Vec<Vec<u8>> = [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff]
        .into_iter()
        .chain([ImageFormat::Gif, ImageFormat::Jpeg])
        .map(|format| encoded(grainy.clone(), format))
        .collect();
    files.extend(with_exif(6).into_iter().map(|(_, file)| file));
    let scaling = Some(Scaling::stretch((8, 8)));
    let small = DecodeOptions { max_pixels: 1 << 20, scaling, ..options() };
    let (mut state, mut read, mut refused) = (0x9e37_79b9_7f4a_7c15, 0, 0);
    for file in &files {
        for _ in 0..150 {
            match decode(&mutated(file, &mut state), &small) {
                Ok(decoded) => {
                    assert_eq!(decoded.image.pixels.len(), 8 * 8 * 3);
                    read += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty() && !error.to_string().contains('\n'), "{error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(read > 100 && refused > 100, "{read} read, {refused} refused");
}
