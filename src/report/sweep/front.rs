//! Each two objectives against each other, and what no other point beats.

use std::collections::BTreeMap;
use std::path::Path;

use super::plane::{Axis, Grid, Plane, stroke};
use super::scale::Scale;
use super::{count_of, headed, middle, objective_title, tried};
use crate::artifact::{SweepDirection, SweepReport, SweepTrial};
use crate::report::canvas::{Align, Canvas, Pen};
use crate::report::theme::{self, Shape};
use crate::report::{Drawn, ReportError, chart};

/// Pairs of objectives that are shown.
const MOST_PANELS: usize = 6;
/// Trials of a front that are named beside their points.
const MOST_NAMED: usize = 12;

pub(super) fn draw(report: &SweepReport, path: &Path) -> Result<Drawn, ReportError> {
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
    canvas.save(path)?;
    Ok(described(report, title, &ranked))
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
    if report.objectives.len() == 2 {
        stairs(canvas, report, &places);
    }
    for ((x, y), _) in &places {
        canvas.marker(Shape::Diamond, *x, *y, 11.0, theme::WRONG);
    }
    let middle = plane.area.x + plane.area.w / 2.0;
    for ((x, y), trial) in places.iter().take(MOST_NAMED) {
        // Inward, so that no name leaves the plane.
        let (off, align) = if *x > middle { (-16.0, Align::Right) } else { (16.0, Align::Left) };
        canvas.text(&format!("trial {trial}"), x + off, y - 16.0, Pen::new(theme::SMALL, theme::INK).align(align));
    }
}

/// The edge of what the front beats: between two of its points nothing is known to be better than their worse halves.
fn stairs(canvas: &mut Canvas, report: &SweepReport, places: &[((f64, f64), usize)]) {
    // Right of a point where more is better, the next one's second objective holds; else the point's own.
    let more = report.objectives[0].direction == SweepDirection::Maximize;
    for pair in places.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0].0, pair[1].0);
        let corner = if more { (x0, y1) } else { (x1, y0) };
        stroke(canvas, (x0, y0), corner, 2.5, theme::WRONG, 0.6);
        stroke(canvas, corner, (x1, y1), 2.5, theme::WRONG, 0.6);
    }
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
        alt,
        reading:
            "Which point of the front is wanted is a question of what the objectives are worth; every other point is \
                  beaten by one of them in all objectives, or equal."
                .to_owned(),
        numbers: BTreeMap::from([("front".to_owned(), report.best.len() as f64)]),
    }
}
