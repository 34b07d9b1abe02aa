//! Exact nearest neighbours of many queries in many rows, with memory for a copy of the rows and the answers to a tile
//! of queries. Knows no labels.
//!
//! Distances that come from inner products are searched with tiled matrix products: `f32` products preselect a few
//! more rows than wanted, whose distances are then computed exactly ([`between`]). An error bound of the products
//! proves that no other row can be among the nearest; where it can't (duplicates, collapsed embeddings), the query
//! is searched row by row. The result is therefore that of the plain definition, whatever the tiles and threads.

mod preselection;

use std::sync::Arc;

use rayon::prelude::*;

use self::preselection::Preselected;
use super::SearchError;
use super::distance::{Rows, between, square_norm};
pub use super::hit::{Hit, Wanted};
use super::marks::Marks;
use super::ranking::{Among, key_of, ranked_hits};
use super::scores::transpose;
use super::top_k::TopK;
use super::wide::widest;
use simpipe_artifact::Distance;

/// Queries in a tile, at most: the unit of parallel work.
const QUERY_TILE: usize = 256;
/// Queries in a tile, at least: each tile reads all rows.
const SMALLEST_TILE: usize = 16;
/// Rows in a tile: its scores (512 KiB with [`QUERY_TILE`]) stay in the second-level cache.
const ROW_TILE: usize = 512;
/// Numbers that are turned around once and kept (256 MiB); more are turned around for each tile of queries, which takes a third
/// longer and no memory.
const KEPT_TURNED: usize = 1 << 26;

/// Rows prepared for exact search.
pub struct ExactSearch<'a> {
    rows: Rows<'a>,
    distance: Distance,
    /// The rows in tiles of [`ROW_TILE`], each turned around by [`transpose`]: products read them once for every tile of
    /// queries, and to turn them around each time would take a third as long as the products. Empty where there are no
    /// products, or too many rows.
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
    let (size, mut tiles) = (ROW_TILE * rows.dim().max(1), vec![0.0; rows.all().len()]);
    // Each in its place: gathered from the threads one behind the other, all of them would be there twice.
    let pairs = tiles.par_chunks_mut(size).zip(rows.all().par_chunks(size));
    pairs.for_each(|(tile, as_they_are)| transpose(as_they_are, rows.dim(), tile));
    tiles
}

#[cfg(test)]
#[path = "knn_tests.rs"]
mod tests;
