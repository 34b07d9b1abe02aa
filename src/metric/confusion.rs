//! The confusion matrix: queries by true and predicted label, those without a match apart.

/// Counts of queries by (true label, predicted label), pairs without a query left out; by label, then by prediction,
/// with `None` (no match) last.
///
/// Work and memory grow with the queries, whatever the number of classes.
///
/// ```
/// use simpipe_metric::confusion::confusion;
/// let cells = confusion([(7, Some(7)), (7, None), (2, Some(7)), (7, Some(7))]);
/// assert_eq!(cells, [(2, Some(7), 1), (7, Some(7), 2), (7, None, 1)]);
/// ```
#[must_use]
pub fn confusion(queries: impl IntoIterator<Item = (i32, Option<i32>)>) -> Vec<(i32, Option<i32>, u64)> {
    let mut queries: Vec<(i32, Option<i32>)> = queries.into_iter().collect();
    queries.sort_unstable_by_key(|(label, predicted)| (*label, predicted.is_none(), *predicted));
    queries.chunk_by(|one, next| one == next).map(|same| (same[0].0, same[0].1, same.len() as u64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_cells_with_queries_are_there_and_unknown_is_last() {
        let found = confusion([(1, None), (0, Some(4)), (0, Some(0)), (1, Some(0)), (0, Some(0))]);
        assert_eq!(found, [(0, Some(0), 2), (0, Some(4), 1), (1, Some(0), 1), (1, None, 1)]);
        assert_eq!(confusion([]), []);
    }
}
