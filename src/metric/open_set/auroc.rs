//! How well the score of the best match tells known classes from unknown ones.

use super::{OpenSet, OpenSetMetric};
use crate::{Metric, real};

/// auroc: the probability that a query of a known class scores higher than one of an unknown class, ties counting half
/// (Hendrycks and Gimpel, 2017, arXiv:1610.02136). Whether the label is right does not matter. In [0, 1], 0.5 by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Auroc;

impl Metric for Auroc {
    fn name(&self) -> String {
        "auroc".to_owned()
    }

    fn doc(&self) -> &'static str {
        "The probability that a query of a class in the index lies nearer to its best match than one of another class, ties \
         counting half (Hendrycks and Gimpel, 2017, arXiv:1610.02136); 0.5 by chance."
    }

    fn unit(&self) -> &'static str {
        "probability"
    }
}

impl OpenSetMetric for Auroc {
    fn of_open_set(&self, set: &OpenSet) -> Option<f64> {
        let (mut area, mut last) = (0.0, (0.0, 0.0));
        for point in set.points() {
            let next = (real(point.unknown), real(point.right + point.wrong));
            area += (next.0 - last.0) * (next.1 + last.1) / 2.0;
            last = next;
        }
        set.has_both().then(|| area / (real(set.unknown()) * real(set.known())))
    }
}
