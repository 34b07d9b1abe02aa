//! What the page's script reads: the points of maps, a sheet of small images, the thresholds. Numbers are little-endian arrays
//! in base64, which take neither the space nor the time of numbers as text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use simpipe_artifact::{Image, ImageShape, MatchRow};

use super::confusion;
use crate::chart::drawable;
use crate::figure::body::{Body, Scatter};
use crate::inline::{address, base64};
use crate::mark::thumbnail;
use crate::text;
use crate::{ReportData, Shown, svg, theme};

/// Thresholds at most: more than a slider has steps.
const THRESHOLDS: usize = 2000;
/// Queries whose verdicts follow the threshold, at most.
pub(super) const QUERIES: usize = 20_000;
/// What the sheet of images may take, in bytes of raw colours.
const SHEET: usize = 1_600_000;
/// The longest side of a sheet that every browser draws, in pixels.
const LONGEST: usize = 4096;

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

fn floats(values: impl Iterator<Item = f64>) -> String {
    base64(&values.flat_map(|value| (value as f32).to_le_bytes()).collect::<Vec<u8>>())
}

pub(super) fn counts(values: impl Iterator<Item = u64>) -> String {
    let short = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    base64(&values.flat_map(short).collect::<Vec<u8>>())
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

/// Small images side by side.
pub(super) struct Sheet {
    ids: Vec<u64>,
    side: usize,
    columns: usize,
    image: Option<Image>,
}

impl Sheet {
    /// Of the images that are there, as many as a sheet has room for.
    pub(super) fn of(data: &ReportData, ids: Vec<u64>) -> Self {
        let there: BTreeSet<u64> = ids.into_iter().filter(|id| data.images.contains_key(id)).collect();
        let mut ids: Vec<u64> = there.into_iter().collect();
        let side = ((SHEET / 3 / ids.len().max(1)) as f64).sqrt().clamp(8.0, 32.0) as usize;
        let most = LONGEST / side;
        ids.truncate(most * most);
        let columns = ids.len().min(most).max(1);
        let rows = ids.len().div_ceil(columns);
        let shape = ImageShape { height: (rows * side) as u32, width: (columns * side) as u32, channels: 3 };
        let mut image = Image { shape, pixels: vec![255; shape.bytes()] };
        for (at, id) in ids.iter().enumerate() {
            put(&mut image, &thumbnail(&data.images[id], side), (at % columns * side, at / columns * side));
        }
        Self { image: (!ids.is_empty()).then_some(image), ids, side, columns }
    }

    /// Where the image of an example is; the largest number if it is not there.
    pub(super) fn place(&self, id: u64) -> u64 {
        self.ids.binary_search(&id).map_or(u64::from(u32::MAX), |at| at as u64)
    }

    fn json(&self) -> Json {
        let Some(address) = self.image.as_ref().and_then(|image| address(image).ok()) else { return Json::Null };
        json!({ "side": self.side, "columns": self.columns, "address": address })
    }
}

/// Copies a small image into a sheet; a grey one becomes one of colours.
fn put(sheet: &mut Image, image: &Image, (left, top): (usize, usize)) {
    let width = sheet.shape.width as usize;
    let (rows, columns, channels) =
        (image.shape.height as usize, image.shape.width as usize, image.shape.channels as usize);
    for row in 0..rows {
        for column in 0..columns {
            for channel in 0..3 {
                let from = (row * columns + column) * channels + channel.min(channels - 1);
                sheet.pixels[((top + row) * width + left + column) * 3 + channel] = image.pixels[from];
            }
        }
    }
}
