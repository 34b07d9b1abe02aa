//! `det`: the two errors of a threshold against each other, on axes that spread what is small.

use std::collections::BTreeMap;

use plotters::style::RGBColor;

use super::Figure;
use super::body::{Axis, Body, Lines, Room, Series};
use super::plot::{Part, Plot};
use super::roc::{counted, empty, used};
use super::verdicts::{Verdicts, equal_error};
use crate::canvas::{Align, Area, Canvas, Pen};
use crate::chart::{self, Axes};
use crate::theme::{self, Shape};
use crate::{ReportData, ReportError, Stop};

/// Rates at which the axes have a line.
const TICKS: [(f64, &str); 11] = [
    (0.001, "0.1 %"),
    (0.005, "0.5 %"),
    (0.02, "2 %"),
    (0.05, "5 %"),
    (0.1, "10 %"),
    (0.2, "20 %"),
    (0.4, "40 %"),
    (0.6, "60 %"),
    (0.8, "80 %"),
    (0.95, "95 %"),
    (0.99, "99 %"),
];
/// Rates at the ends of the axes; what is beyond is drawn there.
const ENDS: [f64; 2] = [0.0008, 0.9925];
/// The curve, among what helps to read it.
const CURVE: &str = "right labels refused";
/// The wrong labels accepted at which the refused right ones are told.
const TOLD: f64 = 0.01;

/// Right labels refused over wrong ones accepted (Martin et al., 1997).
pub(super) struct DetCurve;

impl Plot for DetCurve {
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

/// The deviate of a normal distribution below which a share lies, to nine digits (Acklam's approximation).
fn deviate(share: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -54.476_098_798_224_06,
        161.585_836_858_040_9,
        -155.698_979_859_886_6,
        66.801_311_887_719_72,
        -13.280_681_552_885_72,
        1.0,
    ];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_5,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] =
        [0.007_784_695_709_041_462, 0.322_467_129_070_039_8, 2.445_134_137_142_996, 3.754_408_661_907_416, 1.0];
    let polynomial = |factors: &[f64], x: f64| factors.iter().fold(0.0, |sum, factor| sum * x + factor);
    let share = share.clamp(ENDS[0], ENDS[1]);
    let tail = |share: f64| {
        let x = (-2.0 * libm::log(share)).sqrt();
        polynomial(&C, x) / polynomial(&D, x)
    };
    if share < 0.02425 {
        tail(share)
    } else if share > 1.0 - 0.02425 {
        -tail(1.0 - share)
    } else {
        let x = share - 0.5;
        x * polynomial(&A, x * x) / polynomial(&B, x * x)
    }
}

/// From rates of wrong labels accepted and right ones accepted to places on the plane.
fn place((wrong, right): (f64, f64)) -> (f64, f64) {
    (deviate(wrong), deviate(1.0 - right))
}

fn build(data: &ReportData) -> Figure {
    let verdicts = Verdicts::of(&data.thresholds);
    let rates = verdicts.rates();
    let range = || deviate(ENDS[0])..deviate(ENDS[1]);
    let drawn = rates.iter().map(|rate| place(*rate)).collect();
    // The table is of rates, the picture of deviates.
    let listed = rates.iter().map(|(wrong, right)| (*wrong, 1.0 - right)).collect();
    let equal = vec![(range().start, range().start), (range().end, range().end)];
    let mut series = vec![
        Series::new("as many of both", equal, theme::FRAME, 2.0).drawn_only(),
        Series::new(CURVE, drawn, theme::RIGHT, 4.0).drawn_only(),
        Series::new(CURVE, listed, theme::RIGHT, 0.0).faded(0.0),
    ];
    if let Some((name, wrong, right)) = used(data, &verdicts) {
        let words = format!("{name}: {:.1} % refused, {:.1} % accepted", (1.0 - right) * 100.0, wrong * 100.0);
        series.push(Series::new(&words, vec![place((wrong, right))], theme::INK, 4.0).drawn_only());
    }
    let (_, height) = theme::CHART;
    let lines = Lines {
        room: Room { size: (height + 60, height), above: 12.0, right: 20.0, legend: 0.0 },
        x: Axis { title: "Share of wrong labels accepted".to_owned(), range: range(), digits: 1 },
        y: Axis { title: "Share of right labels refused".to_owned(), range: range(), digits: 1 },
        rules: Vec::new(),
        series,
        empty: empty(&verdicts),
    };
    let mut numbers = BTreeMap::new();
    let mut said = String::new();
    if let Some(error) = equal_error(&rates) {
        // The laxest threshold within what is told.
        let refused = rates.iter().rfind(|rate| rate.0 <= TOLD).map_or(1.0, |rate| 1.0 - rate.1);
        numbers.extend([("eer".to_owned(), error), (format!("refused@{TOLD}"), refused)]);
        said = format!(
            "; equal error rate {error:.4}; {:.1} % of right labels refused where at most 1 % of wrong ones are accepted",
            refused * 100.0
        );
    }
    Figure {
        title: "Detection error trade-off".to_owned(),
        subtitle: format!("{}{said}", counted(&verdicts)),
        alt: format!("DET curve: right labels refused over wrong labels accepted{said}"),
        reading: "The nearer the curve lies to the lower left corner, the better; on the grey line both errors are as \
                  frequent. The axes are of normal deviates, so that small rates can be told apart; rates beyond their ends \
                  are drawn there."
            .to_owned(),
        numbers,
        body: Body::Lines(lines),
    }
}

fn paint(figure: &Figure, lines: &Lines) -> Result<Canvas, ReportError> {
    let room = lines.room;
    let mut canvas = Canvas::new(room.size.0, room.size.1);
    let top = canvas.header(&figure.title, &figure.subtitle) + room.above;
    let left = theme::MARGIN + 92.0;
    let width = canvas.width() - left - theme::MARGIN - room.right;
    let area = Area::new(left, top, width, canvas.height() - top - 98.0);
    let axes = Axes {
        x: lines.x.range.clone(),
        y: lines.y.range.clone(),
        // The axes' own words would stand on the rates.
        x_title: "",
        y_title: "",
        x_digits: 1,
        y_digits: 1,
        numbers: false,
    };
    let ticks = TICKS.map(|(rate, _)| deviate(rate));
    let (drawn, ticks) = chart::plot(&mut canvas, area, &axes, |plane| {
        for tick in ticks {
            chart::line(plane, &[(tick, axes.y.start), (tick, axes.y.end)], 1.0, theme::GRID, 1.0)?;
            chart::line(plane, &[(axes.x.start, tick), (axes.x.end, tick)], 1.0, theme::GRID, 1.0)?;
        }
        for series in lines.series.iter().filter(|series| series.opacity > 0.0) {
            chart::line(plane, &series.points, series.width, series.colour, series.opacity)?;
        }
        let used = lines.series.get(3).and_then(|series| series.points.first());
        let ticks = ticks.map(|tick| chart::place(plane, tick, tick));
        Ok((used.map(|(x, y)| chart::place(plane, *x, *y)), ticks))
    })?;
    let pen = Pen::new(theme::SMALL, theme::MUTED);
    for ((x, y), (_, words)) in ticks.into_iter().zip(TICKS) {
        canvas.text(words, x, area.y + area.h + 22.0, pen.align(Align::Centre));
        canvas.text(words, area.x - 12.0, y, pen.align(Align::Right));
    }
    let pen = Pen::new(theme::LABEL, theme::INK).align(Align::Centre);
    canvas.text(&lines.x.title, area.x + area.w / 2.0, area.y + area.h + 62.0, pen);
    canvas.text_upward(&lines.y.title, theme::MARGIN - 4.0, area.y + area.h / 2.0, pen);
    if let (Some((x, y)), Some(series)) = (drawn, lines.series.get(3)) {
        mark(&mut canvas, &series.name, (x, y), area, theme::INK);
    }
    if let Some(sentence) = &lines.empty {
        chart::nothing(&mut canvas, area, sentence);
    }
    Ok(canvas)
}

/// The cutpoint in use, its words on the side where there is room.
fn mark(canvas: &mut Canvas, words: &str, (x, y): (f64, f64), area: Area, colour: RGBColor) {
    canvas.marker(Shape::Disc, x, y, 12.0, colour);
    let pen = Pen::new(theme::SMALL, colour).bold();
    let right_of = x > area.x + area.w / 2.0;
    let (align, at) = if right_of { (Align::Right, x - 22.0) } else { (Align::Left, x + 22.0) };
    let left = if right_of { at - pen.width(words) } else { at };
    let down = if y > area.y + 60.0 { y - 30.0 } else { y + 30.0 };
    canvas.fill(Area::new(left - 6.0, down - 14.0, pen.width(words) + 12.0, 28.0), theme::PAPER);
    canvas.text(words, at, down, pen.align(align));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::verdicts::tests::six;
    use crate::synthetic;

    #[test]
    fn deviates_are_those_of_the_normal_distribution() {
        // scipy.stats.norm.ppf
        for (share, expected) in [
            (0.001, -3.090_232_306_167_813_5),
            (0.02, -2.053_748_910_631_823),
            (0.1, -1.281_551_565_544_600_4),
            (0.5, 0.0),
            (0.8, 0.841_621_233_572_914_3),
            (0.99, 2.326_347_874_040_840_8),
        ] {
            assert!((deviate(share) - expected).abs() < 1e-7, "{share}: {}", deviate(share));
        }
        assert_eq!((deviate(0.0), deviate(1.0)), (deviate(ENDS[0]), deviate(ENDS[1])));
    }

    #[test]
    fn both_errors_are_told() {
        let mut data = synthetic::small();
        data.thresholds = six();
        let figure = build(&data);
        // With no wrong label accepted, half of the right ones are refused.
        assert_eq!(figure.numbers["refused@0.01"], 0.5);
        assert!((figure.numbers["eer"] - 1.0 / 3.0).abs() < 1e-12);
        let listed: Vec<_> = figure.lines().unwrap().series.iter().filter(|series| series.listed).collect();
        assert_eq!((listed.len(), listed[0].points[3]), (1, (0.5, 0.25)));
    }
}
