//! How uneven it is which index rows are found.

use super::{NeighbourMetric, first};
use crate::space::hubness::hubness;
use crate::{Metric, MetricError};

/// hubness@k: the skewness of how often each index row is among the k nearest of a query (Radovanovic, Nanopoulos and
/// Ivanovic, 2010): about 0 where all are found as often, above 1 where a few hubs are found by many.
///
/// `None` where all are found equally often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubSkew(
    /// k: neighbours of a query.
    pub usize,
);

impl Metric for HubSkew {
    fn name(&self) -> String {
        format!("hubness@{}", self.0)
    }

    fn doc(&self) -> &'static str {
        "The skewness of how often each indexed image is among the k nearest of a query: about 0 where all are found as often, \
         above 1 where a few are found by many (Radovanovic, Nanopoulos and Ivanovic, 2010)."
    }

    fn unit(&self) -> &'static str {
        "skewness"
    }

    fn higher_is_better(&self) -> bool {
        false
    }
}

impl NeighbourMetric for HubSkew {
    fn depth(&self) -> usize {
        self.0
    }

    fn of_neighbours(&self, nearest: &[Vec<u32>], rows: usize) -> Result<Option<f64>, MetricError> {
        Ok(hubness(first(nearest, self.0), rows, 0)?.skew)
    }
}
