//! The confusion matrix: queries by true and predicted label, with a last column for those without a match.

use std::collections::{BTreeMap, BTreeSet};

/// Counts of queries by (true label, predicted label), zeros included.
///
/// Rows and columns are the labels `0..classes` and any other that occurs; within a row by predicted label, with `None`
/// (no match) last.
#[must_use]
pub fn confusion(
    classes: usize,
    queries: impl IntoIterator<Item = (i32, Option<i32>)>,
) -> Vec<(i32, Option<i32>, u64)> {
    let mut counts: BTreeMap<(i32, Option<i32>), u64> = BTreeMap::new();
    for query in queries {
        *counts.entry(query).or_default() += 1;
    }
    let seen = counts.keys().flat_map(|(label, predicted)| [Some(*label), *predicted]).flatten();
    let labels: BTreeSet<i32> = (0..).take(classes).chain(seen).collect();
    let cell = |label: i32, predicted| (label, predicted, counts.get(&(label, predicted)).copied().unwrap_or(0));
    let row = |&label: &i32| {
        let columns = labels.iter().copied().map(Some).chain([None]);
        columns.map(move |predicted| cell(label, predicted)).collect::<Vec<_>>()
    };
    labels.iter().flat_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_there_and_unknown_is_last() {
        let found = confusion(2, [(0, Some(0)), (0, Some(0)), (1, Some(0)), (1, None)]);
        let expected = [(0, Some(0), 2), (0, Some(1), 0), (0, None, 0), (1, Some(0), 1), (1, Some(1), 0), (1, None, 1)];
        assert_eq!(found, expected);
        assert_eq!(confusion(1, [(4, Some(4))]).len(), 2 * 3);
    }
}
