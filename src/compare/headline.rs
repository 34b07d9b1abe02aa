//! The number that a run is known by: the one that its own page opens with.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::run::Run;
use super::side::Side;
use simpipe_artifact::{ComparedHeadline, ComparedValue, Estimate, read_json};

/// Figures that stand for a run without a report, the first that it has.
const FIGURES: [&str; 4] = ["recall@1", "accuracy", "map@r", "precision@1"];

/// Of a report's `metrics.json` the numbers that could stand for the run, the most believable first.
#[derive(Debug, Deserialize)]
struct Page {
    headline: Vec<Told>,
}

/// A number as the report has chosen it.
#[derive(Debug, Deserialize)]
struct Told {
    stage: String,
    figure: String,
    #[serde(flatten)]
    estimate: Estimate,
    leaks: u64,
    left_out: u64,
}

/// Which number of a run stands for it, and of which queries it is.
#[derive(Debug, PartialEq, Eq)]
struct Choice {
    metric: String,
    leaks: u64,
    left_out: u64,
}

impl Told {
    /// Its name among the numbers of the run.
    fn choice(&self) -> Choice {
        let Self { stage, figure, leaks, left_out, .. } = self;
        let part = if *left_out > 0 { "disjoint." } else { "" };
        Choice { metric: format!("{stage}.{part}{figure}"), leaks: *leaks, left_out: *left_out }
    }
}

/// The headline of a run; of a group the mean of the number that its first run with a report opens with. Without a report the
/// numbers have to choose.
pub(super) fn headline(side: &Side) -> Option<ComparedHeadline> {
    let run = &side.measured.run;
    if !run.record.is_group()
        && let Some(told) = told(run)
    {
        let Estimate { value, low, high } = told.estimate;
        return Some(of(told.choice(), ComparedValue { value, low, high }));
    }
    let said = side.members.iter().find_map(|(_, member)| told(member)).map(|told| told.choice());
    let said = said.and_then(|choice| Some((run.estimated(&choice.metric)?, choice)));
    let found = said.or_else(|| {
        let choice = counted(&run.measuring(), &run.record.metrics)?;
        Some((run.estimated(&choice.metric)?, choice))
    });
    found.map(|(value, choice)| of(choice, value))
}

fn of(choice: Choice, value: ComparedValue) -> ComparedHeadline {
    let Choice { metric, leaks, left_out } = choice;
    ComparedHeadline { metric, value, left_out, leaks }
}

/// The number that the page of a run opens with; `None` if there is none, or it can't be read.
fn told(run: &Run) -> Option<Told> {
    let mut reports = run.record.stages.iter().filter(|stage| stage.stage == "report" && stage.outcome.done());
    let first = |stage| {
        let path = run.file(stage, "metrics.json").ok()??;
        read_json::<Page>(&path).ok()?.headline.into_iter().next()
    };
    reports.find_map(first)
}

/// Of the stages that measure, one whose queries are all outside of the index before others.
fn counted(stages: &[&str], metrics: &BTreeMap<String, f64>) -> Option<Choice> {
    let overlap = |stage: &str| indexed(stage, metrics);
    let found = |alone: bool, part: &str| {
        stages.iter().filter(|stage| !alone || overlap(stage) == 0).find_map(|stage| {
            let mut names = FIGURES.iter().map(|figure| format!("{stage}.{part}{figure}"));
            let metric = names.find(|name| metrics.contains_key(name))?;
            let (leaks, left_out) = if part.is_empty() { (overlap(stage), 0) } else { (0, overlap(stage)) };
            Some(Choice { metric, leaks, left_out })
        })
    };
    found(true, "").or_else(|| found(false, "disjoint.")).or_else(|| found(false, ""))
}

/// Queries of a stage that are in the index as well.
pub(super) fn indexed(stage: &str, metrics: &BTreeMap<String, f64>) -> u64 {
    // A mean over seeds need not be whole.
    metrics.get(&format!("{stage}.overlap")).map_or(0, |count| count.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chosen(stages: &[&str], numbers: &[(&str, f64)]) -> Option<(String, u64, u64)> {
        let metrics = numbers.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        counted(stages, &metrics).map(|choice| (choice.metric, choice.left_out, choice.leaks))
    }

    #[test]
    fn without_a_report_queries_outside_of_the_index_stand_for_a_run() {
        let leaky = [("match.accuracy", 0.4), ("match.disjoint.accuracy", 0.2), ("match.overlap", 60.0)];
        assert_eq!(chosen(&["match"], &leaky), Some(("match.disjoint.accuracy".to_owned(), 60, 0)));
        assert_eq!(chosen(&["match"], &[leaky[0], leaky[2]]), Some(("match.accuracy".to_owned(), 0, 60)));
        let clean = [&leaky[..], &[("evaluate.map@r", 0.3), ("evaluate.overlap", 0.0)]].concat();
        assert_eq!(chosen(&["match", "evaluate"], &clean), Some(("evaluate.map@r".to_owned(), 0, 0)));
        assert_eq!(chosen(&["match"], &[("train.loss", 0.4)]), None);
    }

    #[test]
    fn the_number_of_a_page_is_found_among_those_of_the_run() {
        let page = json!({
            "headline": [
                { "stage": "match", "figure": "accuracy", "value": 0.2, "low": 0.1, "high": 0.3, "queries": 40,
                  "classes": "new", "leaks": 0, "left_out": 60 },
                { "stage": "evaluate", "figure": "recall@1", "value": 0.4, "queries": 100, "classes": "trained",
                  "leaks": 60, "left_out": 0 },
            ],
            "figures": {},
        });
        let Page { headline } = serde_json::from_value(page).unwrap();
        let choices: Vec<Choice> = headline.iter().map(Told::choice).collect();
        let choice = |metric: &str, leaks, left_out| Choice { metric: metric.to_owned(), leaks, left_out };
        assert_eq!(choices, [choice("match.disjoint.accuracy", 0, 60), choice("evaluate.recall@1", 60, 0)]);
        assert_eq!((headline[0].estimate.low, headline[1].estimate.low), (Some(0.1), None));
    }
}
