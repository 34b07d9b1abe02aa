//! Re-ranking with k-reciprocal encoding (Zhong, Zheng, Cao and Li, 2017, arXiv:1701.08398).
//!
//! Two rows are k-reciprocal neighbours if each is among the k nearest of the other. A row is encoded by its k1-reciprocal
//! neighbours, each weighing `exp(-d)` (`d` the squared distance relative to the row's farthest); the set is widened by
//! the k1/2-reciprocal neighbours of its members, where more than two thirds of those are in the set already. Encodings
//! are then averaged over the k2 nearest, and rows compared by the Jaccard distance of their encodings:
//!
//! `(1 - lambda) (1 - sum min(v_i, v_j) / sum max(v_i, v_j)) + lambda d`
//!
//! Encodings are sparse, so memory grows with `rows x k1 x k2` at most, not with the square of the rows.

use rayon::prelude::*;

use super::Neighbours;
use crate::MetricError;

/// How rows are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KReciprocal {
    /// Neighbours that must find each other.
    pub k1: usize,
    /// Neighbours whose encodings are averaged, the row itself among them; 1 averages nothing.
    pub k2: usize,
    /// The share of the distance itself, from 0 (Jaccard alone) to 1 (as before).
    pub lambda: f64,
}

/// What rows are encoded by, with its weight; by increasing row.
type Encoding = Vec<(u32, f64)>;

/// Rows encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    rows: Vec<Encoding>,
    /// For each row: the rows that are encoded by it, with their weight.
    inverse: Vec<Encoding>,
    lambda: f64,
}

impl KReciprocal {
    /// The values of the paper for Market-1501: k1 20, k2 6, lambda 0.3.
    pub const PAPER: Self = Self { k1: 20, k2: 6, lambda: 0.3 };

    /// How deep neighbours must be known.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.k1.saturating_add(1).max(self.k2)
    }

    /// Encodes all rows, queries and index together. `square` gives the squared distance of two rows, the one by which
    /// neighbours were found; for the cosine distance of unit rows that is twice the distance.
    ///
    /// # Errors
    /// If k1 or k2 is 0, or lambda not within 0 and 1.
    pub fn encode(
        &self,
        neighbours: &Neighbours,
        square: impl Fn(usize, usize) -> f64 + Sync,
    ) -> Result<Encoded, MetricError> {
        for (what, k) in [("k1", self.k1), ("k2", self.k2)] {
            if k == 0 {
                return Err(MetricError::Range { what, expected: "at least 1".to_owned() });
            }
        }
        if !(0.0..=1.0).contains(&self.lambda) {
            return Err(MetricError::Range { what: "lambda", expected: "from 0 to 1".to_owned() });
        }
        let count = neighbours.len();
        let alone: Vec<Encoding> =
            (0..count).into_par_iter().map(|row| self.encoding(neighbours, row, &square)).collect();
        let rows: Vec<Encoding> = if self.k2 == 1 {
            alone
        } else {
            (0..count).into_par_iter().map(|row| mean(neighbours.nearest(row, self.k2), &alone)).collect()
        };
        let mut inverse: Vec<Encoding> = vec![Vec::new(); count];
        for (row, encoding) in (0..).zip(&rows) {
            encoding.iter().for_each(|(by, weight)| inverse[*by as usize].push((row, *weight)));
        }
        Ok(Encoded { rows, inverse, lambda: self.lambda })
    }

    fn encoding(&self, neighbours: &Neighbours, row: usize, square: &impl Fn(usize, usize) -> f64) -> Encoding {
        let mutual = reciprocal(neighbours, row, self.k1.saturating_add(1));
        // NumPy rounds halves to even, and so does the reference.
        let half = self.k1 / 2 + usize::from(self.k1 % 4 == 3);
        let mut members = mutual.clone();
        for candidate in &mutual {
            let others = reciprocal(neighbours, *candidate as usize, half + 1);
            let shared = others.iter().filter(|other| mutual.binary_search(other).is_ok()).count();
            if 3 * shared > 2 * others.len() {
                members.extend(others);
            }
        }
        members.sort_unstable();
        members.dedup();
        let weight = |by: u32| (by, (-neighbours.relative(row, square(row, by as usize))).exp());
        let mut encoding: Encoding = members.into_iter().map(weight).collect();
        let sum: f64 = encoding.iter().map(|by| by.1).sum();
        encoding.iter_mut().for_each(|by| by.1 /= sum);
        encoding
    }
}

/// Rows among the `k` nearest of `row` that have it among theirs, in increasing order.
fn reciprocal(neighbours: &Neighbours, row: usize, k: usize) -> Vec<u32> {
    let finds = |near: &&u32| neighbours.nearest(**near as usize, k).iter().any(|back| *back as usize == row);
    let mut found: Vec<u32> = neighbours.nearest(row, k).iter().filter(finds).copied().collect();
    found.sort_unstable();
    found
}

/// The mean of the encodings of some rows.
fn mean(of: &[u32], encodings: &[Encoding]) -> Encoding {
    let mut all: Encoding = of.iter().flat_map(|row| encodings[*row as usize].iter().copied()).collect();
    // A stable sort: weights are added in the order of the rows that they are of.
    all.sort_by_key(|by| by.0);
    let count = crate::real(of.len());
    all.chunk_by(|one, other| one.0 == other.0)
        .map(|same| (same[0].0, same.iter().map(|by| by.1).sum::<f64>() / count))
        .collect()
}

impl Encoded {
    /// The new distance of one row to every row, by position. `square` as for [`KReciprocal::encode`].
    ///
    /// # Panics
    /// If there is no such row, or the neighbours are of other rows.
    #[must_use]
    pub fn distances(&self, neighbours: &Neighbours, row: usize, square: impl Fn(usize, usize) -> f64) -> Vec<f64> {
        self.distances_to(neighbours, row, self.rows.len(), square)
    }

    /// The new distances of one row to the first `count` rows: to an index that stands before its queries.
    ///
    /// # Panics
    /// As [`distances`](Self::distances).
    #[must_use]
    pub fn distances_to(
        &self,
        neighbours: &Neighbours,
        row: usize,
        count: usize,
        square: impl Fn(usize, usize) -> f64,
    ) -> Vec<f64> {
        let mut shared = vec![0.0; self.rows.len()];
        for (by, weight) in &self.rows[row] {
            for (other, theirs) in &self.inverse[*by as usize] {
                shared[*other as usize] += weight.min(*theirs);
            }
        }
        // Weights of each sum to 1, so the larger ones sum to 2 less what is shared.
        let distance = |(other, shared): (usize, f64)| {
            let jaccard = 1.0 - shared / (2.0 - shared);
            let before = neighbours.relative(row, square(row, other));
            (1.0 - self.lambda) * jaccard + self.lambda * before
        };
        shared.into_iter().take(count).enumerate().map(distance).collect()
    }
}
