//! Draws curves between two axes: what all line charts have in common. What is written beside them is their own.

use plotters::style::RGBColor;

use super::Figure;
use super::body::{Axis, Body, Lines, Room, Series};
use crate::canvas::{Align, Area, Canvas, Pen};
use crate::chart::{self, Axes};
use crate::{ReportError, theme};

/// Where things lie on the page.
pub(super) struct Places {
    /// The plane and the words of its axes.
    pub(super) area: Area,
    /// The upper end of every rule.
    pub(super) rules: Vec<(f64, f64)>,
    /// The points of every series.
    pub(super) series: Vec<Vec<(f64, f64)>>,
}

/// Draws rules, then curves, then what `annotate` adds, then the legend.
pub(super) fn paint(
    figure: &Figure,
    lines: &Lines,
    annotate: impl FnOnce(&mut Canvas, &Lines, &Places),
) -> Result<Canvas, ReportError> {
    let mut canvas = headed(figure, lines.room);
    let area = area(figure, lines.room);
    panel(&mut canvas, lines, area, annotate)?;
    legend(&mut canvas, lines);
    if let Some(sentence) = &lines.empty {
        chart::nothing(&mut canvas, area, sentence);
    }
    Ok(canvas)
}

/// A page with the header of a figure.
pub(super) fn headed(figure: &Figure, room: Room) -> Canvas {
    let mut canvas = Canvas::new(room.size.0, room.size.1);
    canvas.header(&figure.title, &figure.subtitle);
    canvas
}

/// The room under the header of a figure, the words of the axes included.
pub(super) fn area(figure: &Figure, room: Room) -> Area {
    let (width, height) = (f64::from(room.size.0), f64::from(room.size.1));
    let top = Canvas::header_height(width, &figure.title, &figure.subtitle) + room.above;
    Area::new(theme::MARGIN, top, width - 2.0 * theme::MARGIN - room.right, height - top - 20.0)
}

/// Draws one plane in `area`: rules, then curves, then what `annotate` adds.
pub(super) fn panel(
    canvas: &mut Canvas,
    lines: &Lines,
    area: Area,
    annotate: impl FnOnce(&mut Canvas, &Lines, &Places),
) -> Result<(), ReportError> {
    let axes = Axes {
        x: lines.x.range.clone(),
        y: lines.y.range.clone(),
        x_title: &lines.x.title,
        y_title: &lines.y.title,
        x_digits: lines.x.digits,
        y_digits: lines.y.digits,
        numbers: true,
    };
    let places = chart::plot(canvas, area, &axes, |plane| {
        for rule in &lines.rules {
            chart::vertical(plane, rule.at, &axes.y, rule.width, rule.colour, true)?;
        }
        for series in lines.series.iter().filter(|series| series.opacity > 0.0) {
            chart::line(plane, &series.points, series.width, series.colour, series.opacity)?;
        }
        let place = |(x, y): &(f64, f64)| chart::place(plane, *x, *y);
        Ok(Places {
            area,
            rules: lines.rules.iter().map(|rule| chart::place(plane, rule.at, axes.y.end)).collect(),
            series: lines.series.iter().map(|series| series.points.iter().map(place).collect()).collect(),
        })
    })?;
    marks(canvas, lines, &places);
    annotate(canvas, lines, &places);
    Ok(())
}

/// The names of curves beside the title, each with its stroke.
pub(super) fn legend(canvas: &mut Canvas, lines: &Lines) {
    let entries: Vec<(&str, RGBColor, f64)> =
        lines.series.iter().filter_map(|series| Some((series.name.as_str(), series.colour, series.legend?))).collect();
    let right = canvas.width() - theme::MARGIN - lines.room.legend;
    let strokes = chart::legend(canvas, right, theme::MARGIN + 4.0, &entries);
    for (series, (x, y)) in lines.series.iter().filter(|series| series.legend.is_some()).zip(strokes) {
        if let Some(shape) = series.mark {
            canvas.marker(shape, x, y, radius(series), series.colour);
        }
    }
}

impl Figure {
    /// Where curves or bars lie on their page, and between which axes: for what moves on it.
    pub(crate) fn plane(&self) -> Option<(Area, &Axis, &Axis)> {
        let (room, x, y) = match &self.body {
            Body::Lines(lines) => (lines.room, &lines.x, &lines.y),
            Body::Bars(bars) => (bars.room, &bars.x, &bars.y),
            _ => return None,
        };
        Some((chart::plane(area(self, room)), x, y))
    }
}

/// Points that are marked of a curve: of more some in equal steps, and the last.
const MOST_MARKS: usize = 40;
/// The least distance of two numbers at the ends of lines.
const APART: f64 = 22.0;

/// How large the marks of a curve are: larger on a stronger one.
fn radius(series: &Series) -> f64 {
    4.5 + series.width
}

/// The marks on the points of each curve that has some.
fn marks(canvas: &mut Canvas, lines: &Lines, places: &Places) {
    for (series, places) in lines.series.iter().zip(&places.series) {
        let Some(shape) = series.mark else { continue };
        let every = places.len().div_ceil(MOST_MARKS).max(1);
        for (at, (x, y)) in places.iter().enumerate() {
            if at.is_multiple_of(every) || at + 1 == places.len() {
                canvas.marker(shape, *x, *y, radius(series), series.colour);
            }
        }
    }
}

/// Words behind the end of each line, in its colour: those that would lie on each other below each other, all beside the plane.
pub(super) fn name_ends(canvas: &mut Canvas, plane: Area, ends: Vec<((f64, f64), String, RGBColor)>) {
    let mut ends = ends;
    ends.sort_by(|one, other| one.0.1.total_cmp(&other.0.1));
    let mut last = f64::NEG_INFINITY;
    for ((_, y), ..) in &mut ends {
        *y = y.max(last + APART);
        last = *y;
    }
    // What was moved out below is moved up again.
    let mut next = plane.y + plane.h;
    for ((_, y), ..) in ends.iter_mut().rev() {
        *y = y.min(next);
        next = *y - APART;
    }
    for ((x, y), words, colour) in ends {
        canvas.text(&words, x + 16.0, y, Pen::new(theme::SMALL, colour).bold().align(Align::Left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mark::Mark;

    #[test]
    fn words_at_ends_lie_below_each_other_and_beside_the_plane() {
        let mut canvas = Canvas::new(400, 300);
        let plane = Area::new(10.0, 10.0, 300.0, 200.0);
        let end = |y: f64| ((310.0, y), format!("{y}"), theme::INK);
        name_ends(&mut canvas, plane, vec![end(205.0), end(20.0), end(204.0), end(209.0)]);
        let places: Vec<(String, f64)> = canvas
            .marks()
            .iter()
            .filter_map(|mark| match mark {
                Mark::Words(words) => Some((words.text.clone(), words.at.1)),
                _ => None,
            })
            .collect();
        let found: Vec<(&str, f64)> = places.iter().map(|(words, y)| (words.as_str(), *y)).collect();
        assert_eq!(found, [("20", 20.0), ("204", 166.0), ("205", 188.0), ("209", 210.0)]);
    }

    #[test]
    fn of_many_points_some_are_marked_and_the_last() {
        let points: Vec<(f64, f64)> = (0..1000).map(|at| (f64::from(at), 0.5)).collect();
        let lines = Lines {
            room: super::super::body::Room { size: theme::CHART, above: 0.0, right: 0.0, legend: 0.0 },
            x: super::super::body::Axis { title: String::new(), range: 0.0..999.0, digits: 0 },
            y: super::super::body::Axis { title: String::new(), range: 0.0..1.0, digits: 1 },
            rules: Vec::new(),
            series: vec![Series::new("one", points.clone(), theme::RIGHT, 3.0).marked(theme::Shape::Square)],
            empty: None,
        };
        let mut canvas = Canvas::new(400, 300);
        let places = Places { area: Area::new(0.0, 0.0, 1.0, 1.0), rules: Vec::new(), series: vec![points] };
        marks(&mut canvas, &lines, &places);
        let last = canvas.marks().iter().rev().find_map(|mark| match mark {
            Mark::Marker { at, .. } => Some(at.0),
            _ => None,
        });
        assert_eq!((canvas.marks().len(), last), (MOST_MARKS + 1, Some(999.0)));
    }
}
