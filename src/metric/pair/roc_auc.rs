//! The area under the ROC curve.

use super::{PairMetric, Roc};
use crate::{Metric, real};

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
        // In whole numbers, twice the area of each trapezium: exact, and nothing is divided but the sum.
        let (mut area, mut before) = (0_u128, (0, 0));
        for point in roc.points() {
            area += (point.impostor - before.0) as u128 * (before.1 + point.genuine) as u128;
            before = (point.impostor, point.genuine);
        }
        #[expect(clippy::cast_precision_loss, reason = "an area, which is a real number")]
        roc.has_both().then(|| area as f64 / (2.0 * real(roc.genuine()) * real(roc.impostor())))
    }
}
