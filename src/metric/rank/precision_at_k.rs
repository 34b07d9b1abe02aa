//! precision@k: the share of relevant items among the k nearest.

use super::{RankMetric, Ranked};
use crate::Metric;

/// precision@k: the share of relevant items among the k nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrecisionAtK(
    /// k: neighbours looked at.
    pub usize,
);

impl Metric for PrecisionAtK {
    fn name(&self) -> String {
        format!("precision@{}", self.0)
    }

    fn doc(&self) -> &'static str {
        "The share of the k nearest that have the query's label; divided by k also where the index holds fewer."
    }

    fn unit(&self) -> &'static str {
        "fraction of neighbours"
    }
}

impl RankMetric for PrecisionAtK {
    fn depth(&self, _relevant: usize) -> usize {
        self.0
    }

    fn of_relevant(&self, ranked: &Ranked<'_>) -> f64 {
        of_query(ranked, self.0)
    }
}

/// `hits among the k nearest / k`: divided by `k` also where the index holds fewer items or fewer relevant ones.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of neighbours are far below 2^52")]
pub fn of_query(ranked: &Ranked<'_>, k: usize) -> f64 {
    if k == 0 { 0.0 } else { ranked.hits.iter().take(k).filter(|hit| **hit).count() as f64 / k as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_divided_by_k() {
        let ranked = Ranked { hits: &[true, false, true], relevant: 2 };
        assert_eq!([1, 2, 4].map(|k| of_query(&ranked, k)), [1.0, 0.5, 0.5]);
    }
}
