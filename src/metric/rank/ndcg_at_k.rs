//! ndcg@k: discounted gain of the k nearest, relative to a best order (Jarvelin and Kekalainen, 2002).
//!
//! `DCG = sum_{i=1..k} rel(i) / log2(i + 1)` with `rel` 0 or 1, divided by that of an ideal order. What the ideal order
//! is of makes two metrics: of the k retrieved ([`NdcgAtK`], TensorFlow Similarity's), or of all relevant items of the
//! index ([`TrueNdcgAtK`], the usual one), which also sees relevant items that were not retrieved.

use super::{RankMetric, Ranked};
use crate::{Metric, real};

/// ndcg@k: the ideal order is that of the retrieved k.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NdcgAtK(
    /// k: neighbours looked at.
    pub usize,
);

/// true-ndcg@k: the ideal order has all relevant items of the index first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrueNdcgAtK(
    /// k: neighbours looked at.
    pub usize,
);

impl Metric for NdcgAtK {
    fn name(&self) -> String {
        format!("ndcg@{}", self.0)
    }

    fn doc(&self) -> &'static str {
        "`DCG / IDCG` of the k nearest, `DCG = sum_{i=1..k} rel(i) / log2(i + 1)`; the ideal order is that of the *retrieved* k \
         alone, as in TensorFlow Similarity: 1 wherever no wrong neighbour comes before a right one, 0 without a right one."
    }

    fn unit(&self) -> &'static str {
        "normalised gain"
    }
}

impl RankMetric for NdcgAtK {
    fn depth(&self, _relevant: usize) -> usize {
        self.0
    }

    fn of_relevant(&self, ranked: &Ranked<'_>) -> f64 {
        let hits = &ranked.hits[..self.0.min(ranked.hits.len())];
        gain(hits) / ideal(hits.iter().filter(|hit| **hit).count().max(1))
    }
}

impl Metric for TrueNdcgAtK {
    fn name(&self) -> String {
        format!("true-ndcg@{}", self.0)
    }

    fn doc(&self) -> &'static str {
        "`DCG / IDCG` of the k nearest, `DCG = sum_{i=1..k} rel(i) / log2(i + 1)`; the ideal order has min(k, R) right \
         neighbours first, R being all relevant items of the index (Jarvelin and Kekalainen, 2002)."
    }

    fn unit(&self) -> &'static str {
        "normalised gain"
    }
}

impl RankMetric for TrueNdcgAtK {
    fn depth(&self, _relevant: usize) -> usize {
        self.0
    }

    fn of_relevant(&self, ranked: &Ranked<'_>) -> f64 {
        let hits = &ranked.hits[..self.0.min(ranked.hits.len())];
        gain(hits) / ideal(self.0.min(ranked.relevant).max(1))
    }
}

fn discount(at: usize) -> f64 {
    1.0 / real(at + 2).log2()
}

fn gain(hits: &[bool]) -> f64 {
    (0..).zip(hits).filter(|(_, hit)| **hit).map(|(at, _)| discount(at)).sum()
}

/// The gain of `count` right neighbours in a row.
fn ideal(count: usize) -> f64 {
    (0..count).map(discount).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_differ_in_what_was_not_retrieved() {
        let ranked = Ranked { hits: &[true, false, true, false], relevant: 3 };
        let dcg = 1.0 + 0.5;
        let close = |one: f64, other: f64| assert!((one - other).abs() < 1e-15, "{one} {other}");
        close(NdcgAtK(4).of_relevant(&ranked), dcg / (1.0 + 1.0 / 3_f64.log2()));
        close(TrueNdcgAtK(4).of_relevant(&ranked), dcg / (1.0 + 1.0 / 3_f64.log2() + 0.5));
        close(NdcgAtK(1).of_relevant(&ranked), 1.0);
        close(NdcgAtK(9).of_relevant(&Ranked { hits: &[false; 3], relevant: 2 }), 0.0);
        close(TrueNdcgAtK(2).of_relevant(&Ranked { hits: &[true; 2], relevant: 8 }), 1.0);
    }
}
