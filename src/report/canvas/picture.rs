//! Images on a page: pixels of the data stay squares, or become the means of blocks.

use plotters::style::RGBColor;
use simpipe_artifact::Image;

use super::{Area, Canvas, OVERSAMPLING, SCALE};
use crate::mark::{Mark, thumbnail};

/// Longer side of a picture among the marks, in pixels.
const THUMBNAIL: usize = 96;

impl Canvas {
    /// Shows an image in a square: small ones enlarged by a whole factor without smoothing, so that every pixel of
    /// the data is a square of its own; large ones averaged down. Gives the rectangle that it covers.
    pub(crate) fn image(&mut self, image: &Image, x: f64, y: f64, side: f64) -> Area {
        let (height, width) = (image.shape.height as usize, image.shape.width as usize);
        let box_side = (side * SCALE).round() as usize;
        let longest = height.max(width).max(1);
        let saved_side = side.floor() as usize;
        let scaled = |length: usize| {
            if longest <= saved_side {
                length * (saved_side / longest) * OVERSAMPLING as usize
            } else {
                (length * box_side / longest).max(1)
            }
        };
        let (w, h) = (scaled(width), scaled(height));
        let left = (x * SCALE).round() as i32 + (box_side as i32 - w as i32) / 2;
        let top = (y * SCALE).round() as i32 + (box_side as i32 - h as i32) / 2;
        for row in 0..h {
            for column in 0..w {
                let colour = mean(image, span(row, h, height), span(column, w, width));
                self.mix(left + column as i32, top + row as i32, colour, 1.0);
            }
        }
        let area = Area::new(f64::from(left) / SCALE, f64::from(top) / SCALE, w as f64 / SCALE, h as f64 / SCALE);
        self.keep(Mark::Picture { area, image: thumbnail(image, THUMBNAIL) });
        area
    }
}

/// The source pixels `from..to` of one pixel: one when enlarging, several when reducing.
fn span(at: usize, of: usize, source: usize) -> std::ops::Range<usize> {
    let from = at * source / of;
    from..((at + 1) * source / of).max(from + 1)
}

fn mean(image: &Image, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) -> RGBColor {
    let (width, channels) = (image.shape.width as usize, image.shape.channels as usize);
    let count = rows.len() * columns.len();
    let channel = |channel: usize| {
        let sum: usize = rows
            .clone()
            .flat_map(|row| columns.clone().map(move |column| (row * width + column) * channels))
            .map(|at| usize::from(image.pixels[at + channel.min(channels - 1)]))
            .sum();
        ((sum + count / 2) / count) as u8
    };
    RGBColor(channel(0), channel(1), channel(2))
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::ImageShape;

    use super::super::tests::saved;
    use super::*;

    #[test]
    fn small_images_keep_their_pixels_and_grey_ones_stay_grey() {
        let shape = ImageShape { height: 2, width: 2, channels: 1 };
        let image = Image { shape, pixels: vec![0, 100, 200, 50] };
        let mut canvas = Canvas::new(20, 20);
        // 2 pixels in 9: four times, centred with half a pixel left on each side.
        let area = canvas.image(&image, 4.0, 4.0, 9.0);
        assert_eq!((area.w, area.h), (8.0, 8.0));
        assert_eq!(saved(&canvas, 6, 6), [0, 0, 0]);
        assert_eq!(saved(&canvas, 10, 6), [100, 100, 100]);
        assert_eq!(saved(&canvas, 6, 10), [200, 200, 200]);
        assert_eq!(saved(&canvas, 14, 6), [255, 255, 255]);
    }

    #[test]
    fn large_images_are_averaged() {
        let shape = ImageShape { height: 8, width: 4, channels: 3 };
        let pixels = (0..32).flat_map(|at| if at % 2 == 0 { [0, 0, 0] } else { [200, 100, 0] }).collect();
        let mut canvas = Canvas::new(4, 4);
        let area = canvas.image(&Image { shape, pixels }, 0.0, 0.0, 2.0);
        assert_eq!((area.w, area.h), (1.0, 2.0));
        // Each drawn pixel averages two columns of two rows: half black.
        assert_eq!(saved(&canvas, 0, 0), [178, 153, 128]);
    }
}
