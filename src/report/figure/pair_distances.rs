//! `pair-distances`: how far images of one class and of two classes lie apart, while the network learns.

use std::collections::BTreeMap;

use plotters::style::RGBColor;

use super::body::{Axis, Body, Lines, Room, Series};
use super::lines::{self, Places};
use super::plot::{Part, Plot};
use super::training_curves::range;
use super::{Figure, absent, count_of, epochs};
use crate::canvas::Canvas;
use crate::theme::{self, Shape};
use crate::{ReportData, ReportError, Stop, chart};

const TITLE: &str = "Distances of pairs while training";

/// Pairs of some kind.
struct Pairs {
    /// As the history names them.
    column: &'static str,
    name: &'static str,
    colour: RGBColor,
    shape: Shape,
}

const KINDS: [Pairs; 2] = [
    Pairs { column: "positive", name: "one class", colour: theme::RIGHT, shape: Shape::Disc },
    Pairs { column: "negative", name: "two classes", colour: theme::WRONG, shape: Shape::Square },
];

/// What the history calls the distance that a share of the pairs has at most, and what people call it; the middle one is the
/// strong line.
const SHARES: [(&str, &str); 3] = [("p5", "5 %"), ("p50", "50 %"), ("p95", "95 %")];
const MIDDLE: usize = 1;

/// Quantiles of distances over steps.
pub(super) struct PairDistances;

impl Plot for PairDistances {
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

/// The measured steps of one share of one kind.
fn points(data: &ReportData, kind: &Pairs, share: &str) -> Vec<(f64, f64)> {
    let name = format!("{}-{share}", kind.column);
    let told = data.history.0.iter().filter_map(|row| Some((row.step as f64, *row.logged.get(&name)?)));
    told.filter(|(_, distance)| distance.is_finite()).collect()
}

fn build(data: &ReportData) -> Figure {
    let curve = |kind: &Pairs, at: usize| {
        let (share, words) = SHARES[at];
        let name = format!("{}: {words}", kind.name);
        let width = if at == MIDDLE { 3.5 } else { 1.5 };
        Series::new(&name, points(data, kind, share), kind.colour, width).marked(kind.shape)
    };
    let curves: Vec<Series> = KINDS.iter().flat_map(|kind| (0..SHARES.len()).map(move |at| curve(kind, at))).collect();
    if curves.iter().all(|curve| curve.points.is_empty()) {
        return absent::because(TITLE, why_not(data));
    }
    let shown: Vec<f64> = curves.iter().flat_map(|curve| &curve.points).map(|point| point.1).collect();
    let measured = curves.iter().map(|curve| curve.points.len()).max().unwrap_or(0);
    let numbers = numbers(&curves);
    // The strong lines have all shares' names in the table; the legend has the kinds.
    let entry = |kind: &Pairs| {
        let name = format!("pairs of {}", kind.name);
        Series::new(&name, Vec::new(), kind.colour, 3.5).drawn_only().in_legend(4.0).marked(kind.shape)
    };
    let (y, distance) = (range(&shown, &[]), data.model.distance);
    let unit = if distance.larger_is_nearer() { "Similarity" } else { "Distance" };
    let lines = Lines {
        room: Room { size: theme::CHART, above: 44.0, right: 140.0, legend: 0.0 },
        x: epochs::steps(&data.history),
        y: Axis { title: format!("{unit} ({})", distance.name()), digits: chart::digits(y.end - y.start), range: y },
        rules: epochs::rules(&data.history),
        series: curves.into_iter().chain(KINDS.iter().map(entry)).collect(),
        empty: None,
    };
    described(data, measured, numbers, lines)
}

/// Why there is no line.
fn why_not(data: &ReportData) -> String {
    if data.history.0.is_empty() {
        return "Not there: no training step was run, so no pair of images was compared.".to_owned();
    }
    "Not there: the history of the training tells no distances of pairs. It was made by an older version, or its batches held \
     no pairs."
        .to_owned()
}

/// What each line begins and ends with: `positive.p50.first`, `positive.p50.last`, ..
fn numbers(curves: &[Series]) -> BTreeMap<String, f64> {
    let names = KINDS.iter().flat_map(|kind| SHARES.map(|(share, _)| format!("{}.{share}", kind.column)));
    let ends =
        names.zip(curves).filter_map(|(name, curve)| Some((name, curve.points.first()?.1, curve.points.last()?.1)));
    ends.flat_map(|(name, first, last)| [(format!("{name}.first"), first), (format!("{name}.last"), last)]).collect()
}

fn described(data: &ReportData, measured: usize, numbers: BTreeMap<String, f64>, lines: Lines) -> Figure {
    let told = |kind: &Pairs| {
        let end = |end: &str| numbers.get(&format!("{}.p50.{end}", kind.column));
        let ends = end("first").zip(end("last"));
        ends.map(|(first, last)| format!("that of pairs of {} from {first:.4} to {last:.4}", kind.name))
    };
    let told: Vec<String> = KINDS.iter().filter_map(told).collect();
    let (nearer, farther) = if data.model.distance.larger_is_nearer() { ("up", "down") } else { ("down", "up") };
    Figure {
        title: TITLE.to_owned(),
        subtitle: format!(
            "{} measured; the strong line is the median, the thin ones are what 5 and 95 % of the pairs have at most",
            count_of(measured, "batch", "batches")
        ),
        alt: format!("Line chart of distances in batches over training steps: the median goes, {}", told.join(", ")),
        reading: format!(
            "A network that learns moves pairs of one class (discs) {nearer} and pairs of two classes (squares) {farther}; \
             where the lines of the two cross, it takes classes for each other. All of them together near one value mean that \
             every image gets the same embedding."
        ),
        numbers,
        body: Body::Lines(lines),
    }
}

/// The share at the end of each line, with what it comes to.
fn annotate(canvas: &mut Canvas, lines: &Lines, places: &Places) {
    epochs::name(canvas, lines, places);
    let ends = lines.series.iter().zip(&places.series).enumerate().filter_map(|(at, (series, drawn))| {
        let (_, share) = SHARES[at % SHARES.len()];
        let words = format!("{share}: {:.3}", series.points.last()?.1);
        Some((*drawn.last()?, words, series.colour))
    });
    let ends = ends.collect();
    lines::name_ends(canvas, places.area, ends);
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::Distance;

    use super::*;
    use crate::synthetic;

    #[test]
    fn each_line_is_what_the_history_tells_and_no_more() {
        let mut data = synthetic::small();
        let figure = build(&data);
        let told: Vec<(f64, f64)> =
            data.history.0.iter().filter_map(|row| Some((row.step as f64, *row.logged.get("negative-p5")?))).collect();
        let lines = figure.lines().unwrap();
        let found = lines.series.iter().find(|series| series.name == "two classes: 5 %").unwrap();
        assert_eq!((found.points.clone(), told.len()), (told, 3), "the last step of each of three epochs");
        assert_eq!(figure.numbers.len(), 12);
        assert_eq!(figure.numbers["positive.p95.last"], data.history.0[59].logged["positive-p95"]);
        assert!(figure.subtitle.starts_with("3 batches measured"), "{}", figure.subtitle);
        let legend: Vec<&str> =
            lines.series.iter().filter(|series| series.legend.is_some()).map(|series| series.name.as_str()).collect();
        assert_eq!(legend, ["pairs of one class", "pairs of two classes"]);
        // Told apart by more than colour.
        let shapes: Vec<_> = lines.series.iter().filter_map(|series| series.mark).collect();
        assert!(shapes.contains(&Shape::Disc) && shapes.contains(&Shape::Square));
        assert_eq!(lines.y.title, "Distance (cosine)");
        data.model.distance = Distance::InnerProduct;
        let figure = build(&data);
        assert!(figure.reading.contains("(discs) up") && figure.lines().unwrap().y.title.starts_with("Similarity"));
    }

    #[test]
    fn what_is_no_number_is_left_out_and_one_kind_may_be_missing() {
        let mut data = synthetic::small();
        for row in &mut data.history.0 {
            row.logged.retain(|name, _| name.starts_with("positive"));
        }
        data.history.0[19].logged.insert("positive-p50".to_owned(), f64::NAN);
        let figure = build(&data);
        assert_eq!(figure.numbers.len(), 6);
        let points = |name: &str| {
            let lines = figure.lines().unwrap();
            lines.series.iter().find(|series| series.name == name).unwrap().points.len()
        };
        assert_eq!((points("one class: 50 %"), points("one class: 5 %"), points("two classes: 50 %")), (2, 3, 0));
    }

    #[test]
    fn an_old_history_and_one_of_no_step_say_what_is_not_there() {
        let mut data = synthetic::small();
        data.history.0.iter_mut().for_each(|row| row.logged.clear());
        for words in ["tells no distances of pairs", "no training step was run"] {
            let figure = build(&data);
            assert!(matches!(figure.body, Body::Absent) && figure.subtitle.starts_with("Not there:"), "{figure:?}");
            assert!(figure.reading.contains(words), "{}", figure.reading);
            data.history.0.clear();
        }
    }
}
