//! Where boxes and wires go: a layered layout from left to right (K. Sugiyama, S. Tagawa and M. Toda, Methods for
//! visual understanding of hierarchical system structures, 1981). Knows sizes and edges, not what they stand for.
//!
//! 1. A node's layer is the length of the longest path to it.
//! 2. A wire over several layers passes each in a lane; wires from one node share their lanes.
//! 3. Layers are ordered by barycentres, forwards and backwards; the order with the fewest crossings is kept.
//! 4. Heights follow the mean of the neighbours, as near as the boxes' distances allow (least squares).

/// Between boxes of one layer.
const GAP: f64 = 26.0;
/// Height of a lane.
const LANE: f64 = 4.0;
/// Between layers: room for the curves.
const CHANNEL: f64 = 64.0;
const SWEEPS: usize = 12;

/// A box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A point; y grows downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A piece of a wire inside a layer that it passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lane {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) y: f64,
}

/// A finished layout.
#[derive(Debug)]
pub(super) struct Layout {
    /// The upper left corner of each box; boxes of a layer stand at its left.
    pub(super) corners: Vec<Point>,
    /// Where each box's layer ends: up to there its wires run straight, so that they cross no wider box.
    pub(super) exits: Vec<f64>,
    /// The lanes of each edge, from left to right.
    pub(super) lanes: Vec<Vec<Lane>>,
    /// Of the whole.
    pub(super) size: Size,
}

/// A box or a lane.
struct Cell {
    layer: usize,
    height: f64,
    /// The centre.
    y: f64,
}

struct Net {
    cells: Vec<Cell>,
    /// Pairs of cells in neighbouring layers.
    links: Vec<(usize, usize)>,
    /// Cells of each layer, from top to bottom.
    layers: Vec<Vec<usize>>,
}

/// Lays boxes out; every edge leads from a lower to a higher number.
pub(super) fn layout(sizes: &[Size], edges: &[(usize, usize)]) -> Layout {
    let (mut net, passed) = Net::new(sizes, edges);
    net.order();
    net.place();
    let columns = columns(sizes, &net);
    let corner = |at: usize| {
        let y = net.cells[at].y - sizes[at].height / 2.0;
        Point { x: columns[net.cells[at].layer].0, y }
    };
    let lane = |&at: &usize| {
        let (left, right) = columns[net.cells[at].layer];
        Lane { left, right, y: net.cells[at].y }
    };
    let height = net.cells.iter().map(|cell| cell.y + cell.height / 2.0).fold(0.0, f64::max);
    Layout {
        corners: (0..sizes.len()).map(corner).collect(),
        exits: (0..sizes.len()).map(|at| columns[net.cells[at].layer].1).collect(),
        lanes: passed.iter().map(|cells| cells.iter().map(lane).collect()).collect(),
        size: Size { width: columns.last().map_or(0.0, |column| column.1), height },
    }
}

/// Left and right of each layer.
fn columns(sizes: &[Size], net: &Net) -> Vec<(f64, f64)> {
    let mut left = 0.0;
    let width = |layer: &Vec<usize>| {
        layer.iter().filter_map(|cell| sizes.get(*cell)).map(|size| size.width).fold(0.0, f64::max)
    };
    net.layers
        .iter()
        .map(|layer| {
            let column = (left, left + width(layer));
            left = column.1 + CHANNEL;
            column
        })
        .collect()
}

impl Net {
    /// Boxes come first, by number; then lanes. Also gives the lanes that each edge passes.
    fn new(sizes: &[Size], edges: &[(usize, usize)]) -> (Self, Vec<Vec<usize>>) {
        let mut depth = vec![0; sizes.len()];
        let mut sorted = edges.to_vec();
        sorted.sort_by_key(|edge| edge.1);
        for (from, to) in sorted {
            depth[to] = depth[to].max(depth[from] + 1);
        }
        let cell = |(size, layer): (&Size, &usize)| Cell { layer: *layer, height: size.height, y: 0.0 };
        let mut net =
            Self { cells: sizes.iter().zip(&depth).map(cell).collect(), links: Vec::new(), layers: Vec::new() };
        // Lanes of one box, by layer: its wires share them.
        let mut trunks = std::collections::BTreeMap::<(usize, usize), usize>::new();
        let mut passed = Vec::new();
        for &(from, to) in edges {
            let mut way = Vec::new();
            for layer in depth[from] + 1..depth[to] {
                let lane = *trunks.entry((from, layer)).or_insert_with(|| {
                    net.cells.push(Cell { layer, height: LANE, y: 0.0 });
                    net.cells.len() - 1
                });
                way.push(lane);
            }
            let stops: Vec<usize> = std::iter::once(from).chain(way.iter().copied()).chain([to]).collect();
            net.links.extend(stops.windows(2).map(|pair| (pair[0], pair[1])));
            passed.push(way);
        }
        net.links.sort_unstable();
        net.links.dedup();
        net.layers = vec![Vec::new(); depth.iter().max().map_or(0, |deepest| deepest + 1)];
        for (at, cell) in net.cells.iter().enumerate() {
            net.layers[cell.layer].push(at);
        }
        (net, passed)
    }

    /// Cells linked to one, in the layer before it or the one after.
    fn neighbours(&self, cell: usize, before: bool) -> impl Iterator<Item = usize> {
        let link = move |&(from, to): &(usize, usize)| {
            if before { (to == cell).then_some(from) } else { (from == cell).then_some(to) }
        };
        self.links.iter().filter_map(link)
    }

    fn order(&mut self) {
        let (mut best, mut fewest) = (self.layers.clone(), self.crossings());
        for sweep in 0..SWEEPS {
            let forwards = sweep % 2 == 0;
            let count = self.layers.len();
            for step in 1..count {
                self.sort_layer(if forwards { step } else { count - 1 - step }, forwards);
            }
            let crossings = self.crossings();
            if crossings < fewest {
                (best, fewest) = (self.layers.clone(), crossings);
            }
        }
        self.layers = best;
    }

    fn sort_layer(&mut self, layer: usize, before: bool) {
        let rank = self.ranks();
        let barycentre = |cell: usize| {
            let near: Vec<f64> = self.neighbours(cell, before).map(|near| rank[near]).collect();
            mean(&near).unwrap_or(rank[cell])
        };
        let mut keyed: Vec<(f64, usize)> = self.layers[layer].iter().map(|cell| (barycentre(*cell), *cell)).collect();
        keyed.sort_by(|one, other| one.0.total_cmp(&other.0)); // stable: ties keep their order
        self.layers[layer] = keyed.into_iter().map(|(_, cell)| cell).collect();
    }

    /// The place of each cell in its layer.
    #[expect(clippy::cast_precision_loss, reason = "a drawing has few boxes")]
    fn ranks(&self) -> Vec<f64> {
        let mut rank = vec![0.0; self.cells.len()];
        for layer in &self.layers {
            for (at, cell) in layer.iter().enumerate() {
                rank[*cell] = at as f64;
            }
        }
        rank
    }

    fn crossings(&self) -> usize {
        let rank = self.ranks();
        let crosses = |&(a, b): &(usize, usize), &(c, d): &(usize, usize)| {
            self.cells[a].layer == self.cells[c].layer && (rank[a] - rank[c]) * (rank[b] - rank[d]) < 0.0
        };
        let pairs = self.links.iter().enumerate();
        pairs.map(|(at, link)| self.links[at + 1..].iter().filter(|other| crosses(link, other)).count()).sum()
    }

    fn place(&mut self) {
        for sweep in 0..2 * SWEEPS {
            for step in 0..self.layers.len() {
                let layer = if sweep % 2 == 0 { step } else { self.layers.len() - 1 - step };
                self.place_layer(layer);
            }
        }
        let top = self.cells.iter().map(|cell| cell.y - cell.height / 2.0).fold(f64::INFINITY, f64::min);
        self.cells.iter_mut().for_each(|cell| cell.y -= top);
    }

    /// Moves the cells of a layer towards the mean of their neighbours, in order and apart.
    fn place_layer(&mut self, layer: usize) {
        let cells = self.layers[layer].clone();
        let mut below = vec![0.0]; // of each cell's centre under the first one's, at least
        for pair in cells.windows(2) {
            let (upper, lower) = (&self.cells[pair[0]], &self.cells[pair[1]]);
            let apart = (upper.height + lower.height) / 2.0 + GAP;
            below.push(below.last().copied().unwrap_or(0.0) + apart);
        }
        let wish = |(cell, below): (&usize, &f64)| {
            let near = self.neighbours(*cell, true).chain(self.neighbours(*cell, false));
            let near: Vec<f64> = near.map(|near| self.cells[near].y).collect();
            mean(&near).unwrap_or(self.cells[*cell].y) - below
        };
        let wishes: Vec<f64> = cells.iter().zip(&below).map(wish).collect();
        for ((cell, y), below) in cells.into_iter().zip(non_decreasing(&wishes)).zip(below) {
            self.cells[cell].y = y + below;
        }
    }
}

/// The non-decreasing sequence nearest to `wishes` in least squares (pool adjacent violators).
fn non_decreasing(wishes: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, usize)> = Vec::new(); // mean, members
    #[expect(clippy::cast_precision_loss, reason = "a drawing has few boxes")]
    for &wish in wishes {
        let mut pool = (wish, 1);
        while let Some(&(above, members)) = pools.last().filter(|above| above.0 > pool.0) {
            pools.pop();
            let all = members + pool.1;
            pool = ((above * members as f64 + pool.0 * pool.1 as f64) / all as f64, all);
        }
        pools.push(pool);
    }
    pools.into_iter().flat_map(|(value, members)| std::iter::repeat_n(value, members)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a drawing has few boxes")]
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: Size = Size { width: 100.0, height: 40.0 };

    #[test]
    fn violators_are_pooled_as_by_hand() {
        assert_eq!(non_decreasing(&[1.0, 3.0, 2.0, 2.5, 9.0]), [1.0, 2.5, 2.5, 2.5, 9.0]);
        assert_eq!(non_decreasing(&[3.0, 2.0, 1.0]), [2.0, 2.0, 2.0]);
    }

    #[test]
    fn a_chain_is_a_straight_line() {
        let layout = layout(&[BOX; 3], &[(0, 1), (1, 2)]);
        let xs: Vec<f64> = layout.corners.iter().map(|corner| corner.x).collect();
        assert_eq!(xs, [0.0, 164.0, 328.0]);
        assert!(layout.corners.iter().all(|corner| corner.y == 0.0));
        assert_eq!(layout.size, Size { width: 428.0, height: 40.0 });
    }

    #[test]
    fn boxes_of_a_layer_stand_apart_and_crossings_are_undone() {
        // 0 -> 3 and 1 -> 2 cross as numbered; 0 -> 4 passes the second layer in a lane.
        let edges = [(0, 3), (1, 2), (2, 4), (3, 4), (0, 4)];
        let layout = layout(&[BOX; 5], &edges);
        let y = |at: usize| layout.corners[at].y;
        assert!((y(0) < y(1)) == (y(3) < y(2)), "{:?}", layout.corners);
        assert!((y(2) - y(3)).abs() >= 40.0 + GAP - 1e-9);
        let lane = layout.lanes[4][0];
        assert_eq!((lane.left, lane.right), (164.0, 264.0));
        for at in [2, 3] {
            assert!(lane.y < y(at) || lane.y > y(at) + 40.0, "a lane never crosses a box");
        }
    }

    #[test]
    fn wires_of_one_box_share_their_lanes() {
        let layout = layout(&[BOX; 5], &[(0, 1), (1, 2), (2, 3), (0, 3), (3, 4), (0, 4)]);
        assert_eq!(layout.lanes[3].len(), 2);
        assert_eq!(layout.lanes[3], layout.lanes[5][..2]);
    }
}
