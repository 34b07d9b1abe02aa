//! Average precision of pairs: the area under the precision-recall curve, without interpolation.

use super::{PairMetric, Roc};
use crate::{Metric, real};

/// average-precision: `sum_n (R_n - R_{n-1}) P_n` over the distinct thresholds, as scikit-learn computes it.
///
/// In (0, 1]; by chance the share of genuine pairs. Without an impostor pair it is 1, without a genuine pair `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AveragePrecision;

impl Metric for AveragePrecision {
    fn name(&self) -> String {
        "average-precision".to_owned()
    }

    fn doc(&self) -> &'static str {
        "`sum_n (R_n - R_{n-1}) P_n` over the distinct distances from the smallest on, `P_n` and `R_n` precision and recall \
         of accepting pairs up to there (as in scikit-learn); by chance the share of pairs of one class."
    }

    fn unit(&self) -> &'static str {
        "mean precision"
    }
}

impl PairMetric for AveragePrecision {
    fn of_pairs(&self, roc: &Roc) -> Option<f64> {
        let mut before = 0;
        let step = |point: &super::Point| {
            let gained = point.genuine - before;
            before = point.genuine;
            real(gained) * real(point.genuine) / real(point.genuine + point.impostor)
        };
        let sum: f64 = roc.points().iter().map(step).sum();
        (roc.genuine() > 0).then(|| sum / real(roc.genuine()))
    }
}
