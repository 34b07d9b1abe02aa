//! The runs of a comparison beside each other, each by its headline number; and the numbers of a group of seeds.

use simpipe_artifact::{ComparedHeadline, ComparedMetric, ComparedRun, ComparisonReport};

use super::html::{details, escape, paragraph, shown, table, unbroken};
use crate::cells::{dash, sure, words};
use crate::chart::number;

/// Further numbers of runs in one table: the others are in those of the differences.
const FURTHER: usize = 3;

/// Which queries a headline is of.
fn population(found: &ComparedHeadline) -> &'static str {
    match found {
        ComparedHeadline { leaks: 1.., .. } => "all queries, also those that were seen before",
        ComparedHeadline { left_out: 1.., .. } => "queries that were not seen before",
        _ => "all queries",
    }
}

/// A number with what it counts that was seen before.
fn honest(run: &ComparedRun, metric: &ComparedMetric, at: usize) -> String {
    let Some(found) = metric.values.get(at).and_then(Option::as_ref) else { return dash() };
    let stage = metric.name.split('.').next().unwrap_or(&metric.name);
    match run.indexed.get(stage) {
        Some(count) if !metric.name.contains(".disjoint.") => {
            format!("{}; {} queries are in the index", sure(found), number(*count as f64, 0))
        }
        _ => sure(found),
    }
}

/// The runs, groups of seeds first.
pub(super) fn runs(report: &ComparisonReport) -> String {
    if let [run] = report.runs.as_slice() {
        return first_of_group(run) + &pages(&run.seeds) + &named(report, &[0]);
    }
    let mut order: Vec<usize> = (0..report.runs.len()).collect();
    order.sort_by_key(|at| !report.runs[*at].group); // stable
    let mut out = paragraph(
        "Each run is held against the first. Intervals are of 95 %: of a single run those of other queries like these, which \
         know nothing of other seeds; of a group of seeds those of the mean over its trainings, which end at 0 and 1 where a \
         number can't leave these.",
    );
    if !report.runs.iter().any(|run| run.group) {
        out += &paragraph("No run has several seeds: what another training would give is not known.");
    }
    out + &named(report, &order) + &further(report, &order)
}

/// What runs are called, and of several the number that each is known by.
fn named(report: &ComparisonReport, order: &[usize]) -> String {
    let several = report.runs.len() > 1;
    let row = |at: &usize| {
        let run = &report.runs[*at];
        let seeds: Vec<String> = run.seeds.iter().map(u64::to_string).collect();
        let mut cells = words([&(at + 1).to_string(), &run.name, &run.run, &seeds.join(", ")]);
        if several {
            cells.extend(run.headline.as_ref().map_or_else(
                || [dash(), dash()],
                |found| [sure(&found.value), format!("{}, {}", found.metric, population(found))],
            ));
        }
        cells
    };
    let rows: Vec<Vec<String>> = order.iter().map(row).collect();
    let mut header = words(["", "Experiment", "Run", "Seeds"]);
    header.extend(several.then(|| words(["Headline", "Which is"])).into_iter().flatten());
    table(if several { "The runs with their headline numbers" } else { "The trainings" }, &header, &rows)
}

/// Numbers beside the headline, in a table of their own: beside names and headlines there is no room for them.
fn further(report: &ComparisonReport, order: &[usize]) -> String {
    let is_judged = |metric: &&ComparedMetric| {
        let mut differences = metric.differences.iter().flatten();
        metric.higher_is_better.is_some() && differences.any(|found| found.verdict.is_known())
    };
    let judged: Vec<&ComparedMetric> = report.metrics.iter().filter(is_judged).collect();
    let some = &judged[..judged.len().min(FURTHER)];
    if some.is_empty() {
        return String::new();
    }
    let row = |at: &usize| {
        let numbers = some.iter().map(|metric| honest(&report.runs[*at], metric, *at));
        std::iter::once(report.label(*at)).chain(numbers).collect()
    };
    let rows: Vec<Vec<String>> = order.iter().map(row).collect();
    let header: Vec<String> =
        std::iter::once("Run".to_owned()).chain(some.iter().map(|metric| metric.name.clone())).collect();
    let caption =
        format!("Further numbers of the runs: {}", shown(some.len(), judged.len(), "numbers that can be judged"));
    details(&caption, &table(&caption, &header, &rows))
}

/// The headline number of a group over its seeds.
fn first_of_group(run: &ComparedRun) -> String {
    run.headline.as_ref().map_or_else(String::new, |found| {
        let text = format!("{}, the mean over {} seeds, of {}", found.metric, run.seeds.len(), population(found));
        format!("<p class=\"large\"><b>{}</b></p>", unbroken(&escape(&sure(&found.value)))) + &paragraph(&text)
    })
}

/// Where the pages of the seeds lie if they were written beside this one.
fn pages(seeds: &[u64]) -> String {
    let link = |seed: &u64| format!("<a href=\"seed-{seed}/report.html\">seed {seed}</a>");
    let links: Vec<String> = seeds.iter().map(link).collect();
    format!("<p>Pages of the trainings, in the folders next to this page: {}.</p>", links.join(", "))
}

/// Every number of a group, the headline first.
pub(super) fn numbers(report: &ComparisonReport) -> String {
    let headline = report.runs.first().and_then(|run| run.headline.as_ref());
    let first = headline.map(|found| found.metric.as_str());
    let mut metrics: Vec<&ComparedMetric> = report.metrics.iter().collect();
    metrics.sort_by_key(|metric| Some(metric.name.as_str()) != first); // stable
    let row = |metric: &&ComparedMetric| {
        let value = metric.values.first().and_then(Option::as_ref);
        words([&metric.name, &value.map_or_else(dash, sure)])
    };
    let rows: Vec<Vec<String>> = metrics.iter().map(row).collect();
    let caption =
        "Means over the trainings, with 95 % t-intervals; those of shares are cut at 0 and 1, which no share leaves";
    table(caption, &words(["Number", "Mean"]), &rows)
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::{ComparedDifference, ComparedValue, Verdict};

    use super::*;

    fn value(value: f64) -> ComparedValue {
        ComparedValue { value, low: Some(value - 0.1), high: Some(value + 0.1) }
    }

    /// A run whose page opens with a number of queries that were not seen before.
    fn run(name: &str, seeds: &[u64]) -> ComparedRun {
        let headline = ComparedHeadline {
            metric: "match.disjoint.accuracy".to_owned(),
            value: value(0.2),
            left_out: 60,
            leaks: 0,
        };
        ComparedRun {
            run: format!("{name}-1a2b"),
            name: name.to_owned(),
            seeds: seeds.to_vec(),
            group: seeds.len() > 1,
            headline: Some(headline),
            indexed: [("match".to_owned(), 60)].into(),
        }
    }

    #[test]
    fn the_headline_of_a_group_is_of_the_queries_that_its_pages_open_with() {
        let report =
            ComparisonReport { runs: vec![run("one", &[1]), run("group", &[3, 4])], ..ComparisonReport::default() };
        let page = runs(&report);
        let row = |name: &str| page.split("<tr>").find(|row| row.contains(name)).unwrap().to_owned();
        for name in ["one", "group"] {
            let row = row(&format!("<bdi>{name}</bdi>"));
            assert!(row.contains("0.2000 <span class=\"ends\">[0.1000, 0.3000]</span>"), "{row}");
            assert!(row.contains("match.disjoint.accuracy, queries that were not seen before"), "{row}");
        }
        let leaky = ComparedHeadline { leaks: 60, ..ComparedHeadline::default() };
        assert_eq!(population(&leaky), "all queries, also those that were seen before");
        assert_eq!(population(&ComparedHeadline::default()), "all queries");
    }

    #[test]
    fn a_group_alone_opens_with_its_number_and_the_pages_of_its_seeds() {
        let report = ComparisonReport { runs: vec![run("group", &[3, 4])], ..ComparisonReport::default() };
        let page = runs(&report);
        assert!(page.contains("0.2000 <span class=\"ends\">[0.1000, 0.3000]</span></b>"), "{page}");
        assert!(page.contains("seed-4/report.html") && !page.contains("Headline"), "{page}");
    }

    #[test]
    fn further_numbers_say_what_they_count_that_was_seen_before() {
        let known = ComparedDifference { verdict: Verdict::Same, ..ComparedDifference::default() };
        let metric = |name: &str| ComparedMetric {
            name: name.to_owned(),
            higher_is_better: Some(true),
            values: vec![Some(value(0.4)), None],
            differences: vec![None, Some(known.clone())],
        };
        let report = ComparisonReport {
            runs: vec![run("one", &[1]), run("other", &[2])],
            metrics: ["match.accuracy", "match.disjoint.accuracy", "a.b", "a.c"].map(metric).to_vec(),
            ..ComparisonReport::default()
        };
        let page = further(&report, &[0, 1]);
        assert!(page.contains("3 of 4 numbers that can be judged shown") && !page.contains("a.c"), "{page}");
        assert_eq!(page.matches("60 queries are in the index").count(), 1, "{page}");
    }
}
