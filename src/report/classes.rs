//! Which classes fail: each with how often its queries are right, the worst first.

use std::collections::BTreeMap;

use super::ReportData;
use super::findings::right;

/// Classes that a page lists.
pub(super) const SHOWN: usize = 20;

/// How one class does.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Class {
    pub(super) label: i32,
    pub(super) queries: usize,
    /// The share of its queries that are accepted with it.
    pub(super) accuracy: f64,
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

/// The classes of the queries: by accuracy, then by recall@1, the worst first; of equals that of more queries first.
pub(super) fn classes(data: &ReportData) -> Vec<Class> {
    let overlap = data.overlap();
    let mut counts: BTreeMap<i32, Counts> = BTreeMap::new();
    for row in &data.matches.0 {
        let of_class = counts.entry(row.label).or_default();
        of_class.queries += 1;
        if right(row) {
            of_class.accepted += 1;
        } else {
            *of_class.instead.entry(row.predicted.filter(|_| row.matched)).or_default() += 1;
        }
        if let Some(nearest) = overlap.nearest_other(row) {
            of_class.looked_up += 1;
            of_class.found += usize::from(nearest.label == row.label);
        }
    }
    let mut classes: Vec<Class> = counts.into_iter().map(|(label, counts)| counts.class(label)).collect();
    let place = |class: &Class| (class.accuracy, class.recall_at_1.unwrap_or(0.0));
    classes.sort_by(|one, other| {
        let (one_at, other_at) = (place(one), place(other));
        one_at.0.total_cmp(&other_at.0).then(one_at.1.total_cmp(&other_at.1)).then(other.queries.cmp(&one.queries))
    });
    classes
}

#[derive(Default)]
struct Counts {
    queries: usize,
    accepted: usize,
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
            accuracy: share(self.accepted, self.queries),
            recall_at_1: (self.looked_up > 0).then(|| share(self.found, self.looked_up)),
            instead: most.map(|(given, _)| *given),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    #[test]
    fn the_worst_class_is_first_and_says_what_it_is_taken_for() {
        let mut data = synthetic::small();
        data.matches.0.truncate(6);
        // Class 4: both right. Class 2: one right, one taken for 4. Class 7: one rejected, one taken for 2.
        let verdicts = [(4, 4, true), (4, 4, true), (2, 2, true), (2, 4, true), (7, 7, false), (7, 2, true)];
        for (row, (label, predicted, matched)) in data.matches.0.iter_mut().zip(verdicts) {
            (row.label, row.predicted, row.matched) = (label, Some(predicted), matched);
            row.neighbours.truncate(1);
            row.neighbours[0].label = predicted;
        }
        let found = classes(&data);
        let all: Vec<_> =
            found.iter().map(|class| (class.label, class.queries, class.accuracy, class.recall_at_1)).collect();
        assert_eq!(all, [(7, 2, 0.0, Some(0.5)), (2, 2, 0.5, Some(0.5)), (4, 2, 1.0, Some(1.0))]);
        assert_eq!(found.iter().map(|class| class.instead).collect::<Vec<_>>(), [Some(Some(2)), Some(Some(4)), None]);
    }
}
