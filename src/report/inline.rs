//! Pictures inside a page: PNG bytes as `data:` addresses.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use simpipe_artifact::Image;

use super::ReportError;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding (RFC 4648, 4).
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4_usize {
            let six = bits >> (18 - 6 * at) & 63;
            text.push(if at <= group.len() { char::from(ALPHABET[six as usize]) } else { '=' });
        }
    }
    text
}

/// The bytes of base64 with padding; `None` of what is none.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let six = |byte: u8| ALPHABET.iter().position(|letter| *letter == byte).map(|at| at as u32);
    let plain = text.trim_end_matches('=');
    if text.len() - plain.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in plain.as_bytes().chunks(4) {
        let bits = group.iter().try_fold(0_u32, |bits, byte| Some(bits << 6 | six(*byte)?))?;
        let bits = bits << (6 * (4 - group.len()));
        bytes.extend_from_slice(bits.to_be_bytes().get(1..group.len())?);
    }
    Some(bytes)
}

/// An image as the address of itself.
///
/// # Errors
/// If it can't be encoded.
pub(super) fn address(image: &Image) -> Result<String, ReportError> {
    let colours = if image.shape.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive)
        .write_image(&image.pixels, image.shape.width, image.shape.height, colours)
        .map_err(|error| ReportError::Draw(error.to_string()))?;
    Ok(format!("data:image/png;base64,{}", base64(&bytes)))
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::ImageShape;

    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let all = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(all, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
        for bytes in [&b""[..], b"f", b"fo", b"foo", b"foob", &[0xfb, 0xff, 0xfe, 0x00]] {
            assert_eq!(from_base64(&base64(bytes)).as_deref(), Some(bytes));
        }
        for bad in ["Zg=", "Zg", "Z===", "Zm9?", "===="] {
            assert_eq!(from_base64(bad), None, "{bad}");
        }
    }

    #[test]
    fn grey_images_stay_grey_and_empty_ones_are_refused() {
        let image = |channels: u32, side: u32| {
            let shape = ImageShape { height: side, width: side, channels };
            Image { shape, pixels: vec![7; shape.bytes()] }
        };
        let (grey, colour) = (address(&image(1, 4)).unwrap(), address(&image(3, 4)).unwrap());
        assert!(grey.starts_with("data:image/png;base64,iVBOR") && grey.len() < colour.len(), "{grey}");
    }
}
