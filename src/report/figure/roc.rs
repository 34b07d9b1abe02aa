//! `roc`: what accepting right labels costs in wrong ones.

use std::collections::BTreeMap;

use simpipe_artifact::Cutpoint;

use super::body::{Axis, Body, Lines, Room, Series};
use super::plot::{Part, Plot};
use super::verdicts::{Verdicts, area, equal_error};
use super::{Figure, count_of, lines};
use crate::canvas::{Align, Area, Canvas, Pen};
use crate::theme::{self, Shape};
use crate::{ReportData, ReportError, Stop};

/// Right verdicts accepted over wrong ones accepted.
pub(super) struct RocCurve;

impl Plot for RocCurve {
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
        lines::paint(figure, figure.lines()?, |canvas, lines, places| {
            if let Some((series, place)) = lines.series.iter().zip(&places.series).nth(2)
                && let Some((x, y)) = place.first()
            {
                canvas.marker(Shape::Disc, *x, *y, 12.0, theme::INK);
                let pen = Pen::new(theme::SMALL, theme::INK).bold();
                let (align, beside) =
                    if series.points[0].0 > 0.5 { (Align::Right, -22.0) } else { (Align::Left, 22.0) };
                // On no line: words on a line can't be read.
                let width = pen.width(&series.name);
                let left = if align == Align::Right { x + beside - width } else { x + beside };
                canvas.fill(Area::new(left - 6.0, y + 20.0, width + 12.0, 28.0), theme::PAPER);
                canvas.text(&series.name, x + beside, y + 34.0, pen.align(align));
            }
        })
    }
}

/// The rates of the cutpoint in use, with its name.
pub(super) fn used(data: &ReportData, verdicts: &Verdicts) -> Option<(String, f64, f64)> {
    let (name, Cutpoint { distance, .. }) = data.cutpoint().filter(|_| verdicts.has_both())?;
    let larger = data.calibration.distance_metric.larger_is_nearer();
    let accepted = verdicts.steps.iter().rfind(|step| {
        // Thresholds are rounded where they are computed; the cutpoint is one of them.
        let slack = 1e-9 * distance.abs().max(1.0);
        if larger { step.distance >= distance - slack } else { step.distance <= distance + slack }
    })?;
    let rate = |part: u64, whole: u64| part as f64 / whole as f64;
    Some((name.to_owned(), rate(accepted.wrong, verdicts.wrong), rate(accepted.right, verdicts.right)))
}

/// Why there is no curve, if there is none.
pub(super) fn empty(verdicts: &Verdicts) -> Option<String> {
    let words = match (verdicts.right, verdicts.wrong) {
        (0, 0) => "There is no curve: the calibration saw no query.",
        (0, _) => "There is no curve: no query of the calibration got the right label.",
        (_, 0) => "There is no curve: no query of the calibration got a wrong label.",
        _ => return None,
    };
    Some(words.to_owned())
}

/// How many of each kind the curve is of.
pub(super) fn counted(verdicts: &Verdicts) -> String {
    let [right, wrong] = [verdicts.right, verdicts.wrong].map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    format!(
        "{} that the matcher gives the right label, {} that it gives a wrong one",
        count_of(right, "calibration query", "calibration queries"),
        crate::chart::number(wrong as f64, 0)
    )
}

fn build(data: &ReportData) -> Figure {
    let verdicts = Verdicts::of(&data.thresholds);
    let rates = verdicts.rates();
    let chance = Series::new("chance", vec![(0.0, 0.0), (1.0, 1.0)], theme::FRAME, 2.0).unlisted();
    let mut series = vec![chance, Series::new("right labels accepted", rates.clone(), theme::RIGHT, 4.0)];
    let used = used(data, &verdicts);
    if let Some((name, wrong, right)) = &used {
        let words = format!("{name}: {:.1} % of right, {:.1} % of wrong", right * 100.0, wrong * 100.0);
        series.push(Series::new(&words, vec![(*wrong, *right)], theme::INK, 4.0).unlisted());
    }
    let (_, height) = theme::CHART;
    let lines = Lines {
        room: Room { size: (height + 60, height), above: 12.0, right: 20.0, legend: 0.0 },
        x: Axis { title: "Share of wrong labels accepted".to_owned(), range: -0.03..1.03, digits: 1 },
        y: Axis { title: "Share of right labels accepted".to_owned(), range: -0.03..1.03, digits: 1 },
        rules: Vec::new(),
        series,
        empty: empty(&verdicts),
    };
    let mut numbers = BTreeMap::new();
    let mut alt = "ROC curve: the share of right labels accepted over that of wrong ones".to_owned();
    if let Some(error) = equal_error(&rates) {
        numbers.insert("auc".to_owned(), area(&rates));
        numbers.insert("eer".to_owned(), error);
        alt += &format!("; the area under it is {:.4}, the equal error rate {error:.4}", area(&rates));
    }
    if let Some((name, wrong, right)) = used {
        numbers.insert(format!("{name}.wrong_accepted"), wrong);
        numbers.insert(format!("{name}.right_accepted"), right);
    }
    let said = numbers.get("auc").map_or_else(String::new, |auc| format!("; area under the curve {auc:.4}"));
    Figure {
        title: "ROC curve".to_owned(),
        subtitle: format!("{}{said}; grey is chance", counted(&verdicts)),
        alt,
        reading: "Each point is a threshold; the nearer the curve runs to the upper left corner, the better distances tell \
                  right labels from wrong ones. What the matcher gets wrong at every threshold is not in it: see accuracy."
            .to_owned(),
        numbers,
        body: Body::Lines(lines),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::verdicts::tests::six;
    use crate::synthetic;

    #[test]
    fn the_cutpoint_in_use_lies_on_the_curve() {
        let mut data = synthetic::small();
        data.thresholds = six();
        data.calibration.cutpoints.get_mut("optimal").unwrap().distance = 3.0;
        let figure = build(&data);
        assert_eq!((figure.numbers["optimal.wrong_accepted"], figure.numbers["optimal.right_accepted"]), (0.5, 0.75));
        assert_eq!((figure.numbers["auc"], figure.lines().unwrap().empty.as_ref()), (0.6875, None));
        data.thresholds.false_positive.fill(0);
        let figure = build(&data);
        assert!(figure.numbers.is_empty(), "{:?}", figure.numbers);
        assert!(figure.lines().unwrap().empty.as_ref().unwrap().contains("no query of the calibration got a wrong"));
    }
}
