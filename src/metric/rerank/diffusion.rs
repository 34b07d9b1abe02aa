//! Diffusion: index rows are ranked by how much of a query's similarity reaches them through their neighbours (Zhou et al.,
//! Ranking on Data Manifolds, 2004; Iscen et al., 2017, arXiv:1611.05113).
//!
//! Rows that are among each other's k nearest are joined by `A_ij = max(0, cos)^gamma`; `S = D^-1/2 A D^-1/2` with `D` the
//! sums of A's rows. The scores solve `(I - alpha S) f = (1 - alpha) y`, `y` being the query's similarities to its own
//! nearest, to the same power. Higher is nearer.

use rayon::prelude::*;

use super::Neighbours;
use super::query_expansion::similarity;
use crate::MetricError;
use crate::space::Space;

/// How similarity spreads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diffusion {
    /// Neighbours of an index row.
    pub k: usize,
    /// What spreads at each step, from 0 (nothing: the ranking as before) to below 1.
    pub alpha: f64,
    /// The power of similarities.
    pub gamma: f64,
}

/// An index with its joined rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// For each row: the rows that it is joined to, and `S`.
    rows: Vec<Vec<(u32, f64)>>,
    diffusion: Diffusion,
}

/// Steps of the solver at most, and the share of the first residual that it ends at.
const STEPS: usize = 2_000;
const TOLERANCE: f64 = 1e-10;

impl Diffusion {
    /// The values of the paper for global descriptors: k 50, alpha 0.99, gamma 3.
    pub const PAPER: Self = Self { k: 50, alpha: 0.99, gamma: 3.0 };

    /// Joins the rows of an index by their nearest, which must be known to a depth of k + 1 (each finds itself).
    ///
    /// # Errors
    /// If neighbours are of other rows, k is 0, alpha not from 0 to below 1, or gamma not above 0.
    pub fn graph(&self, index: &Space<'_>, neighbours: &Neighbours) -> Result<Graph, MetricError> {
        let range = |what: &'static str, expected: &str| MetricError::Range { what, expected: expected.to_owned() };
        if neighbours.len() != index.len() {
            let (ones, others) = (neighbours.len(), index.len());
            return Err(MetricError::Lengths { one: "lists of neighbours", ones, other: "rows", others });
        }
        if self.k == 0 {
            return Err(range("k", "at least 1"));
        }
        if !(0.0..1.0).contains(&self.alpha) {
            return Err(range("alpha", "from 0 to below 1"));
        }
        if !(self.gamma > 0.0 && self.gamma.is_finite()) {
            return Err(range("gamma", "above 0"));
        }
        let near = |row: usize| -> Vec<usize> {
            let all = neighbours.nearest(row, self.k.saturating_add(1)).iter().map(|near| *near as usize);
            all.filter(|near| *near != row).take(self.k).collect()
        };
        let lists: Vec<Vec<usize>> = (0..index.len()).into_par_iter().map(near).collect();
        let joined = |row: usize| -> Vec<(usize, f64)> {
            let mutual = lists[row].iter().filter(|other| lists[**other].contains(&row));
            let mut joined: Vec<(usize, f64)> =
                mutual.map(|other| (*other, self.weight(index.row(row), index.row(*other)))).collect();
            joined.sort_unstable_by_key(|other| other.0);
            joined
        };
        let weights: Vec<Vec<(usize, f64)>> = (0..index.len()).into_par_iter().map(joined).collect();
        let sums: Vec<f64> = weights.iter().map(|joined| joined.iter().map(|other| other.1).sum()).collect();
        let scaled = |(row, joined): (usize, Vec<(usize, f64)>)| {
            let one = |(other, weight): (usize, f64)| {
                (u32::try_from(other).unwrap_or(u32::MAX), weight / (sums[row] * sums[other]).sqrt())
            };
            joined.into_iter().filter(|other| other.1 > 0.0).map(one).collect()
        };
        Ok(Graph { rows: weights.into_iter().enumerate().map(scaled).collect(), diffusion: *self })
    }

    fn weight(&self, one: &[f32], other: &[f32]) -> f64 {
        similarity(one, other).max(0.0).powf(self.gamma)
    }
}

impl Graph {
    /// The score of every index row for a query, of which `nearest` are the nearest index rows.
    ///
    /// By conjugate gradients, in one fixed order. All 0 where the query is similar to none of its nearest.
    ///
    /// # Errors
    /// If the query has another length than the rows, or a neighbour is no row of the index.
    pub fn scores(&self, query: &[f32], index: &Space<'_>, nearest: &[u32]) -> Result<Vec<f64>, MetricError> {
        let rows = self.rows.len();
        if query.len() != index.dim() || index.len() != rows {
            let (ones, others) = (query.len(), index.dim());
            return Err(MetricError::Lengths {
                one: "numbers of a query",
                ones,
                other: "numbers of an indexed row",
                others,
            });
        }
        let mut wanted = vec![0.0; rows];
        for near in nearest {
            let position = *near as usize;
            let place = wanted.get_mut(position).ok_or(MetricError::Position { what: "row", position, rows })?;
            *place = (1.0 - self.diffusion.alpha) * self.diffusion.weight(query, index.row(position));
        }
        Ok(self.solve(wanted))
    }

    fn solve(&self, wanted: Vec<f64>) -> Vec<f64> {
        let mut scores = vec![0.0; wanted.len()];
        let mut left = wanted;
        let mut direction = left.clone();
        let mut square = dot(&left, &left);
        let end = square * TOLERANCE * TOLERANCE;
        for _ in 0..STEPS {
            if square <= end {
                break;
            }
            let spread = self.apply(&direction);
            let step = square / dot(&direction, &spread);
            scores.iter_mut().zip(&direction).for_each(|(score, value)| *score += step * value);
            left.iter_mut().zip(&spread).for_each(|(left, value)| *left -= step * value);
            let next = dot(&left, &left);
            direction.iter_mut().zip(&left).for_each(|(value, left)| *value = left + next / square * *value);
            square = next;
        }
        scores
    }

    /// `(I - alpha S) x`.
    fn apply(&self, values: &[f64]) -> Vec<f64> {
        let one = |(row, joined): (usize, &Vec<(u32, f64)>)| {
            let spread: f64 = joined.iter().map(|(other, weight)| weight * values[*other as usize]).sum();
            values[row] - self.diffusion.alpha * spread
        };
        self.rows.iter().enumerate().map(one).collect()
    }
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}
