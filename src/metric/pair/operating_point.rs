//! One error rate where the other is held: tpr@fpr, fpr@tpr and frr@far.
//!
//! All are of thresholds that exist: nothing is interpolated, so the figure is one that a system can be run at.

use super::{PairMetric, Roc};
use crate::{Metric, real};

/// tpr@1fpr: the largest true positive rate at a false positive rate of at most 1 % (or another percentage).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TprAtFpr {
    /// The false positive rate allowed, in percent.
    pub percent: f64,
}

/// fpr@95tpr: the smallest false positive rate at a true positive rate of at least 95 % (Liang et al., 2018,
/// arXiv:1706.02690).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FprAtTpr {
    /// The true positive rate demanded, in percent.
    pub percent: f64,
}

/// frr@1far: the smallest share of genuine pairs rejected while at most 1 % of impostor pairs are accepted: `1 -
/// tpr@1fpr`, as biometrics puts it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrrAtFar {
    /// The false acceptance rate allowed, in percent.
    pub percent: f64,
}

impl Metric for TprAtFpr {
    fn name(&self) -> String {
        format!("tpr@{}fpr", self.percent)
    }

    fn doc(&self) -> &'static str {
        "The share of pairs of one class that is accepted at the largest distance that accepts at most this percentage of pairs \
         of two classes; not interpolated."
    }

    fn unit(&self) -> &'static str {
        "fraction of pairs of one class"
    }
}

impl PairMetric for TprAtFpr {
    fn of_pairs(&self, roc: &Roc) -> Option<f64> {
        let accepted = roc.within(self.percent / 100.0).map_or(0, |point| point.genuine);
        roc.has_both().then(|| real(accepted) / real(roc.genuine()))
    }
}

impl Metric for FprAtTpr {
    fn name(&self) -> String {
        format!("fpr@{}tpr", self.percent)
    }

    fn doc(&self) -> &'static str {
        "The share of pairs of two classes that is accepted at the smallest distance that accepts at least this percentage of \
         pairs of one class; not interpolated."
    }

    fn unit(&self) -> &'static str {
        "fraction of pairs of two classes"
    }

    fn higher_is_better(&self) -> bool {
        false
    }
}

impl PairMetric for FprAtTpr {
    fn of_pairs(&self, roc: &Roc) -> Option<f64> {
        let (genuine, impostor) = (real(roc.genuine()), real(roc.impostor()));
        let enough = self.percent / 100.0 * genuine * (1.0 - 1e-12);
        let point = roc.points().iter().find(|point| real(point.genuine) >= enough)?;
        (genuine > 0.0 && impostor > 0.0).then(|| real(point.impostor) / impostor)
    }
}

impl Metric for FrrAtFar {
    fn name(&self) -> String {
        format!("frr@{}far", self.percent)
    }

    fn doc(&self) -> &'static str {
        "The share of pairs of one class that is rejected at the largest distance that accepts at most this percentage of pairs \
         of two classes; not interpolated."
    }

    fn unit(&self) -> &'static str {
        "fraction of pairs of one class"
    }

    fn higher_is_better(&self) -> bool {
        false
    }
}

impl PairMetric for FrrAtFar {
    fn of_pairs(&self, roc: &Roc) -> Option<f64> {
        TprAtFpr { percent: self.percent }.of_pairs(roc).map(|accepted| 1.0 - accepted)
    }
}
