//! MAP@R: mean average precision over the R nearest, R being the number of relevant items.
//!
//! Musgrave, Belongie and Lim, A Metric Learning Reality Check (2020): `1/R sum_{i=1..R} P(i) rel(i)` with `P(i)` the
//! precision of the `i` nearest and `rel(i)` 1 if the i-th is relevant. It rewards an order that recall@1 can't see.

use super::{RankMetric, Ranked};
use crate::Metric;

/// map@r: mean average precision over the R nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapAtR;

impl Metric for MapAtR {
    fn name(&self) -> String {
        "map@r".to_owned()
    }

    fn doc(&self) -> &'static str {
        "`1/R sum_{i=1..R} P(i) rel(i)`: R is the number of relevant items, `P(i)` the precision of the i nearest, \
         `rel(i)` 1 if the i-th is relevant (Musgrave, Belongie and Lim, 2020, arXiv:2003.08505)."
    }

    fn unit(&self) -> &'static str {
        "mean precision"
    }
}

impl RankMetric for MapAtR {
    fn depth(&self, relevant: usize) -> usize {
        relevant
    }

    fn of_relevant(&self, ranked: &Ranked<'_>) -> f64 {
        of_query(ranked)
    }
}

/// The average precision at R of one query; 0 where nothing is relevant.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of neighbours are far below 2^52")]
pub fn of_query(ranked: &Ranked<'_>) -> f64 {
    let hits = (1..=ranked.relevant).zip(ranked.hits).filter(|(_, hit)| **hit);
    let sum: f64 = (1_usize..).zip(hits).map(|(found, (rank, _))| found as f64 / rank as f64).sum();
    sum / ranked.relevant.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_is_as_computed_by_hand() {
        // Hits at ranks 1 and 3 of the first R = 4; the hit at rank 5 is beyond R: (1/1 + 2/3) / 4.
        let ranked = Ranked { hits: &[true, false, true, false, true], relevant: 4 };
        assert!((of_query(&ranked) - 5.0 / 12.0).abs() < 1e-15);
        assert_eq!(of_query(&Ranked { hits: &[true, true], relevant: 2 }), 1.0);
        assert_eq!(of_query(&Ranked { hits: &[false], relevant: 0 }), 0.0);
    }
}
