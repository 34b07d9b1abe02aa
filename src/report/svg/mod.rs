//! A drawn page as SVG: the marks of a [`Canvas`] at any size, its words as text, without its header, which a page has as a
//! heading of its own.
//!
//! No style sheet and no `style` attribute is in it: a page's policy allows neither. The width of every word is written
//! down, so that a reader without the font sees the same picture.

mod legend;
mod shapes;
mod words;

use std::fmt::Write;

use plotters::style::RGBColor;

use super::ReportError;
use super::canvas::{Align, Canvas};
use super::inline;
use super::mark::{Mark, thumbnail};
use super::page::escape;
use super::text;
use super::web_font::FAMILIES;
pub(super) use shapes::{fill_rule, outline};

/// The `position`th picture of a page: names of shapes are made of it, for they are known in the whole page.
///
/// # Errors
/// If an image in it can't be encoded.
pub(super) fn svg(canvas: &Canvas, position: usize, alt: &str) -> Result<String, ReportError> {
    let lowered = legend::lowered(canvas.marks());
    let marks = lowered.as_slice();
    let top = marks.iter().map(upper_end).fold(canvas.height(), f64::min).max(0.0).floor();
    let mut out = String::new();
    put(
        &mut out,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 {} {} {}\" role=\"img\" aria-label=\"{}\" \
         font-family=\"{}, DejaVu Sans, Verdana, sans-serif\">",
            short(top),
            short(canvas.width()),
            short(canvas.height() - top),
            escape(alt),
            FAMILIES.join(", ")
        ),
    );
    shapes::defined(&mut out, marks, position);
    let side = side(marks);
    let mut at = 0;
    while at < marks.len() {
        at += match &marks[at] {
            Mark::Line { .. } => lines(&mut out, &marks[at..]),
            mark => one(&mut out, mark, (position, side))?,
        };
    }
    out.push_str("</svg>");
    Ok(out)
}

/// What all pictures of one drawing may take, in bytes of raw colours.
const PICTURES: usize = 400_000;

/// The longer side of a picture at most, in pixels: the more there are, the smaller.
fn side(marks: &[Mark]) -> usize {
    let count = marks.iter().filter(|mark| matches!(mark, Mark::Picture { .. })).count().max(1);
    ((PICTURES / 3 / count) as f64).sqrt().max(16.0) as usize
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes all that is written");
}

/// A number in tenths, without what says nothing.
pub(super) fn short(value: f64) -> String {
    let tenths = (value * 10.0).round();
    // Also -0.
    if tenths == 0.0 {
        return "0".to_owned();
    }
    if tenths % 10.0 == 0.0 { format!("{}", tenths / 10.0) } else { format!("{:.1}", tenths / 10.0) }
}

pub(super) fn hex(colour: RGBColor) -> String {
    format!("#{:02x}{:02x}{:02x}", colour.0, colour.1, colour.2)
}

/// The smallest y that a mark covers, with a little room.
fn upper_end(mark: &Mark) -> f64 {
    let end = match mark {
        Mark::Box { area, .. } | Mark::Picture { area, .. } => area.y,
        Mark::Marker { at, radius, .. } => at.1 - radius,
        Mark::Words(words) if words.upward => {
            let width = text::width(&words.text, words.size, words.weight);
            let above = match words.align {
                Align::Left => 1.0,
                Align::Centre => 0.5,
                Align::Right => 0.0,
            };
            words.at.1 - above * width
        }
        Mark::Words(words) => words.at.1 - words.size,
        Mark::Line { points, width, .. } => points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min) - width,
    };
    end - 4.0
}

/// Lines that are wider are bars.
const BAR: f64 = 6.0;

/// Lines of one look that follow each other become one path; gives how many they were.
fn lines(out: &mut String, marks: &[Mark]) -> usize {
    let look = |mark: &Mark| match mark {
        Mark::Line { width, colour, opacity, .. } => Some((*width, *colour, *opacity)),
        _ => None,
    };
    let Some(first @ (width, colour, opacity)) = marks.first().and_then(look) else { return 1 };
    let same: Vec<&Mark> = marks.iter().take_while(|mark| look(mark) == Some(first)).collect();
    put(
        out,
        format_args!(
            "<path fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linecap=\"{}\" stroke-linejoin=\"round\"",
            hex(colour),
            short(width),
            // The bar of an interval ends where the interval does.
            if width > BAR { "butt" } else { "round" }
        ),
    );
    if opacity < 1.0 {
        put(out, format_args!(" stroke-opacity=\"{opacity:.2}\""));
    }
    out.push_str(" d=\"");
    for mark in &same {
        if let Mark::Line { points, .. } = mark {
            path(out, points);
        }
    }
    out.push_str("\"/>");
    same.len()
}

/// Points one after the other, those that fall together once.
fn path(out: &mut String, points: &[(f64, f64)]) {
    let mut last = None;
    for (x, y) in points {
        let here = (short(*x), short(*y));
        if last.as_ref() != Some(&here) {
            put(out, format_args!("{}{} {}", if last.is_none() { 'M' } else { 'L' }, here.0, here.1));
        }
        last = Some(here);
    }
}

/// A mark that is no line; gives that it was one.
fn one(out: &mut String, mark: &Mark, (position, side): (usize, usize)) -> Result<usize, ReportError> {
    match mark {
        Mark::Box { area, colour } => put(
            out,
            format_args!(
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>",
                short(area.x),
                short(area.y),
                short(area.w.max(0.0)),
                short(area.h.max(0.0)),
                hex(*colour)
            ),
        ),
        Mark::Marker { shape, at, radius, colour } => put(
            out,
            format_args!(
                "<use href=\"#{}\" x=\"{}\" y=\"{}\" fill=\"{}\"/>",
                shapes::id(*shape, *radius, position),
                short(at.0),
                short(at.1),
                hex(*colour)
            ),
        ),
        Mark::Words(words) => words::write(out, words),
        Mark::Picture { area, image } => put(
            out,
            format_args!(
                "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" href=\"{}\"/>",
                short(area.x),
                short(area.y),
                short(area.w),
                short(area.h),
                inline::address(&thumbnail(image, side))?
            ),
        ),
        Mark::Line { .. } => {}
    }
    Ok(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::{Area, Pen};
    use crate::theme::{self, Shape};

    #[test]
    fn a_picture_has_its_words_and_no_header() {
        let mut canvas = Canvas::new(400, 300);
        let top = canvas.header("The title", "and more");
        canvas.fill(Area::new(10.0, top, 20.5, 3.0), theme::RIGHT);
        canvas.text("a < b & \"c\"", 50.0, top + 20.0, Pen::new(20.0, theme::INK).bold());
        canvas.text_upward("up", 20.0, 200.0, Pen::new(18.0, theme::MUTED));
        canvas.marker(Shape::Ring, 100.0, 200.0, 6.5, theme::WRONG);
        canvas.marker(Shape::Ring, 120.0, 200.0, 6.5, theme::WRONG);
        let svg = svg(&canvas, 3, "it's \"seen\"").unwrap();
        assert!(!svg.contains("The title") && !svg.contains("style"), "{svg}");
        assert!(
            svg.contains("a &lt; b &amp; &quot;c&quot;") && svg.contains("aria-label=\"it&#39;s &quot;seen&quot;\""),
            "{svg}"
        );
        assert_eq!((svg.matches("id=\"s3-6-65\"").count(), svg.matches("href=\"#s3-6-65\"").count()), (1, 2));
        assert!(svg.contains("rotate(-90)") && svg.contains("width=\"20.5\" height=\"3\""), "{svg}");
    }

    #[test]
    fn the_more_pictures_a_drawing_has_the_smaller_they_are() {
        let shape = simpipe_artifact::ImageShape { height: 96, width: 96, channels: 3 };
        // Noise: it packs to no less than it is.
        let mut seed = 1_u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        };
        let image = simpipe_artifact::Image { shape, pixels: (0..shape.bytes()).map(|_| noise()).collect() };
        let drawn = |count: usize| {
            let mut canvas = Canvas::new(400, 300);
            for at in 0..count {
                canvas.image(&image, at as f64, 100.0, 96.0);
            }
            svg(&canvas, 1, "seen").unwrap().len()
        };
        assert!((30_000..45_000).contains(&drawn(1)), "{}", drawn(1));
        assert!((300_000..700_000).contains(&drawn(100)), "{}", drawn(100));
    }

    #[test]
    fn words_of_other_scripts_are_drawn_and_named() {
        let mut canvas = Canvas::new(400, 300);
        let pen = Pen::new(20.0, theme::INK);
        canvas.text("Cat <猫>", 50.0, 50.0, pen.align(Align::Right));
        canvas.text_upward("שלום", 20.0, 200.0, pen.bold());
        canvas.text("🦀", 50.0, 90.0, pen);
        let svg = svg(&canvas, 1, "seen").unwrap();
        assert!(
            svg.contains("<title>Cat &lt;猫&gt;</title></path>") && svg.contains("<title>שלום</title></path>"),
            "{svg}"
        );
        assert!(svg.contains(">U+1F980</text>") && svg.matches("<text").count() == 1, "{svg}");
        assert!(svg.contains("translate(20 200) rotate(-90) translate(0 7.3) scale(0.02)"), "{svg}");
    }

    #[test]
    fn numbers_are_short_and_points_that_meet_are_one() {
        assert_eq!(
            [short(1.0), short(-0.04), short(12.34), short(100.0), short(-2.5)],
            ["1", "0", "12.3", "100", "-2.5"]
        );
        let mut out = String::new();
        path(&mut out, &[(0.0, 1.0), (0.04, 1.0), (2.0, 3.0)]);
        assert_eq!(out, "M0 1L2 3");
    }
}
