//! `metrics-over-distance`: what each threshold would achieve.

use std::collections::BTreeMap;

use plotters::style::RGBColor;

use super::body::{Axis, Body, Lines, Room, Rule, Series};
use super::lines::{self, Places};
use super::plot::{Part, Plot};
use super::{Figure, count_of};
use crate::canvas::{Align, Area, Canvas, Pen};
use crate::text::Weight;
use crate::{ReportData, ReportError, Stop, chart, text, theme};

/// The curves, by column name, with the words of the legend.
const CURVES: [(&str, &str, RGBColor); 3] = [
    ("precision", "precision", RGBColor(0, 114, 178)),
    ("recall", "recall", RGBColor(213, 94, 0)),
    ("f1", "F1", RGBColor(0, 140, 100)),
];

/// Metrics over thresholds.
pub(super) struct MetricsOverDistance;

impl Plot for MetricsOverDistance {
    fn needs(&self) -> &'static [&'static str] {
        &["calibration"]
    }

    fn part(&self) -> Part {
        Part::Calibration
    }

    fn build(&self, data: &ReportData, _: Stop<'_>) -> Result<Figure, ReportError> {
        Ok(build(data))
    }

    fn paint(&self, figure: &Figure, _: &ReportData, _: Stop<'_>) -> Result<Canvas, ReportError> {
        paint(figure, figure.lines()?)
    }
}

fn build(data: &ReportData) -> Figure {
    let thresholds = &data.thresholds;
    let x = span(&thresholds.distance);
    let points = |name: &str| {
        let values = thresholds.metrics.get(name)?;
        Some(thresholds.distance.iter().copied().zip(values.iter().copied()).collect::<Vec<(f64, f64)>>())
    };
    let series = CURVES.iter().filter_map(|(name, words, colour)| {
        Some(Series::new(words, points(name)?, *colour, 4.0).faded(0.95).in_legend(5.0))
    });
    let empty = "There are no thresholds: the calibration saw no query.".to_owned();
    let lines = Lines {
        room: Room { size: theme::CHART, above: 58.0, right: 100.0, legend: 20.0 },
        rules: rules(data, &x),
        x: Axis {
            title: format!("Distance threshold ({})", data.calibration.distance_metric.name()),
            digits: chart::digits(x.end - x.start),
            range: x,
        },
        y: Axis { title: "Metric".to_owned(), range: -0.05..1.05, digits: 1 },
        series: series.collect(),
        empty: thresholds.distance.is_empty().then_some(empty),
    };
    let subtitle = format!(
        "{} over {}; {} counting, {} matcher",
        count_of(thresholds.distance.len(), "threshold", "thresholds"),
        count_of(data.calibration.queries, "calibration query", "calibration queries"),
        data.calibration.counting,
        data.calibration.matcher
    );
    described(data, subtitle, Body::Lines(lines))
}

/// A dashed line at every cutpoint, the one in use the darkest.
fn rules(data: &ReportData, x: &std::ops::Range<f64>) -> Vec<Rule> {
    let used = data.cutpoint().map(|(name, _)| name.to_owned());
    let rule = |(name, cutpoint): (&String, &simpipe_artifact::Cutpoint)| {
        let main = Some(name) == used.as_ref();
        let (width, colour) = if main { (2.5, theme::INK) } else { (1.5, theme::MUTED) };
        let (at, name) = (cutpoint.distance.clamp(x.start, x.end), in_words(name, cutpoint.distance));
        Rule { at, name, main, width, colour }
    };
    data.calibration.cutpoints.iter().map(rule).collect()
}

fn in_words(name: &str, distance: f64) -> String {
    if distance.abs() < 1e9 { format!("{name}: {distance:.4}") } else { format!("{name}: {distance:.2e}") }
}

fn paint(figure: &Figure, lines: &Lines) -> Result<Canvas, ReportError> {
    lines::paint(figure, lines, |canvas, lines, places| {
        label_cutpoints(canvas, lines, places);
        let end = |(series, places): (&Series, &Vec<(f64, f64)>)| {
            places.last().map(|place| (series.name.clone(), series.colour, *place))
        };
        label_curves(canvas, lines.series.iter().zip(&places.series).filter_map(end).collect());
    })
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
fn label_curves(canvas: &mut Canvas, mut ends: Vec<(String, RGBColor, (f64, f64))>) {
    ends.sort_by(|one, other| one.2.1.total_cmp(&other.2.1));
    let mut lowest = f64::NEG_INFINITY;
    for (words, colour, (x, y)) in ends {
        lowest = y.max(lowest + 26.0);
        canvas.text(&words, x + 34.0, lowest, Pen::new(theme::LABEL, colour).bold());
    }
}

/// Names above the plot, in two rows at most: the cutpoint in use below, others above where they leave room.
fn label_cutpoints(canvas: &mut Canvas, lines: &Lines, places: &Places) {
    let area: Area = places.area;
    let mut marks: Vec<(&Rule, (f64, f64))> = lines.rules.iter().zip(places.rules.iter().copied()).collect();
    marks.sort_by(|one, other| other.0.main.cmp(&one.0.main).then(one.0.at.total_cmp(&other.0.at)));
    let mut taken: Vec<(usize, f64, f64)> = Vec::new();
    for (Rule { name: words, main, .. }, (x, y)) in marks {
        let main = *main;
        let weight = if main { Weight::Bold } else { Weight::Regular };
        let width = text::width(words, theme::SMALL, weight);
        let middle =
            x.clamp(area.x + 92.0 + width / 2.0, (area.x + area.w - width / 2.0).max(area.x + 93.0 + width / 2.0));
        let (left, right) = (middle - width / 2.0 - 10.0, middle + width / 2.0 + 10.0);
        let free = |row: usize| !taken.iter().any(|(other, from, to)| *other == row && left < *to && right > *from);
        let Some(row) = (0..2).find(|row| free(*row)) else { continue };
        taken.push((row, left, right));
        let pen = Pen::new(theme::SMALL, if main { theme::INK } else { theme::MUTED }).align(Align::Centre);
        canvas.text(words, middle, y - 18.0 - 26.0 * row as f64, if main { pen.bold() } else { pen });
    }
}

fn described(data: &ReportData, subtitle: String, body: Body) -> Figure {
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
    Figure {
        title: "Metric evolution as distance increases".to_owned(),
        subtitle,
        alt,
        reading: "The dashed line is the chosen threshold; a curve that is flat around it says that the choice \
                  matters little, a maximum at the right edge says that everything is accepted."
            .to_owned(),
        numbers,
        body,
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
