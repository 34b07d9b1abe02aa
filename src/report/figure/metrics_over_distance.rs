//! `metrics-over-distance`: what each threshold would achieve.

use std::collections::BTreeMap;
use std::path::Path;

use plotters::style::RGBColor;

use super::{Drawn, count_of};
use crate::report::canvas::{Align, Area, Canvas, Pen};
use crate::report::chart::{self, Axes};
use crate::report::text::Weight;
use crate::report::{ReportData, ReportError, text, theme};

/// The curves, by column name, with the words of the legend.
const CURVES: [(&str, &str, RGBColor); 3] = [
    ("precision", "precision", RGBColor(0, 114, 178)),
    ("recall", "recall", RGBColor(213, 94, 0)),
    ("f1", "F1", RGBColor(0, 140, 100)),
];

pub(super) fn draw(data: &ReportData, path: &Path) -> Result<Drawn, ReportError> {
    let thresholds = &data.thresholds;
    let title = "Metric evolution as distance increases".to_owned();
    let subtitle = format!(
        "{} over {}; {} counting, {} matcher",
        count_of(thresholds.distance.len(), "threshold", "thresholds"),
        count_of(data.calibration.queries, "calibration query", "calibration queries"),
        data.calibration.counting,
        data.calibration.matcher
    );
    let (width, height) = theme::CHART;
    let mut canvas = Canvas::new(width, height);
    let top = canvas.header(&title, &subtitle) + 58.0;
    let area =
        Area::new(theme::MARGIN, top, canvas.width() - 2.0 * theme::MARGIN - 100.0, canvas.height() - top - 20.0);
    let x = span(&thresholds.distance);
    let axes = Axes {
        x_digits: chart::digits(x.end - x.start),
        x: x.clone(),
        y: -0.05..1.05,
        x_title: &format!("Distance threshold ({})", data.calibration.distance_metric.name()),
        y_title: "Metric",
        y_digits: 1,
        numbers: true,
    };
    let used = data.cutpoint().map(|(name, _)| name.to_owned());
    let (marks, ends) = chart::plot(&mut canvas, area, &axes, |plane| {
        let mut marks = Vec::new();
        for (name, cutpoint) in &data.calibration.cutpoints {
            let main = Some(name) == used.as_ref();
            let (width, colour) = if main { (2.5, theme::INK) } else { (1.5, theme::MUTED) };
            let at = cutpoint.distance.clamp(x.start, x.end);
            chart::vertical(plane, at, &axes.y, width, colour, true)?;
            marks.push((name.clone(), cutpoint.distance, main, chart::place(plane, at, axes.y.end)));
        }
        let mut ends = Vec::new();
        for (name, words, colour) in CURVES {
            if let Some(values) = thresholds.metrics.get(name) {
                let points: Vec<(f64, f64)> = thresholds.distance.iter().copied().zip(values.iter().copied()).collect();
                chart::line(plane, &points, 4.0, colour, 0.95)?;
                ends.extend(points.last().map(|(x, y)| (words, colour, chart::place(plane, *x, *y))));
            }
        }
        Ok((marks, ends))
    })?;
    label_cutpoints(&mut canvas, marks, area);
    label_curves(&mut canvas, ends);
    let shown: Vec<(&str, RGBColor, f64)> = CURVES
        .iter()
        .filter(|(name, ..)| thresholds.metrics.contains_key(*name))
        .map(|(_, words, colour)| (*words, *colour, 5.0))
        .collect();
    let right = canvas.width() - theme::MARGIN - 20.0;
    chart::legend(&mut canvas, right, theme::MARGIN + 4.0, &shown);
    if thresholds.distance.is_empty() {
        chart::nothing(&mut canvas, area, "There are no thresholds: the calibration saw no query.");
    }
    canvas.save(path)?;
    Ok(described(data, title))
}

/// The distances of all thresholds with a little room, also where there is one or none.
fn span(distances: &[f64]) -> std::ops::Range<f64> {
    let finite = distances.iter().copied().filter(|distance| distance.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)));
    if low > high {
        return 0.0..1.0;
    }
    let room = ((high - low) * 0.02).max(1e-6 * high.abs().max(1.0)).min(f64::MAX);
    chart::drawable(low - room..high + room)
}

/// Names the curves where they end, apart enough to be read.
fn label_curves(canvas: &mut Canvas, mut ends: Vec<(&str, RGBColor, (f64, f64))>) {
    ends.sort_by(|one, other| one.2.1.total_cmp(&other.2.1));
    let mut lowest = f64::NEG_INFINITY;
    for (words, colour, (x, y)) in ends {
        lowest = y.max(lowest + 26.0);
        canvas.text(words, x + 34.0, lowest, Pen::new(theme::LABEL, colour).bold());
    }
}

type Mark = (String, f64, bool, (f64, f64));

/// Names above the plot, in two rows at most: the cutpoint in use below, others above where they leave room.
fn label_cutpoints(canvas: &mut Canvas, mut marks: Vec<Mark>, area: Area) {
    marks.sort_by(|one, other| other.2.cmp(&one.2).then(one.1.total_cmp(&other.1)));
    let mut taken: Vec<(usize, f64, f64)> = Vec::new();
    for (name, distance, main, (x, y)) in marks {
        let words =
            if distance.abs() < 1e9 { format!("{name}: {distance:.4}") } else { format!("{name}: {distance:.2e}") };
        let weight = if main { Weight::Bold } else { Weight::Regular };
        let width = text::width(&words, theme::SMALL, weight);
        let middle =
            x.clamp(area.x + 92.0 + width / 2.0, (area.x + area.w - width / 2.0).max(area.x + 93.0 + width / 2.0));
        let (left, right) = (middle - width / 2.0 - 10.0, middle + width / 2.0 + 10.0);
        let free = |row: usize| !taken.iter().any(|(other, from, to)| *other == row && left < *to && right > *from);
        let Some(row) = (0..2).find(|row| free(*row)) else { continue };
        taken.push((row, left, right));
        let pen = Pen::new(theme::SMALL, if main { theme::INK } else { theme::MUTED }).align(Align::Centre);
        canvas.text(&words, middle, y - 18.0 - 26.0 * row as f64, if main { pen.bold() } else { pen });
    }
}

fn described(data: &ReportData, title: String) -> Drawn {
    let mut numbers = BTreeMap::new();
    let mut alt = "Line chart of precision, recall and F1 over the distance threshold".to_owned();
    if let Some((name, cutpoint)) = data.cutpoint() {
        numbers.insert(format!("{name}.distance"), cutpoint.distance);
        numbers.insert(format!("{name}.{}", data.calibration.metric), cutpoint.value);
        alt += &format!(
            "; the cutpoint {name} at distance {:.4} gives {} {:.4}",
            cutpoint.distance, data.calibration.metric, cutpoint.value
        );
    }
    Drawn {
        title,
        alt,
        reading: "The dashed line is the chosen threshold; a curve that is flat around it says that the choice \
                  matters little, a maximum at the right edge says that everything is accepted."
            .to_owned(),
        numbers,
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn the_axis_has_a_width_whatever_the_thresholds() {
        assert_eq!(span(&[]), 0.0..1.0);
        assert_eq!(span(&[f64::INFINITY]), 0.0..1.0);
        let one = span(&[0.25]);
        assert!(one.start < 0.25 && one.end > 0.25);
        assert_eq!(span(&[0.0, 1.0]), -0.02..1.02);
    }
}
