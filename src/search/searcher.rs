//! Searches by the method of an index: exactly, or among candidates whose distances are then computed as exactly. Everything
//! that looks queries up in an index of a spec does it through here.

use rayon::prelude::*;

use super::SearchError;
use super::codes::{Bits, Bytes};
use super::distance::Rows;
use super::hnsw::{Layers, Pool};
use super::knn::{ExactSearch, Hit, Wanted};
use super::method::Search;
use super::rough::Rough;
use crate::artifact::{Distance, Graph};

/// Candidates of a method of codes, at least.
const FEWEST: usize = 50;
/// The share of all rows from which on it is as fast to compare all of them.
const WORTH_ALL: usize = 4;

/// Rows prepared for a method.
pub struct Searcher<'a> {
    exact: ExactSearch<'a>,
    rows: Rows<'a>,
    distance: Distance,
    method: Method<'a>,
    stop: Option<&'a (dyn Fn() -> bool + Sync)>,
}

enum Method<'a> {
    Exact,
    Graph { layers: &'a GraphSearch, width: usize },
    Bytes { bytes: Bytes, times: usize },
    Bits { bits: Bits, times: usize },
}

/// A graph that is ready to be walked by any number of searches.
#[derive(Debug)]
pub struct GraphSearch {
    layers: Layers,
    pool: Pool,
}

impl GraphSearch {
    /// A graph of as many vectors as the searches will have.
    #[must_use]
    pub fn new(graph: Graph) -> Self {
        Self { layers: Layers::new(graph), pool: Pool::default() }
    }
}

impl<'a> Searcher<'a> {
    /// Rows searched by a method, of which `auto` is none any more; `graph` is that of `hnsw`. Without one, and by a method
    /// that does not work with the distance, the search is exact.
    ///
    /// # Panics
    /// If there are 2^32 rows or more: positions are `u32`.
    #[must_use]
    pub fn new(rows: Rows<'a>, distance: Distance, search: &Search, graph: Option<&'a GraphSearch>) -> Self {
        let method = match (search, graph) {
            _ if search.refuses(distance).is_some() || rows.is_empty() => Method::Exact,
            (Search::Exact | Search::Auto, _) | (Search::Hnsw(_), None) => Method::Exact,
            (Search::Hnsw(params), Some(layers)) => Method::Graph { layers, width: params.search_width },
            (Search::Int8(params), _) => Method::Bytes { bytes: Bytes::new(&rows, distance), times: params.candidates },
            (Search::Binary(params), _) => Method::Bits { bits: Bits::new(&rows), times: params.candidates },
        };
        let exact = match method {
            Method::Exact => ExactSearch::new(rows, distance),
            _ => ExactSearch::unprepared(rows, distance),
        };
        Self { exact, rows, distance, method, stop: None }
    }

    /// The same for a few queries: an exact search is not prepared for many. Finds what [`Searcher::new`] finds.
    ///
    /// # Panics
    /// As there.
    #[must_use]
    pub fn for_few(rows: Rows<'a>, distance: Distance, search: &Search, graph: Option<&'a GraphSearch>) -> Self {
        match search {
            Search::Exact => {
                let exact = ExactSearch::unprepared(rows, distance);
                Self { exact, rows, distance, method: Method::Exact, stop: None }
            }
            _ => Self::new(rows, distance, search, graph),
        }
    }

    /// The same search, which ends with [`SearchError::Stopped`] soon after `stop` says so; it must not take that back.
    #[must_use]
    pub fn stopped_by(mut self, stop: &'a (dyn Fn() -> bool + Sync)) -> Self {
        self.exact = self.exact.stopped_by(stop);
        self.stop = Some(stop);
        self
    }

    /// The `k` nearest rows of every query that the method finds, nearest first, ties by position.
    ///
    /// # Errors
    /// As [`Searcher::map`].
    pub fn nearest(&self, queries: Rows<'_>, wanted: &[Wanted]) -> Result<Vec<Vec<Hit>>, SearchError> {
        self.map(queries, wanted, |_, hits| hits.to_vec())
    }

    /// What `visit` makes of each query's number and neighbours (nearest first, ties by position), in the order of the queries.
    ///
    /// # Errors
    /// If queries and rows have different lengths, or it is to stop.
    ///
    /// # Panics
    /// If `wanted` has another length than `queries`.
    pub fn map<T: Send>(
        &self,
        queries: Rows<'_>,
        wanted: &[Wanted],
        visit: impl Fn(usize, &[Hit]) -> T + Sync,
    ) -> Result<Vec<T>, SearchError> {
        if matches!(self.method, Method::Exact) {
            return self.exact.map(queries, wanted, visit);
        }
        assert_eq!(queries.len(), wanted.len(), "one wish a query");
        if !queries.is_empty() && queries.dim() != self.rows.dim() {
            return Err(SearchError::Dimension { queries: queries.dim(), rows: self.rows.dim() });
        }
        let search = |query: usize| {
            if self.stop.is_some_and(|stop| stop()) {
                return Err(SearchError::Stopped);
            }
            Ok(visit(query, &self.one(queries.row(query), &wanted[query])))
        };
        (0..queries.len()).into_par_iter().map(search).collect()
    }

    fn one(&self, query: &[f32], wanted: &Wanted) -> Vec<Hit> {
        let (count, k) = (self.rows.len(), wanted.k.saturating_add(wanted.excluded.len()));
        let look_at = |times: usize| k.saturating_mul(times).max(FEWEST);
        let candidates = match &self.method {
            Method::Exact => None,
            Method::Graph { layers, width } => {
                let width = k.max(*width);
                let rough = Rough::new(self.rows, self.distance);
                let walk = || layers.pool.with(|visited| layers.layers.near(&rough, query, width, visited));
                (width < count / WORTH_ALL).then(walk)
            }
            Method::Bytes { bytes, times } => {
                (look_at(*times) < count / WORTH_ALL).then(|| bytes.best(query, look_at(*times)))
            }
            Method::Bits { bits, times } => {
                (look_at(*times) < count / WORTH_ALL).then(|| bits.best(query, look_at(*times)))
            }
        };
        let found = candidates.map(|rows| self.exact.rank(query, wanted, rows)).unwrap_or_default();
        let there = count.saturating_sub(wanted.excluded.len());
        // Where a walk ends among few of the rows, all are compared.
        if found.len() < wanted.k.min(there) { self.exact.scan(query, wanted) } else { found }
    }
}

/// Bytes of all that a search reads for each vector: its numbers, and what the method adds.
#[must_use]
pub fn bytes_per_vector(search: &Search, dim: usize, rows: usize, graph: Option<&Graph>) -> usize {
    let added = match search {
        Search::Exact | Search::Auto => 0,
        Search::Hnsw(_) => graph.map_or(0, |graph| graph.bytes().div_ceil(rows.max(1))),
        Search::Int8(_) => Bytes::bytes_per_row(dim),
        Search::Binary(_) => Bits::bytes_per_row(dim),
    };
    4 * dim + added
}

#[cfg(test)]
#[path = "searcher_tests.rs"]
mod tests;
