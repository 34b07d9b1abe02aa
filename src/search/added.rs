//! Rows that were added to an index after it was made: a graph of their own where the index has one, else a list of which every
//! row is compared.

use rayon::prelude::*;
use simpipe_artifact::Distance;

use super::SearchError;
use super::distance::Rows;
use super::hnsw::living::LivingGraph;
use super::knn::{Hit, Wanted};
use super::marks::Marks;
use super::method::Search;
use super::pieces::Pieces;
use super::ranking::ranked_hits;
use super::searcher::WORTH_ALL;
use super::shelves::Shelves;
use super::vectors::Vectors;

/// Rows of a list that are dead before the others are moved together, at least.
const DEAD: usize = 64;

/// What is known of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddedRow {
    /// Its label.
    pub label: i32,
    /// Its image's digest.
    pub digest: String,
}

/// Added rows by place. A copy shares the memory of all that is not changed in one of the two.
#[derive(Debug, Clone)]
pub struct Added {
    distance: Distance,
    dim: usize,
    /// By place; of a place without a vector what was there last.
    rows: Pieces<AddedRow>,
    /// Places by digest.
    places: Shelves,
    held: AddedVectors,
}

/// The vectors.
#[derive(Debug, Clone)]
enum AddedVectors {
    /// In the order in which they came.
    List { vectors: Pieces<f32>, dead: Marks },
    /// A place may be taken by another vector once its own is gone.
    Graph { graph: Box<LivingGraph>, width: usize },
}

impl Added {
    /// None yet, of vectors of a length, beside an index that is searched so.
    #[must_use]
    pub fn new(dim: usize, distance: Distance, search: &Search) -> Self {
        let held = match search {
            Search::Hnsw(params) if search.refuses(distance).is_none() => {
                let graph = Box::new(LivingGraph::new(dim, distance, params.clone()));
                AddedVectors::Graph { graph, width: params.search_width }
            }
            _ => AddedVectors::List { vectors: Pieces::new(dim), dead: Marks::default() },
        };
        Self { distance, dim, rows: Pieces::new(1), places: Shelves::default(), held }
    }

    /// None yet, searched as these are.
    #[must_use]
    pub fn emptied(&self) -> Self {
        let held = match &self.held {
            AddedVectors::List { .. } => AddedVectors::List { vectors: Pieces::new(self.dim), dead: Marks::default() },
            AddedVectors::Graph { graph, width } => {
                AddedVectors::Graph { graph: Box::new(graph.emptied()), width: *width }
            }
        };
        Self { rows: Pieces::new(1), places: Shelves::default(), held, ..*self }
    }

    /// Numbers in a vector.
    #[must_use]
    pub const fn dim(&self) -> usize {
        self.dim
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of the row of an image.
    #[must_use]
    pub fn find(&self, digest: &str) -> Option<u32> {
        self.places.get(digest)
    }

    /// What is known of the row at a place; `None` where there never was one.
    #[must_use]
    pub fn row(&self, place: u32) -> Option<&AddedRow> {
        ((place as usize) < self.rows.len()).then(|| &self.rows.row(place as usize)[0])
    }

    /// The vector at a place, as it is searched; empty where there is none.
    #[must_use]
    pub fn vector(&self, place: u32) -> &[f32] {
        match &self.held {
            AddedVectors::List { vectors, .. } if (place as usize) < vectors.len() => vectors.row(place as usize),
            AddedVectors::List { .. } => &[],
            AddedVectors::Graph { graph, .. } => graph.vector(place).unwrap_or_default(),
        }
    }

    /// The places with a row, in their order.
    #[must_use]
    pub fn living(&self) -> Vec<u32> {
        match &self.held {
            AddedVectors::List { vectors, dead } => {
                (0..u32::try_from(vectors.len()).unwrap_or(u32::MAX)).filter(|place| !dead.has(*place)).collect()
            }
            AddedVectors::Graph { graph, .. } => graph.living().collect(),
        }
    }

    /// Adds the row of an image that has none.
    ///
    /// # Errors
    /// If the vector has another length, holds NaN or an infinity or, for the cosine distance, is all zeros.
    pub fn add(&mut self, row: AddedRow, vector: &[f32]) -> Result<u32, SearchError> {
        let place = match &mut self.held {
            AddedVectors::List { vectors, .. } => {
                let ready = ready(vector, self.dim, self.distance)?;
                vectors.push(ready.rows().row(0));
                u32::try_from(vectors.len() - 1).unwrap_or(u32::MAX)
            }
            AddedVectors::Graph { graph, .. } => graph.add(vector)?,
        };
        self.places.set(&row.digest, place);
        if (place as usize) < self.rows.len() {
            self.rows.row_mut(place as usize)[0] = row;
        } else {
            self.rows.push(&[row]);
        }
        Ok(place)
    }

    /// That a vector can be added.
    ///
    /// # Errors
    /// As [`Added::add`].
    pub fn expect_fitting(&self, vector: &[f32]) -> Result<(), SearchError> {
        ready(vector, self.dim, self.distance).map(|_| ())
    }

    /// Removes the row of an image; whether there was one.
    pub fn remove(&mut self, digest: &str) -> bool {
        let Some(place) = self.places.remove(digest) else { return false };
        match &mut self.held {
            AddedVectors::List { dead, .. } => {
                dead.set(place);
                if dead.len() > DEAD.max(self.places.len() / 8) {
                    self.move_together();
                }
            }
            AddedVectors::Graph { graph, .. } => {
                graph.remove(place);
                if graph.is_empty() {
                    self.rows = Pieces::new(1);
                }
            }
        }
        true
    }

    /// Takes the dead rows out of a list; the others stay in their order.
    fn move_together(&mut self) {
        let mut together = self.emptied();
        for place in self.living() {
            let row = self.row(place).cloned().unwrap_or_default();
            let again = together.add(row, self.vector(place));
            debug_assert!(again.is_ok(), "a vector that was added once can be so again");
        }
        *self = together;
    }

    /// The nearest rows of every query, nearest first, ties by place; positions of the excluded are places.
    ///
    /// # Errors
    /// If the queries have another length.
    pub fn nearest(&self, queries: Rows<'_>, wanted: &[Wanted]) -> Result<Vec<Vec<Hit>>, SearchError> {
        if self.is_empty() || queries.is_empty() {
            return Ok(vec![Vec::new(); queries.len()]);
        }
        if queries.dim() != self.dim {
            return Err(SearchError::Dimension { queries: queries.dim(), rows: self.dim });
        }
        let one = |query: usize| self.of_one(queries.row(query), &wanted[query]);
        Ok((0..queries.len()).into_par_iter().map(one).collect())
    }

    fn of_one(&self, query: &[f32], wanted: &Wanted) -> Vec<Hit> {
        let AddedVectors::Graph { graph, width } = &self.held else {
            let rows = self.living().into_iter().filter(|row| wanted.counts(*row)).collect();
            return ranked_hits(self.distance, query, rows, |place| self.vector(place), wanted.k);
        };
        // Where a walk would look at a good part of them, or ends among few, all are compared.
        let walked = (*width).max(wanted.k) < graph.len() / WORTH_ALL;
        let found = if walked { graph.walk(query, wanted, *width) } else { Vec::new() };
        let there = graph.len().saturating_sub(wanted.excluded.len());
        if found.len() < wanted.k.min(there) { graph.compare_all(query, wanted) } else { found }
    }
}

/// A vector as the distance compares it.
fn ready(vector: &[f32], dim: usize, distance: Distance) -> Result<Vectors<'_>, SearchError> {
    if vector.len() != dim {
        return Err(SearchError::Dimension { queries: vector.len(), rows: dim });
    }
    Vectors::new(vector, dim, distance)
}

#[cfg(test)]
#[path = "added_tests.rs"]
mod tests;
