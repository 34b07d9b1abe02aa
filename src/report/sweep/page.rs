//! `report.md` of a sweep: what won and how to have it again, all that is known of the others, and the pictures.

use std::fmt::Write as _;

use super::importance::{DOUBTFUL, sentence};
use super::leaderboard::SHOWN;
use super::{count_of, figure, short_name, tried, value_words};
use crate::artifact::{SweepInterval, SweepReport, SweepState, SweepTrial, SweepValue};
use crate::base::visible::visible;
use crate::report::Drawn;
use crate::report::markdown::escape;
use crate::report::summary::{line, section, shown, table, words};

/// Trials of a front that are listed.
const WINNERS: usize = 10;
/// Failures that are listed.
const FAILURES: usize = 10;
/// Parameters that have a column.
const MOST_COLUMNS: usize = 8;

/// The whole page; `figures` are file names relative to it, in order, and `best` is the file of the best experiment.
#[must_use]
pub fn page(report: &SweepReport, figures: &[(String, Drawn)], best: Option<&str>) -> String {
    let mut page = String::new();
    line(&mut page, &format!("# {}: sweep", escape(&report.name)));
    line(&mut page, &escape(&opening(report)));
    winners(&mut page, report, best);
    leaderboard(&mut page, report);
    importance(&mut page, report);
    shown(&mut page, figures);
    failures(&mut page, report);
    if !report.notes.is_empty() {
        section(&mut page, "What to know of the journal");
        report.notes.iter().for_each(|note| line(&mut page, &escape(note)));
    }
    if let Some(toml) = report.winners.first().and_then(|winner| winner.toml.as_deref()) {
        section(&mut page, "The best experiment");
        line(&mut page, "With every default, as `simpipe config show --resolved` writes it:");
        code(&mut page, "toml", toml);
    }
    page.truncate(page.trim_end().len());
    page + "\n"
}

fn opening(report: &SweepReport) -> String {
    let counts = &report.counts;
    let mut text =
        format!("{} of {}, method {}", counts.finished, count_of(counts.total, "point", "points"), report.method);
    for (count, word) in [(counts.failed, "failed"), (counts.open, "not ended")] {
        if count > 0 {
            text += &format!(", {} {word}", count_of(count, "trial", "trials"));
        }
    }
    let limits = report.constraints.iter().map(|constraint| {
        let min = constraint.min.map(|min| format!("at least {}", super::scale::short(min)));
        let max = constraint.max.map(|max| format!("at most {}", super::scale::short(max)));
        format!("{} {}", constraint.metric, min.into_iter().chain(max).collect::<Vec<_>>().join(" and "))
    });
    let limits: Vec<String> = limits.collect();
    if !limits.is_empty() {
        text += &format!("; chosen with {}", limits.join(", "));
    }
    format!("{text}; {}.", report.statement)
}

fn winners(page: &mut String, report: &SweepReport, best: Option<&str>) {
    section(page, if report.best.len() > 1 { "Front" } else { "Best" });
    if report.winners.is_empty() {
        line(page, &escape(&format!("None: {}.", report.statement)));
        return;
    }
    for winner in report.winners.iter().take(WINNERS) {
        let Some(trial) = report.trial(winner.trial) else { continue };
        let gave = report.objectives.iter().zip(&trial.values);
        let gave: Vec<String> = gave
            .filter_map(|(objective, value)| Some(format!("{} {}", objective.metric, cell(value.as_ref()?))))
            .collect();
        let text = format!("Trial {}: {}, with {}.", winner.trial, gave.join(", "), tried(report, trial));
        line(page, &escape(&text));
        let options = winner.set.iter().map(|option| format!(" \\\n  --set '{option}'"));
        code(page, "sh", &format!("simpipe run {}{}", report.config, options.collect::<String>()));
    }
    if report.winners.len() > WINNERS {
        line(page, &format!("{WINNERS} of {}; `sweep.json` has all.", report.winners.len()));
    }
    if let Some(file) = best {
        line(page, &format!("The whole experiment is [{file}]({file}): `simpipe run {file}`."));
    }
}

/// A block of code, whatever is in it.
fn code(page: &mut String, language: &str, text: &str) {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    let lines = text.trim_end().lines().map(|line| visible(line).into_owned());
    let _ = writeln!(page, "{fence}{language}\n{}\n{fence}\n", lines.collect::<Vec<_>>().join("\n"));
}

fn cell(value: &SweepValue) -> String {
    match (value.low, value.high) {
        (Some(low), Some(high)) => format!("{} ({} to {})", figure(value.mean), figure(low), figure(high)),
        _ => figure(value.mean),
    }
}

fn leaderboard(page: &mut String, report: &SweepReport) {
    section(page, "Leaderboard");
    let ranked: Vec<&SweepTrial> = report.trials.iter().filter(|trial| trial.rank.is_some()).collect();
    if ranked.is_empty() {
        line(page, "No trial is finished.");
        return;
    }
    let on_rungs = ranked.iter().any(|trial| trial.epochs.is_some());
    let parameters = report.parameters.len().min(MOST_COLUMNS);
    let mut header = words(["Trial"]);
    header.extend(report.objectives.iter().map(|objective| format!("{} (95 %)", objective.metric)));
    header.extend(words(["Interval", "Runs"]));
    header.extend(on_rungs.then(|| "Epochs".to_owned()));
    header.extend((0..parameters).map(|at| short_name(report, at).to_owned()));
    let row = |trial: &&SweepTrial| {
        let kept = if trial.kept == Some(false) { " (outside of the constraints)" } else { "" };
        let mut cells = vec![format!("{}{kept}", trial.trial)];
        cells.extend(trial.values.iter().map(|value| value.as_ref().map_or_else(|| "–".to_owned(), cell)));
        cells.push(interval(trial).to_owned());
        cells.push(trial.runs.to_string());
        let epochs = trial.epochs.map_or_else(|| "–".to_owned(), |epochs| epochs.to_string());
        cells.extend(on_rungs.then_some(epochs));
        let values = report.parameters.iter().zip(&trial.at).take(parameters);
        cells.extend(values.map(|(parameter, value)| {
            value.map_or_else(|| "–".to_owned(), |value| value_words(&parameter.values, value))
        }));
        cells
    };
    table(page, &header, &ranked.iter().take(SHOWN).map(row).collect::<Vec<_>>());
    if ranked.len() > SHOWN {
        line(page, &format!("The best {SHOWN} of {}; `trials.parquet` has all.", ranked.len()));
    }
}

fn interval(trial: &SweepTrial) -> &'static str {
    match trial.values.first().and_then(|value| value.as_ref()?.interval) {
        Some(SweepInterval::Seeds) => "over seeds",
        Some(SweepInterval::Sampling) => "of one run",
        None => "none",
    }
}

fn importance(page: &mut String, report: &SweepReport) {
    if report.parameters.is_empty() {
        return;
    }
    section(page, "What mattered");
    report.importance.iter().for_each(|found| line(page, &escape(&sentence(found))));
    let computed: Vec<_> = report.importance.iter().filter(|found| found.missing.is_none()).collect();
    if computed.is_empty() {
        return;
    }
    if computed.iter().all(|found| found.r2.is_some_and(|r2| r2 < DOUBTFUL)) {
        line(page, "More trials, or fewer parameters, would make a forest that predicts something.");
    }
    let share = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", share * 100.0));
    let mut header = words(["Parameter"]);
    header.extend(computed.iter().map(|found| found.metric.clone()));
    let mut rows: Vec<(f64, Vec<String>)> = Vec::new();
    for (at, parameter) in report.parameters.iter().enumerate() {
        let shares = computed.iter().map(|found| share(found.shares.get(at).copied()));
        let first = computed[0].shares.get(at).copied().unwrap_or(0.0);
        rows.push((first, std::iter::once(parameter.path.clone()).chain(shares).collect()));
    }
    rows.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut rows: Vec<Vec<String>> = rows.into_iter().map(|(_, row)| row).collect();
    let together = computed.iter().map(|found| share(found.interactions));
    rows.push(std::iter::once("only several together".to_owned()).chain(together).collect());
    table(page, &header, &rows);
}

fn failures(page: &mut String, report: &SweepReport) {
    let failed: Vec<&SweepTrial> = report.trials.iter().filter(|trial| trial.state == SweepState::Failed).collect();
    if failed.is_empty() {
        return;
    }
    section(page, "Failed trials");
    let row = |trial: &&SweepTrial| {
        let reason = trial.reason.clone().unwrap_or_default();
        vec![trial.trial.to_string(), reason, tried(report, trial)]
    };
    table(page, &words(["Trial", "Why", "With"]), &failed.iter().take(FAILURES).map(row).collect::<Vec<_>>());
    if failed.len() > FAILURES {
        line(page, &format!("{FAILURES} of {}; `trials.parquet` has all.", failed.len()));
    }
}
