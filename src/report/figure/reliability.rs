//! `reliability`: whether the probabilities of labels hold what they say.

use std::collections::BTreeMap;

use plotters::style::RGBColor;
use simpipe_metric::reliability::{BINS, Bin, Judgement, calibration_error, equal_mass};

use super::body::{Axis, Body, Lines, Room, Series};
use super::lines;
use super::plot::{Part, Plot};
use super::{Figure, count_of};
use crate::canvas::Canvas;
use crate::interval::wilson;
use crate::theme::{self, Shape};
use crate::{ReportData, ReportError, Stop};

const POINTS: RGBColor = RGBColor(0, 114, 178);

/// What was said of every query, and whether it came true.
fn judgements(data: &ReportData) -> Vec<Judgement> {
    let of = |row: &simpipe_artifact::MatchRow| Judgement {
        probability: row.probability,
        right: row.predicted == Some(row.label),
    };
    data.matches.0.iter().map(of).filter(|judgement| judgement.probability.is_finite()).collect()
}

/// What came true of what was said.
pub(super) struct Reliability;

impl Plot for Reliability {
    fn needs(&self) -> &'static [&'static str] {
        &["matches"]
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
    let judgements = judgements(data);
    let bins = equal_mass(&judgements, BINS);
    let error = calibration_error(&judgements);
    let said = error.map_or_else(String::new, |error| format!("; expected calibration error {error:.4}"));
    let subtitle = format!(
        "{} in {} of as many each{said}; on the grey line, probabilities come true exactly as often as they say; bars are Wilson's 95 % intervals",
        count_of(judgements.len(), "query", "queries"),
        count_of(bins.len(), "bin", "bins")
    );
    let interval = |bin: &Bin| {
        let (low, high) = wilson(bin.right, bin.count);
        let ends = vec![(bin.probability, low), (bin.probability, high)];
        Series::new("interval", ends, POINTS, 2.0).faded(0.45).unlisted()
    };
    let diagonal = Series::new("as said", vec![(0.0, 0.0), (1.0, 1.0)], theme::FRAME, 2.0).unlisted();
    let mut series: Vec<Series> = std::iter::once(diagonal).chain(bins.iter().map(interval)).collect();
    // Points that no line joins.
    let points = bins.iter().map(|bin| (bin.probability, bin.right)).collect();
    series.push(Series::new("share that is right", points, POINTS, 0.0).faded(0.0));
    let (_, height) = theme::CHART;
    let empty = "There are no queries, so no probability came true or did not.".to_owned();
    let lines = Lines {
        room: Room { size: (height + 60, height), above: 12.0, right: 20.0, legend: 0.0 },
        x: Axis {
            title: "Probability that the label is right, as calibrated".to_owned(),
            range: -0.03..1.03,
            digits: 1,
        },
        y: Axis { title: "Share of labels that are right".to_owned(), range: -0.03..1.03, digits: 1 },
        rules: Vec::new(),
        series,
        empty: bins.is_empty().then_some(empty),
    };
    described(subtitle, error, &bins, Body::Lines(lines))
}

fn paint(figure: &Figure, lines: &Lines) -> Result<Canvas, ReportError> {
    lines::paint(figure, lines, |canvas, _, places| {
        for (x, y) in places.series.last().into_iter().flatten() {
            canvas.marker(Shape::Disc, *x, *y, 9.0, POINTS);
        }
    })
}

fn described(subtitle: String, error: Option<f64>, bins: &[Bin], body: Body) -> Figure {
    let mut alt = "The share of right labels against the probability that was said".to_owned();
    let largest = bins.iter().max_by(|one, other| gap(one).total_cmp(&gap(other)));
    if let (Some(error), Some(bin)) = (error, largest) {
        alt += &format!(
            ", in {}; the expected calibration error is {error:.4}, and the largest gap is where {:.2} was said and {:.2} \
             came true",
            count_of(bins.len(), "bin", "bins"),
            bin.probability,
            bin.right
        );
    }
    Figure {
        title: "Reliability of the probabilities".to_owned(),
        subtitle,
        alt,
        reading:
            "Points on the grey line are probabilities that come true as often as they say; below it they promise \
                  too much. The probabilities were fitted to the calibration's queries: if those were trained on, new \
                  images lie below the line."
                .to_owned(),
        numbers: error.map(|error| ("ece".to_owned(), error)).into_iter().collect::<BTreeMap<_, _>>(),
        body,
    }
}

fn gap(bin: &Bin) -> f64 {
    (bin.probability - bin.right).abs()
}
