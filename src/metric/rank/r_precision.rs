//! R-precision: the share of relevant items among the R nearest, R being the number of relevant items.

use super::{RankMetric, Ranked};
use crate::{Metric, real};

/// r-precision: precision at the depth at which a perfect order would have every neighbour right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RPrecision;

impl Metric for RPrecision {
    fn name(&self) -> String {
        "r-precision".to_owned()
    }

    fn doc(&self) -> &'static str {
        "The share of the R nearest that have the query's label, R being the number of relevant items: 1 exactly if all of \
         them come first (as in pytorch-metric-learning)."
    }

    fn unit(&self) -> &'static str {
        "fraction of neighbours"
    }
}

impl RankMetric for RPrecision {
    fn depth(&self, relevant: usize) -> usize {
        relevant
    }

    fn of_relevant(&self, ranked: &Ranked<'_>) -> f64 {
        ranked.found(ranked.relevant) / real(ranked.relevant.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_r_count() {
        let ranked = Ranked { hits: &[true, false, true, true], relevant: 3 };
        assert_eq!(RPrecision.of_relevant(&ranked), 2.0 / 3.0);
        // An index that was not searched as deep as R: what was not looked at is no hit.
        assert_eq!(RPrecision.of_relevant(&Ranked { hits: &[true], relevant: 4 }), 0.25);
    }
}
