//! A graph that vectors are added to and removed from.
//!
//! Every vector hangs in a tree of links of the lowest layer that no other link takes the place of, so that each is reached
//! whatever was added. A removed one is walked over and never found, until so many are gone that links to them are replaced by
//! links to what they led to (Singh et al., *FreshDiskANN*, 2021, algorithm 4); then its place is free for another.

use super::super::SearchError;
use super::super::distance::Rows;
use super::super::knn::{ExactSearch, Hit, Wanted};
use super::super::method::Hnsw;
use super::super::rough::Rough;
use super::super::top_k::position;
use super::super::vectors::Vectors;
use super::build::{chosen, level, neighbours};
use super::connect::{Tree, add, adopted, connect};
use super::layers::Growing;
use super::walk::{Pool, Visited};
use simpipe_artifact::{Distance, Graph};

/// Removed vectors that are walked over, at least, before links to them are replaced.
const FEW: usize = 64;
/// The share of living ones from which on there are too many.
const SHARE: usize = 4;

/// Vectors that come and go, and the graph between them.
#[derive(Debug)]
pub struct LivingGraph {
    params: Hnsw,
    distance: Distance,
    dim: usize,
    /// Place after place; of a free one the numbers of whoever had it last.
    vectors: Vec<f32>,
    layers: Growing,
    tree: Tree,
    /// Whether the vector of a place is gone.
    gone: Vec<bool>,
    /// Places that nothing leads to.
    free: Vec<u32>,
    living: usize,
    pool: Pool,
}

impl LivingGraph {
    /// No vectors of a length.
    #[must_use]
    pub fn new(dim: usize, distance: Distance, params: Hnsw) -> Self {
        let layers = Growing::unlinked(params.links, 0, Vec::new());
        let (vectors, gone, free) = (Vec::new(), Vec::new(), Vec::new());
        let (tree, pool) = (Tree::default(), Pool::default());
        Self { params, distance, dim, vectors, layers, tree, gone, free, living: 0, pool }
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
        made.layers = Growing::of(graph);
        made.tree = connect(&mut made.layers, &Rough::new(rows, distance), made.params.build_width, |_| true);
        (made.vectors, made.gone, made.living) = (rows.all().to_vec(), vec![false; count], count);
        Ok(made)
    }

    /// Vectors that are there.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.living
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.living == 0
    }

    /// The vector at a place, scaled to unit length for the cosine distance; `None` where there is none.
    #[must_use]
    pub fn vector(&self, place: u32) -> Option<&[f32]> {
        let there = self.gone.get(place as usize).is_some_and(|gone| !gone);
        there.then(|| &self.vectors[place as usize * self.dim..][..self.dim])
    }

    /// Adds a vector; its place, which may be that of one that was removed.
    ///
    /// # Errors
    /// If it has another length, holds NaN or an infinity or, for the cosine distance, is all zeros.
    pub fn add(&mut self, vector: &[f32]) -> Result<u32, SearchError> {
        let ready = self.ready(vector)?;
        let place = self.place(ready.rows().row(0));
        self.living += 1;
        if self.living == 1 {
            self.layers.entry = place;
            self.tree.set(place, place);
            return Ok(place);
        }
        let Self { params, distance, dim, vectors, layers, tree, gone, pool, .. } = self;
        let rough = Rough::new(Rows::checked(vectors, *dim), *distance);
        let counts = |row: u32| row != place && !gone[row as usize];
        let found = pool.with(|visited| neighbours(layers, &rough, params, place, &counts, visited));
        for (layer, linked) in &found {
            let rows: Vec<u32> = linked.iter().map(|near| position(*near)).collect();
            layers.link(place, *layer, &rows);
            rows.iter().for_each(|row| link_back(layers, tree, &rough, (*row, *layer), place));
        }
        let nearest: Vec<u32> = layers.linked(place, 0).to_vec();
        let parent = nearest.into_iter().find(|near| add(layers, tree, *near, place));
        let parent =
            parent.unwrap_or_else(|| adopted(layers, &rough, tree, place, params.build_width, &mut Visited::default()));
        tree.set(place, parent);
        if layers.levels[place as usize] > layers.top() {
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
        self.gone[place as usize] = true;
        self.living -= 1;
        if self.living == 0 {
            *self = Self::new(self.dim, self.distance, self.params.clone());
        } else if self.gone.len() - self.living - self.free.len() > FEW.max(self.living / SHARE) {
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
        let (query, rows) = (ready.rows().row(0), Rows::checked(&self.vectors, self.dim));
        if self.living == 0 {
            return Ok(Vec::new());
        }
        let rough = Rough::new(rows, self.distance);
        let counts = |row: u32| !self.gone[row as usize];
        let found = self.pool.with(|visited| self.layers.near(&rough, query, width.max(k), counts, visited));
        Ok(ExactSearch::unprepared(rows, self.distance).rank(query, &Wanted { k, ..Wanted::default() }, found))
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
            self.vectors[place as usize * self.dim..][..self.dim].copy_from_slice(vector);
            self.gone[place as usize] = false;
            return place;
        }
        let place = self.gone.len();
        self.vectors.extend_from_slice(vector);
        self.gone.push(false);
        self.layers.push(level(place, self.params.links));
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// Replaces links to what is gone, and frees its places.
    fn replace_gone(&mut self) {
        let Self { params, distance, dim, vectors, layers, tree, gone, free, .. } = self;
        let rough = Rough::new(Rows::checked(vectors, *dim), *distance);
        let all = || (0..gone.len()).filter_map(|row| u32::try_from(row).ok());
        for layer in 0..=layers.levels.iter().copied().max().unwrap_or(0) {
            for row in all().filter(|row| !gone[*row as usize]) {
                let linked = layers.linked(row, layer);
                if linked.iter().all(|to| !gone[*to as usize]) {
                    continue;
                }
                let through = linked.iter().filter(|to| gone[**to as usize]).flat_map(|to| layers.linked(*to, layer));
                let mut rows: Vec<u32> = linked.iter().chain(through).copied().collect();
                rows.retain(|to| *to != row && !gone[*to as usize]);
                rows.sort_unstable();
                rows.dedup();
                let mut near = Vec::new();
                rough.to(rough.row(row), &rows, &mut Vec::new(), &mut near);
                near.sort_unstable();
                let linked: Vec<u32> =
                    chosen(&rough, &near, layers.links, layers.most(layer)).into_iter().map(position).collect();
                layers.link(row, layer, &linked);
            }
        }
        free.clear();
        for row in all().filter(|row| gone[*row as usize]) {
            (0..=layers.levels[row as usize]).for_each(|layer| layers.link(row, layer, &[]));
            free.push(row);
        }
        if gone[layers.entry as usize] {
            let highest = all()
                .filter(|row| !gone[*row as usize])
                .max_by_key(|row| (layers.levels[*row as usize], u32::MAX - row));
            layers.entry = highest.unwrap_or(0);
        }
        *tree = connect(layers, &rough, params.build_width, |row| !gone[row as usize]);
    }
}

/// Links a vector back to a new one; what hangs on it alone keeps its link.
fn link_back(layers: &mut Growing, tree: &Tree, rough: &Rough<'_>, (row, layer): (u32, u8), new: u32) {
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
