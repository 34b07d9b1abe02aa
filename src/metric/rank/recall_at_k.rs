//! recall@k as metric learning uses the word: whether any of the k nearest has the query's label.
//!
//! Jegou, Douze and Schmid, Product Quantization for Nearest Neighbor Search (2011). It is not the share of relevant
//! items that are found.

use super::{RankMetric, Ranked};
use crate::Metric;

/// recall@k: whether any of the k nearest is relevant. Other tools call it hit@k or hit rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecallAtK(
    /// k: neighbours looked at.
    pub usize,
);

impl Metric for RecallAtK {
    fn name(&self) -> String {
        format!("recall@{}", self.0)
    }

    fn doc(&self) -> &'static str {
        "Whether any of the k nearest has the query's label: recall as metric learning uses the word (Jegou, Douze and \
         Schmid, 2011), not the share of relevant items that are found."
    }

    fn unit(&self) -> &'static str {
        "fraction of queries"
    }
}

impl RankMetric for RecallAtK {
    fn depth(&self, _relevant: usize) -> usize {
        self.0
    }

    fn of_relevant(&self, ranked: &Ranked<'_>) -> f64 {
        of_query(ranked, self.0)
    }
}

/// 1 if one of the `k` nearest is relevant, else 0.
#[must_use]
pub fn of_query(ranked: &Ranked<'_>, k: usize) -> f64 {
    if ranked.hits.iter().take(k).any(|hit| *hit) { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hit_within_k_is_enough() {
        let ranked = Ranked { hits: &[false, true, true], relevant: 5 };
        assert_eq!([1, 2, 3, 9].map(|k| of_query(&ranked, k)), [0.0, 1.0, 1.0, 1.0]);
    }
}
