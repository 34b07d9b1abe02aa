//! What differs between runs in numbers: of each run a table against the first.

use std::collections::BTreeMap;
use std::fmt::Write;

use simpipe_artifact::{ComparedDifference, ComparedMetric, ComparisonReport, Verdict};

use crate::cells::{dash, sure, words};
use crate::chart::number;
use crate::page::html::{details, escape, paragraph, table};

/// `+0.0123 [+0.0040, +0.0210]`.
pub(crate) fn how_much(found: &ComparedDifference) -> String {
    let ends = found.low.zip(found.high).map_or_else(String::new, |(low, high)| format!(" [{low:+.4}, {high:+.4}]"));
    found.value.map_or_else(|| "–".to_owned(), |difference| format!("{difference:+.4}{ends}"))
}

/// Of each run a table against the first.
pub(super) fn differences(report: &ComparisonReport) -> String {
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
    Some(match found.verdict {
        Verdict::Missing => Kind::Missing,
        Verdict::Unknown => Kind::Other,
        _ if metric.higher_is_better.is_none() => Kind::Other,
        _ => Kind::Judged,
    })
}

fn difference_row(metric: &ComparedMetric, at: usize) -> Option<Vec<String>> {
    let found = metric.differences.get(at)?.as_ref()?;
    let value = |run: usize| metric.values.get(run).and_then(Option::as_ref).map_or_else(dash, sure);
    let (first, this) = (value(0), value(at));
    let p = found.p.map_or_else(dash, |p| format!("{p:.4}"));
    Some(words([&metric.name, &first, &this, &how_much(found), &p, found.verdict.in_words(found.value)]))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_missing_numbers_are_no_differences_that_can_be_judged() {
        let metric = |verdict: Verdict, higher: Option<bool>| ComparedMetric {
            higher_is_better: higher,
            differences: vec![
                None,
                Some(ComparedDifference { value: Some(0.1), verdict, ..ComparedDifference::default() }),
            ],
            ..ComparedMetric::default()
        };
        let kind = |verdict: Verdict, higher: Option<bool>| kind_of(&metric(verdict, higher), 1);
        assert!(
            kind(Verdict::Same, Some(true)) == Some(Kind::Judged) && kind(Verdict::Same, None) == Some(Kind::Other)
        );
        assert!(kind(Verdict::Missing, Some(true)) == Some(Kind::Missing));
        assert!(kind(Verdict::Unknown, Some(true)) == Some(Kind::Other));
        let row = difference_row(&metric(Verdict::Same, Some(true)), 1).unwrap();
        assert_eq!(row.last().map(String::as_str), Some("not told apart"));
    }
}
