//! What was drawn on a canvas, as shapes instead of pixels: the same picture once more, for whoever writes it at any size.

use plotters::style::RGBColor;
use simpipe_artifact::{Image, ImageShape};

use super::pen::{Align, Area};
use super::text::Weight;
use super::theme::Shape;

/// One thing on a page; coordinates as the canvas has them.
#[derive(Debug, Clone)]
pub(super) enum Mark {
    /// A filled rectangle.
    Box { area: Area, colour: RGBColor },
    /// The marker of a point.
    Marker { shape: Shape, at: (f64, f64), radius: f64, colour: RGBColor },
    /// A line of text whose capitals are centred on a point.
    Words(Words),
    /// A small picture over an area.
    Picture { area: Area, image: Image },
    /// A line through points.
    Line { points: Vec<(f64, f64)>, width: f64, colour: RGBColor, opacity: f64 },
}

/// A line of text.
#[derive(Debug, Clone)]
pub(super) struct Words {
    pub(super) text: String,
    pub(super) at: (f64, f64),
    pub(super) size: f64,
    pub(super) weight: Weight,
    pub(super) colour: RGBColor,
    pub(super) align: Align,
    /// Whether it is read from bottom to top.
    pub(super) upward: bool,
}

/// An image of at most `side` pixels along its longer side, by means of blocks; a smaller one as it is.
pub(super) fn thumbnail(image: &Image, side: usize) -> Image {
    let ImageShape { height, width, channels } = image.shape;
    let (rows, columns, channels) = (height as usize, width as usize, channels as usize);
    let longest = rows.max(columns);
    if longest <= side {
        return image.clone();
    }
    let scaled = |length: usize| (length * side / longest).max(1);
    let (h, w) = (scaled(rows), scaled(columns));
    let block =
        |at: usize, of: usize, source: usize| at * source / of..((at + 1) * source / of).max(at * source / of + 1);
    let mut pixels = Vec::with_capacity(h * w * channels);
    for row in 0..h {
        for column in 0..w {
            let (ys, xs) = (block(row, h, rows), block(column, w, columns));
            let count = ys.len() * xs.len();
            pixels.extend((0..channels).map(|channel| {
                let of_row = |y: usize| {
                    let value = |x: usize| usize::from(image.pixels[(y * columns + x) * channels + channel]);
                    xs.clone().map(value).sum::<usize>()
                };
                ((ys.clone().map(of_row).sum::<usize>() + count / 2) / count) as u8
            }));
        }
    }
    let shape = ImageShape { height: h as u32, width: w as u32, channels: image.shape.channels };
    Image { shape, pixels }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_is_the_mean_of_its_blocks() {
        let shape = ImageShape { height: 2, width: 4, channels: 1 };
        let image = Image { shape, pixels: vec![0, 10, 100, 100, 20, 30, 100, 102] };
        let small = thumbnail(&image, 2);
        assert_eq!((small.shape.height, small.shape.width, small.pixels), (1, 2, vec![15, 101]));
        assert_eq!(thumbnail(&image, 4).pixels, image.pixels);
    }
}
