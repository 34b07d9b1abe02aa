//! `report.md` of a group of seeds: every figure with both of its spreads, the picture, and the runs.

use simpipe_artifact::{SeedsMetric, SeedsReport, SeedsValue};

use super::SPREADS;
use crate::Drawn;
use crate::cells::words;
use crate::markdown::{escape, line, section, table};
use crate::summary::shown;
use crate::sweep::{count_of, figure};

/// Seeds that have a column.
const SHOWN: usize = 4;

/// The whole page; `figures` are file names relative to it, in order.
#[must_use]
pub fn page(report: &SeedsReport, figures: &[(String, Drawn)]) -> String {
    let mut page = String::new();
    line(&mut page, &format!("# {}: {}", escape(&report.name), count_of(report.runs.len(), "seed", "seeds")));
    line(&mut page, &escape(&opening(report)));
    line(&mut page, SPREADS);
    metrics(&mut page, report);
    shown(&mut page, figures);
    runs(&mut page, report);
    page.truncate(page.trim_end().len());
    page + "\n"
}

fn opening(report: &SeedsReport) -> String {
    let seeds: Vec<String> = report.runs.iter().map(|run| run.seed.to_string()).collect();
    let count = count_of(report.runs.len(), "run", "runs");
    let mut text = format!("{}: seeds {}; {} of {count} done.", report.config, seeds.join(", "), report.done());
    if report.done() == 1 {
        text += " Of a single training no spread over seeds is known.";
    }
    text
}

fn metrics(page: &mut String, report: &SeedsReport) {
    section(page, "Figures with both spreads");
    if report.metrics.is_empty() {
        line(page, "No run has all its results, so there are no figures.");
        return;
    }
    let columns = report.runs.iter().enumerate().filter(|(_, run)| run.ok).take(SHOWN);
    let columns: Vec<(usize, String)> = columns.map(|(at, run)| (at, format!("seed {}", run.seed))).collect();
    let header = words(["Figure", "Mean", "Std over seeds", "t-interval over seeds"]);
    let header: Vec<String> =
        header.into_iter().chain(columns.iter().map(|(_, name)| format!("{name} (sampling)"))).collect();
    let row = |metric: &SeedsMetric| {
        let std = metric.std.map_or_else(|| "–".to_owned(), figure);
        let mut cells = vec![metric.name.clone(), figure(metric.mean), std, interval(metric.t_low, metric.t_high)];
        cells.extend(columns.iter().map(|(at, _)| metric.values.get(*at).copied().flatten().map_or_else(none, cell)));
        cells
    };
    table(page, &header, &report.metrics.iter().map(row).collect::<Vec<_>>());
    if report.done() > SHOWN {
        line(page, &format!("{SHOWN} of {} seeds have a column; `seeds.json` has all.", report.done()));
    }
}

fn none() -> String {
    "–".to_owned()
}

fn interval(low: Option<f64>, high: Option<f64>) -> String {
    low.zip(high).map_or_else(none, |(low, high)| format!("{} to {}", figure(low), figure(high)))
}

fn cell(value: SeedsValue) -> String {
    match (value.low, value.high) {
        (Some(_), Some(_)) => format!("{} ({})", figure(value.value), interval(value.low, value.high)),
        _ => figure(value.value),
    }
}

fn runs(page: &mut String, report: &SeedsReport) {
    section(page, "Runs");
    let row = |run: &simpipe_artifact::SeedsRun| {
        let outcome = match &run.failure {
            Some(failure) => failure.clone(),
            None if run.ok => "done".to_owned(),
            None => "interrupted".to_owned(),
        };
        vec![run.seed.to_string(), run.run.clone(), outcome]
    };
    table(page, &words(["Seed", "Run", "Outcome"]), &report.runs.iter().map(row).collect::<Vec<_>>());
    line(
        page,
        "Each is an ordinary run with a report of its own, in a folder beside this group's: `simpipe show RUN`.",
    );
}
