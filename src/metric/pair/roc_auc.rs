//! The area under the ROC curve.

use super::{PairMetric, Roc};
use crate::metric::Metric;

/// roc-auc: the probability that a genuine pair scores higher than an impostor pair, ties counting half (Hanley and
/// McNeil, 1982): the trapezoid area under the true over the false positive rate. In [0, 1], 0.5 by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RocAuc;

impl Metric for RocAuc {
    fn name(&self) -> String {
        "roc-auc".to_owned()
    }

    fn doc(&self) -> &'static str {
        "The probability that a pair of one class is nearer than a pair of two, ties counting half: the area under the \
         ROC curve (Hanley and McNeil, 1982); 0.5 by chance."
    }

    fn unit(&self) -> &'static str {
        "probability"
    }
}

impl PairMetric for RocAuc {
    fn of_pairs(&self, roc: &Roc) -> Option<f64> {
        let rates: Vec<(f64, f64)> = roc.rates()?.collect();
        Some(rates.windows(2).map(|ends| (ends[1].0 - ends[0].0) * (ends[0].1 + ends[1].1) / 2.0).sum())
    }
}
