//! `report.md`: the page that ties figures and numbers together. No clock and no path outside the report enters it.

use std::fmt::Write;

use simpipe_artifact::MatchInfo;

use super::baseline::Baselines;
use super::cells::{flatten, percent, value, words};
use super::chart::number;
use super::classes::{ByClass, Class, SHOWN};
use super::evaluation::evaluations;
use super::experiment::{LAYERS, facts, layers, named};
use super::finding::Finding;
use super::headline::most_believable;
use super::markdown::{escape, line, section, table};
use super::raw::RawPixels;
use super::rows::{cutpoints, headline_rows, methods, metric_in_words};
use super::{Drawn, Judgement, ReportData};

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
        super::measured::section(&mut page, data, file);
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

fn experiment(page: &mut String, data: &ReportData) {
    section(page, "Experiment");
    table(page, &words(["Fact", "Value"]), &facts(data));
    if let Some(rows) = layers(&data.model.summary) {
        table(page, &words(LAYERS), &rows);
    }
}

fn calibration(page: &mut String, data: &ReportData) {
    if data.lacks("calibration") {
        return;
    }
    section(page, "Calibration");
    let calibration = &data.calibration;
    let intro = format!(
        "{} over {} queries, {} matcher with k = {}, {} counting. A match is a {} distance at or below the cutpoint's.",
        escape(&metric_in_words(&calibration.metric)),
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

/// What fails: the classes of the queries, the worst first; those that the index lacks apart.
fn by_class(page: &mut String, data: &ReportData) {
    let ByClass { known, lacking, queries } = ByClass::of(data);
    if known.is_empty() && lacking.is_empty() {
        return;
    }
    section(page, "Classes");
    line(page, &format!("Of {queries}."));
    if !known.is_empty() {
        let says = "Accuracy is the share of a class's queries that are accepted with it, recall@1 the share whose nearest \
                    other image has it.";
        of_group(page, data, &known, ("classes", says, "Accuracy"));
    }
    if !lacking.is_empty() {
        let says = "There is no class to be given: a query is right if it is refused.";
        of_group(page, data, &lacking, ("classes that the index lacks", says, "Refused"));
    }
}

fn of_group(page: &mut String, data: &ReportData, classes: &[Class], (what, says, right): (&str, &str, &str)) {
    let shown = number(classes.len().min(SHOWN) as f64, 0);
    line(page, &format!("{shown} of {} {what} shown, the worst first. {says}", number(classes.len() as f64, 0)));
    let row = |class: &Class| {
        let instead = class.instead_in_words(data);
        let recall = class.recall_at_1.map_or_else(|| "–".to_owned(), percent);
        let queries = number(class.queries as f64, 0);
        words([data.class(class.label), &queries, &percent(class.right), &recall, &instead])
    };
    let rows: Vec<Vec<String>> = classes.iter().take(SHOWN).map(row).collect();
    table(page, &words(["Class", "Queries", right, "Recall@1", "Most given instead"]), &rows);
}

#[cfg(test)]
mod tests;
