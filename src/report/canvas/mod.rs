//! The page that figures are drawn on: text, boxes, markers and images, saved as a PNG. What plotters draws arrives
//! through [`Surface`](super::surface::Surface).
//!
//! Beside its pixels a page keeps what was drawn as [`Mark`]s, of which [`svg`](super::svg) makes the same picture.
//! Everything is drawn at twice the size and averaged down when saved, so that plotters' lines get smooth edges.
//! Coordinates are pixels of the saved picture from its upper left corner. The same calls give the same bytes.

mod picture;

use std::path::Path;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use plotters::style::RGBColor;
use plotters_backend::FontTransform;

use super::ReportError;
use super::mark::{Mark, Words};
pub(super) use super::pen::{Align, Area, Pen};
use super::text::{self, CAP_HEIGHT, Weight};
use super::theme::{self, Shape};

/// Drawn pixels for each saved one, along a side.
pub(super) const OVERSAMPLING: u32 = 2;
const SCALE: f64 = OVERSAMPLING as f64;

/// A white page.
pub(super) struct Canvas {
    width: u32,
    height: u32,
    /// Red, green, blue, at [`OVERSAMPLING`] times the size.
    pixels: Vec<u8>,
    /// What was drawn, in order.
    marks: Vec<Mark>,
    /// How many of the marks are title and subtitle.
    header: usize,
}

impl Canvas {
    /// A page of a size in saved pixels.
    pub(super) fn new(width: u32, height: u32) -> Self {
        text::register();
        let bytes = width as usize * height as usize * (OVERSAMPLING * OVERSAMPLING) as usize * 3;
        Self { width, height, pixels: vec![255; bytes], marks: Vec::new(), header: 0 }
    }

    /// Its width.
    pub(super) fn width(&self) -> f64 {
        f64::from(self.width)
    }

    /// Its height.
    pub(super) fn height(&self) -> f64 {
        f64::from(self.height)
    }

    /// What was drawn under the header, in order.
    pub(super) fn marks(&self) -> &[Mark] {
        &self.marks[self.header..]
    }

    /// Keeps what is drawn pixel by pixel elsewhere.
    pub(super) fn keep(&mut self, mark: Mark) {
        self.marks.push(mark);
    }

    /// Mixes a colour into a drawn pixel; nothing happens outside the page.
    pub(super) fn mix(&mut self, x: i32, y: i32, colour: RGBColor, alpha: f64) {
        let (width, height) = self.drawn_size();
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
        if x >= width || y >= height {
            return;
        }
        let at = (y as usize * width as usize + x as usize) * 3;
        if alpha >= 1.0 {
            self.pixels[at..at + 3].copy_from_slice(&[colour.0, colour.1, colour.2]);
            return;
        }
        for (old, new) in self.pixels[at..at + 3].iter_mut().zip([colour.0, colour.1, colour.2]) {
            *old = (f64::from(*old) + (f64::from(new) - f64::from(*old)) * alpha.clamp(0.0, 1.0)).round() as u8;
        }
    }

    /// Fills a rectangle.
    pub(super) fn fill(&mut self, area: Area, colour: RGBColor) {
        self.keep(Mark::Box { area, colour });
        let drawn = |at: f64| (at * SCALE).round() as i32;
        for y in drawn(area.y)..drawn(area.y + area.h) {
            for x in drawn(area.x)..drawn(area.x + area.w) {
                self.mix(x, y, colour, 1.0);
            }
        }
    }

    /// Draws a frame of some thickness outside a rectangle.
    pub(super) fn frame(&mut self, area: Area, thickness: f64, colour: RGBColor) {
        let outer = area.grown(thickness);
        self.fill(Area::new(outer.x, outer.y, outer.w, thickness), colour);
        self.fill(Area::new(outer.x, area.y + area.h, outer.w, thickness), colour);
        self.fill(Area::new(outer.x, outer.y, thickness, outer.h), colour);
        self.fill(Area::new(area.x + area.w, outer.y, thickness, outer.h), colour);
    }

    /// Draws a marker of some radius.
    pub(super) fn marker(&mut self, shape: Shape, x: f64, y: f64, radius: f64, colour: RGBColor) {
        const FINE: i32 = 4;
        self.keep(Mark::Marker { shape, at: (x, y), radius, colour });
        let (cx, cy, radius) = (x * SCALE, y * SCALE, radius * SCALE);
        let reach = (radius * 1.15).ceil() as i32 + 1;
        for py in (cy as i32 - reach)..=(cy as i32 + reach) {
            for px in (cx as i32 - reach)..=(cx as i32 + reach) {
                let inside = |at: i32| {
                    let (dx, dy) = (f64::from(at % FINE) + 0.5, f64::from(at / FINE) + 0.5);
                    let (x, y) = (f64::from(px) + dx / f64::from(FINE), f64::from(py) + dy / f64::from(FINE));
                    shape.contains((x - cx) / radius, (y - cy) / radius)
                };
                let covered = (0..FINE * FINE).filter(|&at| inside(at)).count();
                if covered > 0 {
                    self.mix(px, py, colour, 0.9 * covered as f64 / f64::from(FINE * FINE));
                }
            }
        }
    }

    /// Writes one line; `y` is the middle of its capital letters.
    pub(super) fn text(&mut self, words: &str, x: f64, y: f64, pen: Pen) {
        self.place(words, (x * SCALE, y * SCALE), pen.size * SCALE, pen, &FontTransform::None);
    }

    /// Writes one line from bottom to top; `x` is the middle of its capital letters.
    pub(super) fn text_upward(&mut self, words: &str, x: f64, y: f64, pen: Pen) {
        self.place(words, (x * SCALE, y * SCALE), pen.size * SCALE, pen, &FontTransform::Rotate270);
    }

    /// `at` and `size` count drawn pixels.
    pub(super) fn place(&mut self, words: &str, at: (f64, f64), size: f64, pen: Pen, turn: &FontTransform) {
        self.keep(Mark::Words(Words {
            text: words.to_owned(),
            at: (at.0 / SCALE, at.1 / SCALE),
            size: size / SCALE,
            weight: pen.weight,
            colour: pen.colour,
            align: pen.align,
            upward: !matches!(turn, FontTransform::None),
        }));
        let width = text::width(words, size, pen.weight);
        let start = match pen.align {
            Align::Left => 0.0,
            Align::Centre => -width / 2.0,
            Align::Right => -width,
        };
        let baseline = size * CAP_HEIGHT / 2.0;
        if matches!(turn, FontTransform::None) {
            // The fraction of the point is kept, so that centred words are centred.
            text::rasterise(words, size, pen.weight, (at.0 + start, at.1 + baseline), |x, y, coverage| {
                self.mix(x, y, pen.colour, f64::from(coverage));
            });
            return;
        }
        text::rasterise(words, size, pen.weight, (start, baseline), |x, y, coverage| {
            let (x, y) = turn.transform(x, y);
            self.mix(at.0.round() as i32 + x, at.1.round() as i32 + y, pen.colour, f64::from(coverage));
        });
    }

    /// Writes the title and what stands under it; gives the height at which the figure itself may start.
    pub(super) fn header(&mut self, title: &str, subtitle: &str) -> f64 {
        let room = self.width() - 2.0 * theme::MARGIN;
        let mut y = theme::MARGIN + 4.0;
        for line in text::wrap(title, theme::TITLE, Weight::Bold, room) {
            self.text(&line, theme::MARGIN, y, Pen::new(theme::TITLE, theme::INK).bold());
            y += theme::TITLE * 1.3;
        }
        for line in text::wrap(subtitle, theme::SUBTITLE, Weight::Regular, room) {
            self.text(&line, theme::MARGIN, y, Pen::new(theme::SUBTITLE, theme::MUTED));
            y += theme::SUBTITLE * 1.45;
        }
        self.header = self.marks.len();
        y + 6.0
    }

    /// Where the figure starts under a header on a page of this width, without drawing it.
    pub(super) fn header_height(width: f64, title: &str, subtitle: &str) -> f64 {
        let room = width - 2.0 * theme::MARGIN;
        let titles = text::wrap(title, theme::TITLE, Weight::Bold, room).len() as f64;
        let subtitles = text::wrap(subtitle, theme::SUBTITLE, Weight::Regular, room).len() as f64;
        theme::MARGIN + 4.0 + titles * theme::TITLE * 1.3 + subtitles * theme::SUBTITLE * 1.45 + 6.0
    }

    /// Its size in drawn pixels.
    pub(super) fn drawn_size(&self) -> (u32, u32) {
        (self.width * OVERSAMPLING, self.height * OVERSAMPLING)
    }

    /// Averages down and writes the PNG.
    ///
    /// # Errors
    /// If the file can't be written.
    pub(super) fn save(&self, path: &Path) -> Result<(), ReportError> {
        let mut bytes = Vec::new();
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive)
            .write_image(&self.averaged(), self.width, self.height, ExtendedColorType::Rgb8)
            .map_err(|error| ReportError::Draw(error.to_string()))?;
        std::fs::write(path, bytes).map_err(|source| ReportError::Io { path: path.to_path_buf(), source })
    }

    /// The saved pixels: red, green, blue, row after row.
    pub(super) fn averaged(&self) -> Vec<u8> {
        let times = OVERSAMPLING as usize;
        let row = self.width as usize * times * 3;
        let mut saved = Vec::with_capacity(self.pixels.len() / (times * times));
        let mut sums = vec![0_u32; self.width as usize * 3];
        for rows in self.pixels.chunks_exact(row * times) {
            sums.fill(0);
            for drawn in rows.chunks_exact(row) {
                for (sums, pixels) in sums.chunks_exact_mut(3).zip(drawn.chunks_exact(times * 3)) {
                    for pixel in pixels.chunks_exact(3) {
                        sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u32::from(*value));
                    }
                }
            }
            let count = OVERSAMPLING * OVERSAMPLING;
            saved.extend(sums.iter().map(|sum| ((sum + count / 2) / count) as u8));
        }
        saved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn saved(canvas: &Canvas, x: usize, y: usize) -> [u8; 3] {
        let at = (y * canvas.width as usize + x) * 3;
        let pixels = canvas.averaged();
        [pixels[at], pixels[at + 1], pixels[at + 2]]
    }

    #[test]
    fn nothing_is_drawn_outside_the_page() {
        let mut canvas = Canvas::new(4, 4);
        canvas.fill(Area::new(-5.0, -5.0, 7.0, 7.0), RGBColor(0, 0, 0));
        canvas.text("outside", -50.0, 500.0, Pen::new(20.0, theme::INK));
        assert_eq!(saved(&canvas, 1, 1), [0, 0, 0]);
        assert_eq!(saved(&canvas, 2, 2), [255, 255, 255]);
    }
}
