//! Index rows that nobody finds.

use super::{NeighbourMetric, first};
use crate::space::hubness::hubness;
use crate::{Metric, MetricError};

/// antihubs@k: the share of index rows that are among the k nearest of no query. `None` of no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Antihubs(
    /// k: neighbours of a query.
    pub usize,
);

impl Metric for Antihubs {
    fn name(&self) -> String {
        format!("antihubs@{}", self.0)
    }

    fn doc(&self) -> &'static str {
        "The share of indexed images that are among the k nearest of no query; with few queries in a large index it is large \
         for any model, so compare it only between equal sizes."
    }

    fn unit(&self) -> &'static str {
        "fraction of indexed images"
    }

    fn higher_is_better(&self) -> bool {
        false
    }
}

impl NeighbourMetric for Antihubs {
    fn depth(&self) -> usize {
        self.0
    }

    fn of_neighbours(&self, nearest: &[Vec<u32>], rows: usize) -> Result<Option<f64>, MetricError> {
        Ok(hubness(first(nearest, self.0), rows, 0)?.antihubs)
    }
}
