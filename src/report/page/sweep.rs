//! The page of a sweep, from the data and with the pictures of its report.

use std::fmt::Write;

use simpipe_artifact::SweepReport;

use super::Section;
use super::document::framed;
use super::html::{details, escape, lines, paragraph, shown, table};
use crate::Drawn;
use crate::sweep::page::{every, failed, opening, ranked, sentences, shares, won};

/// The page; `figures` are drawn as SVG, in order, each with what is said of it.
#[must_use]
pub fn sweep_page(report: &SweepReport, figures: &[(Drawn, String)]) -> String {
    let mut sections = vec![
        Section { id: "best", title: if report.best.len() > 1 { "Front" } else { "Best" }, body: best(report) },
        Section { id: "leaderboard", title: "Leaderboard", body: leaderboard(report) },
    ];
    if !report.parameters.is_empty() {
        sections.push(Section { id: "importance", title: "What mattered", body: importance(report) });
    }
    let pictures: String = figures.iter().enumerate().map(figure).collect();
    sections.push(Section { id: "figures", title: "Figures", body: pictures + &numbers(report) });
    let (header, rows, of) = failed(report);
    if !rows.is_empty() {
        let body = table(&format!("Failed trials: {}", shown(rows.len(), of, "trials")), &header, &rows);
        sections.push(Section { id: "failed", title: "Failed trials", body });
    }
    if !report.notes.is_empty() {
        let body = report.notes.iter().map(|note| paragraph(note)).collect();
        sections.push(Section { id: "journal", title: "What to know of the journal", body });
    }
    framed(&format!("{}: sweep", report.name), Some(&opening(report)), &sections, None)
}

fn best(report: &SweepReport) -> String {
    if report.winners.is_empty() {
        return paragraph(&format!("None: {}.", report.statement));
    }
    let mut out = String::new();
    for (text, command) in won(report) {
        out += &paragraph(&text);
        out += &lines("Command", &command);
    }
    if let Some(toml) = report.winners.first().and_then(|winner| winner.toml.as_deref()) {
        out += &details("The best experiment with every default", &lines("The best experiment", toml));
    }
    out
}

fn leaderboard(report: &SweepReport) -> String {
    let (header, rows, of) = ranked(report);
    if rows.is_empty() {
        return paragraph("No trial is finished.");
    }
    table(&format!("The best first: {}", shown(rows.len(), of, "finished points")), &header, &rows)
}

fn importance(report: &SweepReport) -> String {
    let mut out: String = sentences(report).iter().map(|text| paragraph(text)).collect();
    if let Some((header, rows)) = shares(report) {
        out += &table("Share of what varies that each parameter explains", &header, &rows);
    }
    out
}

/// What the pictures show, as numbers.
fn numbers(report: &SweepReport) -> String {
    let (header, rows, of) = every(report);
    if rows.is_empty() {
        return String::new();
    }
    let caption = format!("Numbers of the pictures: {}", shown(rows.len(), of, "trials"));
    details(&caption, &table(&caption, &header, &rows))
}

fn figure((at, (drawn, svg)): (usize, &(Drawn, String))) -> String {
    let (number, title) = (at + 1, escape(&drawn.title));
    let mut out = format!("<article class=\"figure\" id=\"figure-{number}\" aria-labelledby=\"title-{number}\">");
    let _ = write!(out, "<h3 id=\"title-{number}\">{title}</h3>");
    // An empty chart says nothing that its words don't.
    if drawn.alt.starts_with("An empty chart") {
        return out + &paragraph(&drawn.alt.replacen("An empty chart", "Not there", 1)) + "</article>";
    }
    let _ = write!(out, "<p class=\"muted\">{}</p>", escape(&drawn.subtitle));
    let _ = write!(out, "<div class=\"plot\" role=\"group\" tabindex=\"0\" aria-label=\"{title}\">{svg}</div>");
    let _ = write!(out, "<p>{}</p></article>", escape(&drawn.reading));
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_marks_mean_stands_above_a_chart_and_an_empty_one_is_words() {
        let drawn = |alt: &str| Drawn {
            title: "Parallel coordinates".to_owned(),
            subtitle: "the best is orange".to_owned(),
            alt: alt.to_owned(),
            reading: "Read it.".to_owned(),
            numbers: BTreeMap::new(),
        };
        let page = figure((0, &(drawn("3 lines"), "<svg></svg>".to_owned())));
        assert!(page.contains("the best is orange</p><div class=\"plot\""), "{page}");
        let page = figure((0, &(drawn("An empty chart: no trial is finished"), "<svg></svg>".to_owned())));
        assert!(page.contains("<p>Not there: no trial is finished</p>") && !page.contains("<svg"), "{page}");
    }
}
