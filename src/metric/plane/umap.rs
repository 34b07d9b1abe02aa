//! UMAP (McInnes, Healy and Melville, 2018): a map that keeps neighbours near, and large groups apart better than t-SNE.
//!
//! Own code: it must give the same bytes for any number of threads. The constants are those of umap-learn 0.5, the start is
//! its `init="pca"`; the neighbours are exact.

mod curve;
mod graph;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use self::curve::Curve;
use self::graph::{Edge, edges};
use super::tsne::nearest;
use super::{Pca, PlaneError, Stop, go_on};
use simpipe_base::seed::Seed;

/// Fewer points than this keep the places that PCA gave them: three neighbours are no neighbourhood.
const FEWEST: usize = 10;
/// The start reaches from 0 to this along each axis.
const WIDE: f64 = 10.0;
/// How far each point is moved at the start, so that two of the same place can part.
const STIR: f64 = 1e-4;
/// Random points that push a point away each time that a neighbour pulls it.
const PUSHES: f64 = 5.0;
/// The longest way that a point is moved along an axis by another, before the rate.
const FARTHEST: f64 = 4.0;
/// Keeps the push of a point that is almost there finite.
const APART: f64 = 1e-3;

/// How a UMAP map is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Umap {
    /// Neighbours that count, the point itself among them as in umap-learn; at most all points do.
    pub neighbours: usize,
    /// How near neighbours come on the map, where its groups are about 10 wide in all.
    pub min_dist: f64,
    /// Rounds of the descent.
    pub steps: usize,
    /// What is drawn from: which points push, and where points of one place go.
    pub seed: u64,
}

impl Default for Umap {
    /// umap-learn's values for up to 10,000 points.
    fn default() -> Self {
        Self { neighbours: 15, min_dist: 0.1, steps: 500, seed: 0 }
    }
}

impl Umap {
    /// Places rows of `dim` numbers on a plane, starting from their principal components.
    ///
    /// Neighbours are found by all threads, each row's by itself; the descent is sequential.
    ///
    /// # Errors
    /// If the user asked to stop: it is asked for each row, and each round of the descent.
    pub fn fit(&self, values: &[f32], dim: usize, start: &Pca, stop: Stop<'_>) -> Result<Vec<[f64; 2]>, PlaneError> {
        let count = start.points.len();
        if count < FEWEST || start.points.iter().all(|point| *point == [0.0; 2]) {
            return Ok(start.points.clone());
        }
        let rows: Vec<&[f32]> = values.chunks_exact(dim).collect();
        let others = self.neighbours.clamp(2, count) - 1;
        let neighbours = nearest(&rows, others, stop)?;
        let mut springs = springs(&edges(&neighbours), self.steps);
        let mut rng = Seed::of_stage(self.seed, "project", Some("umap")).rng("umap", &[]);
        let mut points = spread(&start.points, &mut rng);
        let curve = Curve::of(self.min_dist);
        for step in 0..self.steps {
            go_on(stop)?;
            let rate = 1.0 - step as f64 / self.steps as f64;
            let round = Round { curve, rate, step: step as f64 };
            springs.iter_mut().for_each(|spring| round.pull(spring, &mut points, &mut rng));
        }
        Ok(points)
    }
}

/// An edge with the rounds in which it acts.
struct Spring {
    from: usize,
    to: usize,
    /// Rounds from one pull to the next: the stronger an edge, the fewer.
    every: f64,
    /// When it pulls next.
    due: f64,
    /// When a random point pushes next.
    push_due: f64,
}

/// Edges too weak to act once in all rounds are left out.
fn springs(edges: &[Edge], steps: usize) -> Vec<Spring> {
    let strongest = edges.iter().map(|edge| edge.weight).fold(0.0, f64::max);
    let acts = edges.iter().filter(|edge| edge.weight > 0.0 && edge.weight * steps as f64 >= strongest);
    let spring = |edge: &Edge| {
        let every = strongest / edge.weight;
        Spring { from: edge.from, to: edge.to, every, due: every, push_due: every / PUSHES }
    };
    acts.map(spring).collect()
}

/// The start: from 0 to [`WIDE`] along each axis, stirred.
fn spread(points: &[[f64; 2]], rng: &mut ChaCha8Rng) -> Vec<[f64; 2]> {
    let ends = [0, 1].map(|axis| {
        let along = points.iter().map(|point| point[axis]);
        along.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    });
    let place = |point: &[f64; 2]| {
        [0, 1].map(|axis| {
            let (low, high) = ends[axis];
            let share = if high > low { (point[axis] - low) / (high - low) } else { 0.5 };
            let stir = f64::from(rng.next_u32()) / f64::from(u32::MAX) * 2.0 - 1.0;
            WIDE * share + STIR * stir
        })
    };
    points.iter().map(place).collect()
}

/// One round of the descent.
struct Round {
    curve: Curve,
    rate: f64,
    step: f64,
}

impl Round {
    /// Pulls the ends of an edge together if it is due, and lets random points push its first end.
    fn pull(&self, spring: &mut Spring, points: &mut [[f64; 2]], rng: &mut ChaCha8Rng) {
        if spring.due > self.step {
            return;
        }
        let (from, to) = (spring.from, spring.to);
        let (way, square) = apart(points[from], points[to]);
        let pull = self.curve.pull(square);
        for axis in 0..2 {
            let by = self.moved(pull * way[axis]);
            points[from][axis] += by;
            points[to][axis] -= by;
        }
        spring.due += spring.every;
        let between = spring.every / PUSHES;
        while spring.push_due + between <= self.step {
            spring.push_due += between;
            let other = one_of(points.len(), rng);
            let (way, square) = apart(points[from], points[other]);
            let push = self.curve.push(square);
            for axis in 0..2 {
                points[from][axis] += self.moved(push * way[axis]);
            }
        }
    }

    fn moved(&self, by: f64) -> f64 {
        by.clamp(-FARTHEST, FARTHEST) * self.rate
    }
}

/// From the second point to the first, and the square of how far that is.
fn apart(one: [f64; 2], other: [f64; 2]) -> ([f64; 2], f64) {
    let way = [one[0] - other[0], one[1] - other[1]];
    (way, way[0] * way[0] + way[1] * way[1])
}

/// A number below `count`, each as probable but for 2^-32 of it.
fn one_of(count: usize, rng: &mut ChaCha8Rng) -> usize {
    ((u64::from(rng.next_u32()) * count as u64) >> 32) as usize
}

#[cfg(test)]
mod tests;
