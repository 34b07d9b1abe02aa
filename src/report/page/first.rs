//! The first screen: is it good, may it be believed, what fails.

use std::fmt::Write;

use super::Section;
use super::html::{bar, details, escape, facts, name, paragraph, prose, shown, table, table_with};
use crate::cells::{percent, words};
use crate::classes::{ByClass, Class};
use crate::evaluation::ends;
use crate::headline::{CANDIDATES, candidate_rows, in_words};
use crate::raw::RawPixels;
use crate::rows::{headline_rows, methods};
use crate::{Baselines, Candidate, Finding, Judgement, ReportData, Shown, measured, untrained};

/// Classes on the first screen.
const WORST: usize = 5;

pub(super) fn sections(
    data: &ReportData,
    figures: &[Shown],
    baselines: Option<&Baselines>,
    judgement: &Judgement,
) -> Vec<Section> {
    let mut headline = String::from("<div class=\"cards\">");
    let _ = write!(headline, "<div class=\"card\">{}</div>", best(judgement.candidates.first()));
    let _ = write!(headline, "<div class=\"card\">{}</div>", beside(data, baselines));
    let _ = write!(headline, "<div class=\"card\">{}</div></div>", worst(data));
    let rows = headline_rows(data, baselines);
    if !rows.is_empty() {
        headline += &details("More numbers", &facts("Numbers of calibration and match", &rows));
    }
    if judgement.candidates.len() > 1 {
        let table = table(
            "All numbers that could stand for it, the most believable first",
            &words(CANDIDATES),
            &candidate_rows(&judgement.candidates),
        );
        headline += &details("Other numbers that could stand for it", &table);
    }
    let mut caveats = findings(&judgement.findings);
    caveats += &absent(data, figures);
    vec![
        Section { id: "headline", title: "Headline", body: headline },
        Section { id: "caveats", title: "Caveats", body: caveats },
    ]
}

/// The number to believe most, large.
fn best(candidate: Option<&Candidate>) -> String {
    let mut out = String::from("<h3>The number to believe most</h3>");
    let Some(candidate) = candidate else {
        return out + "<p>There are no queries, so there is no number.</p>";
    };
    let estimate = candidate.estimate;
    let _ = write!(
        out,
        "<p class=\"large\"><span class=\"figure-name\">{}</span> <b>{:.4}</b></p>",
        name(&candidate.figure),
        estimate.value
    );
    if estimate.low.is_some() {
        let ends = ends(estimate.low, estimate.high);
        let _ = write!(out, "<p>95 % interval: <span class=\"ends\">{ends}</span></p>");
    }
    let _ = write!(out, "<p>Of the stage {}: {}</p>", name(&candidate.stage), escape(&in_words(candidate)));
    if candidate.leaks > 0 {
        out.push_str("<p class=\"flaw\"><b>Flaw.</b> It is of queries that were seen before.</p>");
    }
    out
}

/// The embedding beside what needs no training.
fn beside(data: &ReportData, baselines: Option<&Baselines>) -> String {
    let mut out = String::from("<h3>Beside baselines</h3>");
    if let Some(file) = &data.baseline {
        let (header, rows) = measured::compared(data, file);
        out += &table("The embedding and what needs no training", &header, &rows);
        for (better, text) in measured::gains(file) {
            let _ = write!(out, "<p{}>{}</p>", if better { "" } else { " class=\"flaw\"" }, prose(&text));
        }
        return out + &details("How they were measured", &paragraph(&measured::intro(file)));
    }
    let Some(baselines) = baselines else { return out + "<p>Not computed: the spec leaves them out.</p>" };
    let row = |(name, share): (&str, f64)| (words([name, &percent(share)]), bar(share));
    let rows: Vec<_> = methods(baselines).into_iter().map(row).collect();
    if !rows.is_empty() {
        out += &table_with("The nearest other image has the query's class", &words(["Method", "Recall@1", ""]), &rows);
    }
    if let RawPixels::Skipped(reason) = &baselines.raw_pixels {
        out += &paragraph(reason);
    }
    out
}

/// The classes that fail most, of either group.
fn worst(data: &ReportData) -> String {
    let mut out = String::from("<h3>What fails</h3>");
    let ByClass { known, lacking, queries } = ByClass::of(data);
    if known.is_empty() && lacking.is_empty() {
        return out + "<p>There are no queries.</p>";
    }
    let groups: [(&str, &str, &[Class]); 2] =
        [("Worst classes", "Accuracy", &known), ("Worst classes that the index lacks", "Refused", &lacking)];
    for group in groups.into_iter().filter(|group| group.2.iter().any(|class| class.right < 1.0)) {
        out += &failing(data, group, &queries);
    }
    if known.iter().chain(&lacking).all(|class| class.right == 1.0) {
        out += &paragraph(&format!("Nothing: of {queries} every one is answered right."));
    }
    out + "<p><a href=\"#classes\">All classes</a></p>"
}

/// The worst of some classes, none that does not fail.
fn failing(data: &ReportData, (title, right, classes): (&str, &str, &[Class]), queries: &str) -> String {
    let row = |class: &Class| {
        let cells = words([data.class(class.label), &percent(class.right), &class.instead_in_words(data)]);
        (cells, bar(class.right))
    };
    let rows: Vec<_> = classes.iter().filter(|class| class.right < 1.0).take(WORST).map(row).collect();
    let caption = format!("{title}: {}; {queries}", shown(rows.len(), classes.len(), "classes"));
    table_with(&caption, &words(["Class", right, "Given instead", ""]), &rows)
}

/// What a reader must know: that there was no training, then flaws, then the rest.
fn findings(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return paragraph("There are no queries, so there are no numbers.");
    }
    let flaws = findings.iter().filter(|finding| finding.flaw).count();
    let mut out = paragraph(&match flaws {
        0 => "Nothing was found that makes the figures look better than they are.".to_owned(),
        1 => "One finding makes figures look better than they are.".to_owned(),
        flaws => format!("{flaws} findings make figures look better than they are."),
    });
    out.push_str("<ul class=\"findings\">");
    let mut ranked: Vec<&Finding> = findings.iter().collect();
    ranked.sort_by_key(|one| (one.name != untrained::NAME, !one.flaw)); // stable
    for finding in ranked {
        let (class, mark) = if finding.flaw { (" class=\"flaw\"", "<b>⚠ Flaw.</b> ") } else { ("", "") };
        let _ = write!(out, "<li{class}>{mark}{}</li>", prose(&finding.text));
    }
    out + "</ul>"
}

/// What the report was not given.
fn absent(data: &ReportData, figures: &[Shown]) -> String {
    let mut out = String::new();
    for port in &data.absent {
        let _ =
            write!(out, "<li>Nothing is plugged into the port {}: what it would show is not there.</li>", escape(port));
    }
    if figures.is_empty() {
        out.push_str("<li>The spec asks for no figure.</li>");
    }
    if out.is_empty() { out } else { format!("<ul>{out}</ul>") }
}
