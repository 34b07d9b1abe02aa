//! The runs of a comparison beside each other, each by its headline number; and the numbers of a group of seeds.

use simpipe_artifact::{ComparedMetric, ComparedValue, ComparisonReport};

use super::html::{escape, paragraph, shown, table};
use crate::cells::{dash, sure, words};
use crate::chart::number;

/// Figures that stand for a run, the first that it has.
const HEADLINES: [&str; 4] = ["recall@1", "accuracy", "map@r", "precision@1"];
/// Further numbers of the first table: the others are in those of the differences.
const FURTHER: usize = 3;
/// Figures that lie between 0 and 1, whatever is measured: their names without what follows an `@` or a `/`.
const SHARES: [&str; 20] = [
    "accuracy",
    "achieved",
    "auroc",
    "binary_accuracy",
    "dir",
    "eer",
    "f1",
    "far",
    "fpr",
    "frr",
    "map",
    "matched",
    "mrr",
    "npv",
    "oscr",
    "precision",
    "recall",
    "roc-auc",
    "tpr",
    "unknown",
];

/// The number that a run is known by.
struct Headline<'a> {
    metric: &'a ComparedMetric,
    value: &'a ComparedValue,
    population: String,
}

fn of_run<'a>(report: &'a ComparisonReport, run: usize, name: &str) -> Option<(&'a ComparedMetric, &'a ComparedValue)> {
    let metric = report.metrics.iter().find(|metric| metric.name == name)?;
    Some((metric, metric.values.get(run)?.as_ref()?))
}

/// Queries of the stage of a number that are in the index as well.
fn indexed(report: &ComparisonReport, run: usize, name: &str) -> u64 {
    let stage = name.split('.').next().unwrap_or(name);
    of_run(report, run, &format!("{stage}.overlap")).map_or(0, |(_, found)| found.value as u64)
}

/// Of the stages that measure, that of queries outside of the index before others.
fn headline(report: &ComparisonReport, run: usize) -> Option<Headline<'_>> {
    let stages = report.metrics.iter().filter_map(|metric| metric.name.split('.').next());
    let mut stages: Vec<&str> = stages.filter(|stage| !stage.starts_with("calibrate")).collect();
    stages.dedup();
    let found = |alone: bool, part: &str, population: &str| {
        stages.iter().filter(|stage| !alone || indexed(report, run, stage) == 0).find_map(|stage| {
            let named = |figure: &&str| of_run(report, run, &format!("{stage}.{part}{figure}"));
            let (metric, value) = HEADLINES.iter().find_map(named)?;
            Some(Headline { metric, value, population: population.to_owned() })
        })
    };
    found(true, "", "all queries")
        .or_else(|| found(false, "disjoint.", "queries that are not in the index"))
        .or_else(|| found(false, "", "all queries, those in the index too"))
}

/// A number with what it counts that was seen before.
fn honest(report: &ComparisonReport, run: usize, metric: &ComparedMetric) -> String {
    let Some(found) = metric.values.get(run).and_then(Option::as_ref) else { return dash() };
    match indexed(report, run, &metric.name) {
        _ if metric.name.contains(".disjoint.") => sure(found),
        0 => sure(found),
        count => format!("{}; {} queries are in the index", sure(found), number(count as f64, 0)),
    }
}

/// The runs, groups of seeds first.
pub(super) fn runs(report: &ComparisonReport) -> String {
    let mut order: Vec<usize> = (0..report.runs.len()).collect();
    order.sort_by_key(|at| !report.runs[*at].group); // stable
    let judged = |metric: &&ComparedMetric| {
        let sure = |verdict: &str| !matches!(verdict, "unknown" | "missing");
        let differences = metric.differences.iter().flatten();
        metric.higher_is_better.is_some() && differences.into_iter().any(|found| sure(&found.verdict))
    };
    let further: Vec<&ComparedMetric> = report.metrics.iter().filter(judged).collect();
    let row = |at: &usize| {
        let run = &report.runs[*at];
        let seeds: Vec<String> = run.seeds.iter().map(u64::to_string).collect();
        let (value, of) = headline(report, *at).map_or_else(
            || (dash(), dash()),
            |found| (sure(found.value), format!("{}, {}", found.metric.name, found.population)),
        );
        let fixed = words([&(at + 1).to_string(), &run.name, &run.run, &seeds.join(", "), &value, &of]);
        fixed.into_iter().chain(further.iter().take(FURTHER).map(|metric| honest(report, *at, metric))).collect()
    };
    let rows: Vec<Vec<String>> = order.iter().map(row).collect();
    let header = words(["", "Experiment", "Run", "Seeds", "Headline", "Which is"]).into_iter();
    let header: Vec<String> = header.chain(further.iter().take(FURTHER).map(|metric| metric.name.clone())).collect();
    if let [run] = report.runs.as_slice() {
        return first_of_group(report)
            + &pages(&run.seeds)
            + &table("The trainings", &header[..4], &rows.iter().map(|row| row[..4].to_vec()).collect::<Vec<_>>());
    }
    let mut out = paragraph(
        "Each run is held against the first. Intervals are of 95 %: of a single run those of other queries like these, which \
         know nothing of other seeds; of a group of seeds those of the mean over its trainings.",
    );
    if !report.runs.iter().any(|run| run.group) {
        out += &paragraph("No run has several seeds: what another training would give is not known.");
    }
    let numbers = shown(further.len().min(FURTHER), further.len(), "further numbers that can be judged");
    out + &table(&format!("The runs with their headline numbers: {numbers}"), &header, &rows)
}

/// The headline number of a group over its seeds.
fn first_of_group(report: &ComparisonReport) -> String {
    let seeds = report.runs.first().map_or(0, |run| run.seeds.len());
    let found = headline(report, 0);
    found.map_or_else(String::new, |Headline { metric, value, population }| {
        let text = format!("{}, the mean over {seeds} seeds, of {population}", metric.name);
        format!("<p class=\"large\"><b>{}</b></p>", escape(&clamped(&metric.name, value))) + &paragraph(&text)
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
    let first = headline(report, 0).map(|found| found.metric.name.as_str());
    let mut metrics: Vec<&ComparedMetric> = report.metrics.iter().collect();
    metrics.sort_by_key(|metric| Some(metric.name.as_str()) != first); // stable
    let row = |metric: &&ComparedMetric| {
        let value = metric.values.first().and_then(Option::as_ref);
        words([&metric.name, &value.map_or_else(dash, |value| clamped(&metric.name, value))])
    };
    let rows: Vec<Vec<String>> = metrics.iter().map(row).collect();
    let caption =
        "Means over the trainings, with 95 % t-intervals; those of shares are cut at 0 and 1, which no share leaves";
    table(caption, &words(["Number", "Mean"]), &rows)
}

/// A value with its interval, which of a share ends at 0 and 1.
fn clamped(name: &str, value: &ComparedValue) -> String {
    let figure = name.rsplit('.').next().unwrap_or(name);
    let base = figure.split(['@', '/']).next().unwrap_or(figure);
    if !SHARES.contains(&base) {
        return sure(value);
    }
    let cut = |end: Option<f64>| end.map(|end| end.clamp(0.0, 1.0));
    sure(&ComparedValue { low: cut(value.low), high: cut(value.high), ..value.clone() })
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::ComparedRun;

    use super::*;

    fn report(numbers: &[(&str, f64)]) -> ComparisonReport {
        let metric = |(name, value): &(&str, f64)| ComparedMetric {
            name: (*name).to_owned(),
            values: vec![Some(ComparedValue { value: *value, low: Some(value - 1.0), high: Some(value + 1.0) })],
            ..ComparedMetric::default()
        };
        let run = ComparedRun { seeds: vec![3, 4], group: true, ..ComparedRun::default() };
        ComparisonReport {
            runs: vec![run],
            metrics: numbers.iter().map(metric).collect(),
            ..ComparisonReport::default()
        }
    }

    #[test]
    fn a_headline_is_of_queries_that_are_not_in_the_index_where_there_is_one() {
        let found = report(&[("match.recall@1", 0.4), ("match.disjoint.recall@1", 0.2), ("match.overlap", 60.0)]);
        let first = headline(&found, 0).unwrap();
        assert_eq!((first.metric.name.as_str(), first.value.value), ("match.disjoint.recall@1", 0.2));
        let leaky = honest(&found, 0, &found.metrics[0]);
        assert!(leaky.ends_with("60 queries are in the index"), "{leaky}");
        let clean = report(&[("match.recall@1", 0.4), ("match.overlap", 0.0)]);
        assert_eq!(headline(&clean, 0).unwrap().metric.name, "match.recall@1");
        assert!(headline(&report(&[("train.loss", 0.4)]), 0).is_none());
    }

    #[test]
    fn intervals_of_shares_end_at_0_and_1() {
        let value = ComparedValue { value: 0.66, low: Some(-0.2279), high: Some(1.5557) };
        assert_eq!(clamped("match.recall@1", &value), "0.6600 [0.0000, 1.0000]");
        assert_eq!(clamped("train.loss", &value), "0.6600 [-0.2279, 1.5557]");
        let page = runs(&report(&[("match.recall@1", 0.4)]));
        assert!(page.contains("0.4000 [0.0000, 1.0000]") && page.contains("seed-4/report.html"), "{page}");
    }
}
