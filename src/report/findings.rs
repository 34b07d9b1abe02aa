//! "What these numbers carry": the weaknesses of an evaluation that its own data show.

use std::collections::BTreeSet;

use super::chart::number;
use super::finding::Finding;
use super::known_classes::known_classes;
use super::right::accuracy;
use super::{Baselines, ReportData, beside, interval, leaks, untrained};

/// TensorFlow Similarity's counting: a query with a wrong class is not a miss.
const LOOKUP: &str = "lookup";

/// All findings, in a fixed order; those about baselines where these were computed, here or by a stage.
#[must_use]
pub fn findings(data: &ReportData, baselines: Option<&Baselines>) -> Vec<Finding> {
    let all = [
        untrained::finding(data),
        beside::finding(data, baselines),
        self_matches(data),
        leaks::trained_queries(data),
        leaks::calibrated_queries(data),
        leaks::near_copies(data),
        leaks::trained_index(data),
        calibrated_on_training(data),
        accepts_everything(data),
        recall_ends_at_one(data),
        known_classes(data),
        one_class(data),
        unreachable(data),
        interval::finding(data),
    ];
    all.into_iter().flatten().collect()
}

fn count(value: usize) -> String {
    number(value as f64, 0)
}

fn self_matches(data: &ReportData) -> Option<Finding> {
    let rows = &data.matches.0;
    if rows.is_empty() {
        return None;
    }
    let overlap = data.overlap();
    let indexed = rows.iter().filter(|row| overlap.indexed(row)).count();
    if indexed == 0 {
        let text = "No query is in the index, by example or by the bytes of its image.".to_owned();
        return Some(Finding::new("self-matches", false, text));
    }
    let met = rows.iter().filter(|row| row.neighbours.first().is_some_and(|first| overlap.is_self(row, first))).count();
    if met == 0 {
        let text = format!(
            "{} of {} queries are in the index too, but none was matched with itself.",
            count(indexed),
            count(rows.len())
        );
        return Some(Finding::new("self-matches", false, text));
    }
    let others = || rows.iter().filter(|row| !overlap.indexed(row));
    let apart = if indexed == rows.len() {
        "No query is outside the index, so there is no figure without this.".to_owned()
    } else {
        format!(
            "Of all queries {:.1} % get their own class at the cutpoint; of the {} that are not in the index, {:.1} %. \
             Read the second number.",
            accuracy(rows) * 100.0,
            count(rows.len() - indexed),
            accuracy(others()) * 100.0
        )
    };
    let text = format!(
        "{} of {} queries are in the index themselves, and for {} of them the nearest neighbour is the very same image. {apart}",
        count(indexed),
        count(rows.len()),
        count(met)
    );
    Some(Finding::new("self-matches", true, text))
}

fn calibrated_on_training(data: &ReportData) -> Option<Finding> {
    let (all, trained) = (data.calibration.queries, data.calibration.trained_queries);
    let queries = count(all);
    let text = if trained == 0 {
        format!("The thresholds were calibrated on {queries} queries that the network was not trained on.")
    } else {
        let share = if trained >= all { "all".to_owned() } else { count(trained) };
        format!(
            "The thresholds were calibrated on {queries} queries, {share} of which the network was trained on. The distances \
             of those are smaller than those of new images, so the thresholds are too tight and every metric of the \
             calibration is optimistic."
        )
    };
    (all > 0).then(|| Finding::new("calibrated-on-training", trained > 0, text))
}

/// Whether the calibration refuses no query at the cutpoint, and what `match` then did.
fn accepts_everything(data: &ReportData) -> Option<Finding> {
    let (name, cutpoint) = data.cutpoint()?;
    let thresholds = &data.thresholds;
    let larger_is_nearer = data.calibration.distance_metric.larger_is_nearer();
    let accepts = |threshold: f64| {
        if larger_is_nearer { threshold >= cutpoint.distance } else { threshold <= cutpoint.distance }
    };
    let at = thresholds.distance.iter().rposition(|threshold| accepts(*threshold))?;
    // Counting an open set, a query with a wrong class is a false positive and a false negative: those accepted are counted once.
    let accepted = thresholds.true_positive.get(at)? + thresholds.false_positive.get(at)?;
    let refused = data.calibration.queries.saturating_sub(usize::try_from(accepted).unwrap_or(usize::MAX));
    let unmatched = data.matches.0.iter().filter(|row| !row.matched).count();
    if refused > 0 {
        let text = format!(
            "The cutpoint {name} refuses {} of {} calibration queries and {} of {} queries.",
            count(refused),
            count(data.calibration.queries),
            count(unmatched),
            count(data.matches.0.len())
        );
        return Some(Finding::new("accepts-everything", false, text));
    }
    // Elsewhere recall is not 1 with nothing refused.
    let lookup = data.calibration.counting == LOOKUP;
    let precision = thresholds.metrics.get("precision").and_then(|values| values.get(at)).filter(|_| lookup);
    let f1 = precision.map_or_else(String::new, |precision| {
        format!(
            " With nothing refused F1 is 2p/(1+p): {:.4} follows from the precision {precision:.4} alone.",
            2.0 * precision / (1.0 + precision)
        )
    });
    let text = format!(
        "The cutpoint {name} accepts every calibration query: the threshold does nothing there.{f1} It refuses {} of {} queries.",
        count(unmatched),
        count(data.matches.0.len())
    );
    Some(Finding::new("accepts-everything", true, text))
}

fn recall_ends_at_one(data: &ReportData) -> Option<Finding> {
    let last = *data.thresholds.metrics.get("recall")?.last()?;
    if data.calibration.counting != LOOKUP {
        let text = format!(
            "Counting is {}: a known query without its own class is a miss, so recall ends at {last:.4}.",
            data.calibration.counting
        );
        return Some(Finding::new("recall-counting", false, text));
    }
    (last == 1.0).then(|| {
        let text =
            "Counting is lookup, TensorFlow Similarity's: a query whose nearest label is wrong is never a miss, so \
                    recall ends at 1 whatever the network. It says nothing about queries that get a wrong class."
                .to_owned();
        Finding::new("recall-counting", true, text)
    })
}

/// Whether there is no other class to be mistaken for.
fn one_class(data: &ReportData) -> Option<Finding> {
    let asked: BTreeSet<i32> = data.matches.0.iter().map(|row| row.label).collect();
    let indexed: BTreeSet<i32> = data.index.label.iter().copied().collect();
    if asked.len() != 1 || asked.is_disjoint(&indexed) {
        return None;
    }
    let text = if indexed.len() == 1 {
        "All queries and all images of the index are of one class: every answer is right by construction."
    } else {
        "All queries are of one class: the figures say nothing about any other."
    };
    Some(Finding::new("one-class", true, text.to_owned()))
}

fn unreachable(data: &ReportData) -> Option<Finding> {
    let names = &data.calibration.unreachable;
    let text = format!("No threshold reaches the target {}.", names.join(", "));
    (!names.is_empty()).then(|| Finding::new("unreachable", false, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    fn text(data: &ReportData, name: &str) -> (bool, String) {
        findings(data, None)
            .into_iter()
            .find(|finding| finding.name == name)
            .map(|found| (found.flaw, found.text))
            .unwrap()
    }

    #[test]
    fn self_matches_are_told_from_the_data() {
        let mut data = synthetic::small();
        data.matches.0.truncate(4);
        for (at, row) in data.matches.0.iter_mut().enumerate() {
            row.query_id = 1000 + at as u64;
            row.label = 0;
            row.predicted = Some(if at < 2 { 0 } else { 1 });
            row.matched = true;
        }
        assert!(!text(&data, "self-matches").0);
        data.index.example_id[0] = 1000;
        data.matches.0[0].neighbours[0].example_id = 1000;
        let (flaw, words) = text(&data, "self-matches");
        // 2 of 4 right with the self match, 1 of 3 without.
        assert!(
            flaw && words.contains("1 of 4 queries") && words.contains("50.0 %") && words.contains("33.3 %"),
            "{words}"
        );
    }

    #[test]
    fn flaws_follow_the_data_and_not_the_name_of_the_experiment() {
        let mut data = synthetic::small();
        data.calibration.trained_queries = 12;
        assert!(
            text(&data, "calibrated-on-training").1.contains("12 queries, all of which the network was trained on")
        );
        data.calibration.trained_queries = 3;
        assert!(text(&data, "calibrated-on-training").0);
        assert!(text(&data, "calibrated-on-training").1.contains("12 queries, 3 of which the network was trained on"));
        data.calibration.trained_queries = 0;
        assert!(!text(&data, "calibrated-on-training").0);
        assert!(text(&data, "known-classes").0);
        data.samples.label = vec![77];
        assert!(!text(&data, "known-classes").0);
        data.thresholds.true_positive.fill(11);
        assert!(text(&data, "accepts-everything").0);
        assert!(text(&data, "accepts-everything").1.contains("F1 is 2p/(1+p)"));
        data.thresholds.true_positive.fill(8);
        assert!(!text(&data, "accepts-everything").0);
        assert!(text(&data, "recall-counting").0);
        data.calibration.counting = "open-set".to_owned();
        assert!(!text(&data, "recall-counting").0);
    }

    #[test]
    fn queries_with_a_wrong_class_are_not_refused_however_they_are_counted() {
        let mut data = synthetic::small();
        data.calibration.counting = "open-set".to_owned();
        // 7 right and 3 wrong ones are accepted; the wrong ones are misses too.
        (data.thresholds.true_positive, data.thresholds.false_positive) = (vec![7; 11], vec![3; 11]);
        (data.thresholds.true_negative, data.thresholds.false_negative) = (vec![1; 11], vec![4; 11]);
        assert!(text(&data, "accepts-everything").1.contains("refuses 2 of 12 calibration queries"));
        (data.thresholds.true_positive, data.thresholds.true_negative) = (vec![9; 11], vec![0; 11]);
        let (flaw, words) = text(&data, "accepts-everything");
        assert!(flaw && !words.contains("2p/(1+p)"), "{words}");
    }

    #[test]
    fn queries_of_one_class_are_a_flaw() {
        let mut data = synthetic::small();
        let found = |data: &ReportData| findings(data, None).into_iter().find(|finding| finding.name == "one-class");
        assert!(found(&data).is_none());
        data.matches.0.iter_mut().for_each(|row| row.label = 3);
        assert!(found(&data).unwrap().text.ends_with("nothing about any other."));
        data.index.label.fill(3);
        let finding = found(&data).unwrap();
        assert!(finding.flaw && finding.text.ends_with("right by construction."), "{}", finding.text);
    }
}
