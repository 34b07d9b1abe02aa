//! Rows that were added to an index after it was made, and rows of it that are gone: what a search among them finds is merged
//! with what the index's own search finds, by distance.

use std::cmp::Ordering;
use std::sync::Arc;

use super::distance::Rows;
use super::knn::Hit;
use simpipe_artifact::{Distance, IndexRows};

/// What has changed in an index since it was made. Positions of added rows follow those of the index.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// The rows that were added, ready for the distance.
    pub added: IndexRows,
    /// Positions among the added ones that don't count any more, in increasing order.
    pub dead: Arc<[u32]>,
    /// Positions of the index that don't count any more, in increasing order.
    pub gone: Arc<[u32]>,
}

/// The `k` nearest of two lists, each nearest first; `added` counts its rows from 0, the result from `first`. Of those that are
/// equally far the index's come first.
///
/// ```
/// use simpipe_artifact::Distance;
/// use simpipe_search::{Hit, beside::merged};
/// let hit = |row, distance| Hit { row, distance };
/// let both = merged(&[hit(4, 0.1), hit(0, 0.5)], &[hit(0, 0.1), hit(1, 0.2)], 9, Distance::Euclidean, 3);
/// assert_eq!(both, [hit(4, 0.1), hit(9, 0.1), hit(10, 0.2)]);
/// ```
#[must_use]
pub fn merged(index: &[Hit], added: &[Hit], first: u32, distance: Distance, k: usize) -> Vec<Hit> {
    let before = |one: &Hit, other: &Hit| {
        let order = one.distance.total_cmp(&other.distance);
        if distance.larger_is_nearer() { order.reverse() } else { order }
    };
    let (mut index, mut added) = (index.iter().copied().peekable(), added.iter().copied().peekable());
    let next = || match (index.peek(), added.peek()) {
        (Some(one), Some(other)) if before(other, one) == Ordering::Less => added.next().map(|hit| behind(hit, first)),
        (Some(_), _) => index.next(),
        (None, _) => added.next().map(|hit| behind(hit, first)),
    };
    std::iter::from_fn(next).take(k).collect()
}

fn behind(hit: Hit, first: u32) -> Hit {
    Hit { row: hit.row + first, ..hit }
}

/// Positions of both lists, in increasing order, each once.
#[must_use]
pub fn both(one: &Arc<[u32]>, other: &[u32]) -> Arc<[u32]> {
    if other.is_empty() {
        return one.clone();
    }
    let mut all: Vec<u32> = one.iter().chain(other).copied().collect();
    all.sort_unstable();
    all.dedup();
    all.into()
}

/// The rows of some hits alone, and the hits counted among them: an index of a few rows for whoever judges one query.
/// `rows` are the index's, whose vectors need not be in `index`.
#[must_use]
pub fn gathered(hits: &[Hit], index: &IndexRows, rows: Rows<'_>, added: &IndexRows) -> (IndexRows, Vec<Hit>) {
    let mut few = IndexRows { dim: rows.dim().max(added.dim), ..IndexRows::default() };
    let mut vectors = Vec::new();
    for hit in hits {
        let row = hit.row as usize;
        let (from, at) = if row < index.label.len() { (index, row) } else { (added, row - index.label.len()) };
        few.example_id.push(from.example_id[at]);
        few.label.push(from.label[at]);
        few.digest.push(from.digest[at].clone());
        if row < index.label.len() {
            vectors.extend_from_slice(rows.row(row));
        } else {
            vectors.extend_from_slice(&added.vectors[at * added.dim..(at + 1) * added.dim]);
        }
    }
    few.vectors = vectors.into();
    let hits = (0..).zip(hits).map(|(row, hit)| Hit { row, distance: hit.distance }).collect();
    (few, hits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(pairs: &[(u32, f32)]) -> Vec<Hit> {
        pairs.iter().map(|&(row, distance)| Hit { row, distance }).collect()
    }

    #[test]
    fn the_nearest_of_both_come_first_in_either_sense() {
        let similar = merged(&hits(&[(0, 9.0), (1, 2.0)]), &hits(&[(0, 9.5), (1, 9.0)]), 5, Distance::InnerProduct, 4);
        assert_eq!(similar, hits(&[(5, 9.5), (0, 9.0), (6, 9.0), (1, 2.0)]));
        assert_eq!(merged(&[], &hits(&[(1, 1.0)]), 0, Distance::Cosine, 9), hits(&[(1, 1.0)]));
        assert_eq!(merged(&hits(&[(1, 1.0), (2, 1.0)]), &[], 3, Distance::Cosine, 1), hits(&[(1, 1.0)]));
    }

    #[test]
    fn positions_of_both_lists_stay_in_order() {
        let one: Arc<[u32]> = [2, 7].into();
        assert_eq!(both(&one, &[])[..], [2, 7]);
        assert_eq!(both(&one, &[1, 7, 9])[..], [1, 2, 7, 9]);
    }

    #[test]
    fn a_few_rows_are_those_of_the_hits() {
        let rows = |first: u64, vectors: &[f32]| IndexRows {
            example_id: (first..).take(vectors.len()).collect(),
            label: (0..).take(vectors.len()).collect(),
            digest: vectors.iter().map(ToString::to_string).collect(),
            vectors: vectors.to_vec().into(),
            dim: 1,
            ..IndexRows::default()
        };
        let (index, added) = (rows(10, &[0.0, 1.0]), rows(90, &[5.0, 6.0]));
        let (few, renumbered) =
            gathered(&hits(&[(3, 0.1), (1, 0.2)]), &index, Rows::new(&index.vectors, 1).unwrap(), &added);
        assert_eq!((few.example_id, few.label, few.vectors.to_vec()), (vec![91, 11], vec![1, 1], vec![6.0, 1.0]));
        assert_eq!(renumbered, hits(&[(0, 0.1), (1, 0.2)]));
    }
}
