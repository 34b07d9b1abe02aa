//! The equal error rate.

use super::{PairMetric, Point, Roc};
use crate::Metric;

/// eer: where the false positive and the false negative rate are equal, the curve between two thresholds taken as
/// straight (as is usual for ROC curves). In [0, 1], 0.5 by chance; smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eer;

impl Metric for Eer {
    fn name(&self) -> String {
        "eer".to_owned()
    }

    fn doc(&self) -> &'static str {
        "The error rate at the distance at which as large a share of pairs of two classes is accepted as of pairs of one class \
         is rejected, straight lines between the points of the ROC curve; 0.5 by chance."
    }

    fn unit(&self) -> &'static str {
        "fraction of pairs"
    }

    fn higher_is_better(&self) -> bool {
        false
    }
}

impl PairMetric for Eer {
    fn of_pairs(&self, roc: &Roc) -> Option<f64> {
        // `fpr - fnr` rises from -1 to 1, so it crosses 0 in one piece, which halving finds.
        let gap = |(fpr, tpr): (f64, f64)| fpr + tpr - 1.0;
        let rates = |point: &Point| roc.rates_at(point);
        roc.has_both().then_some(())?;
        let after = roc.points().partition_point(|point| gap(rates(point)) < 0.0);
        let end = rates(roc.points().get(after)?);
        let start = after.checked_sub(1).map_or((0.0, 0.0), |before| rates(&roc.points()[before]));
        Some(start.0 + (end.0 - start.0) * (-gap(start) / (gap(end) - gap(start))))
    }
}
