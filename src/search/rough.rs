//! How near rows are, in `f32` and as one number that is smaller the nearer: good enough to choose candidates by, and the
//! same on every machine, for it is summed in one fixed order.

use simpipe_artifact::Distance;
use simpipe_kernel::{Nearness, nearness, nearness_to};

use super::distance::Rows;
use super::pieces::Pieces;
use super::top_k::ranked;

/// Rows of pieces that are compared together.
const TOGETHER: usize = 32;

/// Rows that are compared roughly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rough<'a> {
    rows: Source<'a>,
    /// `-q.k` is compared, or else `|q - k|^2`.
    what: Nearness,
}

#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Whole(Rows<'a>),
    Pieces(&'a Pieces<f32>),
}

impl<'a> Rough<'a> {
    pub(super) const fn new(rows: Rows<'a>, distance: Distance) -> Self {
        Self { rows: Source::Whole(rows), what: what(distance) }
    }

    pub(super) const fn of_pieces(rows: &'a Pieces<f32>, distance: Distance) -> Self {
        Self { rows: Source::Pieces(rows), what: what(distance) }
    }

    #[inline]
    pub(super) fn row(&self, row: u32) -> &'a [f32] {
        match self.rows {
            Source::Whole(rows) => rows.row(row as usize),
            Source::Pieces(pieces) => pieces.row(row as usize),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self.rows {
            Source::Whole(rows) => rows.len(),
            Source::Pieces(pieces) => pieces.len(),
        }
    }

    /// How near some rows are to a query, each with its position, appended to `found`; `room` is room for numbers.
    pub(super) fn to(&self, query: &[f32], rows: &[u32], room: &mut Vec<f32>, found: &mut Vec<u64>) {
        self.keys(query, rows, room);
        found.extend(room.iter().zip(rows).map(|(&key, &row)| ranked(key, row)));
    }

    /// Whether a row is nearer to one of `others` than `key` says, or the same as one.
    pub(super) fn is_nearer_to_any(&self, row: u32, key: f32, others: &[u32], room: &mut Vec<f32>) -> bool {
        let own = self.row(row);
        // Most that are refused are so by one of the first.
        others.chunks(4).any(|some| {
            self.keys(own, some, room);
            room.iter().any(|near| *near < key)
        })
    }

    /// Whether two rows are the same numbers.
    pub(super) fn is_copy(&self, one: u32, other: u32) -> bool {
        self.row(one) == self.row(other)
    }

    fn keys(&self, query: &[f32], rows: &[u32], room: &mut Vec<f32>) {
        room.clear();
        match self.rows {
            Source::Whole(all) => nearness(self.what, query, all.all(), rows, room),
            Source::Pieces(pieces) => rows.chunks(TOGETHER).for_each(|some| {
                let mut found = [&[][..]; TOGETHER];
                found.iter_mut().zip(some).for_each(|(found, row)| *found = pieces.row(*row as usize));
                nearness_to(self.what, query, &found[..some.len()], room);
            }),
        }
        // One zero.
        let sign = if self.what == Nearness::Product { -1.0 } else { 1.0 };
        room.iter_mut().for_each(|key| *key = 0.0 + sign * *key);
    }
}

const fn what(distance: Distance) -> Nearness {
    match distance {
        Distance::Cosine | Distance::InnerProduct => Nearness::Product,
        _ => Nearness::Square,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top_k::{key, position};

    #[test]
    fn the_nearer_row_has_the_smaller_number() {
        // 19 numbers: one block and a tail.
        let rows: Vec<f32> = [1.0, 0.5, -1.0].iter().flat_map(|value| vec![*value; 19]).collect();
        let pieces = Pieces::of(19, &rows);
        for (distance, expected) in [(Distance::Euclidean, [0.0, 4.75, 76.0]), (Distance::Cosine, [-19.0, -9.5, 19.0])]
        {
            for rough in [Rough::new(Rows::new(&rows, 19).unwrap(), distance), Rough::of_pieces(&pieces, distance)] {
                let (mut found, mut room) = (Vec::new(), Vec::new());
                rough.to(&[1.0; 19], &[0, 1, 2], &mut room, &mut found);
                assert_eq!(found.iter().map(|ranked| key(*ranked)).collect::<Vec<_>>(), expected);
                assert_eq!(found.iter().map(|ranked| position(*ranked)).collect::<Vec<_>>(), [0, 1, 2]);
                assert!(rough.is_nearer_to_any(1, expected[1] + 0.1, &[0], &mut room));
                assert!(!rough.is_nearer_to_any(1, expected[1], &[0, 2], &mut room));
                assert!(rough.is_copy(1, 1) && !rough.is_copy(0, 1) && rough.len() == 3);
            }
        }
    }
}
