//! Values by epochs, where only some points are trained the whole way: who went on, and whether the order held.

use std::collections::BTreeMap;

use simpipe_artifact::{SweepReport, SweepState, SweepTrial};

use super::plane::{Axis, BELOW, LEFT, Plane, stroke};
use super::scale::{Scale, ends};
use super::{count_of, headed, metric, middle, objective_title, root, winner};
use crate::canvas::{Area, Canvas};
use crate::theme::{self, Shape};
use crate::{Drawn, ReportError, chart};

/// Epochs of the last rung for each of the first beyond which the axis is in factors.
const FACTORS: f64 = 6.0;

/// What became of one point: its values by epochs, in their order.
type Curve = Vec<(f64, f64)>;

pub(super) fn draw(report: &SweepReport) -> Result<(Canvas, Drawn), ReportError> {
    let curves = curves(report);
    let title = format!("{} by epochs", metric(report, 0));
    let lengths = lengths(&curves);
    let reached = |epochs: f64| curves.values().filter(|curve| curve.iter().any(|(at, _)| *at == epochs)).count();
    let counts: Vec<String> = lengths
        .iter()
        .map(|epochs| format!("{} after {epochs:.0}", chart::number(reached(*epochs) as f64, 0)))
        .collect();
    let subtitle = if counts.is_empty() {
        "no trial is finished".to_owned()
    } else {
        format!("Points by epochs: {}; blue ones went on, the orange one is the best in the end", counts.join(", "))
    };
    let (mut canvas, top) = headed(theme::CHART, &title, &subtitle);
    if curves.is_empty() {
        let area = middle(&canvas, top);
        chart::nothing(&mut canvas, area, "No trial is finished.");
    } else {
        let left = theme::MARGIN + LEFT;
        let height = canvas.height() - top - 24.0 - BELOW - 20.0;
        let area = Area::new(left, top + 24.0, canvas.width() - left - theme::MARGIN, height);
        plane(&mut canvas, report, &curves, &lengths, area);
        legend(&mut canvas);
    }
    let drawn = described(title, &curves, &counts);
    Ok((canvas, Drawn { subtitle, ..drawn }))
}

/// The curve of each point, by the trial that began it; further seeds are no part of one.
fn curves(report: &SweepReport) -> BTreeMap<usize, Curve> {
    let mut curves: BTreeMap<usize, Curve> = BTreeMap::new();
    let value = |trial: &SweepTrial| {
        let value = trial.own.first().copied().flatten().filter(|value| value.is_finite())?;
        Some((f64::from(trial.epochs?), value))
    };
    let finished = report.trials.iter().filter(|trial| trial.state == SweepState::Finished && trial.again.is_none());
    for trial in finished {
        if let Some(point) = value(trial) {
            curves.entry(root(trial)).or_default().push(point);
        }
    }
    curves.values_mut().for_each(|curve| curve.sort_by(|one, other| one.0.total_cmp(&other.0)));
    curves
}

fn lengths(curves: &BTreeMap<usize, Curve>) -> Vec<f64> {
    let mut lengths: Vec<f64> = curves.values().flatten().map(|(epochs, _)| *epochs).collect();
    lengths.sort_by(f64::total_cmp);
    lengths.dedup();
    lengths
}

fn plane(canvas: &mut Canvas, report: &SweepReport, curves: &BTreeMap<usize, Curve>, lengths: &[f64], area: Area) {
    let (low, high) = ends(lengths.iter().copied()).unwrap_or((1.0, 1.0));
    let x = if high / low > FACTORS { Scale::log(low, high) } else { Scale::linear(low, high) };
    let values: Vec<f64> = curves.values().flatten().map(|(_, value)| *value).collect();
    let y = Scale::of_values(&values);
    let ticks = lengths.iter().map(|epochs| (x.share(*epochs), chart::number(*epochs, 0))).collect();
    let y_title = report.objectives.first().map(objective_title).unwrap_or_default();
    let plane = Plane { area, x: Axis { scale: &x, title: "Epochs", ticks }, y: Axis::new(&y, &y_title, 8) };
    plane.axes(canvas);
    let best = winner(report).map(root);
    let (own, others): (Vec<_>, Vec<_>) = curves.iter().partition(|(point, _)| Some(**point) == best);
    // Who went on lies above who did not.
    let (further, ended): (Vec<_>, Vec<_>) = others.into_iter().partition(|(_, curve)| curve.len() > 1);
    ended.iter().for_each(|(_, curve)| draw_curve(canvas, &plane, curve, (theme::FAINT, 6.0, 1.0)));
    further.iter().for_each(|(_, curve)| draw_curve(canvas, &plane, curve, (theme::RIGHT, 7.0, 2.5)));
    own.iter().for_each(|(_, curve)| draw_curve(canvas, &plane, curve, (theme::WRONG, 10.0, 5.0)));
}

fn draw_curve(
    canvas: &mut Canvas,
    plane: &Plane<'_>,
    curve: &[(f64, f64)],
    (colour, radius, width): (plotters::style::RGBColor, f64, f64),
) {
    let places: Vec<(f64, f64)> = curve.iter().map(|(epochs, value)| plane.place(*epochs, *value)).collect();
    for pair in places.windows(2) {
        stroke(canvas, pair[0], pair[1], width, colour, 0.8);
    }
    for ((x, y), (_, value)) in places.iter().zip(curve) {
        let shape = match plane.y.scale.beyond(*value) {
            1 => Shape::Up,
            -1 => Shape::Down,
            _ if width > 4.0 => Shape::Diamond,
            _ => Shape::Disc,
        };
        canvas.marker(shape, *x, *y, radius, colour);
    }
}

fn legend(canvas: &mut Canvas) {
    let entries =
        [("ended", theme::FAINT, 6.0), ("went on", theme::RIGHT, 6.0), ("best in the end", theme::WRONG, 6.0)];
    let right = canvas.width() - theme::MARGIN;
    chart::legend(canvas, right, theme::MARGIN + 4.0, &entries);
}

fn described(title: String, curves: &BTreeMap<usize, Curve>, counts: &[String]) -> Drawn {
    let further = curves.values().filter(|curve| curve.len() > 1).count();
    let alt = if curves.is_empty() {
        "An empty chart: no trial is finished".to_owned()
    } else {
        format!(
            "Lines of {} by epochs, of which {further} went on; points by epochs: {}",
            count_of(curves.len(), "point", "points"),
            counts.join(", ")
        )
    };
    Drawn {
        title,
        subtitle: String::new(),
        alt,
        reading:
            "Lines that cross say that the order of a short training is not that of a long one: then more should have \
                  gone on, or the first rung is too short."
                .to_owned(),
        numbers: BTreeMap::from([("points".to_owned(), curves.len() as f64), ("promoted".to_owned(), further as f64)]),
    }
}
