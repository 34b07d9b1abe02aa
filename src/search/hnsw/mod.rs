//! A graph of near vectors in layers, walked from far to near: Malkov and Yashunin, *Efficient and robust approximate nearest
//! neighbor search using Hierarchical Navigable Small World graphs* (2016).
//!
//! It is built in batches of growing size (ParlayANN, Manohar et al., 2023, arXiv 2305.04359): each vector of a batch looks
//! for its neighbours in the graph as it was before the batch, and links to it are merged in one order. So the graph is the
//! same from any number of threads, and can be cached.

mod build;
mod walk;

use super::distance::Rows;
use super::rough::Rough;
use super::top_k::position;
use crate::artifact::{Distance, Graph};

use build::build;
pub(super) use walk::Pool;
use walk::{Visited, beam};

/// A graph with where the lists of its upper layers begin.
#[derive(Debug)]
pub(super) struct Layers {
    graph: Graph,
    /// Of each vector: the lists of upper layers before its own.
    before: Vec<u32>,
}

impl Layers {
    pub(super) fn new(graph: Graph) -> Self {
        let mut lists = 0_u32;
        let before = graph.levels.iter().map(|level| {
            let before = lists;
            lists += u32::from(*level);
            before
        });
        Self { before: before.collect(), graph }
    }

    fn top(&self) -> u8 {
        self.graph.levels.get(self.graph.entry as usize).copied().unwrap_or(0)
    }

    /// Where a vector's list in a layer lies.
    fn places(&self, row: u32, layer: u8) -> std::ops::Range<usize> {
        let links = self.graph.links;
        match layer {
            0 => 2 * links * row as usize..2 * links * (row as usize + 1),
            layer => {
                let list = self.before[row as usize] as usize + usize::from(layer) - 1;
                links * list..links * (list + 1)
            }
        }
    }

    /// The vectors that one is linked to in a layer that it has; none in one that it has not.
    fn linked(&self, row: u32, layer: u8) -> &[u32] {
        if layer > self.graph.levels[row as usize] {
            return &[];
        }
        let list = if layer == 0 { &self.graph.lowest } else { &self.graph.upper };
        let list = &list[self.places(row, layer)];
        let end = list.iter().position(|link| *link == Graph::NONE).unwrap_or(list.len());
        &list[..end]
    }

    fn link(&mut self, row: u32, layer: u8, linked: &[u32]) {
        let places = self.places(row, layer);
        let list = if layer == 0 { &mut self.graph.lowest } else { &mut self.graph.upper };
        let list = &mut list[places];
        list.fill(Graph::NONE);
        list[..linked.len()].copy_from_slice(linked);
    }

    /// The nearest vector of the layers above `layer`, walked down to it.
    fn descend(&self, rough: &Rough<'_>, query: &[f32], layer: u8, visited: &mut Visited) -> Vec<u64> {
        let mut nearest = Vec::with_capacity(1);
        rough.to(query, &[self.graph.entry], &mut nearest);
        for above in (layer + 1..=self.top()).rev() {
            nearest = beam(|row| self.linked(row, above), rough, query, &nearest, 1, visited);
        }
        nearest
    }

    /// The `width` nearest vectors that a walk finds, nearest first.
    pub(super) fn near(&self, rough: &Rough<'_>, query: &[f32], width: usize, visited: &mut Visited) -> Vec<u32> {
        if self.graph.levels.is_empty() {
            return Vec::new();
        }
        let nearest = self.descend(rough, query, 0, visited);
        let found = beam(|row| self.linked(row, 0), rough, query, &nearest, width, visited);
        found.into_iter().map(position).collect()
    }
}

/// The graph of some rows.
///
/// # Errors
/// If it is to stop.
pub fn graph(
    rows: Rows<'_>,
    distance: Distance,
    params: &super::method::Hnsw,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Graph, super::SearchError> {
    build(&Rough::new(rows, distance), params, stop)
}

#[cfg(test)]
#[path = "hnsw_tests.rs"]
mod tests;
