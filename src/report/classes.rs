//! Which classes fail: each with how often its queries are right, the worst first.

use std::collections::{BTreeMap, BTreeSet};

use super::ReportData;
use super::interval::judged;
use super::right::right;

/// Classes that a page lists.
pub(super) const SHOWN: usize = 20;

/// How one class does.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Class {
    pub(super) label: i32,
    pub(super) queries: usize,
    /// The share of its queries that are answered right: accepted with it or, if the index lacks the class, refused.
    pub(super) right: f64,
    /// The share of its queries whose nearest image, other than the query itself, has the class; `None` where no query has
    /// such a neighbour among those kept.
    pub(super) recall_at_1: Option<f64>,
    /// What its queries are given most often instead: a class, or `None` for no match.
    pub(super) instead: Option<Option<i32>>,
}

impl Class {
    /// What its queries are given most often instead.
    pub(super) fn instead_in_words(&self, data: &ReportData) -> String {
        match self.instead {
            None => "–".to_owned(),
            Some(None) => data.unknown().to_owned(),
            Some(Some(label)) => data.class(label).to_owned(),
        }
    }
}

/// The classes of the queries, in either group the worst first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ByClass {
    /// Classes that the index has.
    pub(super) known: Vec<Class>,
    /// Classes that the index lacks: no answer but a refusal is right.
    pub(super) lacking: Vec<Class>,
    /// The queries that are counted: `140 queries that are not in the index`.
    pub(super) queries: String,
}

impl ByClass {
    /// Of the queries that stand for the experiment: one that finds itself would flatter its class.
    pub(super) fn of(data: &ReportData) -> Self {
        let overlap = data.overlap();
        let indexed = indexed(data);
        let (rows, queries) = judged(data);
        let mut counts: BTreeMap<i32, Counts> = BTreeMap::new();
        for row in rows {
            let known = indexed.contains(&row.label);
            let of_class = counts.entry(row.label).or_default();
            of_class.queries += 1;
            let good = if known { right(row) } else { !row.matched };
            if good {
                of_class.right += 1;
            } else {
                *of_class.instead.entry(row.predicted.filter(|_| row.matched)).or_default() += 1;
            }
            if let Some(nearest) = overlap.nearest_other(row).filter(|_| known) {
                of_class.looked_up += 1;
                of_class.found += usize::from(nearest.label == row.label);
            }
        }
        let mut classes: Vec<Class> = counts.into_iter().map(|(label, counts)| counts.class(label)).collect();
        worst_first(&mut classes);
        let (known, lacking) = classes.into_iter().partition(|class| indexed.contains(&class.label));
        Self { known, lacking, queries }
    }
}

/// The labels that a query can be given; if nothing is known of the index, those of all queries.
pub(super) fn indexed(data: &ReportData) -> BTreeSet<i32> {
    if data.index.label.is_empty() {
        return data.matches.0.iter().map(|row| row.label).collect();
    }
    data.index.label.iter().copied().collect()
}

/// By the share of right answers, then by recall@1; of equals that of more queries first.
fn worst_first(classes: &mut [Class]) {
    let place = |class: &Class| (class.right, class.recall_at_1.unwrap_or(0.0));
    classes.sort_by(|one, other| {
        let (one_at, other_at) = (place(one), place(other));
        one_at.0.total_cmp(&other_at.0).then(one_at.1.total_cmp(&other_at.1)).then(other.queries.cmp(&one.queries))
    });
}

#[derive(Default)]
struct Counts {
    queries: usize,
    right: usize,
    looked_up: usize,
    found: usize,
    /// What was given instead, by how often.
    instead: BTreeMap<Option<i32>, usize>,
}

impl Counts {
    fn class(self, label: i32) -> Class {
        let share = |part: usize, whole: usize| part as f64 / whole as f64;
        let most = self.instead.iter().max_by_key(|(given, count)| (**count, given.is_some()));
        Class {
            label,
            queries: self.queries,
            right: share(self.right, self.queries),
            recall_at_1: (self.looked_up > 0).then(|| share(self.found, self.looked_up)),
            instead: most.map(|(given, _)| *given),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    /// Class 4: both right. Class 2: one right, one taken for 4. Class 7: one rejected, one taken for 2.
    fn six() -> ReportData {
        let mut data = synthetic::small();
        data.matches.0.truncate(6);
        let verdicts = [(4, 4, true), (4, 4, true), (2, 2, true), (2, 4, true), (7, 7, false), (7, 2, true)];
        for (row, (label, predicted, matched)) in data.matches.0.iter_mut().zip(verdicts) {
            (row.label, row.predicted, row.matched) = (label, Some(predicted), matched);
            row.neighbours.truncate(1);
            row.neighbours[0].label = predicted;
        }
        data
    }

    fn told(classes: &[Class]) -> Vec<(i32, usize, f64, Option<f64>)> {
        classes.iter().map(|class| (class.label, class.queries, class.right, class.recall_at_1)).collect()
    }

    #[test]
    fn the_worst_class_is_first_and_says_what_it_is_taken_for() {
        let found = ByClass::of(&six());
        let expected = [(7, 2, 0.0, Some(0.5)), (2, 2, 0.5, Some(0.5)), (4, 2, 1.0, Some(1.0))];
        assert_eq!(told(&found.known), expected);
        let instead: Vec<_> = found.known.iter().map(|class| class.instead).collect();
        assert_eq!(instead, [Some(Some(2)), Some(Some(4)), None]);
        assert!(found.lacking.is_empty());
    }

    #[test]
    fn queries_that_find_themselves_flatter_no_class() {
        let mut data = six();
        // The right query of class 2 is in the index, and is its own nearest neighbour.
        data.index.example_id[0] = data.matches.0[2].query_id;
        data.matches.0[2].neighbours[0].example_id = data.matches.0[2].query_id;
        let found = ByClass::of(&data);
        assert_eq!(found.queries, "5 queries that are not in the index");
        let class = found.known.iter().find(|class| class.label == 2).unwrap();
        assert_eq!((class.queries, class.right), (1, 0.0));
        for row in &mut data.matches.0 {
            data.index.example_id[(row.query_id % 10) as usize] = row.query_id;
            row.neighbours[0].example_id = row.query_id;
        }
        assert_eq!(ByClass::of(&data).queries, "6 queries, all of which are in the index themselves");
    }

    #[test]
    fn of_a_class_that_the_index_lacks_refusals_are_right() {
        let mut data = six();
        data.index.label.iter_mut().for_each(|label| *label %= 7);
        let found = ByClass::of(&data);
        assert_eq!(told(&found.lacking), [(7, 2, 0.5, None)]);
        assert_eq!(found.lacking[0].instead, Some(Some(2)));
        assert_eq!(found.known.iter().map(|class| class.label).collect::<Vec<_>>(), [2, 4]);
        // If nothing is known of the index, no class is said to be lacking.
        data.index.label.clear();
        assert!(ByClass::of(&data).lacking.is_empty());
    }
}
