//! Which answers of `match` are right, and how many are.

use simpipe_artifact::MatchRow;

/// Whether the query is accepted with its own class.
pub(super) fn right(row: &MatchRow) -> bool {
    row.matched && row.predicted == Some(row.label)
}

/// The share of rows with the right match; 0 if there are none.
pub(super) fn accuracy<'a>(rows: impl IntoIterator<Item = &'a MatchRow>) -> f64 {
    let (count, good) =
        rows.into_iter().fold((0_u64, 0_u64), |(count, good), row| (count + 1, good + u64::from(right(row))));
    if count == 0 { 0.0 } else { good as f64 / count as f64 }
}
