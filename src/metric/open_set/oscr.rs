//! The open-set classification rate.

use super::{OpenSet, OpenSetMetric};
use crate::{Metric, real};

/// oscr: the area under the share of known queries accepted with the right label over the share of unknown queries accepted
/// (the curve of Dhamija, Günther and Boult, 2018, arXiv:1811.04110; its area by trapezoids as in Chen et al., 2021,
/// arXiv:2103.00953).
///
/// In [0, 1]; never above the accuracy without rejection, which it equals where all unknowns score lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oscr;

impl Metric for Oscr {
    fn name(&self) -> String {
        "oscr".to_owned()
    }

    fn doc(&self) -> &'static str {
        "The area under the share of queries of indexed classes that are accepted with the right label over the share of other \
         queries that are accepted (Dhamija, Günther and Boult, 2018, arXiv:1811.04110)."
    }

    fn unit(&self) -> &'static str {
        "area"
    }
}

impl OpenSetMetric for Oscr {
    fn of_open_set(&self, set: &OpenSet) -> Option<f64> {
        let (mut area, mut last) = (0.0, (0.0, 0.0));
        for point in set.points() {
            let next = (real(point.unknown), real(point.right));
            area += (next.0 - last.0) * (next.1 + last.1) / 2.0;
            last = next;
        }
        set.has_both().then(|| area / (real(set.unknown()) * real(set.known())))
    }
}
