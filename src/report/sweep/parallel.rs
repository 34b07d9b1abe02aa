//! Parallel coordinates (Inselberg 1985): every point as a line through all that varied and what it gave.

use std::collections::BTreeMap;

use plotters::style::RGBColor;
use simpipe_artifact::{SweepParameter, SweepReport, SweepTrial, SweepValues};

use super::plane::stroke;
use super::scale::Scale;
use super::{NOT_SET, OWN, after_epochs, count_of, headed, metric, middle, root, short_name, tried, winner};
use crate::canvas::{Align, Area, Canvas, Pen};
use crate::{Drawn, ReportError, chart, text, theme};

/// Parameters on a picture: of more, the first.
const MOST_AXES: usize = 12;
/// Lines on a picture: of more, some in equal steps from the best to the worst.
const MOST_LINES: usize = 2000;
/// How far lines of one name are spread, as a share of its room.
const SPREAD: f64 = 0.24;
/// How far below an axis lie the lines that have no value on it.
const WITHOUT: f64 = 34.0;
/// The lightest line, as a share of the scale of colours: lighter ones would be lost on white.
const LIGHTEST: f64 = 0.3;

/// One upright axis: what it is called, how it is scaled, a value for each line.
struct Upright {
    title: String,
    scale: Scale,
    /// Whether lines of one value are spread.
    is_list: bool,
    values: Vec<Option<f64>>,
    /// What lines have that have no value on it.
    without: String,
}

/// The lines, worst first.
struct Lines<'a> {
    trials: Vec<(&'a SweepTrial, f64)>,
    axes: Vec<Upright>,
    /// The position of the axis that colours are of.
    coloured: usize,
    maximize: bool,
}

pub(super) fn draw(report: &SweepReport) -> Result<(Canvas, Drawn), ReportError> {
    let lines = lines(report);
    let title = "Parallel coordinates".to_owned();
    let more = report.parameters.len().saturating_sub(MOST_AXES);
    let axes =
        if more > 0 { format!("; the first {MOST_AXES} of {} parameters", MOST_AXES + more) } else { String::new() };
    let points = report.points(0).len();
    let shown = if points > lines.trials.len() { format!("{} of ", lines.trials.len()) } else { String::new() };
    let subtitle = format!(
        "A line for each of {shown}{}{}, the darker the better by {}; the best in the end is orange{axes}",
        count_of(points, "point", "points"),
        after_epochs(report),
        metric(report, 0),
    );
    let (mut canvas, top) = headed(theme::CHART, &title, &subtitle);
    if lines.trials.is_empty() {
        let area = middle(&canvas, top);
        chart::nothing(&mut canvas, area, "No trial is finished.");
    } else {
        let top = top + 84.0;
        let width = canvas.width() - 2.0 * theme::MARGIN - 170.0;
        let area = Area::new(theme::MARGIN + 90.0, top, width, canvas.height() - top - 90.0);
        all_lines(&mut canvas, report, &lines, area);
        all_axes(&mut canvas, &lines, area);
    }
    let drawn = described(report, title, &lines);
    Ok((canvas, Drawn { subtitle, ..drawn }))
}

fn lines(report: &SweepReport) -> Lines<'_> {
    let mut trials = report.points(0);
    if let Some(objective) = report.objectives.first() {
        trials.sort_by(|one, other| objective.cost(other.1).total_cmp(&objective.cost(one.1)));
    }
    let every = trials.len().div_ceil(MOST_LINES).max(1);
    let skipped = trials.len().saturating_sub(1) % every; // so that the best is among them
    let trials: Vec<(&SweepTrial, f64)> = trials.into_iter().skip(skipped).step_by(every).collect();
    let parameters = report.parameters.iter().enumerate().take(MOST_AXES).map(|(at, parameter)| {
        let values: Vec<Option<f64>> = trials.iter().map(|(trial, _)| trial.at.get(at).copied().flatten()).collect();
        let there: Vec<f64> = values.iter().copied().flatten().collect();
        Upright {
            title: short_name(report, at).to_owned(),
            scale: Scale::of_parameter(&parameter.values, &there),
            is_list: matches!(parameter.values, SweepValues::List(_)),
            without: without(parameter, &trials, &values),
            values,
        }
    });
    let objectives = report.objectives.iter().enumerate().map(|(at, objective)| {
        let values: Vec<Option<f64>> = trials.iter().map(|(trial, _)| trial.own.get(at).copied().flatten()).collect();
        let there: Vec<f64> = values.iter().copied().flatten().collect();
        let (title, without) = (objective.metric.clone(), NOT_SET.to_owned());
        Upright { title, scale: Scale::of_values(&there), is_list: false, values, without }
    });
    let axes: Vec<Upright> = parameters.chain(objectives).collect();
    let coloured = report.parameters.len().min(MOST_AXES);
    let maximize = report.objectives.first().is_some_and(|objective| objective.cost(1.0) < 0.0);
    Lines { trials, axes, coloured, maximize }
}

/// Those of the config's own values, or those to which a parameter does not apply.
fn without(parameter: &SweepParameter, trials: &[(&SweepTrial, f64)], values: &[Option<f64>]) -> String {
    let missing = values.iter().filter(|value| value.is_none()).count();
    let is_set = parameter.own.is_some() || parameter.under.is_none();
    let own = if is_set { trials.iter().filter(|(trial, _)| trial.is_own()).count() } else { 0 };
    match &parameter.own {
        _ if own == 0 => NOT_SET.to_owned(),
        _ if own < missing => format!("{NOT_SET}, or {OWN}"),
        Some(value) => format!("{value} ({OWN})"),
        None => OWN.to_owned(),
    }
}

impl Lines<'_> {
    /// The colour of a share of the coloured axis.
    fn colour(&self, share: f64) -> RGBColor {
        let good = if self.maximize { share } else { 1.0 - share };
        theme::sequential(LIGHTEST + (1.0 - LIGHTEST) * good)
    }

    /// Where a line crosses the axes.
    fn crossings(&self, line: usize, area: Area) -> Vec<(f64, f64)> {
        let trial = self.trials[line].0.trial as f64;
        let place = |(at, axis): (usize, &Upright)| {
            let x = across(at, self.axes.len(), area);
            let off = if axis.is_list { ((trial * 0.618_033_988_75).fract() - 0.5) * SPREAD } else { 0.0 };
            let y = axis.values[line].map(|value| area.y + (1.0 - axis.scale.share(value + off)) * area.h);
            (x, y.unwrap_or(area.y + area.h + WITHOUT))
        };
        self.axes.iter().enumerate().map(place).collect()
    }
}

/// Where an axis stands.
fn across(at: usize, axes: usize, area: Area) -> f64 {
    if axes < 2 { area.x + area.w / 2.0 } else { area.x + area.w * at as f64 / (axes - 1) as f64 }
}

fn all_lines(canvas: &mut Canvas, report: &SweepReport, lines: &Lines<'_>, area: Area) {
    let best = winner(report).map(root);
    let opacity = (12.0 / (lines.trials.len() as f64).sqrt()).clamp(0.25, 0.85);
    let mut of_best = None;
    for (at, (trial, value)) in lines.trials.iter().enumerate() {
        let crossings = lines.crossings(at, area);
        if Some(trial.trial) == best {
            of_best = Some(crossings);
            continue;
        }
        let colour = lines.colour(lines.axes[lines.coloured].scale.share(*value));
        for pair in crossings.windows(2) {
            stroke(canvas, pair[0], pair[1], 2.0, colour, opacity);
        }
    }
    for pair in of_best.iter().flat_map(|crossings| crossings.windows(2)) {
        stroke(canvas, pair[0], pair[1], 5.0, theme::WRONG, 1.0);
    }
}

fn all_axes(canvas: &mut Canvas, lines: &Lines<'_>, area: Area) {
    let count = lines.axes.len();
    let room = area.w / (count.max(2) - 1) as f64;
    let is_missing = |axis: &Upright| axis.values.iter().any(Option::is_none);
    for (at, axis) in lines.axes.iter().enumerate() {
        let x = across(at, count, area);
        if at == lines.coloured {
            gradient(canvas, lines, x, area);
        } else {
            canvas.fill(Area::new(x - 1.0, area.y, 2.0, area.h), theme::INK);
        }
        ticks(canvas, axis, x, area, room);
        if is_missing(axis) {
            let pen = Pen::new(theme::SMALL, theme::MUTED);
            let words = text::fit_name(&axis.without, pen.size, pen.weight, beside(canvas, x, room));
            boxed(canvas, &words, x, area.y + area.h + WITHOUT, pen);
        }
        // Neighbours in two rows, so that each has the room of two.
        let y = area.y - if at % 2 == 0 { 26.0 } else { 54.0 };
        let pen = Pen::new(theme::LABEL, theme::INK).bold().align(Align::Centre);
        let room = (2.0 * room - 20.0).min(2.0 * (x - 8.0)).min(2.0 * (canvas.width() - x - 8.0));
        canvas.text(&text::fit_name(&axis.title, pen.size, pen.weight, room.max(60.0)), x, y, pen);
    }
}

/// The axis that colours are of, in them.
fn gradient(canvas: &mut Canvas, lines: &Lines<'_>, x: f64, area: Area) {
    let rows = area.h.ceil() as usize;
    for row in 0..rows {
        let colour = lines.colour(1.0 - (row as f64 + 0.5) / rows as f64);
        canvas.fill(Area::new(x - 7.0, area.y + row as f64, 14.0, 1.0), colour);
    }
    canvas.frame(Area::new(x - 7.0, area.y, 14.0, area.h), 1.0, theme::FRAME);
}

/// The room for words beside an axis, of that between two.
fn beside(canvas: &Canvas, x: f64, room: f64) -> f64 {
    (room - 30.0).clamp(40.0, 150.0).min(canvas.width() - x - 20.0)
}

fn ticks(canvas: &mut Canvas, axis: &Upright, x: f64, area: Area, room: f64) {
    let pen = Pen::new(theme::SMALL, theme::INK);
    let most = if axis.is_list { 16 } else { 6 };
    let room = beside(canvas, x, room);
    for (share, words) in axis.scale.ticks(most) {
        let y = area.y + (1.0 - share) * area.h;
        canvas.fill(Area::new(x - 7.0, y - 0.5, 14.0, 1.0), theme::INK);
        let words = text::fit_name(&words, pen.size, pen.weight, room);
        boxed(canvas, &words, x, y, pen);
    }
}

/// Words right of an axis that lines run behind.
fn boxed(canvas: &mut Canvas, words: &str, x: f64, y: f64, pen: Pen) {
    let (width, start) = (pen.width(words), x + 11.0);
    canvas.fill(Area::new(start - 2.0, y - 11.0, width + 4.0, 22.0), theme::PAPER);
    canvas.text(words, start, y, pen);
}

fn described(report: &SweepReport, title: String, lines: &Lines<'_>) -> Drawn {
    let axes: Vec<&str> = lines.axes.iter().map(|axis| axis.title.as_str()).collect();
    let best = winner(report).map(|trial| format!("; the best, trial {}, has {}", trial.trial, tried(report, trial)));
    let alt = if lines.trials.is_empty() {
        "An empty chart: no trial is finished".to_owned()
    } else {
        format!(
            "{} across the axes {}{}",
            count_of(lines.trials.len(), "line", "lines"),
            axes.join(", "),
            best.unwrap_or_default()
        )
    };
    Drawn {
        title,
        subtitle: String::new(),
        alt,
        reading:
            "Dark lines that run through one place of an axis say that good points share it; dark lines everywhere \
                  on an axis say that it matters little. Axes of a range in factors are in factors too."
                .to_owned(),
        numbers: BTreeMap::from([("lines".to_owned(), lines.trials.len() as f64)]),
    }
}
