//! Axes of line charts and maps, drawn by plotters on a part of a canvas.

use std::ops::Range;

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::PathElement;
use plotters::prelude::Cartesian2d;
use plotters::style::{Color, RGBColor, ShapeStyle};

use super::ReportError;
use super::canvas::{Align, Area, Canvas, OVERSAMPLING, Pen};
use super::surface::Surface;
use super::text::FAMILY;
use super::theme;

/// A plane of numbers on a part of a page.
pub(super) type Chart<'c> = ChartContext<'c, Surface<'c>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// What the axes say.
#[derive(Debug, Clone)]
pub(super) struct Axes<'a> {
    /// Left to right.
    pub(super) x: Range<f64>,
    /// Bottom to top.
    pub(super) y: Range<f64>,
    /// Under the x axis.
    pub(super) x_title: &'a str,
    /// Left of the y axis.
    pub(super) y_title: &'a str,
    /// Digits after the point of x.
    pub(super) x_digits: usize,
    /// Digits after the point of y.
    pub(super) y_digits: usize,
    /// Whether numbers and grid are shown: a map has none, for its coordinates mean nothing.
    pub(super) numbers: bool,
}

/// Space for tick labels and axis titles, left and below.
const LEFT: f64 = 92.0;
const BELOW: f64 = 78.0;

/// Drawn pixels for saved ones.
pub(super) fn px(saved: f64) -> u32 {
    (saved * f64::from(OVERSAMPLING)).round() as u32
}

/// The largest number that an axis shows: the difference of two of them is a number too.
const LARGEST: f64 = 1e300;
/// The shortest axis, as a share of its numbers: ticks closer together than this can't be told apart.
const SHORTEST: f64 = 1e-9;
/// Points of a line for each column of pixels beyond which only some of those that share one are drawn.
const A_COLUMN: usize = 4;

/// A range that can be drawn whatever the data: both ends are numbers, and apart.
pub(super) fn drawable(range: Range<f64>) -> Range<f64> {
    if range.start.is_nan() || range.end.is_nan() || range.start > range.end {
        return 0.0..1.0;
    }
    let (low, high) = (range.start.clamp(-LARGEST, LARGEST), range.end.clamp(-LARGEST, LARGEST));
    let least = low.abs().max(high.abs()).max(1e-6) * SHORTEST;
    if high - low >= least { low..high } else { low - least..high + least }
}

/// What lies far outside of an axis, where it leaves the picture: pixels are counted in whole numbers, which end.
fn near(value: f64, axis: &Range<f64>) -> f64 {
    let room = axis.end - axis.start;
    value.clamp(axis.start - room, axis.end + room)
}

/// What can be seen of a line: of the points that share a column of pixels the first, the lowest, the highest and the last, so
/// that every pixel is as dark as with all of them (Jugel et al., 2014, M4). A line that goes to and fro is cut into as many
/// pieces of its points instead.
fn thinned(points: &[(f64, f64)], columns: usize, axis: &Range<f64>) -> Vec<(f64, f64)> {
    let columns = columns.max(1);
    if points.len() <= A_COLUMN * columns {
        return points.to_vec();
    }
    let forth = points.is_sorted_by(|one, other| one.0 <= other.0);
    let pieces: Vec<&[(f64, f64)]> = if forth || points.is_sorted_by(|one, other| one.0 >= other.0) {
        let column = |x: f64| ((near(x, axis) - axis.start) / (axis.end - axis.start) * columns as f64).floor();
        points.chunk_by(|one, other| column(one.0) == column(other.0)).collect()
    } else {
        points.chunks(points.len().div_ceil(columns)).collect()
    };
    pieces.into_iter().flat_map(seen).collect()
}

/// The first, the lowest, the highest and the last of some points, in their order, each once.
fn seen(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let at = |pick: fn(&f64, &f64) -> bool| {
        (1..points.len()).fold(0, |best, at| if pick(&points[at].1, &points[best].1) { at } else { best })
    };
    let mut places = vec![0, at(f64::lt), at(f64::gt), points.len().saturating_sub(1)];
    places.sort_unstable();
    places.dedup();
    places.into_iter().filter_map(|at| points.get(at).copied()).collect()
}

fn failed(error: impl std::fmt::Display) -> ReportError {
    ReportError::Draw(error.to_string())
}

/// Draws axes in `area` (their labels included), lets `draw` fill the plane, and gives what it gives.
///
/// # Errors
/// If plotters can't draw.
pub(super) fn plot<R>(
    canvas: &mut Canvas,
    area: Area,
    axes: &Axes<'_>,
    draw: impl FnOnce(&mut Chart<'_>) -> Result<R, ReportError>,
) -> Result<R, ReportError> {
    let below = if axes.numbers { BELOW } else { 0.0 };
    let left = if axes.numbers { LEFT } else { 0.0 };
    let result = {
        let root: DrawingArea<Surface<'_>, Shift> = canvas.surface().into_drawing_area();
        let part = root.shrink((px(area.x), px(area.y)), (px(area.w), px(area.h)));
        let mut builder = ChartBuilder::on(&part);
        builder.x_label_area_size(px(below)).y_label_area_size(px(left));
        let (x, y) = (drawable(axes.x.clone()), drawable(axes.y.clone()));
        let mut chart = builder.build_cartesian_2d(x, y).map_err(failed)?;
        if axes.numbers {
            mesh(&mut chart, axes)?;
        }
        draw(&mut chart)?
    };
    let plane = Area::new(area.x + left, area.y, area.w - left, area.h - below);
    if !axes.numbers {
        canvas.frame(plane, 1.0, theme::FRAME);
    }
    let pen = Pen::new(theme::LABEL, theme::INK).align(Align::Centre);
    canvas.text(
        axes.x_title,
        plane.x + plane.w / 2.0,
        area.y + area.h - 14.0 + if axes.numbers { 0.0 } else { 38.0 },
        pen,
    );
    let x = if axes.numbers { area.x + 12.0 } else { area.x - 24.0 };
    canvas.text_upward(axes.y_title, x, plane.y + plane.h / 2.0, pen);
    Ok(result)
}

fn mesh(chart: &mut Chart<'_>, axes: &Axes<'_>) -> Result<(), ReportError> {
    let ticks = (FAMILY, f64::from(px(theme::SMALL)));
    let (x_digits, y_digits) = (axes.x_digits, axes.y_digits);
    chart
        .configure_mesh()
        .light_line_style(theme::PAPER)
        .bold_line_style(ShapeStyle::from(&theme::GRID).stroke_width(px(1.0)))
        .axis_style(ShapeStyle::from(&theme::FRAME).stroke_width(px(1.0)))
        .label_style(plotters::style::TextStyle::from(ticks).color(&theme::MUTED))
        .x_labels(9)
        .y_labels(11)
        .x_label_formatter(&|x| number(*x, x_digits))
        .y_label_formatter(&|y| number(*y, y_digits))
        .set_all_tick_mark_size(px(4.0))
        .draw()
        .map_err(failed)
}

/// Digits after the point that tell the ticks of a span apart.
pub(super) fn digits(span: f64) -> usize {
    if span > 0.0 { (-(span / 8.0).log10().floor()).clamp(0.0, 8.0) as usize } else { 1 }
}

/// A number with some digits, thousands apart, and no sign before a zero; as a power of ten where it has many.
pub(super) fn number(value: f64, digits: usize) -> String {
    const MANY: f64 = 1e15;
    if value.abs() >= MANY {
        return format!("{value:.2e}").replace('-', "−");
    }
    let text = format!("{:.digits$}", value.abs());
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if value < 0.0 && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) { "−" } else { "" };
    match fraction {
        Some(fraction) => format!("{sign}{grouped}.{fraction}"),
        None => format!("{sign}{grouped}"),
    }
}

/// Draws a line through points; where one is not finite it is broken.
///
/// # Errors
/// If plotters can't draw.
pub(super) fn line(
    chart: &mut Chart<'_>,
    points: &[(f64, f64)],
    width: f64,
    colour: RGBColor,
    opacity: f64,
) -> Result<(), ReportError> {
    let style = ShapeStyle { color: colour.mix(opacity), filled: false, stroke_width: px(width) };
    let finite = |point: &(f64, f64)| point.0.is_finite() && point.1.is_finite();
    let pieces = points.split(|point| !finite(point)).filter(|piece| piece.len() > 1);
    let (x, y) = (chart.x_range(), chart.y_range());
    let columns = chart.plotting_area().dim_in_pixel().0 / OVERSAMPLING;
    let inside = |piece: &[(f64, f64)]| {
        let points =
            thinned(piece, columns as usize, &x).into_iter().map(|point| (near(point.0, &x), near(point.1, &y)));
        PathElement::new(points.collect::<Vec<_>>(), style)
    };
    chart.draw_series(pieces.map(inside)).map_err(failed)?;
    Ok(())
}

/// Draws a dashed vertical line over the whole height.
///
/// # Errors
/// If plotters can't draw.
pub(super) fn vertical(
    chart: &mut Chart<'_>,
    x: f64,
    y: &Range<f64>,
    width: f64,
    colour: RGBColor,
    dashed: bool,
) -> Result<(), ReportError> {
    let dashes: usize = if dashed { 60 } else { 1 };
    let length = (y.end - y.start) / dashes as f64;
    let share = if dashed { 0.6 } else { 1.0 };
    let style = ShapeStyle { color: colour.to_rgba(), filled: false, stroke_width: px(width) };
    let dash = |at: usize| {
        let low = y.start + at as f64 * length;
        PathElement::new(vec![(x, low), (x, low + length * share)], style)
    };
    chart.draw_series((0..dashes).map(dash)).map_err(failed)?;
    Ok(())
}

/// Where a point of the plane lies on the page; what is no number lies at the start of its axis.
pub(super) fn place(chart: &Chart<'_>, x: f64, y: f64) -> (f64, f64) {
    let at = |value: f64, axis: Range<f64>| if value.is_nan() { axis.start } else { near(value, &axis) };
    let (x, y) = (at(x, chart.x_range()), at(y, chart.y_range()));
    let (x, y) = chart.backend_coord(&(x, y));
    (f64::from(x) / f64::from(OVERSAMPLING), f64::from(y) / f64::from(OVERSAMPLING))
}

/// Writes names beside short strokes of their colours, left to right, ending at `right`.
pub(super) fn legend(canvas: &mut Canvas, right: f64, y: f64, entries: &[(&str, RGBColor, f64)]) {
    let pen = Pen::new(theme::LABEL, theme::INK);
    let mut x = right;
    for (name, colour, width) in entries.iter().rev() {
        x -= pen.width(name);
        canvas.text(name, x, y, pen);
        x -= 46.0;
        canvas.fill(Area::new(x, y - width / 2.0, 36.0, *width), *colour);
        x -= 34.0;
    }
}

/// Writes a sentence in the middle of a place where there is nothing to show.
pub(super) fn nothing(canvas: &mut Canvas, area: Area, sentence: &str) {
    let pen = Pen::new(theme::LABEL + 4.0, theme::MUTED).align(Align::Centre);
    let lines = super::text::wrap(sentence, pen.size, pen.weight, area.w * 0.8);
    let mut y = area.y + area.h / 2.0 - (lines.len().saturating_sub(1) as f64) * 17.0;
    for line in lines {
        canvas.fill(
            Area::new(area.x + area.w / 2.0 - pen.width(&line) / 2.0 - 14.0, y - 20.0, pen.width(&line) + 28.0, 40.0),
            theme::PAPER,
        );
        canvas.text(&line, area.x + area.w / 2.0, y, pen);
        y += 34.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_can_be_drawn() {
        let extremes =
            [f64::NAN, f64::NEG_INFINITY, f64::MIN, -1e20, -1.0, -5e-324, 0.0, 1e-300, 1.0, 1e308, f64::INFINITY];
        for start in extremes {
            for end in extremes {
                let range = drawable(start..end);
                let span = range.end - range.start;
                assert!(span.is_finite() && span > 0.0, "{start} to {end}: {range:?}");
                assert!(range.start + span / 16.0 > range.start, "{start} to {end}: {range:?}");
            }
        }
        assert_eq!(drawable(-0.05..1.05), -0.05..1.05);
    }

    #[test]
    fn a_long_line_keeps_what_is_seen_of_it() {
        // 128 columns of 1,024 points: whole powers of two, so that none lies beside its column.
        let mut points: Vec<(f64, f64)> = (0..131_072).map(|at| (f64::from(at), f64::from(at % 7))).collect();
        (points[12_345].1, points[77_777].1) = (-50.0, 50.0);
        let axis = 0.0..131_072.0;
        let kept = thinned(&points, 128, &axis);
        assert!(
            kept.len() <= 512 && kept.contains(&points[12_345]) && kept.contains(&points[77_777]),
            "{}",
            kept.len()
        );
        assert!(kept.is_sorted_by(|one, other| one.0 < other.0));
        // Each column begins and ends where it does in the whole line.
        for column in 0..128 {
            let ends = [points[1024 * column], points[1024 * column + 1023]];
            assert!(ends.iter().all(|end| kept.contains(end)), "{column}");
        }
        assert_eq!(thinned(&points[..512], 128, &axis), points[..512]);
        // Points that crowd at one end are not thinned elsewhere.
        let crowded: Vec<(f64, f64)> = (0..1000).map(|at| (f64::from(0.max(at - 900)), f64::from(at % 3))).collect();
        assert!(thinned(&crowded, 128, &(0.0..128.0)).ends_with(&crowded[901..]));
        let (low, high) = (points[12_345], points[77_777]);
        points.reverse();
        let kept = thinned(&points, 128, &axis);
        assert!(kept.len() <= 512 && kept.contains(&low) && kept.contains(&high), "{}", kept.len());
        // To and fro: no column has it, but its ends are there.
        let circle: Vec<(f64, f64)> = (0..5000).map(|at| (f64::from(at).cos(), f64::from(at).sin())).collect();
        let kept = thinned(&circle, 100, &(-1.0..1.0));
        assert!(kept.len() <= 400 && kept.first() == circle.first() && kept.last() == circle.last());
    }

    #[test]
    fn numbers_are_grouped_and_zero_has_no_sign() {
        assert_eq!(number(12_000.0, 0), "12,000");
        assert_eq!(number(-0.049, 1), "0.0");
        assert_eq!(number(-0.05, 2), "−0.05");
        assert_eq!(number(1234.5, 1), "1,234.5");
        assert_eq!([number(-1.5e300, 3), number(f64::INFINITY, 0), number(f64::NAN, 1)], ["−1.50e300", "inf", "NaN"]);
        assert_eq!((digits(0.08), digits(1.1), digits(12_000.0)), (2, 1, 0));
    }
}
