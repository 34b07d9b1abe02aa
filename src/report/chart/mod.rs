//! Axes of line charts and maps, drawn by plotters on a part of a canvas.

mod numbers;
mod seen;

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
use numbers::tick;
pub(super) use numbers::{digits, number, short};
pub(super) use seen::drawable;
use seen::{near, thinned};

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

fn failed(error: impl std::fmt::Display) -> ReportError {
    ReportError::Draw(error.to_string())
}

/// What is left of `area` beside the numbers and titles of axes.
pub(super) fn plane(area: Area) -> Area {
    Area::new(area.x + LEFT, area.y, area.w - LEFT, area.h - BELOW)
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
    let (left, below) = if axes.numbers { (LEFT, BELOW) } else { (0.0, 0.0) };
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
    let plane = if axes.numbers { plane(area) } else { area };
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
    // Numbers of six signs leave it free.
    let x = if axes.numbers { area.x - 4.0 } else { area.x - 24.0 };
    canvas.text_upward(axes.y_title, x, plane.y + plane.h / 2.0, pen);
    Ok(result)
}

fn mesh(chart: &mut Chart<'_>, axes: &Axes<'_>) -> Result<(), ReportError> {
    let ticks = (FAMILY, f64::from(px(theme::SMALL)));
    let (x_digits, y_digits) = (axes.x_digits, axes.y_digits);
    chart
        .configure_mesh()
        .light_line_style(plotters::style::TRANSPARENT)
        .bold_line_style(ShapeStyle::from(&theme::GRID).stroke_width(px(1.0)))
        .axis_style(ShapeStyle::from(&theme::FRAME).stroke_width(px(1.0)))
        .label_style(plotters::style::TextStyle::from(ticks).color(&theme::MUTED))
        .x_labels(9)
        .y_labels(11)
        .x_label_formatter(&|x| tick(*x, x_digits, &axes.x))
        .y_label_formatter(&|y| tick(*y, y_digits, &axes.y))
        .set_all_tick_mark_size(px(4.0))
        .draw()
        .map_err(failed)
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

/// Writes names beside short strokes of their colours, left to right, ending at `right`; gives the middle of each stroke.
pub(super) fn legend(canvas: &mut Canvas, right: f64, y: f64, entries: &[(&str, RGBColor, f64)]) -> Vec<(f64, f64)> {
    let pen = Pen::new(theme::LABEL, theme::INK);
    let (mut x, mut strokes) = (right, Vec::with_capacity(entries.len()));
    for (name, colour, width) in entries.iter().rev() {
        x -= pen.width(name);
        canvas.text(name, x, y, pen);
        x -= 46.0;
        canvas.fill(Area::new(x, y - width / 2.0, 36.0, *width), *colour);
        strokes.push((x + 18.0, y));
        x -= 34.0;
    }
    strokes.reverse();
    strokes
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
