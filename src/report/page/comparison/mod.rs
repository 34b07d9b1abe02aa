//! A page about several runs, each held against the first: what differs, metrics with intervals, curves, flipped queries.

mod differences;
mod flips;

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value as Json;
use simpipe_artifact::{ComparedField, ComparisonReport, Image};

use super::document::framed;
use super::html::{details, escape, paragraph, shown, table};
use super::numbers::curves;
use super::{Section, beside_runs};
use crate::cells::dash;
use crate::figure::body::Body;
use crate::figure::losses_beside;
use crate::{ReportError, svg};
use differences::differences;
pub(crate) use differences::how_much;
use flips::flips;

/// Runs that a table of fields has a column for.
pub(crate) const MOST_COLUMNS: usize = 12;

/// The page; `images` are those of flipped queries, by stage and query.
///
/// # Errors
/// If a picture can't be drawn.
pub fn comparison_page(
    report: &ComparisonReport,
    images: &BTreeMap<(String, u64), Image>,
) -> Result<String, ReportError> {
    let mut sections = vec![Section { id: "runs", title: "Runs", body: beside_runs::runs(report) }];
    if let [_] = report.runs.as_slice() {
        sections.push(Section { id: "numbers", title: "Numbers", body: beside_runs::numbers(report) });
        sections.push(Section { id: "training", title: "Training", body: training(report)? });
    } else {
        sections.push(Section { id: "differences", title: "Differences", body: differences(report) });
        sections.push(Section { id: "specs", title: "What was changed", body: specs(report) });
        sections.push(Section { id: "training", title: "Training", body: training(report)? });
        sections.push(Section { id: "flips", title: "Flipped queries", body: flips(report, images)? });
    }
    if !report.notes.is_empty() {
        let notes: Vec<String> = report.notes.iter().map(|note| format!("<li>{}</li>", escape(note))).collect();
        sections.push(Section { id: "notes", title: "Not there", body: format!("<ul>{}</ul>", notes.concat()) });
    }
    let names: Vec<&str> = report.runs.iter().map(|run| run.name.as_str()).collect();
    let title = match report.runs.as_slice() {
        [run] => format!("{} over {} seeds", run.name, run.seeds.len()),
        runs => format!("Comparison of {} runs", runs.len()),
    };
    let names = (names.len() > 1).then(|| names.join(", "));
    Ok(framed(&title, names.as_deref(), &sections, None))
}

fn specs(report: &ComparisonReport) -> String {
    let mut out = if report.fields.iter().all(is_look) {
        paragraph("The specs are the same in every field.")
    } else {
        fields(report, "Fields of the spec that differ", &report.fields)
    };
    if !report.versions.is_empty() {
        out += &fields(report, "What they were computed by, where that differs", &report.versions);
    }
    out
}

/// Whether a field says how a page is to look, which changes no number.
fn is_look(field: &ComparedField) -> bool {
    field.path.contains(".figures[")
}

fn fields(report: &ComparisonReport, caption: &str, fields: &[ComparedField]) -> String {
    let columns = report.runs.len().min(MOST_COLUMNS);
    let fields: Vec<&ComparedField> = fields.iter().filter(|field| !is_look(field)).collect();
    let mut caption = format!("{caption}: {}", shown(fields.len(), fields.len(), "fields"));
    if columns < report.runs.len() {
        caption += &format!(", {}", shown(columns, report.runs.len(), "runs"));
    }
    let header: Vec<String> =
        std::iter::once("Field".to_owned()).chain((0..columns).map(|at| report.label(at))).collect();
    let row = |field: &ComparedField| {
        let values = field.values.iter().take(columns).map(|value| value.as_ref().map_or_else(dash, in_short));
        std::iter::once(field.path.clone()).chain(values).collect::<Vec<String>>()
    };
    format!("<div class=\"specs\">{}</div>", table(&caption, &header, &fields.into_iter().map(row).collect::<Vec<_>>()))
}

/// A value of a spec, cut where it fills the page.
pub(crate) fn in_short(value: &Json) -> String {
    const LONGEST: usize = 200;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST).chain("…".chars()).collect() }
}

fn training(report: &ComparisonReport) -> Result<String, ReportError> {
    let Some((figure, canvas)) = losses_beside::draw(report)? else {
        return Ok(paragraph("No run has a training whose losses are there."));
    };
    let mut out = format!("<p class=\"muted\">{}</p>", escape(&figure.subtitle));
    let _ = write!(
        out,
        "<div class=\"plot\" role=\"group\" tabindex=\"0\" aria-label=\"{}\">{}</div>",
        escape(&figure.title),
        svg::svg(&canvas, 0, &figure.alt)?
    );
    out += &paragraph(&figure.reading);
    if let Body::Lines(lines) = &figure.body {
        for table in curves(lines) {
            out += &details(&format!("Numbers: {}", table.name), &table.html());
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::ComparedRun;

    use super::*;

    #[test]
    fn fields_of_the_figures_are_left_out_and_the_others_counted() {
        let field = |path: &str| ComparedField { path: path.to_owned(), values: vec![None, None] };
        let report = ComparisonReport {
            runs: vec![ComparedRun::default(), ComparedRun::default()],
            fields: vec![field("train.epochs"), field("report.figures[0]")],
            ..ComparisonReport::default()
        };
        let page = specs(&report);
        assert!(page.contains("1 of 1 fields shown") && !page.contains("figures["), "{page}");
    }
}
