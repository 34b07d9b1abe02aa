//! How losses are drawn: in one plane, or above each other where they have no axis in common.

use super::{LOSS, VALIDATION, in_short, range};
use crate::ReportError;
use crate::canvas::{Area, Canvas, Pen};
use crate::chart;
use crate::figure::body::{Axis, Lines, Series};
use crate::figure::lines::{self, Places};
use crate::figure::{Figure, epochs};
use crate::theme::{self, Shape};

/// The losses of the training above those of the validation, each with an axis of its own.
pub(super) fn stacked(figure: &Figure, lines: &Lines) -> Result<Canvas, ReportError> {
    let [batches, smooth, validations] = lines.series.as_slice() else { return Err(figure.foreign()) };
    let mut canvas = lines::headed(figure, lines.room);
    let area = lines::area(figure, lines.room);
    let half = |at: f64| Area::new(area.x, area.y + at * area.h / 2.0, area.w, area.h / 2.0 - 10.0 * (1.0 - at));
    let losses: Vec<f64> = validations.points.iter().map(|point| point.1).collect();
    let y = range(&losses, &losses);
    let titled = |title: &str, axis: Axis| Axis { title: title.to_owned(), ..axis };
    let upper = Lines {
        series: vec![batches.clone(), smooth.clone()],
        y: titled("Training loss", lines.y.clone()),
        ..lines.clone()
    };
    let lower = Lines {
        series: vec![emptied(batches), emptied(smooth), validations.clone()],
        y: Axis { title: "Validation loss".to_owned(), digits: chart::digits(y.end - y.start), range: y },
        ..lines.clone()
    };
    lines::panel(&mut canvas, &upper, half(0.0), |canvas, lines, places| {
        epochs::name(canvas, lines, places);
        annotate(canvas, &[], end(&lines.series[1], &places.series[1]));
    })?;
    lines::panel(&mut canvas, &lower, half(1.0), |canvas, lines, places| {
        annotate(canvas, &dots(&lines.series[2], places), None);
    })?;
    lines::legend(&mut canvas, lines);
    Ok(canvas)
}

/// A curve in its place among others, without points.
fn emptied(series: &Series) -> Series {
    Series { points: Vec::new(), ..series.clone() }
}

/// The last mean of the batches that is a number, with where it is.
fn end(smooth: &Series, places: &[(f64, f64)]) -> Option<(f64, (f64, f64))> {
    let last = smooth.points.last().zip(places.last()).filter(|((_, loss), _)| loss.is_finite());
    last.map(|((_, loss), place)| (*loss, *place))
}

pub(super) fn paint(figure: &Figure, lines: &Lines) -> Result<Canvas, ReportError> {
    lines::paint(figure, lines, |canvas, lines, places| {
        epochs::name(canvas, lines, places);
        let [_, smooth, validations] = lines.series.as_slice() else { return };
        annotate(canvas, &dots(validations, places), end(smooth, &places.series[1]));
    })
}

/// The validation losses that are marked: of many some, and the last.
fn dots(validations: &Series, places: &Places) -> Vec<Dot> {
    let points = &validations.points;
    let every = points.len().div_ceil(epochs::MOST).max(1);
    let last = points.len().checked_sub(1).filter(|last| !last.is_multiple_of(every));
    let dot = |at: usize| {
        let dot = places.series[2][at];
        Dot { loss: points[at].1, dot, label: label_offset(dot, &places.series[1]) }
    };
    let shown = (0..points.len()).step_by(every).chain(last);
    shown.filter(|at| points[*at].1.is_finite()).map(dot).collect()
}

/// A validation loss, where its dot is, and how far below it (above if negative) its label stands, in pixels.
struct Dot {
    loss: f64,
    dot: (f64, f64),
    label: f64,
}

/// Above the dot, unless the line of losses runs through there.
fn label_offset(dot: (f64, f64), line: &[(f64, f64)]) -> f64 {
    let (offset, half, width) = (20.0, 14.0, 76.0);
    let beside = line.iter().filter(|(x, _)| (dot.0..dot.0 + width).contains(x));
    let crossed = |label: f64| beside.clone().any(|(_, y)| (y - dot.1 - label).abs() < half);
    if crossed(-offset) && !crossed(offset) { offset } else { -offset }
}

/// The validation losses, and the last mean of the batches with where it is.
fn annotate(canvas: &mut Canvas, dots: &[Dot], end: Option<(f64, (f64, f64))>) {
    let every = dots.len().div_ceil(12).max(1);
    for (at, Dot { loss, dot: (x, y), label }) in dots.iter().enumerate() {
        canvas.marker(Shape::Disc, *x, *y, 9.0, VALIDATION);
        let clash = end.is_some_and(|(_, (_, line))| at + 1 == dots.len() && (line - y).abs() < 24.0);
        if at + 1 == dots.len() {
            let y = if clash && end.is_some_and(|(_, (_, line))| line < *y) {
                y + 14.0
            } else if clash {
                y - 14.0
            } else {
                *y
            };
            canvas.text(&in_short(*loss), x + 16.0, y, Pen::new(theme::SMALL, VALIDATION).bold());
        } else if at.is_multiple_of(every) {
            canvas.text(&in_short(*loss), x + 14.0, y + label, Pen::new(theme::SMALL, VALIDATION).bold());
        }
    }
    if let Some((loss, (x, y))) = end {
        let clash = dots.last().map(|last| last.dot.1).filter(|dot| (dot - y).abs() < 24.0).map(|dot| dot < y);
        let y = y + clash.map_or(0.0, |below| if below { 14.0 } else { -14.0 });
        canvas.text(&in_short(loss), x + 16.0, y, Pen::new(theme::SMALL, LOSS).bold());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_leaves_the_line_of_losses_free() {
        let dot = (100.0, 100.0);
        assert_eq!(label_offset(dot, &[(110.0, 40.0), (130.0, 160.0)]), -20.0);
        assert_eq!(label_offset(dot, &[(110.0, 82.0), (130.0, 78.0)]), 20.0);
        // Beyond the label's end it may run where it likes.
        assert_eq!(label_offset(dot, &[(190.0, 80.0)]), -20.0);
    }
}
