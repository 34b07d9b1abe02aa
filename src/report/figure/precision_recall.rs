//! `precision-recall`: what precision costs in recall.

use std::collections::BTreeMap;
use std::path::Path;

use plotters::style::RGBColor;

use super::{Drawn, count_of};
use crate::report::canvas::{Align, Area, Canvas, Pen};
use crate::report::chart::{self, Axes};
use crate::report::theme::{self, Shape};
use crate::report::{ReportData, ReportError};

const CURVE: RGBColor = RGBColor(0, 114, 178);
/// F1 values whose lines of equal F1 are drawn.
const LEVELS: [f64; 4] = [0.2, 0.4, 0.6, 0.8];

/// Points `(recall, precision)` of equal F1: `precision = f r / (2 r - f)`.
fn equal_f1(f1: f64) -> Vec<(f64, f64)> {
    let from = f1 / (2.0 - f1);
    // Geometric steps: the line is steep where recall is small.
    let recall = |step: u32| from.powf(1.0 - f64::from(step) / 80.0);
    (0..=80).map(recall).map(|recall| (recall, f1 * recall / (2.0 * recall - f1))).collect()
}

pub(super) fn draw(data: &ReportData, path: &Path) -> Result<Drawn, ReportError> {
    let empty = Vec::new();
    let column = |name: &str| data.thresholds.metrics.get(name).unwrap_or(&empty);
    let points: Vec<(f64, f64)> = column("recall").iter().copied().zip(column("precision").iter().copied()).collect();
    let title = "Precision recall curve".to_owned();
    let subtitle = format!(
        "{}; {} counting; grey lines join points of equal F1",
        count_of(points.len(), "threshold", "thresholds"),
        data.calibration.counting
    );
    let (_, height) = theme::CHART;
    let mut canvas = Canvas::new(height + 60, height);
    let top = canvas.header(&title, &subtitle) + 12.0;
    let area = Area::new(theme::MARGIN, top, canvas.width() - 2.0 * theme::MARGIN - 20.0, canvas.height() - top - 20.0);
    let axes = Axes {
        x: -0.02..1.12,
        y: -0.05..1.05,
        x_title: "Recall",
        y_title: "Precision",
        x_digits: 1,
        y_digits: 1,
        numbers: true,
    };
    let (levels, cutpoints, only) = chart::plot(&mut canvas, area, &axes, |plane| {
        let mut levels = Vec::new();
        for level in LEVELS {
            chart::line(plane, &equal_f1(level), 1.5, theme::FRAME, 0.75)?;
            levels.push((level, chart::place(plane, 1.0, level / (2.0 - level))));
        }
        chart::line(plane, &points, 4.0, CURVE, 1.0)?;
        let at = |(name, cutpoint): (&str, &crate::artifact::Cutpoint)| {
            let (recall, precision) = (cutpoint.metrics.get("recall")?, cutpoint.metrics.get("precision")?);
            Some((name.to_owned(), *recall, *precision, chart::place(plane, *recall, *precision)))
        };
        // A curve of one threshold is a point.
        let only = if let [(x, y)] = points[..] { Some(chart::place(plane, x, y)) } else { None };
        Ok((levels, data.cutpoint().and_then(at), only))
    })?;
    let pen = Pen::new(theme::SMALL - 2.0, theme::MUTED);
    for (level, (x, y)) in levels {
        canvas.text(&format!("F1 {level}"), x + 8.0, y, pen);
    }
    if let Some((x, y)) = only {
        canvas.marker(Shape::Disc, x, y, 8.0, CURVE);
    }
    if let Some((name, recall, precision, place)) = &cutpoints {
        mark_cutpoint(&mut canvas, name, (*recall, *precision), *place);
    }
    if points.is_empty() {
        chart::nothing(&mut canvas, area, "There is no curve: the thresholds list no precision and recall.");
    }
    canvas.save(path)?;
    Ok(described(title, cutpoints.map(|(name, recall, precision, _)| (name, recall, precision))))
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

fn described(title: String, cutpoint: Option<(String, f64, f64)>) -> Drawn {
    let mut numbers = BTreeMap::new();
    let mut alt = "Curve of precision against recall over all thresholds".to_owned();
    if let Some((name, recall, precision)) = cutpoint {
        alt += &format!("; the cutpoint {name} has precision {precision:.4} and recall {recall:.4}");
        numbers.insert(format!("{name}.recall"), recall);
        numbers.insert(format!("{name}.precision"), precision);
    }
    Drawn {
        title,
        alt,
        reading: "Each point is a threshold; the further up and right the curve runs, the better. Where it ends short \
                  of recall 1, no threshold finds the rest."
            .to_owned(),
        numbers,
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
