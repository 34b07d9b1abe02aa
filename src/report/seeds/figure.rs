//! Each seed's value with its own interval, and under them the mean with that over seeds.

use std::collections::BTreeMap;
use std::path::Path;

use simpipe_artifact::{SeedsMetric, SeedsReport};

use super::SPREADS;
use crate::canvas::Canvas;
use crate::sweep::plane::{Axis, Grid, Plane, panel_title, stroke};
use crate::sweep::scale::{Scale, ends};
use crate::sweep::{SAMPLING, count_of, figure, headed, middle};
use crate::theme::{self, Shape};
use crate::{Drawn, ReportError, chart};

/// Panels on the picture.
const MOST_PANELS: usize = 9;
/// Seeds in a panel.
const MOST_SEEDS: usize = 12;
/// Figures that go before others of their stage.
const FIRST: [&str; 5] = ["recall@1", "map@r", "accuracy", "auroc", "val_loss"];
const TITLE: &str = "Figures over seeds";

pub(super) fn draw(report: &SeedsReport, path: &Path) -> Result<Drawn, ReportError> {
    let shown = panels(report);
    let subtitle = subtitle(report, shown.len());
    let top = Canvas::header_height(1600.0, TITLE, &subtitle) + 44.0;
    let grid = Grid::of(shown.len().max(1), top);
    let (mut canvas, _) = headed(grid.page, TITLE, &subtitle);
    if shown.is_empty() {
        let area = middle(&canvas, top);
        chart::nothing(&mut canvas, area, "No run has all its results.");
    } else {
        shown.iter().zip(&grid.areas).for_each(|(metric, area)| panel(&mut canvas, report, metric, *area));
        let legend = [("mean over seeds", theme::RIGHT, 10.0), ("one seed", SAMPLING, 10.0)];
        chart::legend(&mut canvas, 1600.0 - theme::MARGIN, theme::MARGIN + 4.0, &legend);
    }
    canvas.save(path)?;
    Ok(Drawn { subtitle, ..described(&shown) })
}

fn subtitle(report: &SeedsReport, shown: usize) -> String {
    let mut words = format!(
        "{} of {}; bars are 95 % intervals: of one seed over other queries like these, of the mean over other seeds",
        report.done(),
        count_of(report.runs.len(), "run", "runs")
    );
    if shown < report.metrics.len() {
        words += &format!("; {shown} of {} figures", report.metrics.len());
    }
    if report.done() > MOST_SEEDS {
        words += &format!("; the first {MOST_SEEDS} seeds");
    }
    words
}

/// The figures that say most: those that know how sure they are by themselves, and of each stage the usual ones first; then
/// what seeds change at all.
fn panels(report: &SeedsReport) -> Vec<&SeedsMetric> {
    let rank = |metric: &SeedsMetric| {
        let figure = metric.name.split_once('.').map_or(metric.name.as_str(), |(_, figure)| figure);
        let place = FIRST.iter().position(|first| *first == figure).unwrap_or(FIRST.len());
        (!metric.is_sampled(), figure.contains('.'), place)
    };
    let says = |metric: &&SeedsMetric| metric.is_sampled() || metric.std.is_some_and(|std| std > 0.0);
    let mut shown: Vec<&SeedsMetric> = report.metrics.iter().filter(says).collect();
    shown.sort_by_key(|metric| rank(metric));
    shown.truncate(MOST_PANELS);
    shown
}

/// The axis of a figure: values and their own intervals, and of that of the mean as much again on each side. Two seeds have a
/// t-interval of thirteen standard errors, which would press all else together.
fn axis(metric: &SeedsMetric) -> Scale {
    let numbers = metric.values.iter().flatten().flat_map(|value| [Some(value.value), value.low, value.high]);
    let Some((low, high)) = ends(numbers.flatten().chain([metric.mean])) else { return Scale::Linear(0.0, 1.0) };
    let span = (high - low).max(metric.std.unwrap_or(0.0));
    let low = metric.t_low.map_or(low, |end| end.max(low - span).min(low));
    let high = metric.t_high.map_or(high, |end| end.min(high + span).max(high));
    Scale::linear(low, high)
}

fn panel(canvas: &mut Canvas, report: &SeedsReport, metric: &SeedsMetric, area: crate::canvas::Area) {
    let has = |(at, run): &(usize, &simpipe_artifact::SeedsRun)| {
        run.ok && metric.values.get(*at).is_some_and(Option::is_some)
    };
    let seeds: Vec<(usize, u64)> =
        report.runs.iter().enumerate().filter(has).take(MOST_SEEDS).map(|(at, run)| (at, run.seed)).collect();
    // The axis runs upward: the mean is at its start, the first seed at its end.
    let names = std::iter::once("mean".to_owned()).chain(seeds.iter().rev().map(|(_, seed)| seed.to_string()));
    let (x, y) = (axis(metric), Scale::Names(names.collect()));
    let plane = Plane { area, x: Axis::new(&x, "", 5), y: Axis::new(&y, "", MOST_SEEDS + 1) };
    plane.axes(canvas);
    panel_title(canvas, area, &metric.name);
    let bar = |canvas: &mut Canvas, at: usize, ends: Option<(f64, f64)>, colour| {
        let Some((low, high)) = ends else { return };
        stroke(canvas, plane.place(low, at as f64), plane.place(high, at as f64), 10.0, colour, 0.35);
    };
    for (at, (run, _)) in seeds.iter().rev().enumerate() {
        let Some(value) = metric.values[*run] else { continue };
        bar(canvas, at + 1, value.low.zip(value.high), SAMPLING);
        let (x, y) = plane.place(value.value, (at + 1) as f64);
        canvas.marker(Shape::Disc, x, y, 7.0, SAMPLING);
    }
    bar(canvas, 0, metric.t_low.zip(metric.t_high), theme::RIGHT);
    let (x, y) = plane.place(metric.mean, 0.0);
    canvas.marker(Shape::Diamond, x, y, 8.0, theme::RIGHT);
}

fn described(shown: &[&SeedsMetric]) -> Drawn {
    let words = |metric: &&SeedsMetric| {
        let spread = metric.std.map_or_else(String::new, |std| format!(" ± {}", figure(std)));
        format!("{} {}{spread}", metric.name, figure(metric.mean))
    };
    let alt = match shown {
        [] => "An empty chart: no run has all its results".to_owned(),
        shown => format!(
            "A panel a figure: a bar for each seed, and the mean: {}",
            shown.iter().map(words).collect::<Vec<_>>().join("; ")
        ),
    };
    let numbers: BTreeMap<String, f64> = shown.iter().map(|metric| (metric.name.clone(), metric.mean)).collect();
    let reading = format!(
        "{SPREADS} Dots that lie further apart than their bars are wide vary more with the training than with the images. A bar \
         that ends at the frame goes on beyond it: of few seeds the interval of the mean is wide."
    );
    Drawn { title: TITLE.to_owned(), subtitle: String::new(), alt, reading, numbers }
}
