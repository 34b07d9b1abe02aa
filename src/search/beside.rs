//! What has changed in an index since it was made: rows that were added, and rows of it that are gone. What a search among the
//! former finds is merged with what the index's own search finds among those that are left, by distance.

use std::cmp::Ordering;

use simpipe_artifact::{Distance, IndexRows};

use super::added::Added;
use super::distance::Rows;
use super::knn::Hit;
use super::marks::Marks;
use super::method::Search;

/// The first example id of what was added: no dataset has as many examples.
pub const FIRST_ID: u64 = 1 << 63;

/// What has changed in an index since it was made. Positions of added rows follow those of the index.
#[derive(Debug, Clone)]
pub struct Beside {
    /// The rows that were added.
    pub added: Added,
    /// Rows of the index that don't count any more.
    pub gone: Marks,
}

impl Beside {
    /// Nothing has changed in an index of vectors of a length that is searched so.
    #[must_use]
    pub fn nothing(dim: usize, distance: Distance, search: &Search) -> Self {
        Self { added: Added::new(dim, distance, search), gone: Marks::default() }
    }
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

/// The rows of some hits alone, and the hits counted among them: an index of a few rows for whoever judges one query.
/// `rows` are the index's, whose vectors need not be in `index`.
#[must_use]
pub fn gathered(hits: &[Hit], index: &IndexRows, rows: Rows<'_>, added: &Added) -> (IndexRows, Vec<Hit>) {
    let mut few = IndexRows { dim: rows.dim().max(added.dim()), ..IndexRows::default() };
    let mut vectors = Vec::new();
    let first = index.label.len();
    for hit in hits {
        let row = hit.row as usize;
        if row < first {
            few.example_id.push(index.example_id[row]);
            few.label.push(index.label[row]);
            vectors.extend_from_slice(rows.row(row));
            continue;
        }
        let place = u32::try_from(row - first).unwrap_or(u32::MAX);
        few.example_id.push(FIRST_ID + u64::from(place));
        few.label.push(added.row(place).map_or(-1, |row| row.label));
        vectors.extend_from_slice(added.vector(place));
    }
    few.vectors = vectors.into();
    let hits = (0..).zip(hits).map(|(row, hit)| Hit { row, distance: hit.distance }).collect();
    (few, hits)
}

#[cfg(test)]
mod tests {
    use super::super::added::AddedRow;
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
    fn a_few_rows_are_those_of_the_hits() {
        let index = IndexRows {
            example_id: vec![10, 11],
            label: vec![0, 1],
            vectors: vec![0.0, 1.0].into(),
            dim: 1,
            ..IndexRows::default()
        };
        let mut added = Added::new(1, Distance::Euclidean, &Search::Exact);
        for (label, number) in [(7, 5.0), (8, 6.0)] {
            added.add(AddedRow { label, digest: number.to_string() }, &[number]).unwrap();
        }
        let (few, renumbered) =
            gathered(&hits(&[(3, 0.1), (1, 0.2)]), &index, Rows::new(&index.vectors, 1).unwrap(), &added);
        assert_eq!(
            (few.example_id, few.label, few.vectors.to_vec()),
            (vec![FIRST_ID + 1, 11], vec![8, 1], vec![6.0, 1.0])
        );
        assert_eq!(renumbered, hits(&[(0, 0.1), (1, 0.2)]));
    }
}
