//! What an experiment is made of, as `report.md` and `report.html` both tell it: data, network, training, losses.

use serde_json::Value as Json;
use simpipe_artifact::{HistoryRow, RECENT_STEPS};

use super::ReportData;
use super::cells::words;
use super::chart::number;
use super::spec::{self, Early};

/// The title of the page, and what the spec says of the experiment.
pub(super) fn named(data: &ReportData) -> (&str, Option<&str>) {
    let text = |key: &str| data.spec.get(key).and_then(Json::as_str).filter(|text| !text.is_empty());
    (data.title.as_deref().or_else(|| text("name")).unwrap_or("Report"), text("description"))
}

/// Facts that nobody knows where nothing is plugged into a port.
const LACKING: [(&str, &str); 5] = [
    ("sampler", "Training pool"),
    ("training", "Training"),
    ("training", "Parameters"),
    ("index", "Index"),
    ("matches", "Queries"),
];

/// What the experiment is made of, each fact with its name.
pub(super) fn facts(data: &ReportData) -> Vec<Vec<String>> {
    let count = |value: usize| number(value as f64, 0);
    let splits: Vec<String> =
        data.dataset.counts.iter().map(|(split, size)| format!("{split} {}", count(*size))).collect();
    let shape = data.dataset.image.map_or_else(
        || "of several sizes".to_owned(),
        |shape| format!("{} x {} x {}", shape.height, shape.width, shape.channels),
    );
    let parameters = data.model.summary.get("parameters").and_then(Json::as_u64);
    let mut rows = vec![
        words(["Dataset", &format!("{}: {}", data.dataset.source, data.dataset.description)]),
        words(["Images", &format!("{}; {shape}", splits.join(", "))]),
        words(["Classes", &count(data.dataset.classes.len())]),
        words(["Training pool", &format!("{} examples", count(data.samples.label.len()))]),
        words(["Training", &trained(data)]),
        words(["Embedding", &format!("{} numbers, {} distance", data.model.dim, data.model.distance.name())]),
        words([
            "Index",
            &format!(
                "{} examples, {} search{}",
                count(data.index_info.count),
                data.index_info.search,
                match (data.index_info.class_means_of, data.index_info.normalized) {
                    (Some(_), _) => ", means of classes, each shown by the image nearest to it",
                    (None, true) => ", vectors scaled to unit length",
                    (None, false) => "",
                }
            ),
        ]),
        words(["Queries", &count(data.matches.0.len())]),
    ];
    if let Some(parameters) = parameters {
        rows.insert(5, words(["Parameters", &number(parameters as f64, 0)]));
    }
    if data.dataset.transparent > 0 {
        let transparent =
            format!("{} with transparent pixels, laid over the background", count(data.dataset.transparent));
        rows.insert(2, words(["Transparency", &transparent]));
    }
    if let Some(epoch) = data.model.best_epoch {
        let at = rows.iter().position(|row| row[0] == "Training").map_or(rows.len(), |at| at + 1);
        let steps = number(data.model.steps as f64, 0);
        rows.insert(at, words(["Weights kept", &format!("those of the best epoch, {epoch}, after {steps} steps")]));
    }
    rows.retain(|row| LACKING.iter().all(|(port, fact)| row[0] != *fact || !data.lacks(port)));
    rows.extend(losses(data));
    if let Some(seed) = spec::seed(&data.spec) {
        rows.push(words(["Seed", &seed.to_string()]));
    }
    rows
}

/// How long the training was, and what ended it.
fn trained(data: &ReportData) -> String {
    let (steps, epochs) =
        data.history.0.last().map_or((data.model.steps, 0), |row| (row.step.max(data.model.steps), row.epoch));
    let made = format!("{} steps in {epochs} epoch{}", number(steps as f64, 0), if epochs == 1 { "" } else { "s" });
    match spec::ended_early(&data.spec, u64::from(epochs)) {
        Some(Early { planned, metric, patience }) => format!(
            "{made} of {planned}: ended early, {metric} had not become better for {patience} epoch{}",
            if patience == 1 { "" } else { "s" }
        ),
        None => made,
    }
}

/// The losses by what each is of: a step, steps, an epoch, and the weights that were kept.
pub(super) fn losses(data: &ReportData) -> Vec<Vec<String>> {
    let rows = data.history.0.as_slice();
    let mut losses: Vec<(String, f64)> = Vec::new();
    if let Some(row) = rows.last() {
        losses.push(("Training loss, last step: one batch".to_owned(), row.loss));
    }
    let made = usize::try_from(data.model.steps).unwrap_or(usize::MAX).min(rows.len());
    let recent = &rows[made.saturating_sub(RECENT_STEPS)..made];
    if !recent.is_empty() {
        let mean = recent.iter().map(|row| row.loss).sum::<f64>() / recent.len() as f64;
        losses
            .push((format!("Training loss, mean of {} steps up to the weights kept (train.loss)", recent.len()), mean));
    }
    let validated = |rows: &[HistoryRow]| rows.iter().rev().find_map(|row| Some((row.epoch, row.val_loss?)));
    let (last, kept) = (validated(rows), validated(&rows[..made]));
    if let Some((epoch, loss)) = last.filter(|last| kept.is_none_or(|kept| kept.0 != last.0)) {
        losses.push((format!("Validation loss, last epoch ({epoch})"), loss));
    }
    if let Some((epoch, loss)) = kept {
        losses.push((format!("Validation loss, epoch {epoch}, whose weights are kept (train.val_loss)"), loss));
    }
    losses.into_iter().map(|(name, loss)| words([&name, &format!("{loss:.4}")])).collect()
}

/// The header of [`layers`].
pub(super) const LAYERS: [&str; 3] = ["Layer", "Output", "Parameters"];

/// The network as Keras' `summary()` shows it.
pub(super) fn layers(summary: &Json) -> Option<Vec<Vec<String>>> {
    let layers = summary.get("layers").and_then(Json::as_array).filter(|layers| !layers.is_empty())?;
    let row = |layer: &Json| {
        let sides = layer
            .get("output")
            .and_then(Json::as_array)
            .map_or_else(String::new, |sides| sides.iter().map(Json::to_string).collect::<Vec<_>>().join(" x "));
        let parameters = layer.get("parameters").and_then(Json::as_u64).unwrap_or(0);
        words([layer.get("name").and_then(Json::as_str).unwrap_or("?"), &sides, &number(parameters as f64, 0)])
    };
    Some(layers.iter().map(row).collect())
}
