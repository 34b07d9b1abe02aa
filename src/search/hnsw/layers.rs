//! Lists of links, layer by layer, and how they are walked.

use arrow::buffer::ScalarBuffer;
use simpipe_artifact::Graph;

use super::super::rough::Rough;
use super::super::top_k::position;
use super::kept::{Changed, InPieces, Kept, OfBuild, OfFile};
use super::walk::{Room, beam, nearest_of};

/// A graph. Links that lead nowhere are passed over, so that a file that was changed can't do harm.
#[derive(Debug, Clone)]
pub(crate) struct Layers<K> {
    pub(super) links: usize,
    pub(super) entry: u32,
    pub(super) kept: K,
}

/// A graph that is only read.
pub(crate) type Fixed = Layers<OfFile>;
/// A graph that is built.
pub(super) type Growing = Layers<OfBuild>;
/// A graph that copies share until they change it.
pub(super) type Sharing = Layers<InPieces>;

impl Fixed {
    pub(crate) fn new(graph: Graph) -> Self {
        let Graph { links, entry, levels, lowest, upper } = graph;
        Self { links, entry, kept: OfFile::new(levels, lowest, upper) }
    }

    pub(crate) fn graph(&self) -> Graph {
        let OfFile { levels, lowest, upper, .. } = self.kept.clone();
        Graph { links: self.links, entry: self.entry, levels, lowest, upper }
    }
}

impl Growing {
    /// Vectors of these layers without links.
    pub(super) fn unlinked(links: usize, entry: u32, levels: Vec<u8>) -> Self {
        let lists: usize = levels.iter().map(|level| usize::from(*level)).sum();
        let (lowest, upper) = (vec![Graph::NONE; 2 * links * levels.len()], vec![Graph::NONE; links * lists]);
        Self { links, entry, kept: OfBuild::new(levels, lowest, upper) }
    }

    pub(super) fn into_graph(self) -> Graph {
        let of = |links: Vec<u32>| ScalarBuffer::from(links);
        let OfBuild { levels, lowest, upper, .. } = self.kept;
        Graph { links: self.links, entry: self.entry, levels: levels.into(), lowest: of(lowest), upper: of(upper) }
    }
}

impl Sharing {
    /// No vectors of so many links.
    pub(super) fn new(links: usize) -> Self {
        Self { links, entry: 0, kept: InPieces::new(links) }
    }

    /// The links of a graph, to be changed.
    pub(super) fn of(graph: &Graph) -> Self {
        Self { links: graph.links, entry: graph.entry, kept: InPieces::of(graph) }
    }
}

impl<K: Kept> Layers<K> {
    /// Vectors, whether they have links or not.
    pub(super) fn count(&self) -> usize {
        self.kept.count()
    }

    /// The layer that walks begin in.
    pub(super) fn top(&self) -> u8 {
        self.kept.level(self.entry).unwrap_or(0)
    }

    /// The most links of a vector in a layer.
    pub(super) const fn most(&self, layer: u8) -> usize {
        if layer == 0 { 2 * self.links } else { self.links }
    }

    /// Which list of the upper layers is a vector's.
    fn list(&self, row: u32, layer: u8) -> usize {
        self.kept.before(row) as usize + usize::from(layer) - 1
    }

    /// The places of a vector in a layer, links and behind them nothing; none in a layer that it has not.
    #[inline]
    pub(super) fn places(&self, row: u32, layer: u8) -> &[u32] {
        if layer == 0 {
            return self.kept.lowest(row, 2 * self.links);
        }
        let has = self.kept.level(row).is_some_and(|level| layer <= level);
        if has { self.kept.upper(self.list(row, layer), self.links) } else { &[] }
    }

    /// The vectors that one is linked to in a layer that it has; none in one that it has not.
    pub(super) fn linked(&self, row: u32, layer: u8) -> &[u32] {
        let list = self.places(row, layer);
        let end = list.iter().position(|link| *link == Graph::NONE).unwrap_or(list.len());
        &list[..end]
    }

    /// The nearest vector of the layers above `layer`, walked down to it.
    pub(super) fn descend(&self, rough: &Rough<'_>, query: &[f32], layer: u8, room: &mut Room) -> Vec<u64> {
        let mut nearest = nearest_of(rough, query, &[self.entry]);
        for above in (layer + 1..=self.top()).rev() {
            nearest = beam(|row| self.places(row, above), |_| true, (rough, query), &nearest, 1, room);
        }
        nearest
    }

    /// The `width` nearest vectors that count and that a walk finds, nearest first, each with how near it is.
    pub(crate) fn near(
        &self,
        rough: &Rough<'_>,
        query: &[f32],
        width: usize,
        counts: impl Fn(u32) -> bool,
        room: &mut Room,
    ) -> Vec<u64> {
        if self.count() == 0 {
            return Vec::new();
        }
        let mut nearest = self.descend(rough, query, 0, room);
        // All are reached from the entry; from where the upper layers lead to perhaps not.
        nearest.extend(nearest_of(rough, query, &[self.entry]));
        beam(|row| self.places(row, 0), counts, (rough, query), &nearest, width, room)
    }
}

impl<K: Changed> Layers<K> {
    /// Gives a vector these links in a layer that it has.
    pub(super) fn link(&mut self, row: u32, layer: u8, linked: &[u32]) {
        let links = self.links;
        let list = match layer {
            0 => self.kept.lowest_mut(row, 2 * links),
            layer => {
                let list = self.list(row, layer);
                self.kept.upper_mut(list, links)
            }
        };
        let (own, rest) = list.split_at_mut(linked.len());
        own.copy_from_slice(linked);
        rest.fill(Graph::NONE);
    }
}

/// Links as positions alone.
pub(super) fn positions(near: &[u64]) -> Vec<u32> {
    near.iter().copied().map(position).collect()
}
