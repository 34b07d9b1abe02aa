//! Searches by the method of an index: exactly, or among candidates whose distances are then computed as exactly. Everything
//! that looks queries up in an index of a spec does it through here.

use rayon::prelude::*;

use super::codes::{Bits, Bytes};
use super::distance::Rows;
use super::hnsw::{Fixed, Pool};
use super::ivf_pq::Products;
use super::knn::{ExactSearch, Hit, Wanted};
use super::marks::Marks;
use super::method::Search;
use super::ranking::Among;
use super::rough::Rough;
use super::top_k::{key, position};
use super::{SearchError, hnsw};
use simpipe_artifact::{Codes, Distance, Graph};

/// So many are looked for among codes where fewer are wanted.
const FEWEST: usize = 10;
/// The share of all rows from which on it is as fast to compare all of them.
pub(super) const WORTH_ALL: usize = 4;

/// Queries whose candidates are looked for together, at most.
const TOGETHER: usize = 32;

/// Candidates that are kept at a time, at most: 16 bytes each.
const KEPT: usize = 1 << 18;

/// How far a rough cosine is never off: far more than its roundings come to.
const ROUGH: f32 = 1e-4;

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
    Graph { layers: &'a Fixed, pool: &'a Pool, width: usize },
    Products { products: &'a Products, times: usize, probes: usize },
    Bytes { bytes: &'a Bytes, times: usize },
    Bits { bits: &'a Bits, times: usize },
}

/// What a method has beside the vectors, ready to be used by any number of searches.
#[derive(Debug)]
pub struct Structure(Kind);

#[derive(Debug)]
enum Kind {
    Nothing,
    Graph { layers: Fixed, pool: Pool },
    Products(Products),
    Bytes(Bytes),
    Bits(Bits),
}

impl Structure {
    /// Makes that of some rows; nothing where the method has none, or does not work with the distance.
    ///
    /// # Errors
    /// If it is to stop.
    pub fn new(
        rows: Rows<'_>,
        distance: Distance,
        search: &Search,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self, SearchError> {
        if search.refuses(distance).is_some() {
            return Ok(Self(Kind::Nothing));
        }
        Ok(match search {
            Search::Exact | Search::Auto => Self(Kind::Nothing),
            Search::Hnsw(params) => Self::of_graph(hnsw::graph(rows, distance, params, stop)?),
            Search::IvfPq(params) => Self(Kind::Products(Products::new(rows, distance, params, stop)?)),
            Search::Int8(_) => Self(Kind::Bytes(Bytes::new(&rows, distance))),
            Search::Binary(_) => Self(Kind::Bits(Bits::new(&rows))),
        })
    }

    /// None.
    #[must_use]
    pub const fn nothing() -> Self {
        Self(Kind::Nothing)
    }

    /// A graph of as many vectors as the searches will have.
    #[must_use]
    pub fn of_graph(graph: Graph) -> Self {
        Self(Kind::Graph { layers: Fixed::new(graph), pool: Pool::default() })
    }

    /// Codes of as many vectors of a length as the searches will have.
    #[must_use]
    pub fn of_codes(codes: Codes, distance: Distance, count: usize, dim: usize) -> Self {
        Self(match codes {
            Codes::Bytes(made) => Kind::Bytes(Bytes::of(made, dim)),
            Codes::Bits(made) => Kind::Bits(Bits::of(made, count)),
            Codes::Products(made) => Kind::Products(Products::of(made, distance, dim)),
        })
    }

    /// The graph, to be kept.
    #[must_use]
    pub fn graph(&self) -> Option<Graph> {
        if let Kind::Graph { layers, .. } = &self.0 { Some(layers.graph()) } else { None }
    }

    /// The codes, to be kept.
    #[must_use]
    pub fn codes(&self) -> Option<Codes> {
        match &self.0 {
            Kind::Nothing | Kind::Graph { .. } => None,
            Kind::Products(products) => Some(Codes::Products(products.made.clone())),
            Kind::Bytes(bytes) => Some(Codes::Bytes(bytes.made.clone())),
            Kind::Bits(bits) => Some(Codes::Bits(bits.made.clone())),
        }
    }

    /// Bytes that a search has for each vector beside its numbers.
    #[must_use]
    pub fn bytes_per_vector(&self, dim: usize, rows: usize) -> usize {
        match &self.0 {
            Kind::Nothing => 0,
            Kind::Graph { layers, .. } => layers.graph().bytes().div_ceil(rows.max(1)),
            Kind::Products(products) => products.bytes_per_row(),
            Kind::Bytes(_) => Bytes::bytes_per_row(dim),
            Kind::Bits(_) => Bits::bytes_per_row(dim),
        }
    }
}

/// How many of the nearest must be known for as many as are wanted.
fn nearest(wanted: &Wanted) -> usize {
    wanted.k.saturating_add(wanted.excluded.len())
}

impl<'a> Searcher<'a> {
    /// Rows searched by a method, of which `auto` is none any more, with its structure. With none or another, and by a method
    /// that does not work with the distance, the search is exact.
    ///
    /// # Panics
    /// If there are 2^32 rows or more: positions are `u32`.
    #[must_use]
    pub fn new(rows: Rows<'a>, distance: Distance, search: &Search, structure: &'a Structure) -> Self {
        let method = match (search, &structure.0) {
            _ if search.refuses(distance).is_some() || rows.is_empty() => Method::Exact,
            (Search::Hnsw(params), Kind::Graph { layers, pool }) => {
                Method::Graph { layers, pool, width: params.search_width }
            }
            (Search::IvfPq(params), Kind::Products(products)) => {
                Method::Products { products, times: params.candidates, probes: params.probes }
            }
            (Search::Int8(params), Kind::Bytes(bytes)) => Method::Bytes { bytes, times: params.candidates },
            (Search::Binary(params), Kind::Bits(bits)) => Method::Bits { bits, times: params.candidates },
            _ => Method::Exact,
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
    pub fn for_few(rows: Rows<'a>, distance: Distance, search: &Search, structure: &'a Structure) -> Self {
        match search {
            Search::Exact => {
                let exact = ExactSearch::unprepared(rows, distance);
                Self { exact, rows, distance, method: Method::Exact, stop: None }
            }
            _ => Self::new(rows, distance, search, structure),
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
        self.map_living(queries, wanted, &Marks::default(), visit)
    }

    /// The same among the rows that are not `gone`.
    ///
    /// # Errors
    /// As [`Searcher::map`].
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
        if matches!(self.method, Method::Exact) {
            return self.exact.map_living(queries, wanted, gone, visit);
        }
        assert_eq!(queries.len(), wanted.len(), "one wish a query");
        if !queries.is_empty() && queries.dim() != self.rows.dim() {
            return Err(SearchError::Dimension { queries: queries.dim(), rows: self.rows.dim() });
        }
        let together = self.together(wanted, gone);
        let visit = &visit;
        let search = |part: usize| {
            let span = part * together..queries.len().min((part + 1) * together);
            let some: Vec<&[f32]> = span.clone().map(|query| queries.row(query)).collect();
            let candidates = self.candidates(&some, &wanted[span.clone()], gone);
            span.zip(candidates).map(move |(query, rows)| {
                if self.is_stopped() {
                    return Err(SearchError::Stopped);
                }
                Ok(visit(query, &self.best(queries.row(query), Among { wanted: &wanted[query], gone }, rows)))
            })
        };
        (0..queries.len().div_ceil(together)).into_par_iter().flat_map_iter(search).collect()
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop())
    }

    /// How many queries have their candidates looked for together: many where codes are read once for all of them, but no more
    /// than leave work for every thread, and than may be kept of each.
    fn together(&self, wanted: &[Wanted], gone: &Marks) -> usize {
        let (Method::Bytes { times, .. } | Method::Bits { times, .. }) = &self.method else { return 1 };
        let most = wanted.iter().map(|wanted| self.looked_at(wanted, *times, gone)).max().unwrap_or(0);
        let of_a_thread = wanted.len().div_ceil(rayon::current_num_threads());
        of_a_thread.min(TOGETHER).min(KEPT / most.max(1)).max(1)
    }

    /// How many candidates are looked for, `times` as many as are wanted; none where it is as well to compare all rows.
    fn looked_at(&self, wanted: &Wanted, times: usize, gone: &Marks) -> usize {
        self.worth(nearest(wanted).max(FEWEST).saturating_mul(times), gone)
    }

    /// So many rows, or none where it is as well to compare all.
    fn worth(&self, rows: usize, gone: &Marks) -> usize {
        if rows < self.living(gone) / WORTH_ALL { rows } else { 0 }
    }

    fn living(&self, gone: &Marks) -> usize {
        self.rows.len().saturating_sub(gone.len())
    }

    /// The rows that may be the nearest to each of some queries; none where all are to be compared.
    fn candidates(&self, queries: &[&[f32]], wanted: &[Wanted], gone: &Marks) -> Vec<Vec<u32>> {
        let counted = |times: usize| -> Vec<(&[f32], usize)> {
            queries.iter().zip(wanted).map(|(query, wanted)| (*query, self.looked_at(wanted, times, gone))).collect()
        };
        let stop = || self.is_stopped();
        match &self.method {
            Method::Exact => vec![Vec::new(); queries.len()],
            Method::Graph { layers, pool, width } => {
                // Most of a walk would go over what is gone, where that is most.
                let few_gone = self.living(gone) >= self.rows.len() / WORTH_ALL;
                let rough = Rough::new(self.rows, self.distance);
                let walk = |(query, wanted): (&&[f32], &Wanted)| {
                    let width = nearest(wanted).max(*width);
                    if self.worth(width, gone) == 0 || !few_gone {
                        return Vec::new();
                    }
                    let found = pool.with(|room| layers.near(&rough, query, width, |row| !gone.has(row), room));
                    self.believed(&found, nearest(wanted))
                };
                queries.iter().zip(wanted).map(walk).collect()
            }
            Method::Products { products, times, probes } => {
                let best =
                    |(query, count)| if count == 0 { Vec::new() } else { products.best(query, count, *probes, gone) };
                counted(*times).into_iter().map(best).collect()
            }
            Method::Bytes { bytes, times } => bytes.best(&counted(*times), gone, &stop),
            Method::Bits { bits, times } => bits.best(&counted(*times), gone, &stop),
        }
    }

    /// The nearest of the candidates.
    fn best(&self, query: &[f32], among: Among<'_>, candidates: Vec<u32>) -> Vec<Hit> {
        let found = self.exact.rank(query, among, candidates);
        let there = self.living(among.gone).saturating_sub(among.wanted.excluded.len());
        // Where a walk ends among few of the rows, all are compared.
        if found.len() < among.wanted.k.min(there) { self.exact.scan(query, among) } else { found }
    }

    /// Of what a walk has found, nearest first, what may be among the `k` nearest: between vectors of unit length a rough
    /// distance is off by far less than what it is allowed here.
    fn believed(&self, found: &[u64], k: usize) -> Vec<u32> {
        let last = match (self.distance, found.get(k.wrapping_sub(1))) {
            (Distance::Cosine, Some(last)) => key(*last) + ROUGH,
            _ => f32::INFINITY,
        };
        found.iter().take_while(|near| key(**near) <= last).map(|near| position(*near)).collect()
    }
}

#[cfg(test)]
#[path = "searcher_tests.rs"]
mod tests;
