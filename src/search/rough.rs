//! How near rows are, in `f32` and as one number that is smaller the nearer: good enough to choose candidates by, and the
//! same on every machine, for it is summed in one fixed order.

use super::distance::Rows;
use super::top_k::ranked;
use super::wide::widest;
use crate::artifact::Distance;

/// Numbers that are summed side by side.
const LANES: usize = 16;

/// Rows that are compared roughly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rough<'a> {
    rows: Rows<'a>,
    /// Whether `-q.k` is compared, else `|q - k|^2`.
    by_product: bool,
}

impl<'a> Rough<'a> {
    pub(super) const fn new(rows: Rows<'a>, distance: Distance) -> Self {
        Self { rows, by_product: matches!(distance, Distance::Cosine | Distance::InnerProduct) }
    }

    pub(super) fn row(&self, row: u32) -> &'a [f32] {
        self.rows.row(row as usize)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How near some rows are to a query, each with its position, appended to `found`.
    pub(super) fn to(&self, query: &[f32], rows: &[u32], found: &mut Vec<u64>) {
        widest(|| found.extend(rows.iter().map(|&row| ranked(self.key(query, row), row))));
    }

    /// Whether a row is nearer to one of `others` than `key` says.
    pub(super) fn is_nearer_to_any(&self, row: u32, key: f32, others: &[u32]) -> bool {
        let own = self.row(row);
        widest(|| others.iter().any(|&other| self.key(own, other) < key))
    }

    #[inline(always)]
    fn key(&self, query: &[f32], row: u32) -> f32 {
        let row = self.row(row);
        // One zero.
        0.0 + if self.by_product { -sum(query, row, |q, k| q * k) } else { sum(query, row, |q, k| (q - k) * (q - k)) }
    }
}

#[inline(always)]
fn sum(query: &[f32], key: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (queries, keys) = (query.chunks_exact(LANES), key.chunks_exact(LANES));
    let tail = queries.remainder().iter().zip(keys.remainder()).map(|(&q, &k)| term(q, k)).sum::<f32>();
    for (q, k) in queries.zip(keys) {
        for (lane, (&q, &k)) in lanes.iter_mut().zip(q.iter().zip(k)) {
            *lane += term(q, k);
        }
    }
    lanes.iter().sum::<f32>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::top_k::{key, position};

    #[test]
    fn the_nearer_row_has_the_smaller_number() {
        // 19 numbers: one block and a tail.
        let rows: Vec<f32> = [1.0, 0.5, -1.0].iter().flat_map(|value| vec![*value; 19]).collect();
        for (distance, expected) in [(Distance::Euclidean, [0.0, 4.75, 76.0]), (Distance::Cosine, [-19.0, -9.5, 19.0])]
        {
            let rough = Rough::new(Rows::new(&rows, 19).unwrap(), distance);
            let mut found = Vec::new();
            rough.to(&[1.0; 19], &[0, 1, 2], &mut found);
            assert_eq!(found.iter().map(|ranked| key(*ranked)).collect::<Vec<_>>(), expected);
            assert_eq!(found.iter().map(|ranked| position(*ranked)).collect::<Vec<_>>(), [0, 1, 2]);
            assert!(
                rough.is_nearer_to_any(1, expected[1] + 0.1, &[0]) && !rough.is_nearer_to_any(1, expected[1], &[0, 2])
            );
        }
    }
}
