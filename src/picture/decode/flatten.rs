//! Transparent pixels over a background.

use image::{DynamicImage, RgbImage};

/// Lays an image over a background, in its own numbers (sRGB, as browsers do it); an opaque format stays as it is.
/// Says whether some pixel was not opaque.
pub(super) fn flatten(image: DynamicImage, background: [u8; 3], premultiplied: bool) -> (DynamicImage, bool) {
    let colour = image.color();
    if !colour.has_alpha() {
        return (image, false);
    }
    let (width, height) = (image.width(), image.height());
    let (pixels, transparent) = if colour.bytes_per_pixel() == colour.channel_count() {
        flatten8(image.into_rgba8().into_raw(), background, premultiplied)
    } else {
        flatten16(image.into_rgba16().as_raw(), background, premultiplied)
    };
    let image = RgbImage::from_raw(width, height, pixels).expect("three bytes a pixel");
    (DynamicImage::ImageRgb8(image), transparent)
}

/// In place: a large image is not held twice.
#[expect(clippy::cast_possible_truncation, reason = "a channel is at most 255")]
fn flatten8(mut pixels: Vec<u8>, background: [u8; 3], premultiplied: bool) -> (Vec<u8>, bool) {
    let mut transparent = false;
    let count = pixels.len() / 4;
    for at in 0..count {
        let alpha = pixels[4 * at + 3];
        transparent |= alpha < u8::MAX;
        for channel in 0..3 {
            let colour = pixels[4 * at + channel];
            pixels[3 * at + channel] = match alpha {
                u8::MAX => colour,
                _ => over(colour.into(), alpha.into(), background[channel].into(), 255, premultiplied) as u8,
            };
        }
    }
    pixels.truncate(3 * count);
    pixels.shrink_to_fit();
    (pixels, transparent)
}

/// Rounded to 8 bits only at the end.
#[expect(clippy::cast_possible_truncation, reason = "a channel is at most 255")]
fn flatten16(pixels: &[u16], background: [u8; 3], premultiplied: bool) -> (Vec<u8>, bool) {
    let mut transparent = false;
    let mut flat = Vec::with_capacity(pixels.len() / 4 * 3);
    for pixel in pixels.chunks_exact(4) {
        let alpha = pixel[3];
        transparent |= alpha < u16::MAX;
        for channel in 0..3 {
            let background = u64::from(background[channel]) * 257;
            let colour = over(pixel[channel].into(), alpha.into(), background, 65_535, premultiplied);
            flat.push(((colour + 128) / 257) as u8);
        }
    }
    (flat, transparent)
}

/// One channel over another, all from 0 to `max`, rounded.
fn over(colour: u64, alpha: u64, background: u64, max: u64, premultiplied: bool) -> u64 {
    let own = if premultiplied { colour * max } else { colour * alpha };
    ((own + background * (max - alpha) + max / 2) / max).min(max)
}

#[cfg(test)]
mod tests {
    use image::{LumaA, Rgba};

    use super::*;

    fn flat(image: impl Into<DynamicImage>, background: [u8; 3], premultiplied: bool) -> (Vec<u8>, bool) {
        let (image, transparent) = flatten(image.into(), background, premultiplied);
        (image.into_bytes(), transparent)
    }

    #[test]
    fn hidden_colours_stay_hidden() {
        let pixels = [[9, 8, 7, 0], [200, 100, 0, 128], [1, 2, 3, 255]];
        let image = image::RgbaImage::from_fn(3, 1, |x, _| Rgba(pixels[x as usize]));
        // 200 x 128 / 255 + 255 x 127 / 255 = 227.4, and so on.
        assert_eq!(flat(image.clone(), [255; 3], false), (vec![255, 255, 255, 227, 177, 127, 1, 2, 3], true));
        assert_eq!(flat(image, [10, 20, 30], false), (vec![10, 20, 30, 105, 60, 15, 1, 2, 3], true));
        let grey = image::GrayAlphaImage::from_fn(2, 1, |x, _| LumaA([50, if x == 0 { 0 } else { 255 }]));
        assert_eq!(flat(grey, [0, 255, 9], false), (vec![0, 255, 9, 50, 50, 50], true));
    }

    #[test]
    fn alpha_that_hides_nothing_changes_nothing() {
        let image = image::RgbaImage::from_fn(256, 1, |x, _| Rgba([x as u8, 255 - x as u8, 7, 255]));
        let (pixels, transparent) = flat(image.clone(), [1, 2, 3], false);
        assert!(!transparent);
        assert_eq!(pixels, DynamicImage::from(image).into_rgb8().into_raw());
        let deep = image::ImageBuffer::from_fn(1, 1, |_, _| Rgba([65_535_u16, 32_896, 257, 65_535]));
        assert_eq!(flat(DynamicImage::ImageRgba16(deep), [0; 3], false), (vec![255, 128, 1], false));
    }

    #[test]
    fn sixteen_bits_are_rounded_once_and_multiplied_colours_are_not_multiplied_again() {
        let deep = |alpha| image::ImageBuffer::from_fn(1, 1, |_, _| Rgba([65_535_u16, 32_768, 0, alpha]));
        assert_eq!(flat(DynamicImage::ImageRgba16(deep(32_768)), [255; 3], false), (vec![255, 191, 127], true));
        let multiplied = image::RgbaImage::from_pixel(1, 1, Rgba([100, 50, 0, 128]));
        assert_eq!(flat(multiplied, [255; 3], true), (vec![227, 177, 127], true));
        let wrong = image::RgbaImage::from_pixel(1, 1, Rgba([255, 255, 255, 0]));
        assert_eq!(flat(wrong, [9; 3], true), (vec![255; 3], true));
    }
}
