//! Rows that hold the nearest, by tiled `f32` products, and the error bound that proves it.

use std::borrow::Cow;
use std::ops::Range;

use super::{ExactSearch, ROW_TILE, Wanted};
use crate::distance::{EUCLIDEAN_ZERO, Rows, square_norm};
use crate::marks::Marks;
use crate::scores::{scaled_products, transposed};
use crate::top_k::TopK;
use crate::wide::widest;
use simpipe_artifact::Distance;

/// Excluded rows beyond this are skipped one by one instead of being preselected with the others.
pub(super) const MOST_EXCLUDED: usize = 1024;

/// Norms beyond this could overflow `f32` products.
const LARGEST_NORM: f64 = 1e18;

impl ExactSearch<'_> {
    /// How many times the inner product enters the score of a row; `None` where it does not give the distance, or can't
    /// be computed safely.
    pub(super) fn product_weight(&self) -> Option<f32> {
        match self.distance {
            _ if self.rows.is_empty() || self.largest_norm >= LARGEST_NORM => None,
            Distance::Cosine | Distance::InnerProduct => Some(1.0),
            Distance::Euclidean | Distance::SquaredEuclidean => Some(2.0),
            Distance::Manhattan | Distance::Snr => None,
        }
    }

    /// For each query of a tile: rows that hold the nearest, by the score `bias - weight * q.k`.
    pub(super) fn preselect(
        &self,
        queries: Rows<'_>,
        wanted: &[Wanted],
        gone: &Marks,
        tile: Range<usize>,
    ) -> Vec<Preselected> {
        let Some(weight) = self.product_weight() else { return tile.map(|_| Preselected::default()).collect() };
        let dim = self.rows.dim();
        let asked = transposed(queries.span(tile.clone()), dim);
        let limit = |query: usize| self.preselection(&wanted[query]);
        let mut tops: Vec<TopK> = tile.clone().map(|query| TopK::new(limit(query))).collect();
        let mut scores = vec![0.0; tile.len() * ROW_TILE.min(self.rows.len())];
        for start in (0..self.rows.len()).step_by(ROW_TILE) {
            if self.stopped() {
                break;
            }
            let rows = start..(start + ROW_TILE).min(self.rows.len());
            let scores = &mut scores[..tile.len() * rows.len()];
            let turned = match self.tiles.get(rows.start * dim..rows.end * dim) {
                Some(kept) => Cow::Borrowed(kept),
                None => Cow::Owned(transposed(self.rows.span(rows.clone()), dim)),
            };
            scaled_products(-weight, &asked, &turned, dim, scores);
            let position = |row: usize| u32::try_from(row).expect("fewer than 2^32 rows");
            let (first, gone) = (position(start), gone.among(position(start)..position(rows.end)));
            let gone: Vec<usize> = gone.map(|row| row as usize - start).collect();
            for (top, scores) in tops.iter_mut().zip(scores.chunks_exact_mut(rows.len())) {
                if let Some(bias) = self.bias.get(rows.clone()) {
                    widest(|| scores.iter_mut().zip(bias).for_each(|(score, bias)| *score += bias));
                }
                // Behind all others.
                gone.iter().for_each(|row| scores[*row] = f32::INFINITY);
                top.offer(scores, first);
            }
        }
        let known = |top: TopK| {
            let (rows, beyond) = top.finish();
            Preselected { rows, beyond, known: true }
        };
        tops.into_iter().map(known).collect()
    }

    /// Rows to preselect: a few more than wanted, so that the error bound seldom fails. None where so many don't count
    /// that room for them in every query of a tile would be wasted: such a query is searched row by row.
    pub(super) fn preselection(&self, wanted: &Wanted) -> usize {
        let k = wanted.k.saturating_add(wanted.excluded.len());
        let none = wanted.k == 0 || wanted.excluded.len() > MOST_EXCLUDED;
        if none { 0 } else { k.saturating_add(16 + k / 16).min(self.rows.len()) }
    }

    /// Whether every row whose score is at least `score` is certainly farther than `last`.
    pub(super) fn is_beyond(&self, query: &[f32], score: f64, last: f64) -> bool {
        let square = square_norm(query);
        if square.sqrt() > LARGEST_NORM {
            return false;
        }
        let nearest = score - self.score_error(square.sqrt());
        match self.distance {
            Distance::Cosine => (1.0 + nearest).max(0.0) > last,
            Distance::InnerProduct => nearest > -last,
            Distance::SquaredEuclidean => square + nearest > last,
            Distance::Euclidean => square + nearest > (last * last).max(EUCLIDEAN_ZERO),
            Distance::Manhattan | Distance::Snr => false,
        }
    }

    /// How far a score, or a distance rounded to `f32`, may be off for a query of this norm.
    ///
    /// An inner product of `d` terms summed in any order is off by at most `1.1 d u |q| |k|`, `u = 2^-24`, while
    /// `d u < 0.1` (Higham, Accuracy and Stability of Numerical Algorithms, 2002, 3.1). The roundings of bias, score
    /// and distance are each at most `u` times `(|q| + |k|)^2`, and times 1 for cosine: eight of them are allowed for.
    #[expect(clippy::cast_precision_loss, reason = "a dimension is far below 2^52")]
    fn score_error(&self, norm: f64) -> f64 {
        let unit = 2_f64.powi(-24);
        let dim = self.rows.dim() as f64;
        let product = 1.1 * dim * f64::from(self.product_weight().unwrap_or(0.0)) * norm * self.largest_norm;
        let one = if self.distance == Distance::Cosine { 1.0 } else { 0.0 };
        let underflow = 4.0 * dim * f64::from(f32::MIN_POSITIVE);
        unit * (product + 8.0 * (one + (norm + self.largest_norm).powi(2))) + underflow
    }
}

/// Rows among which a query's nearest probably are.
#[derive(Default)]
pub(super) struct Preselected {
    pub(super) rows: Vec<u32>,
    /// All other rows have at least this score.
    pub(super) beyond: Option<f32>,
    /// Whether there was a preselection at all.
    pub(super) known: bool,
}
