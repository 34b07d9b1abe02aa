//! The best points, each with the interval of its value.

use std::collections::BTreeMap;

use plotters::style::RGBColor;
use simpipe_artifact::{SweepInterval, SweepReport, SweepTrial, SweepValue};

use super::plane::{Axis, BELOW, Plane, stroke};
use super::scale::{Scale, ends};
use super::{SAMPLING, count_of, figure, headed, metric, middle, objective_title, tried};
use crate::canvas::{Area, Canvas, Pen};
use crate::theme::{self, Shape};
use crate::{Drawn, ReportError, chart, text};

/// Points that are shown.
pub(super) const SHOWN: usize = 25;
/// A row of one line, and what each further one adds.
const ROW: f64 = 36.0;
const LINE: f64 = 22.0;
/// Where a row begins, what it tried, and its numbers.
const NAME: f64 = theme::MARGIN;
const TRIED: f64 = NAME + 146.0;
const NUMBERS: f64 = 1290.0;
/// Where the plane begins: as far to the right as what was tried needs, as long as there is room for intervals.
const PLANE: std::ops::RangeInclusive<f64> = 560.0..=880.0;
/// Lines of what was tried.
const MOST_LINES: usize = 3;
const WIDTH: u32 = 1600;

/// A point and its value.
type Row<'a> = (&'a SweepTrial, &'a SweepValue);

pub(super) fn draw(report: &SweepReport, objective: usize) -> Result<(Canvas, Drawn), ReportError> {
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
    let column = Column::of(report, rows);
    let height = rows.len().max(6) as f64 * column.row;
    let page = (WIDTH, (top + height + BELOW + 24.0) as u32);
    let (mut canvas, _) = headed(page, &title, &subtitle);
    if rows.is_empty() {
        let area = middle(&canvas, top);
        chart::nothing(&mut canvas, area, "No trial is finished.");
    } else {
        let area = Area::new(column.end, top, NUMBERS - 24.0 - column.end, height);
        plane(&mut canvas, report, objective, (rows, &column), area);
        legend(&mut canvas, rows);
    }
    let drawn = described(report, title, rows);
    Ok((canvas, Drawn { subtitle, ..drawn }))
}

/// What each row tried, in lines, with the room for it.
struct Column {
    lines: Vec<Vec<String>>,
    /// Where the plane begins.
    end: f64,
    /// The height of a row.
    row: f64,
}

impl Column {
    fn of(report: &SweepReport, rows: &[Row<'_>]) -> Self {
        const GAP: f64 = 20.0;
        let said: Vec<String> = rows.iter().map(|(trial, _)| said(report, trial)).collect();
        let pen = Pen::new(theme::SMALL, theme::MUTED);
        let widest = said.iter().map(|said| text::width(said, pen.size, pen.weight)).fold(0.0, f64::max);
        let end = (TRIED + widest + GAP).clamp(*PLANE.start(), *PLANE.end());
        let room = end - GAP - TRIED;
        let lines = |said: &String| {
            let mut lines = text::wrap(said, pen.size, pen.weight, room);
            if lines.len() > MOST_LINES {
                // The last line that there is room for has all the rest, as far as it goes.
                let rest = lines.split_off(MOST_LINES - 1).join(" ");
                lines.push(rest);
            }
            lines.iter().map(|line| text::fit(line, pen.size, pen.weight, room)).collect()
        };
        let lines: Vec<Vec<String>> = said.iter().map(lines).collect();
        let most = lines.iter().map(Vec::len).max().unwrap_or(1).max(1);
        Self { lines, end, row: ROW + (most - 1) as f64 * LINE }
    }
}

fn plane(
    canvas: &mut Canvas,
    report: &SweepReport,
    objective: usize,
    (rows, column): (&[Row<'_>], &Column),
    area: Area,
) {
    let numbers = rows.iter().flat_map(|(_, value)| [Some(value.mean), value.low, value.high]).flatten();
    let x = ends(numbers).map_or(Scale::Linear(0.0, 1.0), |(low, high)| Scale::linear(low, high));
    // Rows from the top: the axis runs downward.
    let y = Scale::Linear(0.0, 1.0);
    let title = report.objectives.get(objective).map(objective_title).unwrap_or_default();
    let axis = Axis { scale: &y, title: "", ticks: Vec::new() };
    let plane = Plane { area, x: Axis::new(&x, &title, 7), y: axis };
    plane.axes(canvas);
    for (at, (trial, value)) in rows.iter().enumerate() {
        let y = area.y + (at as f64 + 0.5) * column.row;
        words(canvas, trial, &column.lines[at], y);
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
fn words(canvas: &mut Canvas, trial: &SweepTrial, lines: &[String], y: f64) {
    let name = format!("{}. trial {}", trial.rank.unwrap_or(0), trial.trial);
    canvas.text(&name, NAME, y, Pen::new(theme::SMALL, theme::INK).bold());
    let first = y - (lines.len() as f64 - 1.0) / 2.0 * LINE;
    for (at, line) in lines.iter().enumerate() {
        canvas.text(line, TRIED, first + at as f64 * LINE, Pen::new(theme::SMALL, theme::MUTED));
    }
}

fn said(report: &SweepReport, trial: &SweepTrial) -> String {
    let epochs = trial.epochs.map(|epochs| count_of(epochs as usize, "epoch", "epochs"));
    let kept = (trial.kept == Some(false)).then(|| "outside of the constraints".to_owned());
    kept.into_iter().chain(epochs).chain([tried(report, trial)]).collect::<Vec<_>>().join("; ")
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
        subtitle: String::new(),
        alt,
        reading:
            "Points whose bars overlap may change places with other seeds; the interval of one run says nothing of \
                  other seeds at all. The best of many was also lucky: believe it after its further seeds."
                .to_owned(),
        numbers,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bumpy, space, sweep};
    use super::*;

    fn column(report: &SweepReport) -> Column {
        let rows: Vec<Row<'_>> =
            report.trials.iter().filter_map(|trial| Some((trial, trial.values[0].as_ref()?))).collect();
        Column::of(report, &rows)
    }

    #[test]
    fn every_value_that_was_tried_can_be_read() {
        let report = sweep(space(), 20, bumpy, 1);
        let column = column(&report);
        for (trial, lines) in report.trials.iter().zip(&column.lines) {
            assert_eq!(lines.join(" "), tried(&report, trial), "nothing is cut off");
        }
        assert!(PLANE.contains(&column.end) && column.end > *PLANE.start(), "{}", column.end);
        let most = column.lines.iter().map(Vec::len).max().unwrap();
        assert_eq!(column.row, ROW + (most - 1) as f64 * LINE);
    }

    #[test]
    fn what_is_too_long_ends_within_its_room() {
        let many: Vec<_> = (0..40).flat_map(|_| space()).collect();
        let report = sweep(many, 3, bumpy, 1);
        let column = column(&report);
        let room = column.end - TRIED;
        for lines in &column.lines {
            assert_eq!(lines.len(), MOST_LINES);
            assert!(lines[MOST_LINES - 1].ends_with('…'), "{lines:?}");
            assert!(lines.iter().all(|line| text::width(line, theme::SMALL, text::Weight::Regular) < room));
        }
    }
}
