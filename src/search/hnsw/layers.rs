//! Lists of links, layer by layer, and how they are walked.

use std::ops::{Deref, DerefMut};

use arrow::buffer::ScalarBuffer;

use super::super::rough::Rough;
use super::super::top_k::position;
use super::walk::{Visited, beam};
use simpipe_artifact::Graph;

/// A graph with where the lists of its upper layers begin. Links that lead nowhere are passed over, so that a file that was
/// changed can't do harm.
#[derive(Debug, Clone)]
pub(crate) struct Layers<N, B> {
    pub(super) links: usize,
    pub(super) entry: u32,
    /// The highest layer of each vector.
    pub(super) levels: B,
    pub(super) lowest: N,
    pub(super) upper: N,
    /// Of each vector: the lists of upper layers before its own.
    before: Vec<u32>,
}

/// A graph that is only read.
pub(crate) type Fixed = Layers<ScalarBuffer<u32>, ScalarBuffer<u8>>;
/// A graph that is being made.
pub(crate) type Growing = Layers<Vec<u32>, Vec<u8>>;

impl Fixed {
    pub(crate) fn new(graph: Graph) -> Self {
        let Graph { links, entry, levels, lowest, upper } = graph;
        Self { links, entry, before: before(&levels), levels, lowest, upper }
    }

    pub(crate) fn graph(&self) -> Graph {
        let (levels, lowest, upper) = (self.levels.clone(), self.lowest.clone(), self.upper.clone());
        Graph { links: self.links, entry: self.entry, levels, lowest, upper }
    }
}

impl Growing {
    /// Vectors of these layers without links.
    pub(super) fn unlinked(links: usize, entry: u32, levels: Vec<u8>) -> Self {
        let lists: usize = levels.iter().map(|level| usize::from(*level)).sum();
        let (lowest, upper) = (vec![Graph::NONE; 2 * links * levels.len()], vec![Graph::NONE; links * lists]);
        Self { links, entry, before: before(&levels), levels, lowest, upper }
    }

    /// The links of a graph, to be changed.
    pub(super) fn of(graph: &Graph) -> Self {
        let (levels, lowest, upper) = (graph.levels.to_vec(), graph.lowest.to_vec(), graph.upper.to_vec());
        Self { links: graph.links, entry: graph.entry, before: before(&levels), levels, lowest, upper }
    }

    pub(super) fn into_graph(self) -> Graph {
        let Self { links, entry, levels, lowest, upper, .. } = self;
        Graph { links, entry, levels: levels.into(), lowest: lowest.into(), upper: upper.into() }
    }

    /// One more vector without links.
    pub(super) fn push(&mut self, level: u8) {
        let lists = self.upper.len() / self.links;
        self.before.push(u32::try_from(lists).unwrap_or(u32::MAX));
        self.levels.push(level);
        self.lowest.resize(self.lowest.len() + 2 * self.links, Graph::NONE);
        self.upper.resize(self.upper.len() + usize::from(level) * self.links, Graph::NONE);
    }
}

fn before(levels: &[u8]) -> Vec<u32> {
    let mut lists = 0_u32;
    let before = levels.iter().map(|level| {
        let before = lists;
        lists += u32::from(*level);
        before
    });
    before.collect()
}

impl<N: Deref<Target = [u32]>, B: Deref<Target = [u8]>> Layers<N, B> {
    pub(super) fn top(&self) -> u8 {
        self.levels.get(self.entry as usize).copied().unwrap_or(0)
    }

    /// The most links of a vector in a layer.
    pub(super) const fn most(&self, layer: u8) -> usize {
        if layer == 0 { 2 * self.links } else { self.links }
    }

    /// Where a vector's list in a layer lies.
    fn places(&self, row: u32, layer: u8) -> std::ops::Range<usize> {
        let (most, list) = match layer {
            0 => (2 * self.links, row as usize),
            layer => (self.links, self.before[row as usize] as usize + usize::from(layer) - 1),
        };
        most * list..most * (list + 1)
    }

    /// The vectors that one is linked to in a layer that it has; none in one that it has not.
    pub(super) fn linked(&self, row: u32, layer: u8) -> &[u32] {
        if self.levels.get(row as usize).is_none_or(|level| layer > *level) {
            return &[];
        }
        let list = if layer == 0 { &self.lowest } else { &self.upper };
        let list = &list[self.places(row, layer)];
        let end = list.iter().position(|link| *link == Graph::NONE).unwrap_or(list.len());
        &list[..end]
    }

    /// The nearest vector of the layers above `layer`, walked down to it.
    pub(super) fn descend(&self, rough: &Rough<'_>, query: &[f32], layer: u8, visited: &mut Visited) -> Vec<u64> {
        let mut nearest = Vec::with_capacity(1);
        rough.to(query, &[self.entry], &mut Vec::new(), &mut nearest);
        for above in (layer + 1..=self.top()).rev() {
            nearest = beam(|row| self.linked(row, above), |_| true, rough, query, &nearest, 1, visited);
        }
        nearest
    }

    /// The `width` nearest vectors that count and that a walk finds, nearest first.
    pub(crate) fn near(
        &self,
        rough: &Rough<'_>,
        query: &[f32],
        width: usize,
        counts: impl Fn(u32) -> bool,
        visited: &mut Visited,
    ) -> Vec<u32> {
        if self.levels.is_empty() {
            return Vec::new();
        }
        let mut nearest = self.descend(rough, query, 0, visited);
        // All are reached from the entry; from where the upper layers lead to perhaps not.
        rough.to(query, &[self.entry], &mut Vec::new(), &mut nearest);
        let found = beam(|row| self.linked(row, 0), counts, rough, query, &nearest, width, visited);
        found.into_iter().map(position).collect()
    }
}

impl<N: DerefMut<Target = [u32]>, B: Deref<Target = [u8]>> Layers<N, B> {
    pub(super) fn link(&mut self, row: u32, layer: u8, linked: &[u32]) {
        let places = self.places(row, layer);
        let list = if layer == 0 { &mut self.lowest } else { &mut self.upper };
        let list = &mut list[places];
        list.fill(Graph::NONE);
        list[..linked.len()].copy_from_slice(linked);
    }
}
