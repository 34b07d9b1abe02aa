//! A plane between two axes on a part of a page: what plotters' mesh can't do, axes in factors and of names, small enough for
//! many beside each other.

use plotters::style::RGBColor;

use super::scale::{Scale, Tick};
use crate::canvas::{Align, Area, Canvas, OVERSAMPLING, Pen};
use crate::mark::Mark;
use crate::text::{self, Weight};
use crate::theme;

/// Space left of a plane for its numbers and its title.
pub(crate) const LEFT: f64 = 104.0;
/// Space below it.
pub(crate) const BELOW: f64 = 74.0;

/// An axis: what it measures, what it is called, what stands beside it.
pub(crate) struct Axis<'a> {
    pub(crate) scale: &'a Scale,
    pub(crate) title: &'a str,
    pub(crate) ticks: Vec<Tick>,
}

impl<'a> Axis<'a> {
    /// An axis with about so many ticks.
    pub(crate) fn new(scale: &'a Scale, title: &'a str, ticks: usize) -> Self {
        Self { scale, title, ticks: scale.ticks(ticks) }
    }
}

/// A plane with its axes; `area` is where points lie, words stand outside.
pub(crate) struct Plane<'a> {
    pub(crate) area: Area,
    pub(crate) x: Axis<'a>,
    pub(crate) y: Axis<'a>,
}

impl Plane<'_> {
    /// Where a point lies on the page.
    pub(crate) fn place(&self, x: f64, y: f64) -> (f64, f64) {
        self.at(self.x.scale.share(x), self.y.scale.share(y))
    }

    /// The same by shares of the axes.
    pub(crate) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.area.x + x * self.area.w, self.area.y + (1.0 - y) * self.area.h)
    }

    /// Draws grid, frame, numbers and titles.
    pub(crate) fn axes(&self, canvas: &mut Canvas) {
        let Area { x, y, w, h } = self.area;
        for (share, _) in &self.x.ticks {
            canvas.fill(Area::new(self.at(*share, 0.0).0 - 0.5, y, 1.0, h), theme::GRID);
        }
        for (share, _) in &self.y.ticks {
            canvas.fill(Area::new(x, self.at(0.0, *share).1 - 0.5, w, 1.0), theme::GRID);
        }
        canvas.fill(Area::new(x - 1.0, y, 1.0, h), theme::FRAME);
        canvas.fill(Area::new(x - 1.0, y + h, w + 1.0, 1.0), theme::FRAME);
        self.x_words(canvas);
        self.y_words(canvas);
    }

    /// Numbers below; names where they would meet are cut.
    fn x_words(&self, canvas: &mut Canvas) {
        let bottom = self.area.y + self.area.h;
        let pen = Pen::new(theme::SMALL, theme::MUTED).align(Align::Centre);
        let room = self.area.w / self.x.ticks.len().max(1) as f64 - 8.0;
        let mut free = f64::NEG_INFINITY;
        for (share, words) in &self.x.ticks {
            let middle = self.at(*share, 0.0).0;
            canvas.fill(Area::new(middle - 0.5, bottom, 1.0, 5.0), theme::FRAME);
            let is_name = matches!(self.x.scale, Scale::Names(_));
            let words = if is_name { text::fit_name(words, pen.size, pen.weight, room) } else { words.clone() };
            let half = pen.width(&words) / 2.0;
            // Of numbers that would meet the second is left out.
            if middle - half > free {
                canvas.text(&words, middle, bottom + 20.0, pen);
                free = middle + half + 8.0;
            }
        }
        let pen = Pen::new(theme::LABEL, theme::INK).align(Align::Centre);
        let title = text::fit_name(self.x.title, pen.size, pen.weight, self.area.w + LEFT * 0.6);
        canvas.text(&title, self.area.x + self.area.w / 2.0, bottom + 52.0, pen);
    }

    fn y_words(&self, canvas: &mut Canvas) {
        let pen = Pen::new(theme::SMALL, theme::MUTED).align(Align::Right);
        for (share, words) in &self.y.ticks {
            let middle = self.at(0.0, *share).1;
            canvas.fill(Area::new(self.area.x - 6.0, middle - 0.5, 5.0, 1.0), theme::FRAME);
            let words = text::fit_name(words, pen.size, pen.weight, LEFT - 36.0);
            canvas.text(&words, self.area.x - 12.0, middle, pen);
        }
        if !self.y.title.is_empty() {
            let pen = Pen::new(theme::LABEL, theme::INK).align(Align::Centre);
            let title = text::fit_name(self.y.title, pen.size, pen.weight, self.area.h + BELOW * 0.6);
            canvas.text_upward(&title, self.area.x - LEFT + 12.0, self.area.y + self.area.h / 2.0, pen);
        }
    }
}

/// Draws a straight line of some width. A surface's polyline looks at every pixel around a line: a thousand of them across a
/// page would take minutes.
pub(crate) fn stroke(
    canvas: &mut Canvas,
    from: (f64, f64),
    to: (f64, f64),
    width: f64,
    colour: RGBColor,
    opacity: f64,
) {
    canvas.keep(Mark::Line { points: vec![from, to], width, colour, opacity });
    let scale = f64::from(OVERSAMPLING);
    let ([x0, y0], [x1, y1]) = ([from.0, from.1].map(|at| at * scale), [to.0, to.1].map(|at| at * scale));
    let is_steep = (y1 - y0).abs() > (x1 - x0).abs();
    // Along the longer side one column after another; across it the line covers a little of each pixel.
    let ((a0, b0), (a1, b1)) = if is_steep { ((y0, x0), (y1, x1)) } else { ((x0, y0), (x1, y1)) };
    let ((a0, b0), (a1, b1)) = if a0 <= a1 { ((a0, b0), (a1, b1)) } else { ((a1, b1), (a0, b0)) };
    let slope = if a1 > a0 { (b1 - b0) / (a1 - a0) } else { 0.0 };
    let half = width * scale / 2.0 * slope.hypot(1.0);
    for along in (a0.round() as i32)..=(a1.round() as i32) {
        let middle = b0 + slope * (f64::from(along) - a0).clamp(0.0, (a1 - a0).max(0.0));
        let (low, high) = (middle - half, middle + half);
        for across in (low.floor() as i32)..=(high.ceil() as i32) {
            let covered = (f64::from(across) + 0.5).min(high) - (f64::from(across) - 0.5).max(low);
            if covered > 0.0 {
                let (x, y) = if is_steep { (across, along) } else { (along, across) };
                canvas.mix(x, y, colour, opacity * covered.min(1.0));
            }
        }
    }
}

/// Panels beside and below each other: how large the page is and where each plane lies.
pub(crate) struct Grid {
    /// The page's width and height.
    pub(crate) page: (u32, u32),
    /// Where points lie in each panel.
    pub(crate) areas: Vec<Area>,
}

impl Grid {
    /// Up to three panels in a row, below `top` pixels of header.
    pub(crate) fn of(count: usize, top: f64) -> Self {
        const WIDTH: f64 = 1600.0;
        let columns = count.clamp(1, 3);
        let width = (WIDTH - 2.0 * theme::MARGIN) / columns as f64;
        let height = if columns == 1 { 640.0 } else { width * 0.82 };
        let rows = count.div_ceil(columns).max(1);
        let area = |at: usize| {
            let (column, row) = ((at % columns) as f64, (at / columns) as f64);
            let (x, y) = (theme::MARGIN + column * width + LEFT, top + row * height);
            Area::new(x, y, width - LEFT - 34.0, height - BELOW - 36.0)
        };
        let page = (WIDTH as u32, (top + rows as f64 * height + 20.0).ceil() as u32);
        Self { page, areas: (0..count).map(area).collect() }
    }
}

/// A title over the middle of a panel, in bold.
pub(crate) fn panel_title(canvas: &mut Canvas, area: Area, words: &str) {
    let pen = Pen::new(theme::LABEL, theme::INK).bold().align(Align::Centre);
    let words = text::fit_name(words, pen.size, Weight::Bold, area.w + 60.0);
    canvas.text(&words, area.x + area.w / 2.0, area.y - 20.0, pen);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ink(canvas: &Canvas) -> Vec<(usize, usize)> {
        let (width, pixels) = (canvas.width() as usize, canvas.averaged());
        let dark = pixels.chunks_exact(3).enumerate().filter(|(_, pixel)| pixel[0] < 200);
        dark.map(|(at, _)| (at % width, at / width)).collect()
    }

    #[test]
    fn lines_go_where_they_are_told_in_every_direction() {
        const BLACK: RGBColor = RGBColor(0, 0, 0);
        for (from, to) in [((2.0, 2.0), (17.0, 2.0)), ((2.0, 17.0), (2.0, 2.0)), ((17.0, 17.0), (2.0, 2.0))] {
            let mut canvas = Canvas::new(20, 20);
            stroke(&mut canvas, from, to, 2.0, BLACK, 1.0);
            let ink = ink(&canvas);
            assert!(ink.len() >= 15, "{from:?} {to:?}: {ink:?}");
            let near = |(x, y): &(usize, usize)| {
                let (x, y) = (*x as f64 + 0.5, *y as f64 + 0.5);
                (from.0.min(to.0) - 2.0..=from.0.max(to.0) + 2.0).contains(&x)
                    && (from.1.min(to.1) - 2.0..=from.1.max(to.1) + 2.0).contains(&y)
            };
            assert!(ink.iter().all(near), "{from:?} {to:?}: {ink:?}");
        }
        let mut canvas = Canvas::new(20, 20);
        stroke(&mut canvas, (-50.0, 5.0), (-10.0, 90.0), 2.0, BLACK, 1.0);
        stroke(&mut canvas, (10.0, 10.0), (10.0, 10.0), 2.0, BLACK, 1.0);
        assert!(!ink(&canvas).is_empty(), "a point is a dot");
    }

    #[test]
    fn panels_fill_the_page_and_do_not_meet() {
        for count in 1..=13 {
            let grid = Grid::of(count, 150.0);
            let (width, height) = (f64::from(grid.page.0), f64::from(grid.page.1));
            for area in &grid.areas {
                assert!(area.w > 200.0 && area.h > 200.0 && area.x >= LEFT, "{count}: {area:?}");
                assert!(area.x + area.w < width - 20.0 && area.y + area.h + BELOW < height, "{count}: {area:?}");
            }
            let meets = |one: &Area, other: &Area| {
                one.x < other.x + other.w + LEFT
                    && other.x < one.x + one.w
                    && one.y < other.y + other.h + BELOW
                    && other.y < one.y + one.h
            };
            for (at, one) in grid.areas.iter().enumerate() {
                assert!(!grid.areas[..at].iter().any(|other| meets(one, other)), "{count}");
            }
        }
    }

    #[test]
    fn a_stroke_is_on_the_page_too() {
        let mut canvas = Canvas::new(60, 60);
        stroke(&mut canvas, (5.0, 9.0), (50.0, 40.0), 3.0, RGBColor(0, 90, 160), 0.5);
        let [Mark::Line { points, width, opacity, .. }] = canvas.marks() else { panic!("{:?}", canvas.marks()) };
        assert_eq!((points.as_slice(), *width, *opacity), ([(5.0, 9.0), (50.0, 40.0)].as_slice(), 3.0, 0.5));
    }
}
