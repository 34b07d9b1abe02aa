//! Exact nearest neighbours of many queries in many rows, with memory for a copy of the rows and the answers to a tile
//! of queries. Knows no labels.
//!
//! Distances that come from inner products are searched with tiled matrix products: `f32` products preselect a few
//! more rows than wanted, whose distances are then computed exactly ([`between`]). An error bound of the products
//! proves that no other row can be among the nearest; where it can't (duplicates, collapsed embeddings), the query
//! is searched row by row. The result is therefore that of the plain definition, whatever the tiles and threads.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::SearchError;
use super::distance::{EUCLIDEAN_ZERO, Rows, between, square_norm};
use super::marks::Marks;
use super::ranking::{Among, key_of, ranked_hits};
use super::scores::{scaled_products, transposed};
use super::top_k::TopK;
use super::wide::widest;
use simpipe_artifact::Distance;

/// Queries in a tile, at most: the unit of parallel work.
const QUERY_TILE: usize = 256;
/// Queries in a tile, at least: each tile reads all rows.
const SMALLEST_TILE: usize = 16;
/// Rows in a tile: its scores (512 KiB with [`QUERY_TILE`]) stay in the second-level cache.
const ROW_TILE: usize = 512;
/// Excluded rows beyond this are skipped one by one instead of being preselected with the others.
const MOST_EXCLUDED: usize = 1024;
/// Numbers that are turned around once and kept (256 MiB); more are turned around for each tile of queries, which takes a third
/// longer and no memory.
const KEPT_TURNED: usize = 1 << 26;
/// Norms beyond this could overflow `f32` products.
const LARGEST_NORM: f64 = 1e18;

/// A row near a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its position among the rows.
    pub row: u32,
    /// Its distance (or similarity) to the query.
    pub distance: f32,
}

/// What is wanted for one query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// How many neighbours; fewer are found where there are fewer rows.
    pub k: usize,
    /// Positions of rows that don't count, such as the query itself; in increasing order.
    pub excluded: Arc<[u32]>,
}

impl Wanted {
    /// Whether a row counts.
    pub(super) fn counts(&self, row: u32) -> bool {
        self.excluded.binary_search(&row).is_err()
    }
}

/// Rows prepared for exact search.
pub struct ExactSearch<'a> {
    rows: Rows<'a>,
    distance: Distance,
    /// The rows in tiles of [`ROW_TILE`], each [`transposed`]: products read them once for every tile of queries, and
    /// to turn them around each time would take a third as long as the products. Empty where there are no products, or too many
    /// rows.
    tiles: Vec<f32>,
    /// `|k|^2` for the euclidean distances, empty for the others.
    bias: Vec<f32>,
    largest_norm: f64,
    stop: Option<&'a (dyn Fn() -> bool + Sync)>,
}

impl<'a> ExactSearch<'a> {
    /// A search among rows.
    ///
    /// # Panics
    /// If there are 2^32 rows or more: positions are `u32`.
    #[must_use]
    pub fn new(rows: Rows<'a>, distance: Distance) -> Self {
        Self::keeping(rows, distance, KEPT_TURNED)
    }

    /// The same, which keeps so many numbers turned around at most.
    #[expect(clippy::cast_possible_truncation, reason = "the rounding is within the error bound")]
    fn keeping(rows: Rows<'a>, distance: Distance, most: usize) -> Self {
        assert!(u32::try_from(rows.len()).is_ok(), "fewer than 2^32 rows");
        let squares: Vec<f64> = (0..rows.len()).into_par_iter().map(|row| square_norm(rows.row(row))).collect();
        let largest_norm = squares.iter().copied().fold(0.0, f64::max).sqrt();
        let bias = match distance {
            Distance::Euclidean | Distance::SquaredEuclidean => squares.iter().map(|&square| square as f32).collect(),
            _ => Vec::new(),
        };
        let mut search = Self { rows, distance, tiles: Vec::new(), bias, largest_norm, stop: None };
        if search.product_weight().is_some() && rows.all().len() <= most {
            search.tiles = transposed_tiles(rows);
        }
        search
    }

    /// The same search without the preparation, which takes as long as some queries do: every row is compared with each
    /// query, one at a time. Finds what [`ExactSearch::new`] finds.
    ///
    /// # Panics
    /// As there.
    #[must_use]
    pub fn unprepared(rows: Rows<'a>, distance: Distance) -> Self {
        assert!(u32::try_from(rows.len()).is_ok(), "fewer than 2^32 rows");
        // No bound of the rows' lengths is known, so nothing is preselected.
        Self { rows, distance, tiles: Vec::new(), bias: Vec::new(), largest_norm: f64::INFINITY, stop: None }
    }

    /// The same search, which ends with [`SearchError::Stopped`] soon after `stop` says so; it must not take that back.
    #[must_use]
    pub fn stopped_by(mut self, stop: &'a (dyn Fn() -> bool + Sync)) -> Self {
        self.stop = Some(stop);
        self
    }

    fn stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop())
    }

    /// The `k` nearest rows of every query, nearest first, ties by position.
    ///
    /// ```
    /// use simpipe_artifact::Distance;
    /// use simpipe_search::{ExactSearch, Hit, distance::Rows};
    /// let rows = Rows::new(&[0.0, 5.0, 2.0], 1)?;
    /// let found = ExactSearch::new(rows, Distance::Euclidean).nearest(Rows::new(&[1.5], 1)?, 2)?;
    /// assert_eq!(found, [[Hit { row: 2, distance: 0.5 }, Hit { row: 0, distance: 1.5 }]]);
    /// # Ok::<(), simpipe_search::SearchError>(())
    /// ```
    ///
    /// # Errors
    /// If queries and rows have different lengths.
    pub fn nearest(&self, queries: Rows<'_>, k: usize) -> Result<Vec<Vec<Hit>>, SearchError> {
        let wanted = vec![Wanted { k, excluded: Arc::default() }; queries.len()];
        self.map(queries, &wanted, |_, hits| hits.to_vec())
    }

    /// What `visit` makes of each query's number and neighbours (nearest first, ties by position), in the order of
    /// the queries. Only the neighbours of the tiles under work are in memory.
    ///
    /// # Errors
    /// If queries and rows have different lengths.
    ///
    /// # Panics
    /// If `wanted` has another length than `queries`.
    pub fn map<T: Send>(
        &self,
        queries: Rows<'_>,
        wanted: &[Wanted],
        visit: impl Fn(usize, &[Hit]) -> T + Sync,
    ) -> Result<Vec<T>, SearchError> {
        self.map_living(queries, wanted, &Marks::default(), visit)
    }

    /// The same among the rows that are not `gone`.
    ///
    /// # Errors
    /// As [`ExactSearch::map`].
    ///
    /// # Panics
    /// As there.
    pub fn map_living<T: Send>(
        &self,
        queries: Rows<'_>,
        wanted: &[Wanted],
        gone: &Marks,
        visit: impl Fn(usize, &[Hit]) -> T + Sync,
    ) -> Result<Vec<T>, SearchError> {
        assert_eq!(queries.len(), wanted.len(), "one wish a query");
        if !queries.is_empty() && !self.rows.is_empty() && queries.dim() != self.rows.dim() {
            return Err(SearchError::Dimension { queries: queries.dim(), rows: self.rows.dim() });
        }
        // Few queries are divided among all threads.
        let size = queries.len().div_ceil(rayon::current_num_threads()).clamp(SMALLEST_TILE, QUERY_TILE);
        let tiles: Vec<Vec<T>> = (0..queries.len().div_ceil(size))
            .into_par_iter()
            .map(|tile| {
                if self.stopped() {
                    return Err(SearchError::Stopped);
                }
                let tile = tile * size..((tile + 1) * size).min(queries.len());
                let preselected = self.preselect(queries, wanted, gone, tile.clone());
                let search = |(query, preselected): (usize, Preselected)| {
                    let stopped = self.stopped();
                    let among = Among { wanted: &wanted[query], gone };
                    let hits = if stopped { Vec::new() } else { self.finish(queries.row(query), among, preselected) };
                    visit(query, &hits)
                };
                let found = tile.zip(preselected).map(search).collect();
                if self.stopped() { Err(SearchError::Stopped) } else { Ok(found) }
            })
            .collect::<Result<_, _>>()?;
        Ok(tiles.into_iter().flatten().collect())
    }

    /// How many times the inner product enters the score of a row; `None` where it does not give the distance, or can't
    /// be computed safely.
    fn product_weight(&self) -> Option<f32> {
        match self.distance {
            _ if self.rows.is_empty() || self.largest_norm >= LARGEST_NORM => None,
            Distance::Cosine | Distance::InnerProduct => Some(1.0),
            Distance::Euclidean | Distance::SquaredEuclidean => Some(2.0),
            Distance::Manhattan | Distance::Snr => None,
        }
    }

    /// For each query of a tile: rows that hold the nearest, by the score `bias - weight * q.k`.
    fn preselect(&self, queries: Rows<'_>, wanted: &[Wanted], gone: &Marks, tile: Range<usize>) -> Vec<Preselected> {
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
    fn preselection(&self, wanted: &Wanted) -> usize {
        let k = wanted.k.saturating_add(wanted.excluded.len());
        let none = wanted.k == 0 || wanted.excluded.len() > MOST_EXCLUDED;
        if none { 0 } else { k.saturating_add(16 + k / 16).min(self.rows.len()) }
    }

    /// The nearest of the preselected rows, or of all rows where the preselection proves nothing.
    fn finish(&self, query: &[f32], among: Among<'_>, preselected: Preselected) -> Vec<Hit> {
        let wanted = among.wanted;
        if preselected.known {
            let complete = preselected.rows.len() == self.rows.len();
            let hits = self.rank(query, among, preselected.rows);
            let last = hits.get(wanted.k.wrapping_sub(1)).map(|hit| f64::from(hit.distance));
            let proven = match (last, preselected.beyond) {
                (Some(last), Some(beyond)) => self.is_beyond(query, beyond.into(), last),
                _ => false,
            };
            if wanted.k == 0 || complete || proven {
                return hits;
            }
        }
        self.scan(query, among)
    }

    /// Whether every row whose score is at least `score` is certainly farther than `last`.
    fn is_beyond(&self, query: &[f32], score: f64, last: f64) -> bool {
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

    /// The nearest of some rows by their exact distances.
    pub(super) fn rank(&self, query: &[f32], among: Among<'_>, mut rows: Vec<u32>) -> Vec<Hit> {
        rows.retain(|row| among.counts(*row));
        ranked_hits(self.distance, query, rows, |row| self.rows.row(row as usize), among.wanted.k)
    }

    /// The nearest of all rows, one distance at a time.
    pub(super) fn scan(&self, query: &[f32], among: Among<'_>) -> Vec<Hit> {
        let mut top = TopK::new(among.wanted.k.min(self.rows.len()));
        let mut keys = Vec::with_capacity(ROW_TILE);
        let position = |row: usize| u32::try_from(row).expect("fewer than 2^32 rows");
        let mut excluded = among.wanted.excluded.iter().map(|row| *row as usize).peekable();
        let mut gone = among.gone.iter().map(|row| row as usize).peekable();
        let mut start = 0;
        while start < self.rows.len() {
            let left_out = [excluded.next_if(|row| *row <= start), gone.next_if(|row| *row <= start)];
            if left_out.contains(&Some(start)) {
                start += 1;
                continue;
            }
            let next = |row: Option<&usize>| row.copied().unwrap_or(usize::MAX).max(start);
            let end = next(excluded.peek()).min(next(gone.peek()));
            let rows = start..(start + ROW_TILE).min(self.rows.len()).min(end);
            let exact = |row: usize| key_of(self.distance, between(self.distance, query, self.rows.row(row)));
            keys.clear();
            widest(|| keys.extend(rows.clone().map(exact)));
            top.offer(&keys, position(start));
            start = rows.end;
        }
        self.rank(query, among, top.finish().0)
    }
}

/// All rows, tile by tile.
fn transposed_tiles(rows: Rows<'_>) -> Vec<f32> {
    let tiles = (0..rows.len()).into_par_iter().step_by(ROW_TILE);
    let tile = |start: usize| transposed(rows.span(start..(start + ROW_TILE).min(rows.len())), rows.dim());
    tiles.flat_map_iter(tile).collect()
}

/// Rows among which a query's nearest probably are.
#[derive(Default)]
struct Preselected {
    rows: Vec<u32>,
    /// All other rows have at least this score.
    beyond: Option<f32>,
    /// Whether there was a preselection at all.
    known: bool,
}

#[cfg(test)]
#[path = "knn_tests.rs"]
mod tests;
