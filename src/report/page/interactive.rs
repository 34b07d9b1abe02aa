//! What the page's script reads: the points of maps, a sheet of small images, the thresholds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use simpipe_artifact::MatchRow;

use super::confusion;
use super::packed::{QUERIES, counts, floats};
use super::sheet::Sheet;
use crate::chart::drawable;
use crate::figure::body::{Body, Scatter};
use crate::inline::base64;
use crate::text;
use crate::{ReportData, Shown, svg, theme};

/// Thresholds at most: more than a slider has steps.
const THRESHOLDS: usize = 2000;

/// All of it, as JSON.
pub(super) fn data(data: &ReportData, figures: &[Shown]) -> String {
    let maps: Vec<(usize, &Scatter, &str)> = figures
        .iter()
        .enumerate()
        .filter_map(|(at, shown)| match &shown.figure.body {
            Body::Scatter(map) => Some((at + 1, map, shown.figure.title.as_str())),
            _ => None,
        })
        .collect();
    let asked = figures.iter().flat_map(|shown| match &shown.figure.body {
        Body::HeatMap(map) => map.images.as_slice(),
        _ => &[],
    });
    let ids: BTreeSet<u64> = maps.iter().flat_map(|(_, map, _)| &map.ids).chain(asked).copied().collect();
    let sheet = Sheet::of(data, ids.into_iter().collect());
    let all = json!({
        "threshold": threshold(data, figures),
        "maps": maps.iter().map(|one| points(data, &sheet, one)).collect::<Vec<_>>(),
        "confusions": confusion::data(data, figures, &sheet),
        "shades": confusion::shades(),
        "sheet": sheet.json(),
        "looks": json!({
            "colours": (0..10).map(|class| svg::hex(theme::class_colour(class))).collect::<Vec<_>>(),
            "shapes": (0..10).map(|class| svg::outline(theme::class_shape(class), 1.0)).collect::<Vec<_>>(),
            "rules": (0..10).map(|class| svg::fill_rule(theme::class_shape(class))).collect::<Vec<_>>(),
            "right": svg::hex(theme::RIGHT), "wrong": svg::hex(theme::WRONG), "none": svg::hex(theme::MUTED),
        }),
    });
    all.to_string()
}

/// Every threshold, or some in equal steps, and the queries that they judge.
fn threshold(data: &ReportData, figures: &[Shown]) -> Json {
    let all = &data.thresholds;
    let total = all.distance.len();
    if total < 2 || data.lacks("calibration") {
        return Json::Null;
    }
    let shown = total.min(THRESHOLDS);
    let places = || (0..shown).map(move |at| at * (total - 1) / (shown - 1).max(1));
    let of = |values: &Vec<f64>| floats(places().map(|at| values.get(at).copied().unwrap_or(f64::NAN)));
    let metrics: BTreeMap<&String, String> = all.metrics.iter().map(|(name, values)| (name, of(values))).collect();
    let counted = |values: &Vec<u64>| counts(places().map(|at| values.get(at).copied().unwrap_or(0)));
    let judged = [&all.true_positive, &all.false_positive, &all.true_negative, &all.false_negative].map(counted);
    let queries: Vec<&MatchRow> = data.matches.0.iter().take(QUERIES).collect();
    json!({
        "what": format!("Distance threshold ({})", data.calibration.distance_metric.name()),
        "larger": data.calibration.distance_metric.larger_is_nearer(),
        "used": data.cutpoint().map(|(_, cutpoint)| cutpoint.distance),
        "of": total,
        "asked": data.calibration.queries,
        "charts": charts(figures),
        "distance": of(&all.distance),
        "metrics": metrics,
        "counts": judged,
        "queries": {
            "of": data.matches.0.len(),
            "distance": floats(queries.iter().map(|row| f64::from(row.distance))),
            "right": base64(&queries.iter().map(|row| u8::from(row.predicted == Some(row.label))).collect::<Vec<u8>>()),
        },
    })
}

/// Charts that a threshold is a place of: the numbers of its two axes there, by name, and where the plane lies.
fn charts(figures: &[Shown]) -> Vec<Json> {
    let axes = |file: &str| match file.split_once('-').map_or("", |(_, name)| name) {
        "metrics-over-distance.png" | "distance-histogram.png" => Some(["distance", ""]),
        "precision-recall.png" => Some(["recall", "precision"]),
        _ => None,
    };
    let chart = |(at, shown): (usize, &Shown)| {
        let axes = axes(&shown.file)?;
        let (plane, x, y) = shown.figure.plane()?;
        let [x, y] = [x, y].map(|axis| drawable(axis.range.clone())).map(|range| [range.start, range.end]);
        Some(json!({ "figure": at + 1, "axes": axes, "plane": [plane.x, plane.y, plane.w, plane.h], "x": x, "y": y }))
    };
    figures.iter().enumerate().filter_map(chart).collect()
}

/// The points of a map with their classes, and what became of those that are queries.
fn points(data: &ReportData, sheet: &Sheet, (figure, map, title): &(usize, &Scatter, &str)) -> Json {
    let rows: BTreeMap<u64, &MatchRow> = data.matches.0.iter().map(|row| (row.query_id, row)).collect();
    let name = |label: &i32| text::drawable(data.class(*label)).into_owned();
    let overlap = data.overlap();
    // 0: no query, 1: right, 2: wrong, 3: no match.
    let verdict = |id: &u64| match rows.get(id) {
        None => 0,
        Some(row) if !row.matched => 3,
        Some(row) => 1 + u8::from(row.predicted != Some(row.label)),
    };
    // The nearest other image in the embedding itself, by its class.
    let nearest = |id: &u64| rows.get(id).and_then(|row| overlap.nearest_other(row)).map(|found| found.label);
    let given = |id: &u64| rows.get(id).filter(|row| row.matched).and_then(|row| row.predicted);
    // Every class that is named, once.
    let named = map.labels.iter().copied().chain(map.ids.iter().flat_map(|id| [nearest(id), given(id)]).flatten());
    let labels: Vec<i32> = named.collect::<BTreeSet<i32>>().into_iter().collect();
    let place = |label: Option<i32>| {
        label.and_then(|label| labels.binary_search(&label).ok()).map_or(u64::from(u32::MAX), |at| at as u64)
    };
    let told = map.neighbours.iter().map(Vec::len).max().unwrap_or(0);
    let neighbours = map.neighbours.iter().flat_map(|found| {
        let found = found.iter().map(|at| *at as u64);
        found.chain(std::iter::repeat(u64::from(u32::MAX))).take(told)
    });
    json!({
        "figure": figure,
        "title": title,
        "axes": map.titles,
        "x": floats(map.points.iter().map(|point| point[0])),
        "y": floats(map.points.iter().map(|point| point[1])),
        "range": [map.x.start, map.x.end, map.y.start, map.y.end],
        "id": map.ids,
        "class": counts(map.labels.iter().map(|label| place(Some(*label)))),
        "look": labels,
        "classes": labels.iter().map(name).collect::<Vec<_>>(),
        "verdict": base64(&map.ids.iter().map(verdict).collect::<Vec<u8>>()),
        "nearest": counts(map.ids.iter().map(|id| place(nearest(id)))),
        "given": counts(map.ids.iter().map(|id| place(given(id)))),
        "neighbours": counts(neighbours),
        "told": told,
        "tile": counts(map.ids.iter().map(|id| sheet.place(*id))),
        "left_out": map.left_out,
    })
}
