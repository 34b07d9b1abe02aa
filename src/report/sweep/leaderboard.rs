//! The best points, each with the interval of its value.

use std::collections::BTreeMap;
use std::path::Path;

use plotters::style::RGBColor;

use super::plane::{Axis, BELOW, Plane, stroke};
use super::scale::{Scale, ends};
use super::{count_of, figure, headed, metric, middle, objective_title, tried};
use crate::artifact::{SweepInterval, SweepReport, SweepTrial, SweepValue};
use crate::report::canvas::{Area, Canvas, Pen};
use crate::report::theme::{self, Shape};
use crate::report::{Drawn, ReportError, chart, text};

/// Points that are shown.
pub(super) const SHOWN: usize = 25;
const ROW: f64 = 36.0;
/// Where words of a row, its interval and its numbers begin.
const WORDS: f64 = theme::MARGIN;
const PLANE: f64 = 560.0;
const NUMBERS: f64 = 1290.0;
const WIDTH: u32 = 1600;
const SAMPLING: RGBColor = RGBColor(140, 140, 40);

/// A point and its value.
type Row<'a> = (&'a SweepTrial, &'a SweepValue);

pub(super) fn draw(report: &SweepReport, objective: usize, path: &Path) -> Result<Drawn, ReportError> {
    let ranked = report.trials.iter().filter(|trial| trial.rank.is_some());
    let all: Vec<Row<'_>> = ranked.filter_map(|trial| Some((trial, trial.values.get(objective)?.as_ref()?))).collect();
    let rows = &all[..all.len().min(SHOWN)];
    let title = format!("Leaderboard by {}", metric(report, objective));
    let shown = if all.len() > rows.len() { format!("the best {} of ", rows.len()) } else { String::new() };
    let subtitle = format!(
        "{shown}{}; {}. Bars are 95 % intervals: over seeds of the mean, of one run over other queries like these",
        count_of(all.len(), "finished point", "finished points"),
        report.statement
    );
    let top = Canvas::header_height(f64::from(WIDTH), &title, &subtitle) + 20.0;
    let height = rows.len().max(6) as f64 * ROW;
    let page = (WIDTH, (top + height + BELOW + 24.0) as u32);
    let (mut canvas, _) = headed(page, &title, &subtitle);
    if rows.is_empty() {
        let area = middle(&canvas, top);
        chart::nothing(&mut canvas, area, "No trial is finished.");
    } else {
        plane(&mut canvas, report, objective, rows, Area::new(PLANE, top, NUMBERS - 24.0 - PLANE, height));
        legend(&mut canvas, rows);
    }
    canvas.save(path)?;
    Ok(described(report, title, rows))
}

fn plane(canvas: &mut Canvas, report: &SweepReport, objective: usize, rows: &[Row<'_>], area: Area) {
    let numbers = rows.iter().flat_map(|(_, value)| [Some(value.mean), value.low, value.high]).flatten();
    let x = ends(numbers).map_or(Scale::Linear(0.0, 1.0), |(low, high)| Scale::linear(low, high));
    // Rows from the top: the axis runs downward.
    let y = Scale::Linear(0.0, 1.0);
    let title = report.objectives.get(objective).map(objective_title).unwrap_or_default();
    let axis = Axis { scale: &y, title: "", ticks: Vec::new() };
    let plane = Plane { area, x: Axis::new(&x, &title, 7), y: axis };
    plane.axes(canvas);
    for (at, (trial, value)) in rows.iter().enumerate() {
        let y = area.y + (at as f64 + 0.5) * ROW;
        words(canvas, report, trial, y);
        let colour = colour(trial, value);
        let place = |value: f64| plane.place(value, 0.0).0;
        if let (Some(low), Some(high)) = (value.low, value.high) {
            stroke(canvas, (place(low), y), (place(high), y), 10.0, colour, 0.35);
        }
        let shape = if report.best.contains(&trial.trial) { Shape::Diamond } else { Shape::Disc };
        canvas.marker(shape, place(value.mean), y, 8.0, colour);
        let pen = Pen::new(theme::SMALL, theme::INK);
        let room = f64::from(WIDTH) - theme::MARGIN - NUMBERS;
        canvas.text(&text::fit(&numbers_of(value), pen.size, pen.weight, room), NUMBERS, y, pen);
    }
}

/// Who it is and what it tried.
fn words(canvas: &mut Canvas, report: &SweepReport, trial: &SweepTrial, y: f64) {
    let bold = Pen::new(theme::SMALL, theme::INK).bold();
    let name = format!("{}. trial {}", trial.rank.unwrap_or(0), trial.trial);
    canvas.text(&name, WORDS, y, bold);
    let epochs = trial.epochs.map(|epochs| count_of(epochs as usize, "epoch", "epochs"));
    let kept = (trial.kept == Some(false)).then(|| "outside of the constraints".to_owned());
    let said: Vec<String> = kept.into_iter().chain(epochs).chain([tried(report, trial)]).collect();
    let start = WORDS + 146.0;
    let pen = Pen::new(theme::SMALL, theme::MUTED);
    let said = text::fit(&said.join("; "), pen.size, pen.weight, PLANE - 20.0 - start);
    canvas.text(&said, start, y, pen);
}

const fn colour(trial: &SweepTrial, value: &SweepValue) -> RGBColor {
    match value.interval {
        _ if matches!(trial.kept, Some(false)) => theme::FAINT,
        Some(SweepInterval::Seeds) => theme::RIGHT,
        Some(SweepInterval::Sampling) => SAMPLING,
        None => theme::MUTED,
    }
}

fn numbers_of(value: &SweepValue) -> String {
    match (value.low, value.high) {
        (Some(low), Some(high)) => format!("{} [{}, {}]", figure(value.mean), figure(low), figure(high)),
        _ => figure(value.mean),
    }
}

fn legend(canvas: &mut Canvas, rows: &[Row<'_>]) {
    let has = |wanted: Option<SweepInterval>| rows.iter().any(|(_, value)| value.interval == wanted);
    let entries = [
        (has(Some(SweepInterval::Seeds)), "several seeds", theme::RIGHT),
        (has(Some(SweepInterval::Sampling)), "one run", SAMPLING),
        (has(None), "no interval", theme::MUTED),
    ];
    let entries: Vec<(&str, RGBColor, f64)> =
        entries.into_iter().filter(|(shown, ..)| *shown).map(|(_, words, colour)| (words, colour, 10.0)).collect();
    chart::legend(canvas, f64::from(WIDTH) - theme::MARGIN, theme::MARGIN + 4.0, &entries);
}

fn described(report: &SweepReport, title: String, rows: &[Row<'_>]) -> Drawn {
    let mut numbers = BTreeMap::new();
    let mut alt = "Bars of the finished points by their value, the best at the top".to_owned();
    match rows.first() {
        Some((trial, value)) => {
            numbers.insert("best".to_owned(), value.mean);
            alt += &format!("; trial {} leads with {}; {}", trial.trial, numbers_of(value), report.statement);
        }
        None => alt = "An empty chart: no trial is finished".to_owned(),
    }
    Drawn {
        title,
        alt,
        reading:
            "Points whose bars overlap may change places with other seeds; the interval of one run says nothing of \
                  other seeds at all. The best of many was also lucky: believe it after its further seeds."
                .to_owned(),
        numbers,
    }
}
