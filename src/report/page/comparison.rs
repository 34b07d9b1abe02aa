//! A page about several runs, each held against the first: what differs, metrics with intervals, curves, flipped queries.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value as Json;
use simpipe_artifact::{ComparedDifference, ComparedField, ComparedFlips, ComparedMetric, ComparisonReport, Image};

use super::chart::write_tile;
use super::document::framed;
use super::html::{details, escape, paragraph, shown, table};
use super::numbers::curves;
use super::{Section, beside_runs};
use crate::cells::{dash, sure, words};
use crate::chart::number;
use crate::figure::body::{Body, Tile, Tone};
use crate::figure::losses_beside;
use crate::inline::address;
use crate::mark::thumbnail;
use crate::{ReportError, svg};

/// The verdict on what nobody can judge.
const UNKNOWN: &str = "unknown";
/// Runs that a table of fields has a column for.
pub(crate) const MOST_COLUMNS: usize = 12;
/// The longer side of a thumbnail, in pixels.
const SIDE: usize = 64;

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

/// `+0.0123 [+0.0040, +0.0210]`.
pub(crate) fn how_much(found: &ComparedDifference) -> String {
    let ends = found.low.zip(found.high).map_or_else(String::new, |(low, high)| format!(" [{low:+.4}, {high:+.4}]"));
    found.value.map_or_else(|| "–".to_owned(), |difference| format!("{difference:+.4}{ends}"))
}

/// Of each run a table against the first.
fn differences(report: &ComparisonReport) -> String {
    let header = words(["Number", "First run", "This run", "Difference [95 %]", "p", "Verdict"]);
    let mut out = String::new();
    if report.comparisons > 1 {
        out += &paragraph(&format!(
            "{} differences, each judged by itself: of so many some seem real by chance. An interval that holds 0 leaves \
             open whether there is a difference.",
            number(report.comparisons as f64, 0)
        ));
    }
    for at in 1..report.runs.len() {
        let _ = write!(out, "<h3>{}</h3>", escape(&format!("{} against {}", report.label(at), report.label(0))));
        let rows = |kind: Kind| -> Vec<Vec<String>> {
            let of_kind = report.metrics.iter().filter(|metric| kind_of(metric, at) == Some(kind));
            of_kind.filter_map(|metric| difference_row(metric, at)).collect()
        };
        let (judged, missing, others) = (rows(Kind::Judged), rows(Kind::Missing), rows(Kind::Other));
        if judged.is_empty() {
            out += &paragraph("No difference can be judged.");
        } else {
            out += &table("Differences that can be judged", &header, &judged);
        }
        for (name, rows) in [("Numbers that one of the two lacks", missing), ("Other numbers that differ", others)] {
            if !rows.is_empty() {
                let name = format!("{name}: {}", rows.len());
                out += &details(&name, &table(&name, &header, &rows));
            }
        }
        out += &whys(report, at);
    }
    out
}

/// What can be said of a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Which way is better, and how sure that is.
    Judged,
    /// Nothing: one run has no such number.
    Missing,
    /// That it differs: a count, a parameter, or a number without an interval.
    Other,
}

fn kind_of(metric: &ComparedMetric, at: usize) -> Option<Kind> {
    let found = metric.differences.get(at)?.as_ref()?;
    Some(match found.verdict.as_str() {
        "missing" => Kind::Missing,
        UNKNOWN => Kind::Other,
        _ if metric.higher_is_better.is_none() => Kind::Other,
        _ => Kind::Judged,
    })
}

fn difference_row(metric: &ComparedMetric, at: usize) -> Option<Vec<String>> {
    let found = metric.differences.get(at)?.as_ref()?;
    let value = |run: usize| metric.values.get(run).and_then(Option::as_ref).map_or_else(dash, sure);
    let (first, this) = (value(0), value(at));
    let p = found.p.map_or_else(dash, |p| format!("{p:.4}"));
    Some(words([&metric.name, &first, &this, &how_much(found), &p, verdict(found)]))
}

/// The verdict in words: an interval that holds 0 does not say that two runs are the same.
pub(crate) fn verdict(found: &ComparedDifference) -> &str {
    if found.verdict == "same" && found.value != Some(0.0) { "not told apart" } else { &found.verdict }
}

/// Why there is no interval, each reason once.
fn whys(report: &ComparisonReport, at: usize) -> String {
    let mut told: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for metric in &report.metrics {
        let found = metric.differences.get(at).and_then(Option::as_ref);
        if let Some(why) = found.and_then(|found| found.why.as_deref()) {
            told.entry(why).or_default().push(&metric.name);
        }
    }
    let item = |(why, names): (&str, Vec<&str>)| {
        let more = if names.len() > 3 { format!(" and {} more", names.len() - 3) } else { String::new() };
        let names: Vec<&str> = names.into_iter().take(3).collect();
        format!("<li>{}{}: {}</li>", escape(&names.join(", ")), more, escape(why))
    };
    let items: String = told.into_iter().map(item).collect();
    if items.is_empty() { items } else { details("Numbers without an interval", &format!("<ul>{items}</ul>")) }
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

fn flips(report: &ComparisonReport, images: &BTreeMap<(String, u64), Image>) -> Result<String, ReportError> {
    if report.flips.is_empty() {
        return Ok(paragraph("No query is answered otherwise, or no stage has left an answer for each."));
    }
    let mut out = String::new();
    for found in &report.flips {
        let _ = write!(out, "<h3>{}</h3>", escape(&format!("{}: {}", report.label(found.run), found.stage)));
        out += &flipped(found, images)?;
    }
    Ok(out)
}

fn flipped(found: &ComparedFlips, images: &BTreeMap<(String, u64), Image>) -> Result<String, ReportError> {
    if let Some(why) = &found.why {
        return Ok(paragraph(&format!("Not known: {why}.")));
    }
    let count = |count: usize| number(count as f64, 0);
    let mut out = paragraph(&format!(
        "Of {} queries {} became right and {} wrong, against the first run.",
        count(found.queries),
        count(found.fixed),
        count(found.broken)
    ));
    let pictured: Vec<_> = found
        .images
        .iter()
        .filter_map(|flip| Some((flip, images.get(&(found.stage.clone(), flip.query_id))?)))
        .collect();
    out += &paragraph(&format!("{}.", shown(pictured.len(), found.images.len(), "flipped queries")));
    out += "<ul class=\"tiles\">";
    for (flip, image) in pictured {
        let answer = |answer: &Option<String>| answer.clone().unwrap_or_else(|| "none".to_owned());
        let (before, after) = (answer(&flip.before), answer(&flip.after));
        let verdict = if flip.fixed { "✓ became right" } else { "✗ became wrong" };
        let tile = Tile {
            id: flip.query_id,
            verdict: Some(flip.fixed),
            words: vec![
                (flip.label.clone(), Tone::Name),
                (verdict.to_owned(), Tone::of(flip.fixed)),
                (format!("before: {before}"), Tone::Plain),
                (format!("now: {after}"), Tone::Plain),
                (format!("query {}", flip.query_id), Tone::Muted),
            ],
        };
        out += "<li>";
        write_tile(&mut out, &address(&thumbnail(image, SIDE))?, &tile, flip.file.as_deref());
        out += "</li>";
    }
    Ok(out + "</ul>")
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::ComparedRun;

    use super::*;

    #[test]
    fn counts_and_missing_numbers_are_no_differences_that_can_be_judged() {
        let metric = |verdict: &str, higher: Option<bool>| ComparedMetric {
            higher_is_better: higher,
            differences: vec![
                None,
                Some(ComparedDifference {
                    value: Some(0.1),
                    verdict: verdict.to_owned(),
                    ..ComparedDifference::default()
                }),
            ],
            ..ComparedMetric::default()
        };
        let kind = |verdict: &str, higher: Option<bool>| kind_of(&metric(verdict, higher), 1);
        assert!(kind("same", Some(true)) == Some(Kind::Judged) && kind("same", None) == Some(Kind::Other));
        assert!(kind("missing", Some(true)) == Some(Kind::Missing) && kind(UNKNOWN, Some(true)) == Some(Kind::Other));
        let row = difference_row(&metric("same", Some(true)), 1).unwrap();
        assert_eq!(row.last().map(String::as_str), Some("not told apart"));
    }

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
