//! What a sweep has tried, in the order in which it became known.

use super::pareto;
use super::space::Point;

/// A point with what it gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The point.
    pub point: Point,
    /// The objectives, each to be minimised, all finite.
    pub values: Vec<f64>,
}

/// What a method may know when it is asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// In the order of completion; before them those of elsewhere.
    pub finished: Vec<Finished>,
    /// How many of the finished are of elsewhere: something is known of them, and they may be tried all the same.
    pub earlier: usize,
    /// Asked for and not told yet, in the order of their numbers.
    pub running: Vec<Point>,
    /// Tried, and gave nothing that can be compared.
    pub failed: Vec<Point>,
}

impl History {
    /// Whether a point was tried or is being tried.
    #[must_use]
    pub fn holds(&self, point: &Point) -> bool {
        self.finished[self.earlier..].iter().any(|finished| finished.point == *point)
            || self.running.contains(point)
            || self.failed.contains(point)
    }

    /// How many points were asked for.
    #[must_use]
    pub const fn asked(&self) -> usize {
        self.finished.len() - self.earlier + self.running.len() + self.failed.len()
    }

    /// The positions of finished points, best first; equal ones in the order of completion. With several objectives by
    /// the front that a point lies on, and within a front by how lonely it is there.
    #[must_use]
    pub fn best_first(&self) -> Vec<usize> {
        let values: Vec<&[f64]> = self.finished.iter().map(|finished| finished.values.as_slice()).collect();
        pareto::best_first(&values)
    }
}
