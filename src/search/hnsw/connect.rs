//! Every vector is reached from where walks begin: without this, vectors whose neighbours all prefer others (copies of one
//! vector, mostly) would be lost.

use super::super::pieces::Pieces;
use super::super::rough::Rough;
use super::super::top_k::position;
use super::kept::{Changed, Kept};
use super::layers::Layers;
use super::walk::{Room, beam};
use simpipe_artifact::Graph;

/// From which vector each is reached: a tree, whose root is where walks begin.
#[derive(Debug, Clone)]
pub(super) struct Tree(Pieces<u32>);

impl Tree {
    /// That of so many vectors, none of which is reached.
    pub(super) fn of(count: usize) -> Self {
        Self(Pieces::filled(1, count, &Graph::NONE))
    }

    /// The vector that a walk comes to this one from; itself at the root, and none where it is not reached.
    pub(super) fn parent(&self, row: u32) -> Option<u32> {
        let parent = if (row as usize) < self.0.len() { self.0.row(row as usize)[0] } else { Graph::NONE };
        (parent != Graph::NONE).then_some(parent)
    }

    pub(super) fn set(&mut self, row: u32, parent: u32) {
        while self.0.len() <= row as usize {
            self.0.push(&[Graph::NONE]);
        }
        self.0.row_mut(row as usize)[0] = parent;
    }

    /// Whether a link is one of the tree.
    pub(super) fn holds(&self, from: u32, to: u32) -> bool {
        from != to && self.parent(to) == Some(from)
    }

    /// Walks on from a vector that is reached, over all links of the lowest layer.
    fn grow<K: Kept>(&mut self, layers: &Layers<K>, from: u32) {
        let mut open = vec![from];
        while let Some(next) = open.pop() {
            for &to in layers.linked(next, 0) {
                if self.parent(to).is_none() {
                    self.set(to, next);
                    open.push(to);
                }
            }
        }
    }
}

/// Links every vector for which `wanted` holds into the lowest layer, in the order of their positions; the tree of all.
pub(super) fn connect<K: Changed>(
    layers: &mut Layers<K>,
    rough: &Rough<'_>,
    width: usize,
    wanted: impl Fn(u32) -> bool,
) -> Tree {
    let count = layers.count();
    let mut tree = Tree::of(count);
    if count == 0 {
        return tree;
    }
    tree.set(layers.entry, layers.entry);
    tree.grow(layers, layers.entry);
    let mut room = Room::default();
    for row in (0..count).filter_map(|row| u32::try_from(row).ok()) {
        if tree.parent(row).is_none() && wanted(row) {
            let parent = adopted(layers, rough, &tree, row, width, &mut room);
            tree.set(row, parent);
            tree.grow(layers, row);
        }
    }
    tree
}

/// Links a vector to the nearest that a walk finds and that has a place, or a link that nothing hangs on; that one.
pub(super) fn adopted<K: Changed>(
    layers: &mut Layers<K>,
    rough: &Rough<'_>,
    tree: &Tree,
    row: u32,
    width: usize,
    room: &mut Room,
) -> u32 {
    let query = rough.row(row);
    let from = layers.descend(rough, query, 0, room);
    let found = beam(|row| layers.places(row, 0), |near| near != row, (rough, query), &from, width, room);
    // Trees have fewer links than there are places, so one of all that are reached has one.
    let reached = (0..u32::try_from(layers.count()).unwrap_or(u32::MAX)).filter(|other| *other != row);
    let candidates = found.into_iter().map(position).chain(reached);
    for parent in candidates.filter(|parent| tree.parent(*parent).is_some()) {
        if add(layers, tree, parent, row) {
            return parent;
        }
    }
    layers.entry
}

/// Links one vector to another in the lowest layer: in a free place, or in that of the farthest link that nothing hangs on.
pub(super) fn add<K: Changed>(layers: &mut Layers<K>, tree: &Tree, from: u32, to: u32) -> bool {
    let mut linked = layers.linked(from, 0).to_vec();
    if linked.contains(&to) {
        return true;
    }
    if linked.len() < layers.most(0) {
        linked.push(to);
    } else {
        // Nearest first.
        let Some(free) = linked.iter().rposition(|other| !tree.holds(from, *other)) else { return false };
        linked[free] = to;
    }
    layers.link(from, 0, &linked);
    true
}
