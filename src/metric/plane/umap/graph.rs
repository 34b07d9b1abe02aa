//! Which points are neighbours, and how much: the weights of UMAP's graph.

use std::collections::BTreeMap;

use bhtsne::Neighbor;

/// How exactly the width of a neighbourhood is sought.
const TOLERANCE: f64 = 1e-5;
/// Halvings at most.
const HALVINGS: usize = 64;
/// A width at least, as a share of the mean distance.
const NARROWEST: f64 = 1e-3;

/// A pair of neighbours; the other direction is an edge of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// From 0 to 1.
    pub(super) weight: f64,
}

/// Every pair of which one is among the nearest of the other, by its ends.
///
/// A weight falls from 1 at the nearest neighbour as `exp(-(d - nearest) / width)`, where the width is such that a point's
/// weights sum to log2 of their number and itself (equation 1 of the paper); two directions `p` and `q` become
/// `p + q - p q`.
pub(super) fn edges(neighbours: &[Vec<Neighbor<f64>>]) -> Vec<Edge> {
    let all: Vec<f64> = neighbours.iter().flatten().map(|found| found.distance).collect();
    let mean = mean(&all);
    let mut weights: BTreeMap<(usize, usize), [f64; 2]> = BTreeMap::new();
    for (at, found) in neighbours.iter().enumerate() {
        let distances: Vec<f64> = found.iter().map(|found| found.distance).collect();
        for (found, weight) in found.iter().zip(memberships(&distances, mean)) {
            let (pair, side) = if at < found.index { ((at, found.index), 0) } else { ((found.index, at), 1) };
            weights.entry(pair).or_default()[side] = weight;
        }
    }
    let both = |((from, to), [p, q]): ((usize, usize), [f64; 2])| {
        let weight = p + q - p * q;
        [Edge { from, to, weight }, Edge { from: to, to: from, weight }]
    };
    let mut edges: Vec<Edge> = weights.into_iter().flat_map(both).collect();
    edges.sort_by_key(|edge| (edge.from, edge.to));
    edges
}

/// How much each neighbour is one, from the distances of one point; `overall` is the mean of all points' distances.
fn memberships(distances: &[f64], overall: f64) -> Vec<f64> {
    let nearest = distances.iter().copied().filter(|distance| *distance > 0.0).fold(f64::INFINITY, f64::min);
    let nearest = if nearest.is_finite() { nearest } else { 0.0 };
    let weight = |distance: f64, width: f64| {
        let beyond = distance - nearest;
        if beyond <= 0.0 || width <= 0.0 { 1.0 } else { libm::exp(-beyond / width) }
    };
    let wanted = libm::log2(distances.len() as f64 + 1.0);
    let (mut low, mut high, mut width) = (0.0, f64::INFINITY, 1.0);
    for _ in 0..HALVINGS {
        let sum: f64 = distances.iter().map(|distance| weight(*distance, width)).sum();
        if (sum - wanted).abs() < TOLERANCE {
            break;
        }
        if sum > wanted {
            high = width;
        } else {
            low = width;
        }
        width = if high.is_finite() { f64::midpoint(low, high) } else { width * 2.0 };
    }
    let least = NARROWEST * if nearest > 0.0 { mean(distances) } else { overall };
    distances.iter().map(|distance| weight(*distance, width.max(least))).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
