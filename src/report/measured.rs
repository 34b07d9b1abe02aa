//! The section of `report.md` on baselines that a stage has measured.

use std::collections::BTreeMap;

use simpipe_artifact::{BaselineFile, Estimate, Gain};

use super::ReportData;
use super::beside::Told;
use super::chart::number;
use super::markdown::{escape, line, section as heading, table};

/// Figures by metric.
type Figures = BTreeMap<String, Estimate>;

/// What means of the same queries may differ by.
const SAME: f64 = 1e-9;

/// `0.2500 (0.2000 to 0.3000)`; a dash where there is nothing.
fn cell(figure: Option<&Estimate>) -> String {
    match figure {
        None => "–".to_owned(),
        Some(Estimate { value, low: Some(low), high: Some(high) }) => format!("{value:.4} ({low:.4} to {high:.4})"),
        Some(Estimate { value, .. }) => format!("{value:.4}"),
    }
}

/// The embedding, every baseline, and whether the one is better than the others.
pub(super) fn section(page: &mut String, data: &ReportData, file: &BaselineFile) {
    heading(page, "Baselines");
    line(page, &intro(file));
    let (header, rows) = compared(data, file);
    table(page, &header, &rows);
    for (better, text) in gains(file) {
        let mark = if better { "" } else { "**Flaw.** " };
        line(page, &format!("{mark}{}", escape(&text)));
    }
    for (name, reason) in &file.skipped {
        line(page, &escape(&format!("{name}: {reason}")));
    }
}

/// The embedding and every baseline: the header and the rows of a table.
pub(super) fn compared(data: &ReportData, file: &BaselineFile) -> (Vec<String>, Vec<Vec<String>>) {
    let embedding = with_known_intervals(data, file);
    let metrics: Vec<&String> = file.embedding.keys().collect();
    let header: Vec<String> =
        std::iter::once("Method".to_owned()).chain(metrics.iter().map(|&name| name.clone())).collect();
    let all = std::iter::once(("This embedding", &embedding))
        .chain(file.baselines.iter().map(|(name, figures)| (name.as_str(), figures)));
    let row = |(name, figures): (&str, &Figures)| {
        let cells = metrics.iter().map(|metric| cell(figures.get(*metric)));
        std::iter::once(name.to_owned()).chain(cells).collect::<Vec<String>>()
    };
    let rows = all.map(row).collect();
    (header, rows)
}

/// The embedding's figures. One that an evaluation on the page has too is shown with the interval of that: each stage draws its
/// own samples, and of one number a reader expects one interval.
fn with_known_intervals(data: &ReportData, file: &BaselineFile) -> Figures {
    let known = |metric: &str, figure: &Estimate| {
        let evaluations = data.evaluations.iter().map(|found| &found.evaluation);
        let all = evaluations.flat_map(|one| [one.disjoint.get(metric), one.metrics.get(metric)]).flatten();
        let mut same = all.filter(|one| {
            one.queries == file.queries
                && one.estimate.low.is_some()
                && (one.estimate.value - figure.value).abs() < SAME
        });
        same.next().map(|one| one.estimate)
    };
    file.embedding.iter().map(|(metric, figure)| (metric.clone(), known(metric, figure).unwrap_or(*figure))).collect()
}

/// Whether the embedding is better than the best baseline, and that in words, by metric.
pub(super) fn gains(file: &BaselineFile) -> Vec<(bool, String)> {
    file.gain.iter().map(|(metric, gain)| (gain.better, gain_in_words(metric, gain))).collect()
}

fn gain_in_words(metric: &str, gain: &Gain) -> String {
    let verdict = match Told::of(&gain.difference) {
        Told::Better => "better than",
        Told::Worse => "worse than",
        Told::NotApart => "not told apart from",
    };
    format!(
        "{metric}: this embedding is {verdict} the best baseline, {}; the difference on the same queries is {}.",
        gain.over,
        cell(Some(&gain.difference))
    )
}

/// What was looked up, and what the intervals are.
pub(super) fn intro(file: &BaselineFile) -> String {
    let count = |count: usize| number(count as f64, 0);
    let of = if file.queries < file.of_queries { format!(" of {}", count(file.of_queries)) } else { String::new() };
    format!(
        "{}{of} queries looked up among {} examples, never finding themselves or a copy of their image; in brackets 95 % \
         intervals by bootstrap over classes and their queries.",
        count(file.queries),
        count(file.indexed)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn a_number_that_an_evaluation_has_too_stands_with_its_interval() {
        let figure = |value: f64, low: f64, high: f64| Estimate { value, low: Some(low), high: Some(high) };
        let figures = |value: f64| BTreeMap::from([("recall@1".to_owned(), figure(value, 0.41, 0.59))]);
        let mut file = BaselineFile {
            format: 1,
            queries: 12,
            of_queries: 12,
            in_index: 0,
            excluded: None,
            lone: 0,
            indexed: 20,
            distance: simpipe_artifact::Distance::Cosine,
            embedding: figures(0.5),
            baselines: BTreeMap::from([("raw-pixels".to_owned(), figures(0.5))]),
            skipped: BTreeMap::new(),
            gain: BTreeMap::new(),
        };
        let mut data = synthetic::small();
        let cells = |data: &ReportData, file: &BaselineFile| {
            compared(data, file).1.into_iter().map(|row| row[1].clone()).collect::<Vec<_>>()
        };
        assert_eq!(cells(&data, &file), ["0.5000 (0.4100 to 0.5900)"; 2]);
        data.evaluations = vec![synthetic::evaluated("evaluate")];
        let shown = ["0.5000 (0.4000 to 0.6000)", "0.5000 (0.4100 to 0.5900)"];
        assert_eq!(cells(&data, &file), shown, "only the embedding's is the evaluation's");
        file.queries = 11;
        assert_eq!(cells(&data, &file)[0], "0.5000 (0.4100 to 0.5900)", "of other queries");
    }

    #[test]
    fn what_is_not_told_apart_is_neither_better_nor_worse() {
        let gain = |value: f64| {
            let difference = Estimate { value, low: Some(value - 0.05), high: Some(value + 0.05) };
            Gain { over: "raw-pixels".to_owned(), difference, better: value > 0.05 }
        };
        for (value, words) in [(0.1, "is better than"), (-0.1, "is worse than"), (-0.03, "is not told apart from")] {
            let text = gain_in_words("recall@1", &gain(value));
            assert!(text.contains(&format!("{words} the best baseline, raw-pixels;")), "{text}");
        }
    }
}
