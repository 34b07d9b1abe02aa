//! A graph that vectors are added to and removed from.
//!
//! Every vector hangs in a tree of links of the lowest layer that no other link takes the place of, so that each is reached
//! whatever was added. A removed one is walked over and never found, until so many are gone that links to them are replaced by
//! links to what they led to (Singh et al., *FreshDiskANN*, 2021, algorithm 4); then its place is free for another.
//!
//! A copy shares all memory but that of what is changed in one of the two, so whoever searches one is not waited for by whoever
//! changes another. The same changes in the same order make the same graph.

use std::sync::Arc;

use simpipe_artifact::{Distance, Graph};

use super::super::SearchError;
use super::super::distance::Rows;
use super::super::knn::{Hit, Wanted};
use super::super::marks::Marks;
use super::super::method::Hnsw;
use super::super::pieces::Pieces;
use super::super::ranking::ranked_hits;
use super::super::rough::Rough;
use super::super::top_k::position;
use super::super::vectors::Vectors;
use super::build::{chosen, level, neighbours};
use super::connect::{Tree, add, adopted, connect};
use super::kept::Kept;
use super::layers::{Sharing, positions};
use super::walk::{Pool, Room};

/// Removed vectors that are walked over, at least, before links to them are replaced.
const FEW: usize = 64;
/// The share of living ones from which on there are too many.
const SHARE: usize = 4;

/// Vectors that come and go, and the graph between them.
#[derive(Debug, Clone)]
pub struct LivingGraph {
    params: Hnsw,
    distance: Distance,
    dim: usize,
    /// Place after place; of a free one the numbers of whoever had it last.
    vectors: Pieces<f32>,
    layers: Sharing,
    tree: Tree,
    /// Places whose vectors are gone.
    gone: Marks,
    /// Places that nothing leads to.
    free: Vec<u32>,
    pool: Arc<Pool>,
}

impl LivingGraph {
    /// No vectors of a length.
    #[must_use]
    pub fn new(dim: usize, distance: Distance, params: Hnsw) -> Self {
        let (layers, tree, pool) = (Sharing::new(params.links), Tree::of(0), Arc::default());
        let (vectors, gone, free) = (Pieces::new(dim), Marks::default(), Vec::new());
        Self { params, distance, dim, vectors, layers, tree, gone, free, pool }
    }

    /// Vectors and their [graph](super::graph), whose positions become places.
    ///
    /// # Errors
    /// If the graph is of another number of vectors, leads to some that are not there, or has not the lists that it should have.
    pub fn of(rows: Rows<'_>, distance: Distance, graph: &Graph, params: Hnsw) -> Result<Self, SearchError> {
        let count = rows.len();
        let inside = |link: &u32| *link == Graph::NONE || (*link as usize) < count;
        let whole = graph.levels.len() == count && graph.expect_fitting().is_ok();
        if !whole || !graph.lowest.iter().chain(graph.upper.iter()).all(inside) {
            return Err(SearchError::Ragged { numbers: graph.levels.len(), dim: count });
        }
        let links = if count == 0 { params.links } else { graph.links };
        let mut made = Self::new(rows.dim(), distance, Hnsw { links, ..params });
        if count == 0 {
            return Ok(made);
        }
        made.layers = Sharing::of(graph);
        made.tree = connect(&mut made.layers, &Rough::new(rows, distance), made.params.build_width, |_| true);
        made.vectors = Pieces::of(rows.dim(), rows.all());
        Ok(made)
    }

    /// No vectors, but what these have beside them.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self::new(self.dim, self.distance, self.params.clone())
    }

    /// Vectors that are there.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.vectors.len() - self.gone.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The places that there are, with and without a vector in them.
    #[must_use]
    pub const fn places(&self) -> usize {
        self.vectors.len()
    }

    /// The places with a vector in them, in their order.
    pub fn living(&self) -> impl Iterator<Item = u32> {
        (0..u32::try_from(self.vectors.len()).unwrap_or(u32::MAX)).filter(|place| !self.gone.has(*place))
    }

    /// The vector at a place, scaled to unit length for the cosine distance; `None` where there is none.
    #[must_use]
    pub fn vector(&self, place: u32) -> Option<&[f32]> {
        let there = (place as usize) < self.vectors.len() && !self.gone.has(place);
        there.then(|| self.vectors.row(place as usize))
    }

    /// Adds a vector; its place, which may be that of one that was removed.
    ///
    /// # Errors
    /// If it has another length, holds NaN or an infinity or, for the cosine distance, is all zeros.
    pub fn add(&mut self, vector: &[f32]) -> Result<u32, SearchError> {
        let ready = self.ready(vector)?;
        let place = self.place(ready.rows().row(0));
        if self.len() == 1 {
            self.layers.entry = place;
            self.tree.set(place, place);
            return Ok(place);
        }
        let Self { params, distance, vectors, layers, tree, gone, pool, .. } = self;
        let rough = Rough::of_pieces(vectors, *distance);
        let counts = |row: u32| row != place && !gone.has(row);
        let found = pool.with(|room| neighbours(layers, &rough, params, place, counts, room));
        for (layer, linked) in &found {
            let rows = positions(linked);
            layers.link(place, *layer, &rows);
            rows.iter().for_each(|row| link_back(layers, tree, &rough, (*row, *layer), place));
        }
        let nearest: Vec<u32> = layers.linked(place, 0).to_vec();
        let parent = nearest.into_iter().find(|near| add(layers, tree, *near, place));
        let parent =
            parent.unwrap_or_else(|| adopted(layers, &rough, tree, place, params.build_width, &mut Room::default()));
        tree.set(place, parent);
        if layers.kept.level(place) > Some(layers.top()) {
            // Walks begin at the highest: what they began at before hangs on it now.
            let before = layers.entry;
            tree.set(place, place);
            tree.set(before, Graph::NONE);
            if add(layers, tree, place, before) {
                tree.set(before, place);
                layers.entry = place;
            } else {
                tree.set(before, before);
                tree.set(place, parent);
            }
        }
        Ok(place)
    }

    /// Removes the vector at a place; whether there was one.
    pub fn remove(&mut self, place: u32) -> bool {
        if self.vector(place).is_none() {
            return false;
        }
        self.gone.set(place);
        if self.is_empty() {
            *self = self.emptied();
        } else if self.gone.len() - self.free.len() > FEW.max(self.len() / SHARE) {
            self.replace_gone();
        }
        true
    }

    /// The `k` nearest vectors that a walk over `width` at once finds, nearest first, ties by place.
    ///
    /// # Errors
    /// As [`LivingGraph::add`].
    pub fn nearest(&self, query: &[f32], k: usize, width: usize) -> Result<Vec<Hit>, SearchError> {
        let ready = self.ready(query)?;
        Ok(self.walk(ready.rows().row(0), &Wanted { k, ..Wanted::default() }, width))
    }

    /// The same of a query that is ready for the distance.
    pub(crate) fn walk(&self, query: &[f32], wanted: &Wanted, width: usize) -> Vec<Hit> {
        let counts = |row: u32| !self.gone.has(row) && wanted.counts(row);
        let rough = Rough::of_pieces(&self.vectors, self.distance);
        let found = self.pool.with(|room| self.layers.near(&rough, query, width.max(wanted.k), counts, room));
        ranked_hits(self.distance, query, positions(&found), |row| self.vectors.row(row as usize), wanted.k)
    }

    /// The `k` nearest vectors, each of which is compared.
    pub(crate) fn compare_all(&self, query: &[f32], wanted: &Wanted) -> Vec<Hit> {
        let rows = self.living().filter(|row| wanted.counts(*row)).collect();
        ranked_hits(self.distance, query, rows, |row| self.vectors.row(row as usize), wanted.k)
    }

    fn ready<'v>(&self, vector: &'v [f32]) -> Result<Vectors<'v>, SearchError> {
        if vector.len() != self.dim {
            return Err(SearchError::Dimension { queries: vector.len(), rows: self.dim });
        }
        Vectors::new(vector, self.dim, self.distance)
    }

    /// A place with a vector in it and no links.
    fn place(&mut self, vector: &[f32]) -> u32 {
        if let Some(place) = self.free.pop() {
            self.vectors.row_mut(place as usize).copy_from_slice(vector);
            self.gone.clear(place);
            return place;
        }
        let place = self.vectors.len();
        self.vectors.push(vector);
        self.layers.kept.push(level(place, self.params.links), self.params.links);
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// Replaces links to what is gone, and frees its places.
    fn replace_gone(&mut self) {
        let living: Vec<u32> = self.living().collect();
        let Self { params, distance, vectors, layers, tree, gone, free, .. } = self;
        let rough = Rough::of_pieces(vectors, *distance);
        for layer in 0..=layers.kept.highest() {
            for row in &living {
                replace_links(layers, &rough, gone, (*row, layer));
            }
        }
        free.clear();
        for row in gone.iter() {
            (0..=layers.kept.level(row).unwrap_or(0)).for_each(|layer| layers.link(row, layer, &[]));
            free.push(row);
        }
        if gone.has(layers.entry) {
            let highest = living.iter().copied().max_by_key(|row| (layers.kept.level(*row), u32::MAX - row));
            layers.entry = highest.unwrap_or(0);
        }
        *tree = connect(layers, &rough, params.build_width, |row| !gone.has(row));
    }
}

/// Replaces a vector's links to what is gone by links to what that leads to.
fn replace_links(layers: &mut Sharing, rough: &Rough<'_>, gone: &Marks, (row, layer): (u32, u8)) {
    let linked = layers.linked(row, layer);
    if linked.iter().all(|to| !gone.has(*to)) {
        return;
    }
    let through = linked.iter().filter(|to| gone.has(**to)).flat_map(|to| layers.linked(*to, layer));
    let mut rows: Vec<u32> = linked.iter().chain(through).copied().collect();
    rows.retain(|to| *to != row && !gone.has(*to));
    rows.sort_unstable();
    rows.dedup();
    let mut near = Vec::new();
    rough.to(rough.row(row), &rows, &mut Vec::new(), &mut near);
    near.sort_unstable();
    let linked = positions(&chosen(rough, &near, layers.links, layers.most(layer)));
    layers.link(row, layer, &linked);
}

/// Links a vector back to a new one; what hangs on it alone keeps its link.
fn link_back(layers: &mut Sharing, tree: &Tree, rough: &Rough<'_>, (row, layer): (u32, u8), new: u32) {
    let mut linked = layers.linked(row, layer).to_vec();
    if linked.contains(&new) {
        return;
    }
    linked.push(new);
    if linked.len() > layers.most(layer) {
        let (kept, rest): (Vec<u32>, Vec<u32>) = linked.iter().partition(|to| layer == 0 && tree.holds(row, **to));
        let mut near = Vec::new();
        rough.to(rough.row(row), &rest, &mut Vec::new(), &mut near);
        near.sort_unstable();
        let room = layers.most(layer) - kept.len();
        let chosen = chosen(rough, &near, layers.links.min(room), room);
        linked = kept.into_iter().chain(chosen.into_iter().map(position)).collect();
    }
    layers.link(row, layer, &linked);
}

#[cfg(test)]
#[path = "living_tests.rs"]
mod tests;
