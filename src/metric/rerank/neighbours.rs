//! The nearest rows of every row, of one set that holds queries and index alike.

use rayon::prelude::*;

use crate::MetricError;
use crate::space::{Space, square};

/// For every row: its nearest rows, itself among them, and how far its farthest is.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    nearest: Vec<Vec<u32>>,
    farthest: Vec<f64>,
}

impl Neighbours {
    /// Neighbours that a search found: for each row the nearest first, ties by position, the row itself at its place among
    /// them (mostly the first), and the largest squared distance to any row.
    ///
    /// # Errors
    /// If there is not one distance a row, a distance is not finite, or a neighbour is no row.
    pub fn new(nearest: Vec<Vec<u32>>, farthest: Vec<f64>) -> Result<Self, MetricError> {
        let rows = nearest.len();
        if farthest.len() != rows {
            let others = farthest.len();
            return Err(MetricError::Lengths { one: "lists of neighbours", ones: rows, other: "distances", others });
        }
        if let Some(row) = farthest.iter().position(|distance| !distance.is_finite()) {
            return Err(MetricError::NotFinite { what: "distance", row });
        }
        match nearest.iter().flatten().find(|near| **near as usize >= rows) {
            Some(near) => Err(MetricError::Position { what: "row", position: *near as usize, rows }),
            None => Ok(Self { nearest, farthest }),
        }
    }

    /// The `depth` nearest rows of each row by squared euclidean distance, which is also the order of the cosine distance
    /// of unit rows. Work: `rows^2 x dim`; memory for a row's distances a thread.
    ///
    /// # Panics
    /// If there are 2^32 rows or more.
    #[must_use]
    pub fn of_rows(space: &Space<'_>, depth: usize) -> Self {
        let count = u32::try_from(space.len()).expect("fewer than 2^32 rows");
        let of_row = |row: u32| {
            let own = space.row(row as usize);
            let mut all: Vec<(f64, u32)> =
                (0..count).map(|other| (square(own, space.row(other as usize)), other)).collect();
            let farthest = all.iter().map(|near| near.0).fold(0.0, f64::max);
            let order = |one: &(f64, u32), other: &(f64, u32)| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1));
            if depth < all.len() {
                all.select_nth_unstable_by(depth, order);
                all.truncate(depth);
            }
            all.sort_unstable_by(order);
            (all.into_iter().map(|near| near.1).collect(), farthest)
        };
        let (nearest, farthest) = (0..count).into_par_iter().map(of_row).unzip();
        Self { nearest, farthest }
    }

    /// Number of rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.nearest.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.nearest.is_empty()
    }

    /// The `k` nearest of a row, or as many as were found.
    #[must_use]
    pub fn nearest(&self, row: usize, k: usize) -> &[u32] {
        &self.nearest[row][..k.min(self.nearest[row].len())]
    }

    /// A squared distance from a row, relative to that of its farthest.
    #[must_use]
    pub fn relative(&self, row: usize, square: f64) -> f64 {
        // All rows are equal where the farthest is at 0.
        if self.farthest[row] > 0.0 { square / self.farthest[row] } else { 0.0 }
    }
}
