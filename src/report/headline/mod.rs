//! The numbers that could stand for an experiment, the most believable first: of clean queries before those that were in the
//! index, the training or the calibration; of new classes before known ones; with an interval before without; then by count.

mod words;

use std::collections::BTreeSet;

use serde::Serialize;
use simpipe_artifact::{Estimate, MatchRow};

use super::evaluated::{Evaluated, FurtherMatches, plugged_at, trained_classes};
use super::findings::findings;
use super::interval::{unflattered, wilson};
use super::right::accuracy;
use super::{Baselines, Finding, ReportData};
pub(super) use words::{CANDIDATES, candidate_rows, in_words, most_believable};

/// How many of the classes that a number is about were trained on; the fewer, the more it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Familiarity {
    /// None.
    New,
    /// Some.
    Mixed,
    /// All.
    Trained,
}

/// A number that could stand for the experiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The stage that left it.
    pub stage: String,
    /// What it is: `recall@1`, or `accuracy` of matches.
    pub figure: String,
    /// How large it is, with its 95 % interval if it has one.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// The queries that it is of, where that is known.
    pub queries: Option<u64>,
    /// Their classes.
    pub classes: Familiarity,
    /// Whether the network made a step of training, as far as is known.
    #[serde(skip)]
    pub trained: bool,
    /// Queries among them that find themselves in the index, or were used in training or calibration, a count.
    pub leaks: u64,
    /// Queries of the stage that the number leaves out because they were.
    pub left_out: u64,
}

/// What is to be said of a report's numbers, for its page and for `metrics.json`: found once, as each looks at every query.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The numbers that could stand for the experiment, the most believable first.
    pub candidates: Vec<Candidate>,
    /// What they carry.
    pub findings: Vec<Finding>,
}

impl Judgement {
    /// Of these data.
    #[must_use]
    pub fn of(data: &ReportData, baselines: Option<&Baselines>) -> Self {
        Self { candidates: candidates(data), findings: findings(data, baselines) }
    }
}

/// All of them, the most believable first.
fn candidates(data: &ReportData) -> Vec<Candidate> {
    let trained = trained_classes(data);
    let mut all: Vec<Candidate> =
        data.evaluations.iter().filter_map(|found| of_evaluation(data, &trained, found)).collect();
    all.extend(of_matches(data, &trained));
    all.extend(data.further_matches.iter().filter_map(|found| of_further(&trained, found)));
    all.iter_mut().for_each(|one| one.trained = !data.is_untrained());
    // Stable: of equals the one that was plugged in first.
    all.sort_by_key(|one| {
        (one.leaks > 0, one.classes, one.estimate.low.is_none(), std::cmp::Reverse(one.queries.unwrap_or(0)))
    });
    all
}

fn classes<'a>(trained: &BTreeSet<&str>, asked: impl IntoIterator<Item = &'a str>) -> Familiarity {
    let asked: BTreeSet<&str> = asked.into_iter().collect();
    match asked.iter().filter(|class| trained.contains(*class)).count() {
        0 => Familiarity::New,
        seen if seen == asked.len() => Familiarity::Trained,
        _ => Familiarity::Mixed,
    }
}

fn of_evaluation(data: &ReportData, trained: &BTreeSet<&str>, found: &Evaluated) -> Option<Candidate> {
    let evaluation = &found.evaluation;
    let with_interval =
        |name: &&String| evaluation.metrics.get(*name).is_some_and(|figure| figure.estimate.low.is_some());
    let name = evaluation
        .order
        .iter()
        .find(|name| *name == "recall@1")
        .or_else(|| evaluation.order.iter().find(with_interval))
        .or_else(|| evaluation.order.first())?;
    let (queries, trained_on) = (&found.queries, &data.provenance.trained_on);
    let tainted =
        |at: usize| (evaluation.may_find_itself() && queries.overlap[at]) || trained_on.holds(&queries.digest[at]);
    let tainted = (0..queries.digest.len()).filter(|at| tainted(*at)).count() as u64;
    let clean = evaluation.disjoint.get(name).filter(|_| tainted > 0);
    let figure = clean.or_else(|| evaluation.metrics.get(name))?;
    Some(Candidate {
        stage: found.stage.clone(),
        figure: name.clone(),
        estimate: figure.estimate,
        queries: Some(figure.queries as u64),
        classes: classes(trained, found.measured()),
        trained: true,
        leaks: if clean.is_some() { 0 } else { tainted },
        left_out: if clean.is_some() { tainted } else { 0 },
    })
}

/// The matches that the figures show: the share of queries that are given their own class.
fn of_matches(data: &ReportData, trained: &BTreeSet<&str>) -> Option<Candidate> {
    let rows = &data.matches.0;
    let overlap = data.overlap();
    let used = |row: &MatchRow| {
        let digest = overlap.digest(row).unwrap_or_default();
        data.provenance.trained_on.holds(digest) || data.provenance.calibrated_on.holds(digest)
    };
    let mut clean = unflattered(data).0;
    clean.retain(|row| !used(row));
    let tainted = (rows.len() - clean.len()) as u64;
    let all_tainted = clean.is_empty();
    let shown: Vec<&MatchRow> = if all_tainted { rows.iter().collect() } else { clean };
    let value = accuracy(shown.iter().copied());
    (!shown.is_empty()).then(|| Candidate {
        stage: plugged_at(&data.spec, "matches"),
        figure: "accuracy".to_owned(),
        estimate: share(value, Some(shown.len())),
        queries: Some(shown.len() as u64),
        classes: classes(trained, shown.iter().map(|row| data.class(row.label))),
        trained: true,
        leaks: if all_tainted { tainted } else { 0 },
        left_out: if all_tainted { 0 } else { tainted },
    })
}

/// A share of queries, with Wilson's interval where it is known how many they are.
fn share(value: f64, queries: Option<usize>) -> Estimate {
    let ends = queries.map(|queries| wilson(value, queries));
    Estimate { value, low: ends.map(|ends| ends.0), high: ends.map(|ends| ends.1) }
}

fn of_further(trained: &BTreeSet<&str>, found: &FurtherMatches) -> Option<Candidate> {
    let leaks: Vec<u64> = ["overlap", "overlap.training", "overlap.calibration"]
        .into_iter()
        .filter_map(|name| found.number(name))
        .filter(|count| *count > 0.0)
        .map(|count| count as u64)
        .collect();
    let most = leaks.iter().max().copied().unwrap_or(0);
    let clean = found.number("disjoint.accuracy").filter(|_| most > 0);
    let value = clean.or_else(|| found.number("accuracy"))?;
    // One query may be counted in several places, so the rest is known where there is one place only.
    let queries = match (clean, leaks.as_slice()) {
        (Some(_), [one]) => Some(found.queries - one),
        (Some(_), _) => None,
        (None, _) => Some(found.queries),
    };
    Some(Candidate {
        stage: found.stage.clone(),
        figure: "accuracy".to_owned(),
        estimate: share(value, queries.map(|queries| usize::try_from(queries).unwrap_or(usize::MAX))),
        queries,
        classes: classes(trained, found.classes.iter().map(String::as_str)),
        trained: true,
        leaks: if clean.is_some() { 0 } else { most },
        left_out: if clean.is_some() { most } else { 0 },
    })
}

#[cfg(test)]
mod tests {
    use simpipe_artifact::ImageSet;

    use super::*;
    use crate::synthetic;

    fn stages(data: &ReportData) -> Vec<(String, u64, Familiarity)> {
        candidates(data).into_iter().map(|one| (one.stage, one.leaks, one.classes)).collect()
    }

    /// An evaluation of some classes beside the report's own matches, which are of all ten.
    fn of_classes(stage: &str, classes: std::ops::Range<usize>) -> Evaluated {
        let mut found = synthetic::evaluated(stage);
        let keep = |at: &usize| classes.contains(at);
        let kept: Vec<usize> = (0..found.classes.class.len()).filter(keep).collect();
        found.classes.class = kept.iter().map(|at| format!("Class {at}")).collect();
        found.classes.queries = vec![2; kept.len()];
        found.classes.lone = vec![0; kept.len()];
        found
    }

    #[test]
    fn new_classes_come_before_known_ones_and_clean_queries_before_all() {
        let mut data = synthetic::small();
        data.samples.label.iter_mut().for_each(|label| *label %= 5);
        data.evaluations = vec![of_classes("known", 0..5), of_classes("mixed", 3..8), of_classes("new", 5..10)];
        let expected = [
            ("new", Familiarity::New),
            ("mixed", Familiarity::Mixed),
            ("matches", Familiarity::Mixed),
            ("known", Familiarity::Trained),
        ];
        let expected = expected.map(|(stage, classes)| (stage.to_owned(), 0, classes));
        // Twelve queries each: the one that was plugged in first comes first.
        assert_eq!(stages(&data), expected);
        // The queries of the new classes are images that were trained on.
        data.provenance.trained_on = ImageSet::of([(1, "q0"), (2, "q5")]);
        data.evaluations.truncate(1);
        data.evaluations.push(of_classes("new", 5..10));
        data.evaluations[0].queries.digest.iter_mut().for_each(|digest| *digest += " other");
        assert_eq!(stages(&data).last(), Some(&("new".to_owned(), 2, Familiarity::New)));
        // Where the figure without them is there, it is what counts.
        let figure = data.evaluations[1].evaluation.metrics["recall@1"].clone();
        data.evaluations[1].evaluation.disjoint.insert("recall@1".to_owned(), figure);
        let first = candidates(&data).remove(0);
        assert_eq!((first.stage.as_str(), first.leaks, first.left_out), ("new", 0, 2));
    }

    #[test]
    fn queries_that_find_themselves_are_left_out_or_counted() {
        let mut data = synthetic::small();
        data.index.example_id[0] = data.matches.0[0].query_id;
        data.matches.0[0].neighbours[0].example_id = data.matches.0[0].query_id;
        let own = candidates(&data).remove(0);
        assert_eq!((own.queries, own.leaks, own.left_out, own.figure.as_str()), (Some(11), 0, 1, "accuracy"));
        let mut evaluated = synthetic::evaluated("evaluate");
        evaluated.queries.overlap[3] = true;
        data.evaluations = vec![evaluated.clone()];
        assert_eq!(candidates(&data)[1].leaks, 1);
        evaluated.evaluation.leave_one_out = true;
        data.evaluations = vec![evaluated];
        assert_eq!(candidates(&data)[0].leaks + candidates(&data)[1].leaks, 0);
    }

    #[test]
    fn further_matches_are_told_by_their_own_counts() {
        let mut data = synthetic::small();
        let mut found = synthetic::further_matches("match-test");
        data.further_matches = vec![found.clone()];
        let second = candidates(&data).into_iter().find(|one| one.stage == "match-test").unwrap();
        assert_eq!(
            (second.estimate.value, second.queries, second.leaks, second.classes),
            (0.6, Some(100), 0, Familiarity::Trained)
        );
        for (name, value) in [("overlap", 40.0), ("disjoint.accuracy", 0.5)] {
            found.metrics.insert(name.to_owned(), value.into());
        }
        let clean = of_further(&BTreeSet::new(), &found).unwrap();
        assert_eq!((clean.estimate.value, clean.queries, clean.leaks, clean.left_out), (0.5, Some(60), 0, 40));
        assert!(clean.estimate.low.is_some_and(|low| low > 0.3) && clean.classes == Familiarity::New);
        // In two places at once: how many are left is not known.
        found.metrics.insert("overlap.training".to_owned(), 10.into());
        let clean = of_further(&BTreeSet::new(), &found).unwrap();
        assert_eq!((clean.queries, clean.estimate.low), (None, None));
        found.metrics.remove("disjoint.accuracy");
        assert_eq!(of_further(&BTreeSet::new(), &found).unwrap().leaks, 40);
    }

    #[test]
    fn the_page_opens_with_it_where_there_is_a_choice() {
        let mut data = synthetic::small();
        let page = |data: &ReportData| {
            let mut page = String::new();
            most_believable(&mut page, &candidates(data));
            page
        };
        assert_eq!(page(&data), "", "one number only");
        data.evaluations = vec![of_classes("evaluate-unseen", 5..6), synthetic::evaluated("evaluate")];
        data.evaluations[0].classes.class = vec!["Zebra".to_owned()];
        let text = page(&data);
        let sentence = "**recall@1 0.5000** (0.4000 to 0.6000) of `evaluate-unseen` is the number to believe most: 12 queries of \
                        classes that the network was not trained on, none of them was";
        assert!(text.starts_with(sentence), "{text}");
        assert!(
            text.contains("| evaluate-unseen | recall@1 | 0.5000 | 0.4000 to 0.6000 | 12 | new | none |"),
            "{text}"
        );
        assert!(
            text.contains("| evaluate | recall@1 | 0.5000 | 0.4000 to 0.6000 | 12 | trained on | none |"),
            "{text}"
        );
        data.model.steps = 0;
        let text = page(&data);
        assert!(
            text.contains("12 queries, looked up with a network that was not trained; none of them was matched"),
            "{text}"
        );
    }
}
