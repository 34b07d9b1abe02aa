//! The section of `report.md` on baselines that a stage has measured.

use super::chart::number;
use super::markdown::{escape, line, section as heading, table};
use simpipe_artifact::{BaselineFile, Estimate, Gain};

/// `0.2500 (0.2000 to 0.3000)`; a dash where there is nothing.
fn cell(figure: Option<&Estimate>) -> String {
    match figure {
        None => "–".to_owned(),
        Some(Estimate { value, low: Some(low), high: Some(high) }) => format!("{value:.4} ({low:.4} to {high:.4})"),
        Some(Estimate { value, .. }) => format!("{value:.4}"),
    }
}

/// The embedding, every baseline, and whether the one is better than the others.
pub(super) fn section(page: &mut String, file: &BaselineFile) {
    heading(page, "Baselines");
    line(page, &intro(file));
    let (header, rows) = compared(file);
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
pub(super) fn compared(file: &BaselineFile) -> (Vec<String>, Vec<Vec<String>>) {
    let metrics: Vec<&String> = file.embedding.keys().collect();
    let header: Vec<String> =
        std::iter::once("Method".to_owned()).chain(metrics.iter().map(|&name| name.clone())).collect();
    let all = std::iter::once(("This embedding", &file.embedding))
        .chain(file.baselines.iter().map(|(name, figures)| (name.as_str(), figures)));
    let row = |(name, figures): (&str, &std::collections::BTreeMap<String, Estimate>)| {
        let cells = metrics.iter().map(|metric| cell(figures.get(*metric)));
        std::iter::once(name.to_owned()).chain(cells).collect::<Vec<String>>()
    };
    let rows = all.map(row).collect();
    (header, rows)
}

/// Whether the embedding is better than the best baseline, and that in words, by metric.
pub(super) fn gains(file: &BaselineFile) -> Vec<(bool, String)> {
    let said = |(metric, gain): (&String, &Gain)| {
        let verdict = if gain.better { "better" } else { "not better beyond doubt" };
        let text = format!(
            "{metric}: this embedding is {verdict} than the best baseline, {}; the difference of the same queries is {}.",
            gain.over,
            cell(Some(&gain.difference))
        );
        (gain.better, text)
    };
    file.gain.iter().map(said).collect()
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
