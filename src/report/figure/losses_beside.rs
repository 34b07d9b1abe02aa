//! The losses of several runs on one plane: the picture of a comparison. It is no figure of the stage `report`.

use std::collections::{BTreeMap, BTreeSet};

use super::body::{Axis, Body, Lines, Room, Series};
use super::{Figure, count_of, lines};
use crate::canvas::Canvas;
use crate::theme::{self, Shape};
use crate::{ReportError, chart};
use simpipe_artifact::{ComparedCurve, ComparisonReport};

/// Runs that the legend names.
const MOST_NAMED: usize = 10;

/// The picture and what it says; `None` where no run has a loss.
///
/// # Errors
/// If it can't be drawn.
pub(crate) fn draw(report: &ComparisonReport) -> Result<Option<(Figure, Canvas)>, ReportError> {
    let curves: Vec<&ComparedCurve> = report.curves.iter().filter(|curve| !curve.loss.is_empty()).collect();
    if curves.is_empty() {
        return Ok(None);
    }
    let figure = build(report, &curves);
    let canvas = lines::paint(&figure, figure.lines()?, |canvas, _, places| {
        let mut ends = Vec::new();
        for (curve, pair) in curves.iter().zip(places.series.chunks_exact(2)) {
            let colour = theme::class_colour(curve.run);
            ends.extend(pair[0].last().map(|end| (*end, end_name(report, curve), colour)));
            // One point is no line.
            for place in pair.iter().filter(|place| place.len() == 1) {
                canvas.marker(Shape::Disc, place[0].0, place[0].1, 6.0, theme::class_colour(curve.run));
            }
        }
        lines::name_ends(canvas, places.area, ends);
    })?;
    Ok(Some((figure, canvas)))
}

fn build(report: &ComparisonReport, curves: &[&ComparedCurve]) -> Figure {
    let all = || curves.iter().flat_map(|curve| curve.loss.iter().chain(&curve.validation));
    let x_end = all().map(|point| point.0).fold(1.0, f64::max);
    let y = range(&all().map(|point| point.1).collect::<Vec<f64>>());
    let clipped = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
        points.iter().map(|(x, loss)| (*x, loss.clamp(y.start, y.end))).collect()
    };
    let series = curves.iter().flat_map(|curve| {
        let colour = theme::class_colour(curve.run);
        let seed = curve.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
        let name = format!("{}{seed}", report.label(curve.run));
        let loss = Series::new(&name, clipped(&curve.loss), colour, 3.0);
        let validation = Series::new(&format!("{name}: validation"), clipped(&curve.validation), colour, 1.5);
        [loss, validation.faded(0.6)]
    });
    // Names are too long for a legend: it has their numbers.
    let runs: BTreeSet<usize> = curves.iter().map(|curve| curve.run).collect();
    let entry = |run: &usize| {
        let name = format!("{}", run + 1);
        Series::new(&name, Vec::new(), theme::class_colour(*run), 1.0).faded(0.0).unlisted().in_legend(6.0)
    };
    let alone = report.runs.len() == 1;
    let legend: Vec<Series> = runs.iter().filter(|_| !alone).take(MOST_NAMED).map(entry).collect();
    let lines = Lines {
        room: Room { size: theme::CHART, above: 44.0, right: 60.0, legend: 60.0 },
        x: Axis { title: "Training step".to_owned(), range: 0.0..x_end, digits: chart::digits(x_end) },
        y: Axis { title: "Loss".to_owned(), digits: chart::digits(y.end - y.start), range: y.clone() },
        rules: Vec::new(),
        series: series.chain(legend).collect(),
        empty: None,
    };
    let ends: Vec<String> = curves
        .iter()
        .filter_map(|curve| Some(format!("{} {:.4}", report.label(curve.run), curve.loss.last()?.1)))
        .take(MOST_NAMED)
        .collect();
    Figure {
        title: "Training curves".to_owned(),
        subtitle: format!(
            "{} of {}; the strong lines are means over some steps, the light ones and single points validation losses; numbers \
             are {}",
            count_of(curves.len(), "training", "trainings"),
            count_of(runs.len(), "run", "runs"),
            if alone { "seeds" } else { "those of the runs" },
        ),
        alt: format!("Line chart of losses over steps; they end at: {}", ends.join(", ")),
        reading: "Losses of different kinds, or of other parameters of a loss, are no numbers to be compared: what a training \
                  is worth is said by the metrics."
            .to_owned(),
        numbers: BTreeMap::new(),
        body: Body::Lines(lines),
    }
}

/// What holds all but a few wild first values.
fn range(values: &[f64]) -> std::ops::Range<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted.get(((sorted.len() as f64 - 1.0) * share) as usize).copied();
    let Some((low, high)) = at(0.0).zip(at(0.99)) else { return 0.0..1.0 };
    let room = ((high - low) * 0.06).max(high.abs() * 0.01).max(1e-6);
    chart::drawable(if low >= 0.0 && low < 0.4 * high { 0.0 } else { low - room }..high + room)
}

/// What a training is called at the end of its line: its run's number, or its seed where there is one run alone.
fn end_name(report: &ComparisonReport, curve: &ComparedCurve) -> String {
    let seed = curve.seed.filter(|_| report.runs.len() == 1);
    seed.map_or_else(|| (curve.run + 1).to_string(), |seed| seed.to_string())
}
