//! The equal error rate.

use super::{PairMetric, Roc};
use crate::metric::Metric;

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
        // `fpr - fnr` rises from -1 to 1, so it crosses 0 in some piece.
        let mut last = (0.0, 0.0);
        for (fpr, tpr) in roc.rates()? {
            let gap = fpr + tpr - 1.0;
            if gap >= 0.0 {
                let before: f64 = last.0 + last.1 - 1.0;
                return Some(last.0 + (fpr - last.0) * (-before / (gap - before)));
            }
            last = (fpr, tpr);
        }
        None
    }
}
