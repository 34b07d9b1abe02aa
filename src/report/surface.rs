//! Plotters' drawing backend over a [`Canvas`]: lines with round joins and smooth edges, and the bundled font.
//!
//! Plotters' own polygons overlap themselves at sharp turns, which shows in noisy curves; here a line is one layer.

use std::convert::Infallible;

use plotters::style::RGBColor;
use plotters::style::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle,
};

use super::canvas::{Align, Canvas, OVERSAMPLING, Pen};
use super::mark::Mark;
use super::text::{CAP_HEIGHT, Weight};

/// A [`Canvas`] as plotters draws on it: sizes and coordinates count drawn pixels.
pub(super) struct Surface<'a>(&'a mut Canvas);

impl Canvas {
    /// A surface for plotters over the whole page, in drawn pixels.
    pub(super) fn surface(&mut self) -> Surface<'_> {
        Surface(self)
    }
}

fn pen_of<S: BackendTextStyle>(style: &S) -> Pen {
    let weight = if matches!(style.style(), FontStyle::Bold) { Weight::Bold } else { Weight::Regular };
    let (red, green, blue) = style.color().rgb;
    let align = match style.anchor().h_pos {
        HPos::Left => Align::Left,
        HPos::Center => Align::Centre,
        HPos::Right => Align::Right,
    };
    Pen { size: style.size(), weight, colour: RGBColor(red, green, blue), align }
}

impl DrawingBackend for Surface<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.0.drawn_size()
    }

    fn ensure_prepared(&mut self) -> Result<(), DrawingErrorKind<Infallible>> {
        Ok(())
    }

    fn present(&mut self) -> Result<(), DrawingErrorKind<Infallible>> {
        Ok(())
    }

    fn draw_pixel(&mut self, at: BackendCoord, colour: BackendColor) -> Result<(), DrawingErrorKind<Infallible>> {
        let (red, green, blue) = colour.rgb;
        self.0.mix(at.0, at.1, RGBColor(red, green, blue), colour.alpha);
        Ok(())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Result<(), DrawingErrorKind<Infallible>> {
        // A grid is made of these: drawn pixel by pixel it would be in the picture and in none of its marks.
        if style.color().alpha == 0.0 { Ok(()) } else { self.draw_path([from, to], style) }
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Result<(), DrawingErrorKind<Infallible>> {
        let points: Vec<BackendCoord> = path.into_iter().collect();
        let (red, green, blue) = style.color().rgb;
        let width = f64::from(style.stroke_width());
        let (colour, opacity) = (RGBColor(red, green, blue), style.color().alpha);
        let saved = |drawn: i32| f64::from(drawn) / f64::from(OVERSAMPLING);
        let line = points.iter().map(|(x, y)| (saved(*x), saved(*y))).collect();
        self.0.keep(Mark::Line { points: line, width: width / f64::from(OVERSAMPLING), colour, opacity });
        polyline(self.0, &points, width, colour, opacity);
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        words: &str,
        style: &S,
        at: BackendCoord,
    ) -> Result<(), DrawingErrorKind<Infallible>> {
        let pen = pen_of(style);
        // `place` centres capitals on the point; plotters may mean the top or the bottom of the line.
        let down = match style.anchor().v_pos {
            VPos::Top => pen.size * CAP_HEIGHT / 2.0,
            VPos::Center => 0.0,
            VPos::Bottom => -pen.size * CAP_HEIGHT / 2.0,
        };
        let (dx, dy) = style.transform().transform(0, down.round() as i32);
        let at = (f64::from(at.0 + dx), f64::from(at.1 + dy));
        self.0.place(words, at, pen.size, pen, &style.transform());
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        words: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let pen = pen_of(style);
        Ok((pen.width(words).ceil() as u32, (pen.size * CAP_HEIGHT).ceil() as u32))
    }
}

/// Draws a line of some width through points, with round joins; coordinates and width count drawn pixels. The
/// whole line is one layer: where it meets itself it is not darker.
fn polyline(canvas: &mut Canvas, points: &[BackendCoord], width: f64, colour: RGBColor, opacity: f64) {
    let (columns, rows) = canvas.drawn_size();
    let reach = width / 2.0 + 1.0;
    let bound = |pick: fn(&BackendCoord) -> i32, limit: u32| {
        let low = points.iter().map(pick).min().unwrap_or(0) - reach as i32 - 1;
        let high = points.iter().map(pick).max().unwrap_or(0) + reach as i32 + 2;
        low.max(0)..high.min(limit as i32)
    };
    let xs = bound(|point| point.0, columns);
    let ys = bound(|point| point.1, rows);
    if xs.is_empty() || ys.is_empty() {
        return;
    }
    let mut covered = vec![0_u8; xs.len() * ys.len()];
    for pair in points.windows(2) {
        cover(&mut covered, (&xs, &ys), (pair[0], pair[1]), width);
    }
    for (at, share) in covered.into_iter().enumerate().filter(|(_, share)| *share > 0) {
        let (x, y) = (xs.start + (at % xs.len()) as i32, ys.start + (at / xs.len()) as i32);
        canvas.mix(x, y, colour, opacity * f64::from(share) / 255.0);
    }
}

/// Marks how much of each pixel a segment with round ends covers; keeps the larger of old and new.
fn cover(
    covered: &mut [u8],
    (xs, ys): (&std::ops::Range<i32>, &std::ops::Range<i32>),
    (from, to): (BackendCoord, BackendCoord),
    width: f64,
) {
    let reach = (width / 2.0).ceil() as i32 + 1;
    let along = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
    let length = along.0 * along.0 + along.1 * along.1;
    for y in (from.1.min(to.1) - reach).max(ys.start)..(from.1.max(to.1) + reach + 1).min(ys.end) {
        for x in (from.0.min(to.0) - reach).max(xs.start)..(from.0.max(to.0) + reach + 1).min(xs.end) {
            let off = (f64::from(x - from.0), f64::from(y - from.1));
            let at = if length > 0.0 { ((off.0 * along.0 + off.1 * along.1) / length).clamp(0.0, 1.0) } else { 0.0 };
            let distance = (off.0 - at * along.0).hypot(off.1 - at * along.1);
            let share = ((width / 2.0 + 0.5 - distance).clamp(0.0, 1.0) * 255.0).round() as u8;
            let cell = (y - ys.start) as usize * xs.len() + (x - xs.start) as usize;
            covered[cell] = covered[cell].max(share);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(canvas: &Canvas, x: usize, y: usize) -> [u8; 3] {
        let at = (y * canvas.width() as usize + x) * 3;
        let pixels = canvas.averaged();
        [pixels[at], pixels[at + 1], pixels[at + 2]]
    }

    #[test]
    fn lines_of_a_grid_are_marks_too() {
        let mut canvas = Canvas::new(20, 20);
        let style = plotters::style::ShapeStyle::from(&super::super::theme::GRID).stroke_width(2);
        canvas.surface().draw_line((4, 20), (36, 20), &style).unwrap();
        let [Mark::Line { points, width, colour, .. }] = canvas.marks() else { panic!("{:?}", canvas.marks()) };
        assert_eq!((points.as_slice(), *width), ([(2.0, 10.0), (18.0, 10.0)].as_slice(), 1.0));
        assert_eq!(*colour, super::super::theme::GRID);
    }

    #[test]
    fn a_line_is_one_layer_with_smooth_edges() {
        let mut canvas = Canvas::new(20, 20);
        // There and back along y = 20 in drawn pixels, 4 wide: rows 18 to 22, which are saved rows 9 to 11 in part.
        polyline(&mut canvas, &[(4, 20), (36, 20), (4, 20)], 4.0, RGBColor(0, 0, 0), 0.5);
        assert_eq!(saved(&canvas, 10, 10), [128, 128, 128]);
        assert_eq!(saved(&canvas, 10, 9), [160, 160, 160]);
        assert_eq!(saved(&canvas, 10, 7), [255, 255, 255]);
        polyline(&mut canvas, &[(-50, -50), (-10, -10)], 4.0, RGBColor(0, 0, 0), 1.0);
        assert_eq!(saved(&canvas, 0, 0), [255, 255, 255]);
    }
}
