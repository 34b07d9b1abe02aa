//! Bringing an image to the size that all are to have, as Pillow does it: `Image.resize`, `ImageOps.pad` and
//! `ImageOps.fit`.

use image::Pixel;

use super::raster::{Image, ImageShape};
use super::resample::{Kernel, Raster, Span};

simpipe_base::choice! {
    /// How an image whose sides are in another proportion is brought to the size.
    pub enum ResizeMode {
        /// Each side is scaled on its own.
        #[aka("squash", "resize", "exact")]
        "stretch" => Stretch,
        /// The whole image, as large as it fits, centred on a border of the colour `pad`.
        #[aka("pad", "letterbox", "contain", "pad-to-square", "thumbnail")]
        "fit" => Fit,
        /// The largest centred part with the proportions of the size.
        #[aka("center-crop", "crop", "cover", "fill", "crop-to-aspect-ratio")]
        "centre-crop" => CentreCrop,
    }
}

simpipe_base::choice! {
    /// How a pixel of the result is computed. All but the first take in more pixels where an image shrinks.
    pub enum ResizeFilter {
        /// The nearest pixel.
        #[aka("nearest-neighbour", "nearest-neighbor")]
        "nearest" => Nearest,
        /// The mean of the pixels under it.
        #[aka("area", "average", "mean")]
        "box" => Box,
        /// Weights that fall linearly with the distance.
        #[aka("linear", "triangle")]
        "bilinear" => Bilinear,
        /// A cubic curve (Catmull and Rom), as Pillow has it.
        #[aka("cubic", "catmull-rom")]
        "bicubic" => Bicubic,
        /// A sine over its argument, up to the third zero.
        #[aka("lanczos3", "antialias")]
        "lanczos" => Lanczos,
    }
}

impl ResizeFilter {
    const fn kernel(&self) -> Kernel {
        match self {
            Self::Nearest => Kernel::Nearest,
            Self::Box => Kernel::Box,
            Self::Bilinear => Kernel::Bilinear,
            Self::Bicubic => Kernel::Bicubic,
            Self::Lanczos => Kernel::Lanczos,
        }
    }
}

/// The size that images are brought to, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// What becomes of an image in another proportion.
    pub mode: ResizeMode,
    /// What a pixel of the result is made of.
    pub filter: ResizeFilter,
    /// The colour of what [`ResizeMode::Fit`] leaves free: red, green, blue.
    pub pad: [u8; 3],
}

impl Scaling {
    /// Each side by itself, bilinear.
    #[must_use]
    pub const fn stretch((height, width): (u32, u32)) -> Self {
        Self { height, width, mode: ResizeMode::Stretch, filter: ResizeFilter::Bilinear, pad: [0; 3] }
    }

    /// The most bytes in use at a time for an image of so many bytes and a longest side.
    #[must_use]
    pub fn memory(&self, image: u64, longest: u64, channels: u64) -> u64 {
        let (height, width) = (u64::from(self.height), u64::from(self.width));
        // Scaled in one side first, then in the other, then laid over what is left free.
        image + channels * (height.max(width) * longest + 2 * height * width)
    }

    /// The image in the new size.
    #[must_use]
    pub fn apply(&self, shape: ImageShape, pixels: Vec<u8>) -> Image {
        let scaled = match shape.channels {
            _ if (shape.height, shape.width) == (self.height, self.width) => pixels,
            1 => self.scaled::<1>(shape, &pixels),
            _ => self.scaled::<3>(shape, &pixels),
        };
        let shape = ImageShape { height: self.height, width: self.width, channels: shape.channels };
        Image { shape, pixels: scaled }
    }

    fn scaled<const CHANNELS: usize>(&self, shape: ImageShape, pixels: &[u8]) -> Vec<u8> {
        let (height, width) = (shape.height as usize, shape.width as usize);
        let raster = Raster::<CHANNELS> { height, width, pixels: pixels.as_chunks().0 };
        let whole = |side: f64| Span { begin: 0.0, end: side as f32 };
        let [high, wide] = [shape.height, shape.width].map(f64::from);
        let size = (self.height as usize, self.width as usize);
        match self.mode {
            ResizeMode::Stretch => raster.resized(whole(high), whole(wide), size, self.filter.kernel()),
            ResizeMode::CentreCrop => {
                let (rows, columns) = self.middle(high, wide);
                raster.resized(rows, columns, size, self.filter.kernel())
            }
            ResizeMode::Fit => {
                let (height, width) = self.contained(shape);
                let inner = if (height, width) == (shape.height, shape.width) {
                    pixels.to_vec()
                } else {
                    raster.resized(whole(high), whole(wide), (height as usize, width as usize), self.filter.kernel())
                };
                self.padded(ImageShape { height, width, channels: shape.channels }, inner)
            }
        }
    }

    /// The middle of an image that has the size's proportion, as `ImageOps.fit` has it: rows and columns.
    #[expect(clippy::float_cmp, reason = "as Pillow compares them")]
    fn middle(&self, height: f64, width: f64) -> (Span, Span) {
        let (own, proportion) = (width / height, f64::from(self.width) / f64::from(self.height));
        let (high, wide) = match own >= proportion {
            _ if own == proportion => (height, width),
            true => (height, proportion * height),
            false => (width / proportion, width),
        };
        let part = |side: f64, shown: f64| {
            let begin = (side - shown) * 0.5;
            Span { begin: begin as f32, end: (begin + shown) as f32 }
        };
        (part(height, high), part(width, wide))
    }

    /// The largest size in the image's proportion, as `ImageOps.contain` rounds it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the size's own sides")]
    fn contained(&self, shape: ImageShape) -> (u32, u32) {
        let [height, width] = [shape.height, shape.width].map(f64::from);
        let [most_high, most_wide] = [self.height, self.width].map(f64::from);
        let side = |side: f64, most: u32| (side.round_ties_even() as u32).clamp(1, most);
        match (width / height).total_cmp(&(most_wide / most_high)) {
            std::cmp::Ordering::Greater => (side(height / width * most_wide, self.height), self.width),
            std::cmp::Ordering::Less => (self.height, side(width / height * most_high, self.width)),
            std::cmp::Ordering::Equal => (self.height, self.width),
        }
    }

    /// An image in the middle of the size.
    fn padded(&self, shape: ImageShape, image: Vec<u8>) -> Vec<u8> {
        if (shape.height, shape.width) == (self.height, self.width) {
            return image;
        }
        let channels = shape.channels as usize;
        let colour = image::Rgb(self.pad);
        let colour = if channels == 1 { colour.to_luma().0.to_vec() } else { colour.0.to_vec() };
        let mut bytes = colour.repeat(self.height as usize * self.width as usize);
        // Half of an odd number is rounded to an even one, as Python does it.
        let before = |outer: u32, inner: u32| {
            let free = (outer - inner) as usize;
            free / 2 + usize::from(free % 4 == 3)
        };
        let (above, left) = (before(self.height, shape.height), before(self.width, shape.width));
        let (row, inner) = (self.width as usize * channels, shape.width as usize * channels);
        for (to, from) in bytes.chunks_exact_mut(row).skip(above).zip(image.chunks_exact(inner)) {
            to[left * channels..left * channels + inner].copy_from_slice(from);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::param;

    /// What Pillow made of the image `(7 x + 13 y^2 + 31 c x y) mod 256`, by `tests/fixtures/resize/make.py`.
    #[derive(serde::Deserialize)]
    struct Golden {
        cases: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        from: [u32; 2],
        to: [u32; 2],
        mode: String,
        filter: String,
        pixels: String,
    }

    fn image(height: u32, width: u32) -> Vec<u8> {
        let value = |y: u32, x: u32, c: u32| u8::try_from((7 * x + 13 * y * y + 31 * c * x * y) % 256).unwrap();
        let pixel = |y, x| (0..3).map(move |c| value(y, x, c));
        (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(y, x))).collect()
    }

    #[test]
    fn every_mode_and_filter_is_that_of_pillow() {
        let golden: Golden = serde_json::from_str(include_str!("../../tests/fixtures/resize/pillow.json")).unwrap();
        for case in &golden.cases {
            let [height, width] = case.from;
            let scaling = Scaling {
                mode: param::from_json(&case.mode.as_str().into()).unwrap(),
                filter: param::from_json(&case.filter.as_str().into()).unwrap(),
                pad: [10, 200, 30],
                ..Scaling::stretch((case.to[0], case.to[1]))
            };
            let found = scaling.apply(ImageShape { height, width, channels: 3 }, image(height, width)).pixels;
            let byte = |at| u8::from_str_radix(&case.pixels[2 * at..2 * at + 2], 16).unwrap();
            let expected: Vec<u8> = (0..case.pixels.len() / 2).map(byte).collect();
            assert!(found == expected, "{} {} {:?} to {:?}", case.mode, case.filter, case.from, case.to);
        }
        assert!(golden.cases.len() >= 3 * 5 * 6);
    }

    #[test]
    fn a_thin_image_keeps_a_pixel_and_grey_is_padded_with_grey() {
        let fit = Scaling { mode: ResizeMode::Fit, pad: [255; 3], ..Scaling::stretch((4, 4)) };
        let thin = ImageShape { height: 1, width: 1000, channels: 1 };
        let found = fit.apply(thin, vec![9; 1000]).pixels;
        assert_eq!(found, [[255; 4], [255; 4], [9; 4], [255; 4]].concat());
        for mode in [ResizeMode::Stretch, ResizeMode::CentreCrop] {
            let found = Scaling { mode, ..Scaling::stretch((3, 2)) }.apply(thin, vec![9; 1000]).pixels;
            assert_eq!(found, [9; 6]);
        }
    }
}
