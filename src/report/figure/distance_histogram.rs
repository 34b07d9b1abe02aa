//! `distance-histogram`: how far right and wrong verdicts are, side by side.

use std::collections::BTreeMap;
use std::ops::Range;

use super::bars;
use super::body::{Axis, Bars, Body, Heights, Room, Rule};
use super::plot::{Part, Plot};
use super::verdicts::Verdicts;
use super::{Figure, count_of};
use crate::canvas::{Align, Canvas, Pen};
use crate::{ReportData, ReportError, Stop, chart, theme};

/// Bars along the axis.
const BARS: usize = 40;

/// Distances of matches and of what is none.
pub(super) struct DistanceHistogram;

impl Plot for DistanceHistogram {
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
        bars::paint(figure, figure.bars()?, |canvas, lines, places| {
            for (rule, (x, y)) in lines.rules.iter().zip(&places.rules) {
                let pen = Pen::new(theme::SMALL, theme::INK).bold().align(Align::Centre);
                let (area, half) = (places.area, pen.width(&rule.name) / 2.0);
                let middle = x.clamp(area.x + half, (area.x + area.w - half).max(area.x + half));
                canvas.text(&rule.name, middle, y - 16.0, pen);
            }
        })
    }
}

/// Verdicts by bar.
struct Counts {
    span: Range<f64>,
    right: Vec<u64>,
    wrong: Vec<u64>,
}

impl Counts {
    fn of(verdicts: &Verdicts) -> Self {
        let there = || verdicts.differences().filter(|step| step.right + step.wrong > 0);
        let ends = there().map(|step| step.distance);
        let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)));
        let span = chart::drawable(low..high);
        let mut bars = Self { right: vec![0; BARS], wrong: vec![0; BARS], span };
        let wide = bars.span.end - bars.span.start;
        for step in there() {
            let share = (step.distance - bars.span.start) / wide;
            let bar = ((share * BARS as f64) as usize).min(BARS - 1);
            bars.right[bar] += step.right;
            bars.wrong[bar] += step.wrong;
        }
        bars
    }

    fn edge(&self, bar: usize) -> f64 {
        self.span.start + (self.span.end - self.span.start) * bar as f64 / BARS as f64
    }

    /// Both kinds as shares of all of theirs; told apart by more than colour: one outline is thick, the other thin.
    fn kinds(&self) -> Vec<Heights> {
        let kind = |name: &str, counts: &[u64], colour, width| {
            let all = counts.iter().sum::<u64>().max(1) as f64;
            let heights = counts.iter().map(|count| *count as f64 / all).collect();
            Heights { name: name.to_owned(), heights, colour, width }
        };
        vec![kind("right label", &self.right, theme::RIGHT, 6.0), kind("wrong label", &self.wrong, theme::WRONG, 2.5)]
    }
}

fn build(data: &ReportData) -> Figure {
    let verdicts = Verdicts::of(&data.thresholds);
    let counts = Counts::of(&verdicts);
    let there = verdicts.right + verdicts.wrong > 0;
    let kinds = if there { counts.kinds() } else { Vec::new() };
    let highest = kinds.iter().flat_map(|kind| &kind.heights).copied().fold(0.0, f64::max);
    let used = data.cutpoint().map(|(_, cutpoint)| cutpoint.distance).filter(|at| there && at.is_finite());
    let (low, high) =
        used.map_or((counts.span.start, counts.span.end), |at| (counts.span.start.min(at), counts.span.end.max(at)));
    let room = (high - low) * 0.02;
    let x = chart::drawable(low - room..high + room);
    let cutpoint = data.cutpoint().filter(|_| there).map(|(name, cutpoint)| Rule {
        at: cutpoint.distance.clamp(x.start, x.end),
        name: format!("{name}: {:.4}", cutpoint.distance),
        main: true,
        width: 2.5,
        colour: theme::INK,
    });
    let bars = Bars {
        room: Room { size: theme::CHART, above: 34.0, right: 20.0, legend: 20.0 },
        x: Axis {
            title: format!("Distance ({})", data.calibration.distance_metric.name()),
            digits: chart::digits(x.end - x.start),
            range: x,
        },
        y: Axis {
            title: "Share of the queries of its kind".to_owned(),
            range: 0.0..if highest > 0.0 { highest * 1.06 } else { 1.0 },
            digits: 2,
        },
        rules: cutpoint.into_iter().collect(),
        edges: (0..=BARS).map(|bar| counts.edge(bar)).collect(),
        kinds,
        empty: (!there).then(|| "There are no distances: the calibration saw no query.".to_owned()),
    };
    described(data, &verdicts, Body::Bars(bars))
}

fn described(data: &ReportData, verdicts: &Verdicts, body: Body) -> Figure {
    let [right, wrong] = [verdicts.right, verdicts.wrong].map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    let counted = format!(
        "{} with the right label and {} with a wrong one",
        count_of(right, "calibration query", "calibration queries"),
        chart::number(wrong as f64, 0)
    );
    Figure {
        title: "Distances of right and wrong labels".to_owned(),
        subtitle: format!("{counted}; {BARS} bars, each kind adds up to 1; {} matcher", data.calibration.matcher),
        alt: format!("Histogram of the distances of {counted}"),
        reading:
            "The farther the two outlines lie apart, the better a threshold can tell a right label from a wrong one; \
                  the dashed line is the threshold in use, which accepts what lies on its near side."
                .to_owned(),
        numbers: BTreeMap::from([("right".to_owned(), right as f64), ("wrong".to_owned(), wrong as f64)]),
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::verdicts::tests::six;

    #[test]
    fn bars_hold_every_verdict_once() {
        let bars = Counts::of(&Verdicts::of(&six()));
        assert_eq!((bars.right.iter().sum::<u64>(), bars.wrong.iter().sum::<u64>()), (4, 2));
        assert_eq!((bars.right[0], bars.right[BARS - 1], bars.wrong[BARS / 2]), (1, 1, 1));
        for kind in bars.kinds() {
            assert_eq!(kind.heights.len(), BARS);
            assert!((kind.heights.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{}", kind.name);
        }
    }
}
