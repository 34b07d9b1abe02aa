//! Draws curves between two axes: what all line charts have in common. What is written beside them is their own.

use plotters::style::RGBColor;

use super::Figure;
use super::body::Lines;
use crate::canvas::{Area, Canvas};
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
    let room = lines.room;
    let mut canvas = Canvas::new(room.size.0, room.size.1);
    let top = canvas.header(&figure.title, &figure.subtitle) + room.above;
    let width = canvas.width() - 2.0 * theme::MARGIN - room.right;
    let area = Area::new(theme::MARGIN, top, width, canvas.height() - top - 20.0);
    let axes = Axes {
        x: lines.x.range.clone(),
        y: lines.y.range.clone(),
        x_title: &lines.x.title,
        y_title: &lines.y.title,
        x_digits: lines.x.digits,
        y_digits: lines.y.digits,
        numbers: true,
    };
    let places = chart::plot(&mut canvas, area, &axes, |plane| {
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
    annotate(&mut canvas, lines, &places);
    let entries: Vec<(&str, RGBColor, f64)> =
        lines.series.iter().filter_map(|series| Some((series.name.as_str(), series.colour, series.legend?))).collect();
    let right = canvas.width() - theme::MARGIN - room.legend;
    chart::legend(&mut canvas, right, theme::MARGIN + 4.0, &entries);
    if let Some(sentence) = &lines.empty {
        chart::nothing(&mut canvas, area, sentence);
    }
    Ok(canvas)
}
