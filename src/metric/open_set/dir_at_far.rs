//! The detection and identification rate at a false alarm rate.

use super::{OpenSet, OpenSetMetric};
use crate::{Metric, real};

/// dir@1far: the share of queries of known classes that are accepted with the right label, at the laxest threshold that
/// accepts at most 1 % (or another percentage) of the queries of unknown classes (Phillips, Grother and Micheals, 2011).
///
/// Of thresholds that exist; 0 where even the strictest accepts too many unknowns. In [0, 1].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DirAtFar {
    /// The false alarm rate allowed, in percent.
    pub percent: f64,
}

impl Metric for DirAtFar {
    fn name(&self) -> String {
        format!("dir@{}far", self.percent)
    }

    fn doc(&self) -> &'static str {
        "The share of queries of classes in the index that are accepted with the right label, at the largest distance that \
         accepts at most this percentage of the queries of other classes (Phillips, Grother and Micheals, 2011)."
    }

    fn unit(&self) -> &'static str {
        "fraction of known queries"
    }
}

impl OpenSetMetric for DirAtFar {
    fn of_open_set(&self, set: &OpenSet) -> Option<f64> {
        // A whole number of queries that rounding put just above the limit is within it.
        let limit = self.percent / 100.0 * real(set.unknown()) * (1.0 + 1e-12);
        let point = set.points().iter().take_while(|point| real(point.unknown) <= limit).last();
        set.has_both().then(|| real(point.map_or(0, |point| point.right)) / real(set.known()))
    }
}
