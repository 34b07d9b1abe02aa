//! The reciprocal rank of the first relevant neighbour (Voorhees, TREC-8 question answering, 1999).

use super::{RankMetric, Ranked};
use crate::{Metric, real};

/// mrr: `1 / rank` of the first relevant item; `mrr@k` is 0 where it is not among the k nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mrr(
    /// k: neighbours looked at; `None` is all of the index.
    pub Option<usize>,
);

impl Metric for Mrr {
    fn name(&self) -> String {
        self.0.map_or_else(|| "mrr".to_owned(), |k| format!("mrr@{k}"))
    }

    fn doc(&self) -> &'static str {
        "The reciprocal of the rank of the first neighbour with the query's label: 1 if it is the nearest, 1/2 if the \
         second; `mrr@k` is 0 beyond the k nearest, `mrr` looks at the whole index."
    }

    fn unit(&self) -> &'static str {
        "mean reciprocal rank"
    }
}

impl RankMetric for Mrr {
    fn depth(&self, _relevant: usize) -> usize {
        self.0.unwrap_or(usize::MAX)
    }

    fn is_settled_by_first_hit(&self) -> bool {
        true
    }

    fn of_relevant(&self, ranked: &Ranked<'_>) -> f64 {
        let first = ranked.hits.iter().take(self.0.unwrap_or(usize::MAX)).position(|hit| *hit);
        first.map_or(0.0, |rank| 1.0 / real(rank + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hit_decides() {
        let ranked = Ranked { hits: &[false, false, true, true], relevant: 2 };
        assert_eq!(Mrr(None).of_relevant(&ranked), 1.0 / 3.0);
        assert_eq!([2, 3, 9].map(|k| Mrr(Some(k)).of_relevant(&ranked)), [0.0, 1.0 / 3.0, 1.0 / 3.0]);
        assert_eq!(Mrr(None).of_relevant(&Ranked { hits: &[], relevant: 2 }), 0.0);
    }
}
