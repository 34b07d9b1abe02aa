//! `precision-recall`: what precision costs in recall.

use std::collections::BTreeMap;

use plotters::style::RGBColor;

use super::body::{Axis, Body, Lines, Room, Series};
use super::lines::{self, Places};
use super::plot::{Part, Plot};
use super::{Figure, count_of};
use crate::canvas::{Align, Area, Canvas, Pen};
use crate::theme::{self, Shape};
use crate::{ReportData, ReportError, Stop};

const CURVE: RGBColor = RGBColor(0, 114, 178);
/// F1 values whose lines of equal F1 are drawn.
const LEVELS: [f64; 4] = [0.2, 0.4, 0.6, 0.8];

/// Points `(recall, precision)` of equal F1: `precision = f r / (2 r - f)`.
fn equal_f1(f1: f64) -> Vec<(f64, f64)> {
    let from = f1 / (2.0 - f1);
    // Geometric steps: the line is steep where recall is small.
    let recall = |step: u32| libm::pow(from, 1.0 - f64::from(step) / 80.0);
    (0..=80).map(recall).map(|recall| (recall, f1 * recall / (2.0 * recall - f1))).collect()
}

/// The name of the curve, among lines that help to read it.
const MAIN: &str = "precision";

/// Precision over recall.
pub(super) struct PrecisionRecall;

impl Plot for PrecisionRecall {
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
    let empty = Vec::new();
    let column = |name: &str| data.thresholds.metrics.get(name).unwrap_or(&empty);
    let points: Vec<(f64, f64)> = column("recall").iter().copied().zip(column("precision").iter().copied()).collect();
    let subtitle = format!(
        "{}; {} counting; grey lines join points of equal F1",
        count_of(points.len(), "threshold", "thresholds"),
        data.calibration.counting
    );
    let level =
        |level: &f64| Series::new(&format!("F1 {level}"), equal_f1(*level), theme::FRAME, 1.5).faded(0.75).unlisted();
    let mut series: Vec<Series> = LEVELS.iter().map(level).collect();
    let empty = "There is no curve: the thresholds list no precision and recall.".to_owned();
    let empty = points.is_empty().then_some(empty);
    series.push(Series::new(MAIN, points, CURVE, 4.0));
    let used = data.cutpoint().and_then(|(name, cutpoint)| {
        Some((name.to_owned(), *cutpoint.metrics.get("recall")?, *cutpoint.metrics.get("precision")?))
    });
    if let Some((name, recall, precision)) = &used {
        series.push(Series::new(name, vec![(*recall, *precision)], theme::INK, 4.0).unlisted());
    }
    let (_, height) = theme::CHART;
    let lines = Lines {
        room: Room { size: (height + 60, height), above: 12.0, right: 20.0, legend: 0.0 },
        x: Axis { title: "Recall".to_owned(), range: -0.02..1.12, digits: 1 },
        y: Axis { title: "Precision".to_owned(), range: -0.05..1.05, digits: 1 },
        rules: Vec::new(),
        series,
        empty,
    };
    described(subtitle, used, Body::Lines(lines))
}

fn paint(figure: &Figure, lines: &Lines) -> Result<Canvas, ReportError> {
    lines::paint(figure, lines, annotate)
}

/// Names of the levels, the curve where it is one point, and the cutpoint in use.
fn annotate(canvas: &mut Canvas, lines: &Lines, places: &Places) {
    let pen = Pen::new(theme::SMALL - 2.0, theme::MUTED);
    let named = || lines.series.iter().zip(&places.series);
    // A level ends where recall is 1.
    for (level, places) in named().take(LEVELS.len()) {
        if let Some((x, y)) = places.last() {
            canvas.text(&level.name, x + 8.0, *y, pen);
        }
    }
    if let Some([(x, y)]) = places.series.get(LEVELS.len()).map(Vec::as_slice) {
        canvas.marker(Shape::Disc, *x, *y, 8.0, CURVE);
    }
    if let Some((series, places)) = named().nth(LEVELS.len() + 1) {
        mark_cutpoint(canvas, &series.name, series.points[0], places[0]);
    }
}

fn mark_cutpoint(canvas: &mut Canvas, name: &str, (recall, precision): (f64, f64), (x, y): (f64, f64)) {
    canvas.marker(Shape::Disc, x, y, 12.0, theme::INK);
    let words = format!("{name}: precision {precision:.3}, recall {recall:.3}");
    let pen = Pen::new(theme::SMALL, theme::INK).bold();
    // Below and towards the middle: the curve bends the other way.
    let (align, x) = if recall > 0.5 { (Align::Right, x - 22.0) } else { (Align::Left, x + 22.0) };
    let y = if precision > 0.15 { y + 36.0 } else { y - 36.0 };
    let left = if recall > 0.5 { x - pen.width(&words) } else { x };
    canvas.fill(Area::new(left - 6.0, y - 14.0, pen.width(&words) + 12.0, 28.0), theme::PAPER);
    canvas.text(&words, x, y, pen.align(align));
}

fn described(subtitle: String, cutpoint: Option<(String, f64, f64)>, body: Body) -> Figure {
    let mut numbers = BTreeMap::new();
    let mut alt = "Curve of precision against recall over all thresholds".to_owned();
    if let Some((name, recall, precision)) = cutpoint {
        alt += &format!("; the cutpoint {name} has precision {precision:.4} and recall {recall:.4}");
        numbers.insert(format!("{name}.recall"), recall);
        numbers.insert(format!("{name}.precision"), precision);
    }
    Figure {
        title: "Precision-recall curve".to_owned(),
        subtitle,
        alt,
        reading: "Each point is a threshold; the further up and right the curve runs, the better. Where it ends short \
                  of recall 1, no threshold finds the rest."
            .to_owned(),
        numbers,
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::equal_f1;

    #[test]
    fn lines_of_equal_f1_have_that_f1() {
        for (recall, precision) in equal_f1(0.6) {
            let f1 = 2.0 * precision * recall / (precision + recall);
            assert!((f1 - 0.6).abs() < 1e-12 && precision <= 1.0 + 1e-12, "{recall} {precision}");
        }
    }
}
