//! The losses of several runs on one plane: the picture of a comparison. It is no figure of the stage `report`.

use std::collections::{BTreeMap, BTreeSet};

use plotters::style::RGBColor;
use simpipe_artifact::{ComparedCurve, ComparisonReport};

use super::body::{Axis, Body, Lines, Room, Series};
use super::{Figure, count_of, lines};
use crate::canvas::Canvas;
use crate::sweep::plane::stroke;
use crate::text::{self, Weight};
use crate::theme::{self, Shape};
use crate::{ReportError, chart};

/// Trainings whose last losses are told to those who can't see the picture.
const MOST_NAMED: usize = 10;
/// Space for the names at the ends of lines.
const NAMES: f64 = 330.0;
/// How wide the first line is, and those over it: where they are the same both are seen.
const UNDER: f64 = 6.0;
const OVER: f64 = 3.0;
/// Lengths of strokes and gaps of one line after the other, so that they are told apart without colours.
const DASHES: [&[f64]; 4] = [&[], &[22.0, 11.0], &[5.0, 9.0], &[22.0, 8.0, 5.0, 8.0]];

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
        for (at, (curve, pair)) in curves.iter().zip(places.series.chunks_exact(2)).enumerate() {
            let (colour, width) = (colour(report, curve, at), if at == 0 { UNDER } else { OVER });
            for (from, to) in dashes(&pair[0], DASHES[at % DASHES.len()]) {
                stroke(canvas, from, to, width, colour, 1.0);
            }
            ends.extend(pair[0].last().map(|end| (*end, end_name(report, curve), colour)));
            // One point is no line.
            for place in pair.iter().filter(|place| place.len() == 1) {
                canvas.marker(Shape::Disc, place[0].0, place[0].1, 6.0, colour);
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
    let series = curves.iter().enumerate().flat_map(|(at, curve)| {
        let colour = colour(report, curve, at);
        let seed = curve.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
        let name = format!("{}{seed}", report.label(curve.run));
        // Drawn in dashes afterwards.
        let loss = Series::new(&name, clipped(&curve.loss), colour, OVER).faded(0.0);
        let validation = Series::new(&format!("{name}: validation"), clipped(&curve.validation), colour, 1.5);
        [loss, validation.faded(0.6)]
    });
    let runs: BTreeSet<usize> = curves.iter().map(|curve| curve.run).collect();
    let lines = Lines {
        room: Room { size: theme::CHART, above: 44.0, right: NAMES, legend: 0.0 },
        x: Axis { title: "Training step".to_owned(), range: 0.0..x_end, digits: chart::digits(x_end) },
        y: Axis { title: "Loss".to_owned(), digits: chart::digits(y.end - y.start), range: y.clone() },
        rules: Vec::new(),
        series: series.collect(),
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
            "{} of {}; the strong lines are means over some steps, the light ones and single points validation losses; each \
             training is named where its line ends",
            count_of(curves.len(), "training", "trainings"),
            count_of(runs.len(), "run", "runs"),
        ),
        alt: format!("Line chart of losses over steps; they end at: {}", ends.join(", ")),
        reading: "Losses of different kinds, or with different parameters, can't be compared. To judge a training, compare its \
                  metrics."
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

/// What a training is called at the end of its line: its run, or its seed where there is one run alone.
fn end_name(report: &ComparisonReport, curve: &ComparedCurve) -> String {
    let seed = curve.seed.map(|seed| format!("seed {seed}"));
    let name = match (seed, report.runs.as_slice()) {
        (Some(seed), [_]) => seed,
        (Some(seed), _) => format!("{}, {seed}", report.label(curve.run)),
        (None, _) => report.label(curve.run),
    };
    text::fit_name(&name, theme::SMALL, Weight::Bold, NAMES - 30.0)
}

/// That of its run, or of the training where there is one run alone.
fn colour(report: &ComparisonReport, curve: &ComparedCurve, at: usize) -> RGBColor {
    theme::class_colour(if report.runs.len() == 1 { at } else { curve.run })
}

/// A piece of a line between two places.
type Piece = ((f64, f64), (f64, f64));

/// The pieces of a line that are drawn, by lengths of strokes and gaps in turn; all of it where there are none.
fn dashes(places: &[(f64, f64)], lengths: &[f64]) -> Vec<Piece> {
    let segments = places.windows(2).map(|pair| (pair[0], pair[1]));
    if lengths.is_empty() {
        return segments.collect();
    }
    let (mut pieces, mut at, mut left) = (Vec::new(), 0, lengths[0]);
    for (mut from, to) in segments {
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            let share = if length > left { left / length } else { 1.0 };
            let end = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            if at % 2 == 0 {
                pieces.push((from, end));
            }
            if length <= left {
                left -= length;
                break;
            }
            (from, at) = (end, (at + 1) % lengths.len());
            left = lengths[at];
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::ComparedRun;

    use super::*;

    #[test]
    fn dashes_go_on_round_corners() {
        let corner = [(0.0, 0.0), (6.0, 0.0), (6.0, 10.0)];
        assert_eq!(dashes(&corner, &[]), [((0.0, 0.0), (6.0, 0.0)), ((6.0, 0.0), (6.0, 10.0))]);
        // 8 drawn, 4 not, 4 drawn.
        let found = dashes(&corner, &[8.0, 4.0]);
        assert_eq!(found, [((0.0, 0.0), (6.0, 0.0)), ((6.0, 0.0), (6.0, 2.0)), ((6.0, 6.0), (6.0, 10.0))]);
        assert!(dashes(&corner[..1], &[8.0, 4.0]).is_empty());
    }

    #[test]
    fn seeds_have_names_and_colours_of_their_own() {
        let run =
            |name: &str| ComparedRun { run: format!("{name}-1a2b"), name: name.to_owned(), ..ComparedRun::default() };
        let curve = |seed: u64| ComparedCurve { seed: Some(seed), ..ComparedCurve::default() };
        let mut report = ComparisonReport { runs: vec![run("mine")], ..ComparisonReport::default() };
        assert_eq!(end_name(&report, &curve(7)), "seed 7");
        assert!(colour(&report, &curve(7), 0) != colour(&report, &curve(8), 1));
        report.runs.push(run("other"));
        assert_eq!(end_name(&report, &ComparedCurve::default()), "1 mine 1a2b");
        assert_eq!(colour(&report, &curve(7), 0), colour(&report, &curve(8), 1));
    }
}
