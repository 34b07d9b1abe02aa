//! What follows the first screen: data, training, embedding, calibration, neighbours, confusion, evaluations, classes.

use simpipe_artifact::HistoryRow;

use super::html::{details, escape, facts, paragraph, table};
use super::{Pictures, Section, chart, details as lists, hubs, per_class};
use crate::cells::{self, words};
use crate::chart::{number, short};
use crate::evaluated::Evaluated;
use crate::evaluation;
use crate::experiment::{self, LAYERS};
use crate::figure::Part;
use crate::interval::counts_all;
use crate::rows;
use crate::{ReportData, ReportError, Shown};

/// All of them, each with the figures that belong there.
pub(super) fn sections(data: &ReportData, figures: &[Shown], pictures: &Pictures) -> Result<Vec<Section>, ReportError> {
    let of = |part: Part| figures_of(data, pictures, figures, part);
    let all = [
        ("data", "Data", lists::data(data) + &of(Part::Data)?),
        ("training", "Training", training(data) + &of(Part::Training)?),
        ("embedding", "Embedding", of(Part::Embedding)?),
        ("calibration", "Calibration", calibration(data) + &of(Part::Calibration)?),
        ("neighbours", "Neighbours", of(Part::Neighbours)?),
        ("confusion", "Confusion", of(Part::Confusion)?),
        ("no-match", "No match", of(Part::NoMatch)?),
        ("matches", "Match", matches(data)),
        ("evaluation", "Evaluation", data.evaluations.iter().map(|found| evaluated(data, found)).collect()),
        ("classes", "Classes", lists::classes(data)),
    ];
    let there = all.into_iter().filter(|(.., body)| !body.is_empty());
    Ok(there.map(|(id, title, body)| Section { id, title, body }).collect())
}

fn figures_of(data: &ReportData, pictures: &Pictures, figures: &[Shown], part: Part) -> Result<String, ReportError> {
    let some = figures.iter().enumerate().filter(|(_, shown)| shown.part == part);
    some.map(|one| chart::figure(data, pictures, one)).collect()
}

fn training(data: &ReportData) -> String {
    if data.lacks("training") {
        return paragraph("Not there: no training is plugged into the report.");
    }
    let losses = experiment::losses(data);
    let mut out = if losses.is_empty() {
        paragraph("No training step was run: the network keeps its first weights.")
    } else {
        facts("Losses", &losses)
    };
    let rates = data.history.0.first().zip(data.history.0.last());
    if let Some((first, last)) = rates {
        out += &paragraph(&learning_rate(data, first, last));
    }
    if let Some(rows) = experiment::layers(&data.model.summary) {
        let layers = table(&format!("The network, {} layers", rows.len()), &words(LAYERS), &rows);
        out += &details("Layers of the network", &layers);
    }
    out
}

/// From where to where it goes; of one that never changes its value alone.
fn learning_rate(data: &ReportData, first: &HistoryRow, last: &HistoryRow) -> String {
    if data.history.0.iter().all(|row| row.learning_rate == first.learning_rate) {
        return format!("The learning rate is {} throughout.", short(first.learning_rate));
    }
    format!(
        "The learning rate goes from {} at step {} to {} at step {}.",
        short(first.learning_rate),
        number(first.step as f64, 0),
        short(last.learning_rate),
        number(last.step as f64, 0)
    )
}

fn calibration(data: &ReportData) -> String {
    if data.lacks("calibration") {
        return paragraph("Not there: no calibration is plugged into the report.");
    }
    let calibration = &data.calibration;
    let mut out = paragraph(&format!(
        "{} over {} queries, {} matcher with k = {}, {} counting. A match is a {} distance at or below the cutpoint's.",
        rows::metric_in_words(&calibration.metric),
        number(calibration.queries as f64, 0),
        calibration.matcher,
        calibration.k,
        calibration.counting,
        calibration.distance_metric.name()
    ));
    let (header, rows) = rows::cutpoints(data);
    out += &table("Cutpoints", &header, &rows);
    if !calibration.unreachable.is_empty() {
        out += &paragraph(&format!("No threshold reaches: {}.", calibration.unreachable.join(", ")));
    }
    let counted = counts_all(data);
    if !counted.is_empty() {
        out += &paragraph(&counted.trim_start().replacen("All", "At each threshold all", 1));
    }
    out + "<div id=\"threshold\"></div>"
}

/// Every number of `match`, and of further ones.
fn matches(data: &ReportData) -> String {
    let mut numbers = Vec::new();
    cells::flatten(&data.match_metrics, "", &mut numbers);
    let mut out = String::new();
    if !numbers.is_empty() {
        out += &paragraph(&format!("At {}.", data.cutpoint_words()));
        out += &facts("Numbers of the match", &valued(&numbers));
    }
    for found in &data.further_matches {
        let numbers: Vec<(String, f64)> =
            found.metrics.iter().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect();
        let [queries, classes] = [found.queries, found.classes.len() as u64].map(|count| number(count as f64, 0));
        let caption = format!("{}: {queries} queries of {classes} classes", found.stage);
        out += &details(&caption, &facts(&caption, &valued(&numbers)));
    }
    out
}

fn valued(numbers: &[(String, f64)]) -> Vec<Vec<String>> {
    numbers.iter().map(|(name, number)| words([name, &cells::value(*number)])).collect()
}

fn evaluated(data: &ReportData, found: &Evaluated) -> String {
    let evaluation = &found.evaluation;
    let mut out = format!("<h3>{}</h3>{}", escape(&found.stage), paragraph(&evaluation::looked_up(evaluation)));
    if let Some(text) = evaluation::finds_itself(evaluation) {
        out += &format!("<p class=\"flaw\"><b>⚠ Flaw.</b> {}</p>", escape(&text));
    }
    let (header, rows) = evaluation::figures(data, found);
    out += &table(&format!("Figures of {}, with intervals", found.stage), &header, &rows);
    if let Some(text) = evaluation::without_copies(data, found) {
        out += &paragraph(&text);
    }
    if let Some((header, rows)) = evaluation::categories(evaluation) {
        out += &table(&format!("Figures of {} by category", found.stage), &header, &rows);
    }
    if let Some(text) = evaluation::hubs(data, evaluation) {
        out += &paragraph(&text);
    }
    out += &hubs::hubs(data, found);
    out += &per_class::table(found);
    for (name, why) in &evaluation.undefined {
        out += &paragraph(&format!("{name} has no value: {why}."));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn a_learning_rate_that_never_changes_goes_nowhere() {
        let mut data = synthetic::small();
        let said = |data: &ReportData| learning_rate(data, &data.history.0[0], data.history.0.last().unwrap());
        assert_eq!(said(&data), "The learning rate is 0.002 throughout.");
        data.history.0.last_mut().unwrap().learning_rate = 0.001;
        assert_eq!(said(&data), "The learning rate goes from 0.002 at step 1 to 0.001 at step 60.");
    }

    #[test]
    fn a_metric_that_begins_a_sentence_has_a_capital() {
        assert!(calibration(&synthetic::small()).starts_with("<p>F1 over 12 queries, nearest matcher"));
    }
}
