//! Tables of numbers that `report.md` and `report.html` both have: the headline, the baselines, the cutpoints.

use serde_json::Value as Json;
use simpipe_artifact::Cutpoint;

use super::cells::{percent, words};
use super::chart::number;
use super::raw::RawPixels;
use super::right::accuracy;
use super::{Baselines, ReportData};

/// The numbers at the top of a page, each with its name.
pub(super) fn headline_rows(data: &ReportData, baselines: Option<&Baselines>) -> Vec<Vec<String>> {
    let rows = &data.matches.0;
    let mut cells = Vec::new();
    let mut add = |name: &str, value: Option<String>| cells.extend(value.map(|value| words([name, &value])));
    if let Some((name, cutpoint)) = data.cutpoint() {
        let metric = &data.calibration.metric;
        add(&format!("Calibration: {metric} at {name}"), Some(format!("{:.4}", cutpoint.value)));
        add(&format!("Calibration: distance at {name}"), Some(format!("{:.6}", cutpoint.distance)));
    }
    let overlap = data.overlap();
    let apart: Vec<_> = rows.iter().filter(|row| !overlap.indexed(row)).collect();
    let share = |text: &str, some: &[&simpipe_artifact::MatchRow]| {
        (!some.is_empty())
            .then(|| format!("{} of {} {text}", percent(accuracy(some.iter().copied())), number(some.len() as f64, 0)))
    };
    add("Match: queries given their own class", share("queries", &rows.iter().collect::<Vec<_>>()));
    if apart.len() < rows.len() {
        add("Match: the same, queries in the index left out", share("queries", &apart));
    }
    let of_match = |name: &str| data.match_metrics.get(name).and_then(Json::as_f64);
    let copied = of_match("near_copies").filter(|copied| *copied > 0.0);
    let distinct = copied.zip(of_match("distinct.accuracy")).map(|(copied, accuracy)| {
        format!("{} of {} queries", percent(accuracy), number(rows.len() as f64 - copied, 0))
    });
    add("Match: the same, queries with a near copy left out", distinct);
    if let Some(baselines) = baselines {
        add("Nearest other image has the class", baselines.embedding.map(percent));
    }
    if let Some(figure) = data.baseline.as_ref().and_then(|file| file.embedding.get("recall@1")) {
        add("Nearest other image has the class, of the baselines' queries", Some(percent(figure.value)));
    }
    cells
}

/// Every method with its recall@1, as far as they were computed.
pub(super) fn methods(baselines: &Baselines) -> Vec<(&'static str, f64)> {
    let raw = if let RawPixels::Accuracy(accuracy) = baselines.raw_pixels { Some(accuracy) } else { None };
    let all = [
        ("This embedding", baselines.embedding),
        ("Raw pixels, Euclidean distance", raw),
        ("Always the largest class", baselines.chance),
        ("One over the number of classes", baselines.uniform),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// A metric of the calibration at the start of a sentence: `F1`, `Precision`.
pub(super) fn metric_in_words(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Every cutpoint with what it achieves: the header and the rows of a table.
pub(super) fn cutpoints(data: &ReportData) -> (Vec<String>, Vec<Vec<String>>) {
    let calibration = &data.calibration;
    let extra = &calibration.extra_metrics;
    let targets = calibration.cutpoints.values().any(|cutpoint| cutpoint.target.is_some());
    let header: Vec<String> = words(["name", "value", "distance"])
        .into_iter()
        .chain(targets.then(|| "target".to_owned()))
        .chain(extra.iter().cloned())
        .chain([calibration.metric.clone()])
        .collect();
    let column = |name: &str, cutpoint: &Cutpoint| {
        let value = cutpoint.metrics.get(&name.replace('-', "_")).or_else(|| cutpoint.metrics.get(name));
        value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"))
    };
    let row = |(name, cutpoint): (&String, &Cutpoint)| {
        let mut cells = vec![name.clone(), format!("{:.4}", cutpoint.value), format!("{:.6}", cutpoint.distance)];
        if targets {
            let target = cutpoint.target.as_ref();
            cells
                .push(target.map_or_else(|| "–".to_owned(), |target| format!("{} {:.4}", target.metric, target.value)));
        }
        cells.extend(extra.iter().map(|metric| column(metric, cutpoint)));
        cells.push(format!("{:.4}", cutpoint.value));
        cells
    };
    let rows = calibration.cutpoints.iter().map(row).collect();
    (header, rows)
}
