//! `report.md`: the page that ties figures and numbers together. No clock and no path outside the report enters it.

use std::fmt::Write;

use serde_json::Value as Json;

use super::baseline::Baselines;
use super::chart::number;
use super::classes::{Class, SHOWN, classes};
use super::evaluation::evaluations;
use super::findings::{Finding, accuracy};
use super::headline::most_believable;
use super::markdown::escape;
use super::raw::RawPixels;
use super::spec::{self, Early};
use super::{Drawn, Judgement, ReportData};
use simpipe_artifact::{Cutpoint, HistoryRow, MatchInfo, RECENT_STEPS};

/// The whole page; `figures` are file names relative to it, in order.
#[must_use]
pub fn summary(
    data: &ReportData,
    figures: &[(String, Drawn)],
    baselines: Option<&Baselines>,
    judgement: &Judgement,
) -> String {
    let mut page = String::new();
    opening(&mut page, data);
    not_there(&mut page, data);
    section(&mut page, "Headline");
    most_believable(&mut page, &judgement.candidates);
    table(&mut page, &words(["What", "Value"]), &headline_rows(data, baselines));
    carried(&mut page, &judgement.findings);
    evaluations(&mut page, data);
    if let Some(baselines) = baselines {
        compared(&mut page, baselines);
    }
    if let Some(file) = &data.baseline {
        super::measured::section(&mut page, file);
    }
    experiment(&mut page, data);
    calibration(&mut page, data);
    matches(&mut page, data);
    by_class(&mut page, data);
    shown(&mut page, figures);
    page.truncate(page.trim_end().len());
    page + "\n"
}

/// Every picture with its title and how to read it; their files are relative to the page.
pub(super) fn shown(page: &mut String, figures: &[(String, Drawn)]) {
    section(page, "Figures");
    for (file, drawn) in figures {
        line(page, &format!("### {}", escape(&drawn.title)));
        line(page, &format!("![{}]({file})", escape(&drawn.alt.replace(['[', ']'], ""))));
        line(page, &escape(&drawn.reading));
    }
}

/// A paragraph, with the empty line after it.
pub(super) fn line(page: &mut String, text: &str) {
    page.push_str(text);
    page.push_str("\n\n");
}

pub(super) fn section(page: &mut String, title: &str) {
    line(page, &format!("## {title}"));
}

/// A table; every column but the first is a number and stands right.
pub(super) fn table(page: &mut String, header: &[String], rows: &[Vec<String>]) {
    let row =
        |cells: &[String]| format!("| {} |", cells.iter().map(|cell| escape(cell)).collect::<Vec<_>>().join(" | "));
    page.push_str(&row(header));
    page.push('\n');
    let rule: Vec<&str> = (0..header.len()).map(|at| if at == 0 { "---" } else { "---:" }).collect();
    page.push_str(&format!("| {} |\n", rule.join(" | ")));
    for cells in rows {
        page.push_str(&row(cells));
        page.push('\n');
    }
    page.push('\n');
}

pub(super) fn words<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The title of the page, and what the spec says of the experiment.
pub(super) fn named(data: &ReportData) -> (&str, Option<&str>) {
    let text = |key: &str| data.spec.get(key).and_then(Json::as_str).filter(|text| !text.is_empty());
    (data.title.as_deref().or_else(|| text("name")).unwrap_or("Report"), text("description"))
}

fn opening(page: &mut String, data: &ReportData) {
    let (title, description) = named(data);
    line(page, &format!("# {}", escape(title)));
    if let Some(description) = description {
        line(page, &escape(description));
    }
}

/// What the report was not given.
fn not_there(page: &mut String, data: &ReportData) {
    for port in &data.absent {
        line(page, &format!("Nothing is plugged into the port {port}: what it would show is not there."));
    }
}

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

fn carried(page: &mut String, findings: &[Finding]) {
    section(page, "What these numbers carry");
    if findings.is_empty() {
        line(page, "There are no queries, so there are no numbers.");
        return;
    }
    for finding in findings {
        let mark = if finding.flaw { "**Flaw.** " } else { "" };
        let _ = writeln!(page, "- {mark}{}", escape(&finding.text));
    }
    page.push('\n');
}

fn compared(page: &mut String, baselines: &Baselines) {
    section(page, "Baselines");
    let intro = format!(
        "The nearest neighbour of each query that is not the query itself: the share that has the query's class, for the \
         same {} queries and the same index.",
        number(baselines.queries as f64, 0)
    );
    line(page, &intro);
    let row = |(name, value): (&str, f64)| words([name, &percent(value)]);
    let rows: Vec<Vec<String>> = methods(baselines).into_iter().map(row).collect();
    table(page, &words(["Method", "Recall@1"]), &rows);
    if let RawPixels::Skipped(reason) = &baselines.raw_pixels {
        line(page, &escape(reason));
    }
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

fn experiment(page: &mut String, data: &ReportData) {
    section(page, "Experiment");
    table(page, &words(["Fact", "Value"]), &facts(data));
    if let Some(rows) = layers(&data.model.summary) {
        table(page, &words(LAYERS), &rows);
    }
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

fn calibration(page: &mut String, data: &ReportData) {
    if data.lacks("calibration") {
        return;
    }
    section(page, "Calibration");
    let calibration = &data.calibration;
    let intro = format!(
        "{} over {} queries, {} matcher with k = {}, {} counting. A match is a {} distance at or below the cutpoint's.",
        escape(&calibration.metric),
        number(calibration.queries as f64, 0),
        escape(&calibration.matcher),
        calibration.k,
        escape(&calibration.counting),
        calibration.distance_metric.name()
    );
    line(page, &intro);
    let (header, rows) = cutpoints(data);
    table(page, &header, &rows);
    if !calibration.unreachable.is_empty() {
        line(page, &format!("No threshold reaches: {}.", escape(&calibration.unreachable.join(", "))));
    }
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

/// Numbers in a JSON value by dotted name.
pub(super) fn flatten(json: &Json, name: &str, out: &mut Vec<(String, f64)>) {
    match json {
        Json::Object(fields) => {
            for (key, value) in fields {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(value, &name, out);
            }
        }
        Json::Number(value) => out.extend(value.as_f64().map(|value| (name.to_owned(), value))),
        Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) => {}
    }
}

fn matches(page: &mut String, data: &ReportData) {
    let mut metrics = Vec::new();
    flatten(&data.match_metrics, "", &mut metrics);
    if metrics.is_empty() {
        return;
    }
    section(page, "Match metrics");
    line(page, &format!("At {}.", escape(&data.cutpoint_words())));
    judged(page, &data.match_info, &metrics);
    for found in &data.further_matches {
        line(page, &format!("### {}", escape(&found.stage)));
        let queries = number(found.queries as f64, 0);
        line(page, &format!("{queries} queries of {} classes.", number(found.classes.len() as f64, 0)));
        let numbers: Vec<(String, f64)> =
            found.metrics.iter().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect();
        judged(page, &found.info, &numbers);
    }
}

/// What the cutpoint achieves, and every number.
fn judged(page: &mut String, info: &MatchInfo, metrics: &[(String, f64)]) {
    if let Some(achieved) = &info.achieved {
        let metric = escape(&achieved.metric);
        let target = achieved.target.map_or_else(String::new, |target| format!(" was to reach {metric} {target:.4};"));
        let (name, calibrated) = (escape(&info.cutpoint), achieved.calibrated);
        line(
            page,
            &format!(
                "The cutpoint {name}{target} gave {metric} {calibrated:.4} on the calibration's queries and gives {:.4} on \
                 these, within {:.4} and {:.4} (95 % bootstrap interval over classes and queries).",
                achieved.value, achieved.low, achieved.high
            ),
        );
    }
    let rows: Vec<Vec<String>> = metrics.iter().map(|(name, number)| vec![name.clone(), value(*number)]).collect();
    table(page, &words(["Metric", "Value"]), &rows);
}

/// A number of `match`: counts without a point.
pub(super) fn value(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() > 1.0 { number(value, 0) } else { format!("{value:.4}") }
}

/// What fails: the classes of the queries, the worst first.
fn by_class(page: &mut String, data: &ReportData) {
    let classes = classes(data);
    if classes.is_empty() {
        return;
    }
    section(page, "Classes");
    let (shown, all) = (classes.len().min(SHOWN), classes.len());
    let intro = format!(
        "{} of {} classes shown, the worst first. Accuracy is the share of a class's queries that are accepted with it, \
         recall@1 the share whose nearest other image has it.",
        number(shown as f64, 0),
        number(all as f64, 0)
    );
    line(page, &intro);
    let row = |class: &Class| {
        let instead = class.instead_in_words(data);
        let recall = class.recall_at_1.map_or_else(|| "–".to_owned(), percent);
        let queries = number(class.queries as f64, 0);
        words([data.class(class.label), &queries, &percent(class.accuracy), &recall, &instead])
    };
    let rows: Vec<Vec<String>> = classes.iter().take(SHOWN).map(row).collect();
    table(page, &words(["Class", "Queries", "Accuracy", "Recall@1", "Most given instead"]), &rows);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::synthetic;
    use simpipe_artifact::{Achieved, Target};

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/report/small.md");

    fn page(data: &ReportData) -> String {
        let drawn = Drawn {
            title: "A | title".to_owned(),
            alt: "what [is] seen".to_owned(),
            reading: "How to read it.".to_owned(),
            numbers: BTreeMap::new(),
        };
        let baselines = Baselines::of(data, &|| false).unwrap();
        let judgement = Judgement::of(data, Some(&baselines));
        summary(data, &[("figures/01-a.png".to_owned(), drawn)], Some(&baselines), &judgement)
    }

    #[test]
    fn the_page_of_a_small_experiment_is_the_golden_one() {
        let page = page(&synthetic::small());
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(GOLDEN, &page).unwrap();
        }
        assert_eq!(page, std::fs::read_to_string(GOLDEN).unwrap(), "BLESS=1 rewrites the golden page");
    }

    #[test]
    fn matches_without_near_copies_stand_beside_those_with_them() {
        let mut data = synthetic::small();
        let line = "| Match: the same, queries with a near copy left out | 60.0 % of 10 queries |";
        data.match_metrics = serde_json::json!({ "near_copies": 0.0, "distinct.accuracy": 0.6 });
        assert!(!page(&data).contains("with a near copy"), "there are none");
        data.match_metrics = serde_json::json!({ "near_copies": 2.0, "distinct.accuracy": 0.6 });
        assert_eq!(data.matches.0.len(), 12);
        assert!(page(&data).contains(line), "{}", page(&data));
    }

    #[test]
    fn names_cannot_break_a_table() {
        let mut data = synthetic::small();
        data.dataset.description = "a | b\n<script>".to_owned();
        data.title = Some("[free](http://a.b)".to_owned());
        let page = page(&data);
        assert!(page.contains("a \\| b &lt;script>") && !page.contains("<script>"));
        assert!(page.starts_with("# \\[free\\](http\\://a.b)\n"), "{page}");
        assert!(page.contains("![what is seen](figures/01-a.png)"));
    }

    #[test]
    fn transparency_is_told_where_there_is_some() {
        let mut data = synthetic::small();
        assert!(!page(&data).contains("Transparency"));
        data.dataset.transparent = 1234;
        let page = page(&data);
        assert!(page.contains("| Transparency | 1,234 with transparent pixels, laid over the background |"), "{page}");
    }

    #[test]
    fn a_target_stands_beside_what_it_became() {
        let mut data = synthetic::small();
        data.match_info.achieved = Some(Achieved {
            metric: "far".to_owned(),
            target: Some(0.01),
            calibrated: 0.0098,
            value: 0.03,
            low: 0.02,
            high: 0.05,
        });
        data.calibration.cutpoints.get_mut("p95").unwrap().target =
            Some(Target { metric: "precision".to_owned(), value: 0.95 });
        let page = page(&data);
        assert!(page.contains("| name | value | distance | target | precision | recall | f1 |"), "{page}");
        assert!(page.contains("| p95 | 0.9100 | 0.040000 | precision 0.9500 | 0.9500 |"), "{page}");
        let sentence = "The cutpoint optimal was to reach far 0.0100; gave far 0.0098 on the calibration's queries and gives \
                        0.0300 on these, within 0.0200 and 0.0500 (95 % bootstrap interval";
        assert!(page.contains(sentence), "{page}");
    }

    #[test]
    fn further_matches_and_evaluations_are_on_the_page() {
        let mut data = synthetic::small();
        data.further_matches = ["match-train", "match-test"].map(synthetic::further_matches).to_vec();
        data.evaluations = vec![synthetic::evaluated("evaluate")];
        let page = page(&data);
        for part in [
            "is the number to believe most",
            "| match-test | accuracy | 0.6000 |",
            "### match-train\n\n100 queries of 2 classes.",
            "### match-test\n",
            "## Evaluation\n",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }

    #[test]
    fn losses_are_told_apart_where_an_earlier_epoch_is_kept() {
        let mut data = synthetic::small();
        data.model.steps = 20;
        data.model.best_epoch = Some(1);
        let page = page(&data);
        for name in [
            "Training loss, last step: one batch",
            "Training loss, mean of 20 steps up to the weights kept (train.loss)",
            "Validation loss, last epoch (3)",
            "Validation loss, epoch 1, whose weights are kept (train.val_loss)",
        ] {
            assert!(page.contains(&format!("| {name} |")), "{name}: {page}");
        }
    }

    #[test]
    fn an_early_end_and_the_best_epoch_are_told() {
        let mut data = synthetic::small();
        let plain = page(&data);
        assert!(plain.contains("60 steps in 3 epochs |") && !plain.contains("Weights kept"), "{plain}");
        data.model.steps = 20;
        data.model.best_epoch = Some(1);
        let rule = serde_json::json!({ "metric": "recall@1", "patience": 2, "min-delta": 0.0 });
        let params = |epochs: u32| serde_json::json!({ "epochs": epochs, "early-stopping": rule });
        data.spec = serde_json::json!({ "stages": { "train": { "stage": "train", "params": params(9) } } });
        let early = page(&data);
        let row = "| Training | 60 steps in 3 epochs of 9: ended early, recall@1 had not become better for 2 epochs |";
        assert!(early.contains(row), "{early}");
        assert!(early.contains("| Weights kept | those of the best epoch, 1, after 20 steps |"), "{early}");
        data.spec["stages"]["train"]["params"] = params(3);
        assert!(!page(&data).contains("ended early"), "it went to its end");
    }

    #[test]
    fn of_many_classes_the_worst_are_listed_and_the_rest_counted() {
        let mut data = synthetic::with(100, 120, simpipe_artifact::ImageShape { height: 4, width: 4, channels: 1 });
        for row in &mut data.matches.0 {
            row.matched = row.label != 77;
            row.predicted = Some(row.label);
        }
        let page = page(&data);
        assert!(page.contains("20 of 100 classes shown, the worst first."), "{page}");
        let table = page.split("## Classes").nth(1).unwrap();
        assert!(
            table
                .lines()
                .find(|line| line.starts_with("| Class ") && line.contains('%'))
                .unwrap()
                .starts_with("| Class 77 | 1 | 0.0 % |"),
            "{table}"
        );
        assert!(table.contains("| Unknown |"), "{table}");
    }

    #[test]
    fn numbers_are_found_at_every_depth() {
        let mut out = Vec::new();
        flatten(&serde_json::json!({ "b": { "c": 2, "t": "text" }, "a": 0.5 }), "", &mut out);
        assert_eq!(out, [("a".to_owned(), 0.5), ("b.c".to_owned(), 2.0)]);
    }
}
