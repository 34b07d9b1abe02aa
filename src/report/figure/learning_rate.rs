//! `learning-rate`: how large the steps of the training were.

use super::body::{Axis, Body, Lines, Room, Series};
use super::lines::{self, Places};
use super::plot::{Part, Plot};
use super::{Figure, absent, count_of, epochs};
use crate::canvas::{Align, Canvas, Pen};
use crate::theme::{self, Shape};
use crate::{ReportData, ReportError, Stop, chart};

const TITLE: &str = "Learning rate";
/// Half of the room that the words over a point take, in pixels.
const HALF: f64 = 90.0;

/// The learning rate over steps.
pub(super) struct LearningRate;

impl Plot for LearningRate {
    fn needs(&self) -> &'static [&'static str] {
        &["training"]
    }

    fn part(&self) -> Part {
        Part::Training
    }

    fn build(&self, data: &ReportData, _: Stop<'_>) -> Result<Figure, ReportError> {
        Ok(build(data))
    }

    fn paint(&self, figure: &Figure, _: &ReportData, _: Stop<'_>) -> Result<Canvas, ReportError> {
        lines::paint(figure, figure.lines()?, annotate)
    }
}

/// The places of the first, the largest and the last rate.
fn marked(points: &[(f64, f64)]) -> Option<[usize; 3]> {
    let last = points.len().checked_sub(1)?;
    let largest = (1..points.len()).fold(0, |best, at| if points[at].1 > points[best].1 { at } else { best });
    Some([0, largest, last])
}

fn build(data: &ReportData) -> Figure {
    let history = &data.history;
    let points: Vec<(f64, f64)> =
        history.0.iter().map(|row| (row.step as f64, row.learning_rate)).filter(|(_, rate)| rate.is_finite()).collect();
    let Some(places) = marked(&points) else {
        return absent::because(TITLE, "Not there: no training step was run, so there is no learning rate.".to_owned());
    };
    let [first, largest, last] = places.map(|at| points[at].1);
    let low = points.iter().map(|point| point.1).fold(0.0, f64::min);
    let y = chart::drawable(low..largest + (largest - low) * 0.12);
    let (steps, ends) = (points.len(), epochs::ends(history).len());
    let lines = Lines {
        room: Room { size: theme::CHART, above: 44.0, right: 120.0, legend: 0.0 },
        x: epochs::steps(history),
        y: Axis { title: TITLE.to_owned(), digits: chart::digits(y.end - y.start), range: y },
        rules: epochs::rules(history),
        series: vec![Series::new("learning rate", points, theme::RIGHT, 3.5)],
        empty: None,
    };
    let numbers = [("first", first), ("largest", largest), ("last", last)];
    Figure {
        title: TITLE.to_owned(),
        subtitle: format!(
            "{} in {}; groups of parameters may have factors of their own",
            count_of(steps, "step", "steps"),
            count_of(ends, "epoch", "epochs")
        ),
        alt: format!(
            "Line chart of the learning rate over training steps: {} at first, {} at most, {} at last",
            chart::short(first),
            chart::short(largest),
            chart::short(last)
        ),
        reading: "A rate that ends near 0 let the network settle. A loss that jumps where the rate is largest means that it is \
                  too large; one that still falls at the end, that the training was too short for its schedule."
            .to_owned(),
        numbers: numbers.map(|(name, value)| (format!("learning_rate.{name}"), value)).into(),
        body: Body::Lines(lines),
    }
}

/// The largest rate over its point, the last one behind it.
fn annotate(canvas: &mut Canvas, lines: &Lines, places: &Places) {
    epochs::name(canvas, lines, places);
    let (Some(series), Some(drawn)) = (lines.series.first(), places.series.first()) else { return };
    let Some([first, largest, last]) = marked(&series.points) else { return };
    let pen = Pen::new(theme::SMALL, series.colour).bold();
    if largest != first && largest != last {
        let (x, y) = drawn[largest];
        canvas.marker(Shape::Diamond, x, y, 9.0, series.colour);
        let middle = x.clamp(places.area.x + HALF, places.area.x + places.area.w - HALF);
        canvas.text(&chart::short(series.points[largest].1), middle, y - 24.0, pen.align(Align::Centre));
    }
    let (x, y) = drawn[last];
    canvas.marker(Shape::Disc, x, y, 9.0, series.colour);
    canvas.text(&chart::short(series.points[last].1), x + 16.0, y, pen);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn a_schedule_is_told_by_its_first_largest_and_last_rate() {
        let mut data = synthetic::small();
        for (at, row) in data.history.0.iter_mut().enumerate() {
            row.learning_rate = if at < 10 { 1e-4 * (at + 1) as f64 } else { 1e-3 - 1e-5 * (at - 9) as f64 };
        }
        let figure = build(&data);
        assert_eq!(figure.numbers["learning_rate.first"], 1e-4);
        assert_eq!(figure.numbers["learning_rate.largest"], 1e-3);
        assert!((figure.numbers["learning_rate.last"] - 5e-4).abs() < 1e-12, "{:?}", figure.numbers);
        assert!(figure.alt.ends_with("1.00e−4 at first, 0.001 at most, 5.00e−4 at last"), "{}", figure.alt);
        let lines = figure.lines().unwrap();
        assert_eq!((lines.series[0].points.len(), lines.series[0].points[9]), (60, (10.0, 1e-3)));
        assert!(lines.y.range.end > 1e-3 && lines.y.range.start == 0.0, "{:?}", lines.y);
        assert_eq!(lines.rules.iter().map(|rule| rule.at).collect::<Vec<_>>(), [20.0, 40.0, 60.0]);
    }

    #[test]
    fn without_a_step_it_is_not_there() {
        let mut data = synthetic::small();
        data.history.0.clear();
        let figure = build(&data);
        assert!(
            matches!(figure.body, Body::Absent) && figure.subtitle.starts_with("Not there: no training step"),
            "{figure:?}"
        );
        assert!(figure.numbers.is_empty(), "{:?}", figure.numbers);
        // Rates that are no numbers are none.
        let mut data = synthetic::small();
        data.history.0.iter_mut().for_each(|row| row.learning_rate = f64::NAN);
        assert!(matches!(build(&data).body, Body::Absent));
    }
}
