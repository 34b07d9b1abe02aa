//! Each two objectives against each other, and what no other point beats.

use std::collections::BTreeMap;

use simpipe_artifact::{SweepDirection, SweepReport, SweepTrial};

use super::plane::{Axis, Grid, Plane, stroke};
use super::scale::Scale;
use super::{count_of, headed, middle, objective_title, tried};
use crate::canvas::{Area, Canvas, Pen};
use crate::theme::{self, Shape};
use crate::{Drawn, ReportError, chart, text};

/// Pairs of objectives that are shown.
const MOST_PANELS: usize = 6;
/// Trials of a front that are named beside their points.
const MOST_NAMED: usize = 12;

pub(super) fn draw(report: &SweepReport) -> Result<(Canvas, Drawn), ReportError> {
    let count = report.objectives.len();
    let pairs = (0..count).flat_map(|one| (one + 1..count).map(move |other| (one, other)));
    let pairs: Vec<(usize, usize)> = pairs.take(MOST_PANELS).collect();
    let ranked: Vec<&SweepTrial> = report.trials.iter().filter(|trial| trial.rank.is_some()).collect();
    let title = "Pareto front".to_owned();
    let subtitle = format!(
        "{}; the {} that no other is at least as good as in all objectives {} orange",
        count_of(ranked.len(), "finished point", "finished points"),
        report.best.len(),
        if report.best.len() == 1 { "is" } else { "are" }
    );
    let top = Canvas::header_height(1600.0, &title, &subtitle) + 30.0;
    let grid = Grid::of(pairs.len().max(1), top);
    let (mut canvas, _) = headed(grid.page, &title, &subtitle);
    if ranked.is_empty() {
        let area = middle(&canvas, top);
        chart::nothing(&mut canvas, area, "No trial is finished.");
    } else {
        for (pair, area) in pairs.iter().zip(&grid.areas) {
            let [x, y] = [pair.0, pair.1].map(|objective| Scale::of_values(&values(&ranked, objective)));
            let [x_title, y_title] = [pair.0, pair.1].map(|at| objective_title(&report.objectives[at]));
            let plane = Plane { area: *area, x: Axis::new(&x, &x_title, 6), y: Axis::new(&y, &y_title, 7) };
            plane.axes(&mut canvas);
            panel(&mut canvas, report, &plane, &ranked, *pair);
        }
        let entries = [("on the front", theme::WRONG, 6.0), ("beaten", theme::RIGHT, 6.0)];
        let right = canvas.width() - theme::MARGIN;
        chart::legend(&mut canvas, right, theme::MARGIN + 4.0, &entries);
    }
    let drawn = described(report, title, &ranked);
    Ok((canvas, Drawn { subtitle, ..drawn }))
}

fn value(trial: &SweepTrial, objective: usize) -> Option<f64> {
    Some(trial.values.get(objective)?.as_ref()?.mean).filter(|value| value.is_finite())
}

fn values(trials: &[&SweepTrial], objective: usize) -> Vec<f64> {
    trials.iter().filter_map(|trial| value(trial, objective)).collect()
}

fn panel(
    canvas: &mut Canvas,
    report: &SweepReport,
    plane: &Plane<'_>,
    ranked: &[&SweepTrial],
    (one, other): (usize, usize),
) {
    let place = |trial: &SweepTrial| Some(plane.place(value(trial, one)?, value(trial, other)?));
    let (front, beaten): (Vec<&SweepTrial>, Vec<&SweepTrial>) =
        ranked.iter().copied().partition(|trial| report.best.contains(&trial.trial));
    for (x, y) in beaten.iter().filter_map(|trial| place(trial)) {
        canvas.marker(Shape::Disc, x, y, 7.0, theme::RIGHT);
    }
    let mut places: Vec<((f64, f64), usize)> =
        front.iter().filter_map(|trial| Some((place(trial)?, trial.trial))).collect();
    places.sort_by(|a, b| a.0.0.total_cmp(&b.0.0));
    let lines = if report.objectives.len() == 2 { stairs(report, &places) } else { Vec::new() };
    for (from, to) in &lines {
        stroke(canvas, *from, *to, 2.5, theme::WRONG, 0.6);
    }
    for ((x, y), _) in &places {
        canvas.marker(Shape::Diamond, *x, *y, 11.0, theme::WRONG);
    }
    let more = |objective: usize| report.objectives[objective].direction == SweepDirection::Maximize;
    // Numbers stand left of the plane and below it.
    let Area { x, y, w, h } = plane.area;
    let room = Area::new(x, y - 28.0, w + 28.0, h + 28.0);
    for (words, area) in names(&places, &lines, (more(one), more(other)), room) {
        let pen = Pen::new(theme::SMALL, theme::INK);
        canvas.text(&words, area.x, area.y + area.h / 2.0, pen);
    }
}

/// A point of the front on the page, and its trial.
type Named = ((f64, f64), usize);
type Line = ((f64, f64), (f64, f64));

/// The edge of what the front beats: between two of its points nothing is known to be better than their worse halves.
fn stairs(report: &SweepReport, places: &[Named]) -> Vec<Line> {
    // Right of a point where more is better, the next one's second objective holds; else the point's own.
    let more = report.objectives[0].direction == SweepDirection::Maximize;
    let step = |pair: &[Named]| {
        let ((x0, y0), (x1, y1)) = (pair[0].0, pair[1].0);
        let corner = if more { (x0, y1) } else { (x1, y0) };
        [((x0, y0), corner), (corner, (x1, y1))]
    };
    places.windows(2).flat_map(step).collect()
}

/// The names of points with their places: beside a point, on the side that is better, for there lies nothing; at another one
/// of its corners where a name would leave the plane or lie on a line, a point or another name; nowhere if there is none.
fn names(places: &[Named], lines: &[Line], (right, up): (bool, bool), room: Area) -> Vec<(String, Area)> {
    let marks: Vec<Area> = places.iter().map(|((x, y), _)| Area::new(x - 9.0, y - 9.0, 18.0, 18.0)).collect();
    let edges = lines
        .iter()
        .map(|((x0, y0), (x1, y1))| Area::new(x0.min(*x1), y0.min(*y1), (x0 - x1).abs(), (y0 - y1).abs()).grown(2.0));
    let mut taken: Vec<Area> = marks.into_iter().chain(edges).collect();
    let mut names = Vec::new();
    for ((x, y), trial) in places.iter().take(MOST_NAMED) {
        let words = format!("trial {trial}");
        let (w, h) = (text::width(&words, theme::SMALL, text::Weight::Regular), theme::SMALL);
        let corner = |(right, up): (bool, bool)| {
            let (x, y) = (if right { x + 12.0 } else { x - 12.0 - w }, if up { y - 8.0 - h } else { y + 8.0 });
            Area::new(x, y, w, h)
        };
        let corners = [(right, up), (!right, up), (right, !up), (!right, !up)].map(corner);
        let is_free = |area: &Area| lies_in(area, &room) && !taken.iter().any(|other| meet(area, other));
        if let Some(area) = corners.into_iter().find(is_free) {
            taken.push(area);
            names.push((words, area));
        }
    }
    names
}

fn lies_in(area: &Area, room: &Area) -> bool {
    area.x >= room.x && area.y >= room.y && area.x + area.w <= room.x + room.w && area.y + area.h <= room.y + room.h
}

fn meet(one: &Area, other: &Area) -> bool {
    one.x < other.x + other.w && other.x < one.x + one.w && one.y < other.y + other.h && other.y < one.y + one.h
}

fn described(report: &SweepReport, title: String, ranked: &[&SweepTrial]) -> Drawn {
    let on_front = ranked.iter().filter(|trial| report.best.contains(&trial.trial)).take(5);
    let named: Vec<String> =
        on_front.map(|trial| format!("trial {} ({})", trial.trial, tried(report, trial))).collect();
    let alt = if ranked.is_empty() {
        "An empty chart: no trial is finished".to_owned()
    } else {
        format!(
            "Scatter chart of {} by their objectives; on the front: {}",
            count_of(ranked.len(), "point", "points"),
            named.join(", ")
        )
    };
    Drawn {
        title,
        subtitle: String::new(),
        alt,
        reading:
            "Which point of the front is wanted is a question of what the objectives are worth; every other point is \
                  beaten by one of them in all objectives, or equal."
                .to_owned(),
        numbers: BTreeMap::from([("front".to_owned(), report.best.len() as f64)]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bumpy, space, sweep};
    use super::*;

    #[test]
    fn no_name_lies_on_the_front_or_on_another() {
        let room = Area::new(100.0, 100.0, 1400.0, 500.0).grown(28.0);
        for (right, up) in [(true, true), (true, false), (false, true), (false, false)] {
            let mut report = sweep(space(), 3, bumpy, 2);
            let direction = |more: bool| if more { SweepDirection::Maximize } else { SweepDirection::Minimize };
            (report.objectives[0].direction, report.objectives[1].direction) = (direction(right), direction(up));
            // From end to end of the plane, in steps of very different sizes.
            let shares = [0.0, 0.02, 0.03, 0.2, 0.6, 0.61, 0.97, 1.0];
            let place = |(trial, share): (usize, &f64)| {
                let down = if right == up { share * share } else { 1.0 - share * share };
                ((100.0 + 1400.0 * share, 100.0 + 500.0 * down), trial)
            };
            let places: Vec<Named> = shares.iter().enumerate().map(place).collect();
            let lines = stairs(&report, &places);
            let names = names(&places, &lines, (right, up), room);
            assert!(names.len() >= 6, "{right} {up}: {names:?}");
            for (at, (words, area)) in names.iter().enumerate() {
                assert!(lies_in(area, &room), "{words}: {area:?}");
                assert!(!names[..at].iter().any(|(_, other)| meet(area, other)), "{right} {up}: {words}");
                let crosses = |((x0, y0), (x1, y1)): &Line| {
                    meet(area, &Area::new(x0.min(*x1), y0.min(*y1), (x0 - x1).abs() + 0.1, (y0 - y1).abs() + 0.1))
                };
                assert!(!lines.iter().any(crosses), "{right} {up}: {words} lies on the front");
            }
        }
    }
}
