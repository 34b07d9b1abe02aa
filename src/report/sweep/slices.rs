//! The objective over each parameter.

use std::collections::BTreeMap;

use simpipe_artifact::{SweepReport, SweepTrial, SweepValues};

use super::plane::{Axis, Grid, Plane, panel_title, stroke};
use super::scale::Scale;
use super::{after_epochs, count_of, headed, metric, middle, objective_title, root, short_name, value_words, winner};
use crate::canvas::{Area, Canvas};
use crate::theme::{self, Shape};
use crate::{Drawn, ReportError, chart};

/// Panels on a picture.
const MOST_PANELS: usize = 24;
/// How far points of one name are spread, as a share of its room.
const SPREAD: f64 = 0.5;

type Points<'a> = [(&'a SweepTrial, f64)];

pub(super) fn draw(report: &SweepReport, objective: usize) -> Result<(Canvas, Drawn), ReportError> {
    let points = report.points(objective);
    let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    let scale = Scale::of_values(&values);
    let far = values.iter().filter(|value| scale.beyond(**value) != 0).count();
    let shown = report.parameters.len().min(MOST_PANELS);
    let title = format!("{} over each parameter", metric(report, objective));
    let subtitle = subtitle(report, points.len(), shown, far);
    let top = Canvas::header_height(1600.0, &title, &subtitle) + 44.0;
    let grid = Grid::of(shown.max(1), top);
    let (mut canvas, _) = headed(grid.page, &title, &subtitle);
    if points.is_empty() {
        let area = middle(&canvas, top);
        chart::nothing(&mut canvas, area, "No trial is finished.");
    } else {
        for (parameter, area) in (0..shown).zip(&grid.areas) {
            panel(&mut canvas, report, (objective, &points), parameter, &scale, *area);
        }
    }
    let drawn = described(report, title, &points);
    Ok((canvas, Drawn { subtitle, ..drawn }))
}

fn subtitle(report: &SweepReport, points: usize, shown: usize, far: usize) -> String {
    let mut words = format!(
        "{} by their own seeds{}; the diamond is the best in the end",
        count_of(points, "point", "points"),
        after_epochs(report)
    );
    if far > 0 {
        words += &format!("; {} far off, as triangles at the edge", count_of(far, "point lies", "points lie"));
    }
    if shown < report.parameters.len() {
        words += &format!("; the first {shown} of {} parameters", report.parameters.len());
    }
    words
}

fn panel(
    canvas: &mut Canvas,
    report: &SweepReport,
    (objective, points): (usize, &Points<'_>),
    parameter: usize,
    y: &Scale,
    area: Area,
) {
    let values = &report.parameters[parameter].values;
    let at = |trial: &SweepTrial| trial.at.get(parameter).copied().flatten().filter(|value| value.is_finite());
    let here: Vec<(f64, f64, &SweepTrial)> =
        points.iter().filter_map(|(trial, value)| Some((at(trial)?, *value, *trial))).collect();
    let tried: Vec<f64> = here.iter().map(|(x, ..)| *x).collect();
    let x = Scale::of_parameter(values, &tried);
    let y_title = report.objectives.get(objective).map(objective_title).unwrap_or_default();
    let plane = Plane {
        area,
        x: Axis::new(
            &x,
            &report.parameters[parameter].path,
            if matches!(values, SweepValues::List(_)) { 12 } else { 5 },
        ),
        y: Axis::new(y, &y_title, 6),
    };
    plane.axes(canvas);
    let missing = points.len() - here.len();
    let title = short_name(report, parameter);
    let title = if missing == 0 { title.to_owned() } else { format!("{title}: {} of {}", here.len(), points.len()) };
    panel_title(canvas, area, &title);
    if let SweepValues::List(names) = values {
        means(canvas, &plane, names.len(), &here);
    }
    let best = winner(report).map(root);
    let (own, others): (Vec<_>, Vec<_>) = here.into_iter().partition(|(.., trial)| Some(trial.trial) == best);
    for (x, value, trial) in others {
        dot(canvas, &plane, (x + jitter(values, trial.trial), value), false);
    }
    for (x, value, trial) in own {
        dot(canvas, &plane, (x + jitter(values, trial.trial), value), true);
    }
}

/// Points of one name beside each other, each always in its place: shares of the golden ratio are spread evenly.
fn jitter(values: &SweepValues, trial: usize) -> f64 {
    match values {
        SweepValues::List(_) => ((trial as f64 * 0.618_033_988_75).fract() - 0.5) * SPREAD,
        SweepValues::Range { .. } => 0.0,
    }
}

fn dot(canvas: &mut Canvas, plane: &Plane<'_>, (x, value): (f64, f64), is_best: bool) {
    let (x, y) = plane.place(x, value);
    let shape = match plane.y.scale.beyond(value) {
        1 => Shape::Up,
        -1 => Shape::Down,
        _ if is_best => Shape::Diamond,
        _ => Shape::Disc,
    };
    let (radius, colour) = if is_best { (11.0, theme::WRONG) } else { (6.0, theme::RIGHT) };
    canvas.marker(shape, x, y, radius, colour);
}

/// The mean of each name as a short line.
fn means(canvas: &mut Canvas, plane: &Plane<'_>, names: usize, here: &[(f64, f64, &SweepTrial)]) {
    for item in 0..names {
        let values: Vec<f64> = here.iter().filter(|(x, ..)| *x as usize == item).map(|(_, value, _)| *value).collect();
        if !values.is_empty() {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let [from, to] = [-0.3, 0.3].map(|off| plane.place(item as f64 + off, mean));
            stroke(canvas, from, to, 3.0, theme::INK, 0.8);
        }
    }
}

fn described(report: &SweepReport, title: String, points: &Points<'_>) -> Drawn {
    let paths: Vec<&str> = report.parameters.iter().map(|parameter| parameter.path.as_str()).take(8).collect();
    let alt = if points.is_empty() {
        "Empty panels: no trial is finished".to_owned()
    } else {
        let best = winner(report).map(|trial| {
            let values = report.parameters.iter().zip(&trial.at).take(8);
            let words = values.filter_map(|(parameter, value)| {
                Some(format!("{} {}", parameter.path, value_words(&parameter.values, (*value)?)))
            });
            format!("; the best has {}", words.collect::<Vec<_>>().join(", "))
        });
        format!(
            "Scatter charts of {} over {}{}",
            count_of(points.len(), "point", "points"),
            paths.join(", "),
            best.unwrap_or_default()
        )
    };
    Drawn {
        title,
        subtitle: String::new(),
        alt,
        reading: "A trend across a panel is what the parameter does on average over all others; an even band says that it \
                  matters little here, and a best point at the edge that the range should go on. Short lines are means of a \
                  name."
            .to_owned(),
        numbers: BTreeMap::from([("points".to_owned(), points.len() as f64)]),
    }
}
