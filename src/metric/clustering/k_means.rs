//! k-means: rows in `k` clusters with a small sum of squared distances to the clusters' means.
//!
//! Lloyd's steps from the seeds of k-means++ (Arthur and Vassilvitskii, 2007). The bytes depend on the seed alone, not on
//! the number of threads: rows are assigned each by itself, means are summed in the order of rows.

use rand::{Rng, RngExt};
use rayon::prelude::*;

use crate::MetricError;
use crate::space::{Space, square};
use simpipe_base::seed::Seed;

/// How rows are clustered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KMeans {
    /// Clusters wanted; no more are made than there are rows.
    pub clusters: usize,
    /// Lloyd's steps at most; it usually stops earlier, when no row changes its cluster.
    pub steps: usize,
    /// Starts from other seeds, of which the one with the smallest sum of squares is kept.
    pub starts: usize,
    /// Where seeds are drawn from.
    pub seed: Seed,
}

/// Rows by cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// Each row's cluster.
    pub of: Vec<u32>,
    /// The sum of the squared distances of rows to their cluster's mean.
    pub inertia: f64,
}

impl KMeans {
    /// As many clusters as classes, as metric learning compares the two: one start, at most 300 steps.
    #[must_use]
    pub fn of_classes(space: &Space<'_>, seed: Seed) -> Self {
        Self { clusters: space.by_label().len().max(1), steps: 300, starts: 1, seed }
    }

    /// Clusters the rows; labels are not looked at. Work: `rows x clusters x dim` for the seeds and for each step.
    ///
    /// Rows that are as near to several means go to the first of them. A cluster that lost all its rows takes over the row
    /// that is farthest from its mean, unless that is at 0.
    ///
    /// # Errors
    /// If no clusters, steps or starts are wanted.
    pub fn fit(&self, space: &Space<'_>) -> Result<Clusters, MetricError> {
        self.fit_unless(&|| false, space)
    }

    /// The same, given up soon after `stop` says so; it must not take that back.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and [`MetricError::Stopped`].
    pub fn fit_unless(&self, stop: &(dyn Fn() -> bool + Sync), space: &Space<'_>) -> Result<Clusters, MetricError> {
        for (what, count) in [("clusters", self.clusters), ("steps", self.steps), ("starts", self.starts)] {
            if count == 0 {
                return Err(MetricError::Range { what, expected: "at least 1".to_owned() });
            }
        }
        let fits = (0..self.starts as u64).map(|start| self.start(stop, space, start));
        let best = fits.reduce(|best, next| if next.inertia < best.inertia { next } else { best });
        if stop() {
            return Err(MetricError::Stopped);
        }
        Ok(best.unwrap_or(Clusters { of: Vec::new(), inertia: 0.0 }))
    }

    /// One start; nonsense once `stop` says so.
    fn start(&self, stop: &(dyn Fn() -> bool + Sync), space: &Space<'_>, start: u64) -> Clusters {
        let mut rng = self.seed.rng("k-means", &[start]);
        let mut centres = seeds(stop, space, self.clusters.min(space.len()), &mut rng);
        let mut assigned = assign(stop, space, &centres);
        for _ in 0..self.steps {
            if stop() {
                break;
            }
            fill_empty(&mut assigned, centres.len());
            centres = means(space, &assigned, &centres);
            let next = assign(stop, space, &centres);
            let settled = next.iter().zip(&assigned).all(|(next, last)| next.0 == last.0);
            assigned = next;
            if settled {
                break;
            }
        }
        let inertia = assigned.iter().map(|near| near.1).sum();
        Clusters { of: assigned.into_iter().map(|near| near.0).collect(), inertia }
    }
}

/// The seeds of k-means++: the first row at random, each other one with a probability proportional to its squared distance
/// to the nearest seed so far.
fn seeds(stop: &(dyn Fn() -> bool + Sync), space: &Space<'_>, count: usize, rng: &mut impl Rng) -> Vec<Vec<f32>> {
    let mut centres: Vec<Vec<f32>> = Vec::with_capacity(count);
    let mut nearest = vec![f64::INFINITY; space.len()];
    for _ in 0..count {
        if stop() {
            break;
        }
        let row = match centres.last() {
            None => rng.random_range(0..space.len()),
            Some(last) => {
                nearest
                    .par_iter_mut()
                    .enumerate()
                    .for_each(|(row, near)| *near = near.min(square(space.row(row), last)));
                pick(&nearest, rng)
            }
        };
        centres.push(space.row(row).to_vec());
    }
    centres
}

/// A place, with a probability proportional to its weight; any place if all weights are 0.
fn pick(weights: &[f64], rng: &mut impl Rng) -> usize {
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return rng.random_range(0..weights.len());
    }
    let mut left = rng.random_range(0.0..1.0) * total;
    let hit = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    // Rounding may leave a rest beyond the last weight.
    hit.or_else(|| weights.iter().rposition(|weight| *weight > 0.0)).unwrap_or(0)
}

/// Each row's nearest centre and the squared distance to it.
fn assign(stop: &(dyn Fn() -> bool + Sync), space: &Space<'_>, centres: &[Vec<f32>]) -> Vec<(u32, f64)> {
    let nearest = |row: usize| {
        if stop() {
            return (0, 0.0);
        }
        let distances = (0..).zip(centres).map(|(at, centre)| (at, square(space.row(row), centre)));
        distances.reduce(|best, next| if next.1 < best.1 { next } else { best }).unwrap_or((0, 0.0))
    };
    (0..space.len()).into_par_iter().map(nearest).collect()
}

/// Gives each cluster without rows the farthest row, of those that are not alone.
fn fill_empty(assigned: &mut [(u32, f64)], clusters: usize) {
    let mut counts = vec![0_usize; clusters];
    assigned.iter().for_each(|near| counts[near.0 as usize] += 1);
    for cluster in 0..clusters {
        if counts[cluster] > 0 {
            continue;
        }
        let movable = assigned.iter().enumerate().filter(|(_, near)| counts[near.0 as usize] > 1 && near.1 > 0.0);
        let farthest = movable.reduce(|best, next| if next.1.1 > best.1.1 { next } else { best }).map(|(row, _)| row);
        let Some(row) = farthest else { return };
        counts[assigned[row].0 as usize] -= 1;
        counts[cluster] = 1;
        assigned[row] = (u32::try_from(cluster).unwrap_or(u32::MAX), 0.0);
    }
}

/// The mean of each cluster; one without rows stays where it is.
#[expect(clippy::cast_possible_truncation, reason = "means are kept in the type of the rows")]
fn means(space: &Space<'_>, assigned: &[(u32, f64)], last: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut sums = vec![(vec![0.0_f64; space.dim()], 0.0); last.len()];
    for (row, near) in assigned.iter().enumerate() {
        let (sum, count) = &mut sums[near.0 as usize];
        sum.iter_mut().zip(space.row(row)).for_each(|(sum, value)| *sum += f64::from(*value));
        *count += 1.0;
    }
    let mean = |((sum, count), last): ((Vec<f64>, f64), &Vec<f32>)| {
        if count == 0.0 { last.clone() } else { sum.into_iter().map(|sum| (sum / count) as f32).collect() }
    };
    sums.into_iter().zip(last).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_to_stop_gets_no_clusters() {
        let space = Space::new(&[0.0, 1.0, 5.0], 1, &[0, 0, 1]).unwrap();
        let by = KMeans::of_classes(&space, Seed::of_stage(1, "evaluate", None));
        assert_eq!(by.fit_unless(&|| true, &space).unwrap_err(), MetricError::Stopped);
    }

    #[test]
    fn empty_clusters_take_the_farthest_rows_of_those_that_are_not_alone() {
        let mut assigned = vec![(0, 1.0), (0, 4.0), (3, 9.0), (0, 2.0)];
        fill_empty(&mut assigned, 4);
        // Row 2 is the farthest, but alone: rows 1 and 3 move.
        assert_eq!(assigned, [(0, 1.0), (1, 0.0), (3, 9.0), (2, 0.0)]);
        let mut equal = vec![(0, 0.0); 3];
        fill_empty(&mut equal, 2);
        assert_eq!(equal, [(0, 0.0); 3]);
    }
}
