//! The finding on classes: which of those that queries are of the network was trained on, and which the index holds.

use std::collections::BTreeSet;

use simpipe_base::seed::Seed;
use simpipe_metric::registry::AnyMetric;

use super::chart::number;
use super::{Finding, ReportData};

fn count(value: usize) -> String {
    number(value as f64, 0)
}

/// Whether figures are about new classes, about known ones, or about both.
pub(super) fn known_classes(data: &ReportData) -> Option<Finding> {
    let trained: BTreeSet<i32> = data.samples.label.iter().copied().collect();
    let asked: BTreeSet<i32> = data.matches.0.iter().map(|row| row.label).collect();
    if asked.is_empty() || data.model.steps == 0 {
        return None;
    }
    let seen = asked.intersection(&trained).count();
    let (flaw, text) = match seen {
        0 => (false, "No class of the queries was in the training pool: the figures are about new classes.".to_owned()),
        _ if seen == asked.len() => (
            true,
            format!(
                "All {} classes of the queries were trained on. A classifier could do the same; the figures say nothing \
                 about classes that the network has never seen.",
                count(seen)
            ),
        ),
        _ => mixed(data, &asked, &trained),
    };
    Some(Finding { name: "known-classes", flaw, text })
}

/// Of known and new classes: an open set, if somebody has asked for one and no class that the index lacks was trained on.
fn mixed(data: &ReportData, asked: &BTreeSet<i32>, trained: &BTreeSet<i32>) -> (bool, String) {
    let seen = format!(
        "{} of the {} classes of the queries were trained on",
        count(asked.intersection(trained).count()),
        count(asked.len())
    );
    let indexed: BTreeSet<i32> = data.index.label.iter().copied().collect();
    let lacking: BTreeSet<i32> = asked.difference(&indexed).copied().collect();
    if lacking.is_empty() || !asks_for_open_set(data) {
        return (true, format!("{seen}; the figures mix known and new classes."));
    }
    let shown = lacking.intersection(trained).count();
    if shown > 0 {
        let text = format!(
            "{seen}, also {} of the {} that the index lacks: as unknown classes they are easier than any that nobody has shown.",
            count(shown),
            count(lacking.len())
        );
        return (true, text);
    }
    let rows = &data.matches.0;
    let known = rows.iter().filter(|row| !lacking.contains(&row.label)).count();
    let text = format!(
        "{seen}. The index lacks {}, none of which was trained on: an open set, as asked for. Their queries have no class to \
         be given, so at most {:.1} % of all queries can get their own.",
        count(lacking.len()),
        known as f64 / rows.len() as f64 * 100.0
    );
    (false, text)
}

/// Whether the experiment is about queries of classes that nobody has shown.
fn asks_for_open_set(data: &ReportData) -> bool {
    let open_set = |name: &String| {
        let bare = name.split('/').next().unwrap_or(name);
        matches!(AnyMetric::parse(bare, Seed::of_stage(0, "report", None)), Ok(AnyMetric::OpenSet(_)))
    };
    let measured = data.evaluations.iter().any(|found| found.evaluation.metrics.keys().any(open_set));
    measured || data.calibration.counting == "open-set"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    /// Classes 0 to 9 are asked for, the first five trained on; the index holds as many as are given.
    fn half(indexed: i32) -> ReportData {
        let mut data = synthetic::small();
        data.samples.label.iter_mut().for_each(|label| *label %= 5);
        data.index.label.iter_mut().for_each(|label| *label %= indexed);
        data
    }

    fn found(data: &ReportData) -> (bool, String) {
        let finding = known_classes(data).unwrap();
        (finding.flaw, finding.text)
    }

    #[test]
    fn known_and_new_classes_in_one_figure_are_a_flaw_but_in_an_open_set() {
        let mixed = "5 of the 10 classes of the queries were trained on; the figures mix known and new classes.";
        assert_eq!(found(&half(5)), (true, mixed.to_owned()), "nobody has asked for an open set");
        let mut open = half(5);
        open.calibration.counting = "open-set".to_owned();
        let (flaw, text) = found(&open);
        assert!(!flaw && text.contains("The index lacks 5, none of which was trained on: an open set"), "{text}");
        // 12 queries: two each of classes 0 and 1, one of every other.
        assert!(text.ends_with("at most 58.3 % of all queries can get their own."), "{text}");
        let mut whole = half(10);
        whole.calibration.counting = "open-set".to_owned();
        assert_eq!(found(&whole), (true, mixed.to_owned()), "the index lacks no class");
    }

    #[test]
    fn metrics_of_open_sets_ask_for_one_too() {
        let mut data = half(5);
        data.evaluations = vec![synthetic::evaluated("evaluate")];
        assert!(found(&data).0, "a mean over ranks is none");
        let figure = data.evaluations[0].evaluation.metrics["map@r"].clone();
        data.evaluations[0].evaluation.metrics.insert("dir@1far/macro".to_owned(), figure);
        assert!(!found(&data).0);
    }

    #[test]
    fn unknown_classes_that_were_trained_on_are_a_flaw_of_an_open_set() {
        let mut data = half(3);
        data.calibration.counting = "open-set".to_owned();
        let (flaw, text) = found(&data);
        assert!(flaw && text.contains("trained on, also 2 of the 7 that the index lacks"), "{text}");
    }

    #[test]
    fn classes_that_are_all_known_or_all_new_are_told() {
        let mut data = synthetic::small();
        data.calibration.counting = "open-set".to_owned();
        assert!(found(&data).0, "all were trained on");
        data.samples.label = vec![77];
        assert!(!found(&data).0);
        data.model.steps = 0;
        assert!(known_classes(&data).is_none());
    }
}
