//! `report.md` of a sweep: what won and how to have it again, all that is known of the others, and the pictures.

use std::fmt::Write as _;

use simpipe_artifact::{SweepInterval, SweepReport, SweepState, SweepTrial, SweepValue, SweepWinner};
use simpipe_base::visible::visible;

use super::importance::{DOUBTFUL, sentence};
use super::leaderboard::SHOWN;
use super::{count_of, figure, short_name, trial_value, tried};
use crate::Drawn;
use crate::cells::words;
use crate::markdown::{escape, line, section, table};
use crate::summary::shown;

/// Trials of a front that are listed.
const WINNERS: usize = 10;
/// Failures that are listed.
const FAILURES: usize = 10;
/// Parameters that have a column.
const MOST_COLUMNS: usize = 8;
/// Trials in the table behind the pictures.
const EVERY: usize = 100;

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

/// What the sweep is, in a sentence.
pub(crate) fn opening(report: &SweepReport) -> String {
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
    for (text, command) in won(report) {
        line(page, &escape(&text));
        code(page, "sh", &command);
    }
    if report.winners.len() > WINNERS {
        line(page, &format!("{WINNERS} of {}; `sweep.json` has all.", report.winners.len()));
    }
    if let Some(file) = best {
        line(page, &format!("The whole experiment is [{file}]({file}): `simpipe run {file}`."));
    }
}

/// Of each of the best what it gave, and the command that gives it again.
pub(crate) fn won(report: &SweepReport) -> Vec<(String, String)> {
    let one = |winner: &SweepWinner| {
        let trial = report.trial(winner.trial)?;
        let gave = report.objectives.iter().zip(&trial.values);
        let gave: Vec<String> = gave
            .filter_map(|(objective, value)| Some(format!("{} {}", objective.metric, cell(value.as_ref()?))))
            .collect();
        let text = format!("Trial {}: {}, with {}.", winner.trial, gave.join(", "), tried(report, trial));
        let options = winner.set.iter().map(|option| format!(" \\\n  --set '{option}'"));
        Some((text, format!("simpipe run {}{}", report.config, options.collect::<String>())))
    };
    report.winners.iter().take(WINNERS).filter_map(one).collect()
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
    let (header, rows, of) = ranked(report);
    if rows.is_empty() {
        line(page, "No trial is finished.");
        return;
    }
    table(page, &header, &rows);
    if of > rows.len() {
        line(page, &format!("The best {} of {of}; `trials.parquet` has all.", rows.len()));
    }
}

/// A table, and how many rows there are in all.
type Listed = (Vec<String>, Vec<Vec<String>>, usize);

/// The best trials with their values and parameters.
pub(crate) fn ranked(report: &SweepReport) -> Listed {
    let ranked: Vec<&SweepTrial> = report.trials.iter().filter(|trial| trial.rank.is_some()).collect();
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
        cells.extend((0..parameters).map(|at| trial_value(report, trial, at)));
        cells
    };
    (header, ranked.iter().take(SHOWN).map(row).collect(), ranked.len())
}

/// Every trial with a value of its own, in their order, those that were trained in part among them: what the pictures show.
pub(crate) fn every(report: &SweepReport) -> Listed {
    let all: Vec<&SweepTrial> = report.trials.iter().filter(|trial| trial.own.iter().any(Option::is_some)).collect();
    let parameters = report.parameters.len().min(MOST_COLUMNS);
    let mut header = words(["Trial", "Epochs"]);
    header.extend(report.objectives.iter().map(|objective| objective.metric.clone()));
    header.extend((0..parameters).map(|at| short_name(report, at).to_owned()));
    let none = || "–".to_owned();
    let row = |trial: &&SweepTrial| {
        let mut cells = vec![trial.trial.to_string(), trial.epochs.map_or_else(none, |epochs| epochs.to_string())];
        cells.extend(trial.own.iter().map(|value| value.map_or_else(none, figure)));
        cells.extend((0..parameters).map(|at| trial_value(report, trial, at)));
        cells
    };
    (header, all.iter().take(EVERY).map(row).collect(), all.len())
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
    sentences(report).iter().for_each(|text| line(page, &escape(text)));
    if let Some((header, rows)) = shares(report) {
        table(page, &header, &rows);
    }
}

/// What is to be said of the importance of parameters.
pub(crate) fn sentences(report: &SweepReport) -> Vec<String> {
    let mut all: Vec<String> = report.importance.iter().map(sentence).collect();
    let mut computed = report.importance.iter().filter(|found| found.missing.is_none()).peekable();
    if computed.peek().is_some() && computed.all(|found| found.r2.is_some_and(|r2| r2 < DOUBTFUL)) {
        all.push("More trials, or fewer parameters, would make a forest that predicts something.".to_owned());
    }
    all
}

/// The share of each parameter, the largest first; `None` where there are none.
pub(crate) fn shares(report: &SweepReport) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    let computed: Vec<_> = report.importance.iter().filter(|found| found.missing.is_none()).collect();
    if computed.is_empty() {
        return None;
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
    Some((header, rows))
}

fn failures(page: &mut String, report: &SweepReport) {
    let (header, rows, of) = failed(report);
    if rows.is_empty() {
        return;
    }
    section(page, "Failed trials");
    table(page, &header, &rows);
    if of > rows.len() {
        line(page, &format!("{} of {of}; `trials.parquet` has all.", rows.len()));
    }
}

/// Trials that failed, and why.
pub(crate) fn failed(report: &SweepReport) -> Listed {
    let failed: Vec<&SweepTrial> = report.trials.iter().filter(|trial| trial.state == SweepState::Failed).collect();
    let row = |trial: &&SweepTrial| {
        let reason = trial.reason.clone().unwrap_or_default();
        vec![trial.trial.to_string(), reason, tried(report, trial)]
    };
    (words(["Trial", "Why", "With"]), failed.iter().take(FAILURES).map(row).collect(), failed.len())
}
