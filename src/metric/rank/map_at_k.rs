//! map@k: mean average precision over the k nearest, as TensorFlow Similarity counts it.
//!
//! `1/R sum_{i=1..k} P(i) rel(i)` with R all relevant items of the index, also where k is smaller: then even a perfect
//! order has only k/R. Clipped at R, ranks beyond R don't count, and from k = R on it is [`map@r`](super::map_at_r).

use super::{RankMetric, Ranked};
use crate::{Metric, real};

/// map@k, map-clip-at-r@k, and map: average precision over the k nearest or all of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapAtK {
    /// Neighbours looked at; `None` is all of the index.
    pub k: Option<usize>,
    /// Whether ranks beyond R, the number of relevant items, don't count.
    pub clip_at_r: bool,
}

impl Metric for MapAtK {
    fn name(&self) -> String {
        let name = if self.clip_at_r { "map-clip-at-r" } else { "map" };
        self.k.map_or_else(|| name.to_owned(), |k| format!("{name}@{k}"))
    }

    fn doc(&self) -> &'static str {
        if self.clip_at_r {
            "`1/R sum_{i=1..min(k, R)} P(i) rel(i)`: mean average precision over the k nearest, but not beyond R, the number \
             of relevant items (TensorFlow Similarity's `clip_at_r`); `map@r` from k = R on."
        } else {
            "`1/R sum_{i=1..k} P(i) rel(i)`: R is the number of relevant items in the whole index, `P(i)` the precision of \
             the i nearest, `rel(i)` 1 if the i-th is relevant; at most k/R where k is smaller. `map` looks at the whole index."
        }
    }

    fn unit(&self) -> &'static str {
        "mean precision"
    }
}

impl RankMetric for MapAtK {
    fn depth(&self, relevant: usize) -> usize {
        let k = self.k.unwrap_or(usize::MAX);
        if self.clip_at_r { k.min(relevant) } else { k }
    }

    fn of_relevant(&self, ranked: &Ranked<'_>) -> f64 {
        let hits = (1..=self.depth(ranked.relevant)).zip(ranked.hits).filter(|(_, hit)| **hit);
        let sum: f64 = (1_usize..).zip(hits).map(|(found, (rank, _))| real(found) / real(rank)).sum();
        sum / real(ranked.relevant.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_is_as_computed_by_hand() {
        // Hits at ranks 1, 3 and 5, R = 4: precisions 1, 2/3 and 3/5.
        let ranked = Ranked { hits: &[true, false, true, false, true], relevant: 4 };
        let value = |k, clip_at_r| MapAtK { k, clip_at_r }.of_relevant(&ranked);
        let close = |one: f64, other: f64| assert!((one - other).abs() < 1e-15, "{one} {other}");
        close(value(Some(1), false), 0.25);
        close(value(Some(9), false), (1.0 + 2.0 / 3.0 + 0.6) / 4.0);
        close(value(None, false), value(Some(5), false));
        close(value(Some(9), true), (1.0 + 2.0 / 3.0) / 4.0);
        close(value(Some(9), true), super::super::map_at_r::of_query(&ranked));
    }
}
