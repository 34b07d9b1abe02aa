//! Metrics of pairs that are to be accepted or rejected by their score: one file a metric, each a [`PairMetric`].

mod average_precision;
mod eer;
mod operating_point;
mod ordered;
mod roc;
mod roc_auc;

#[cfg(test)]
mod tests;

use super::Metric;
use super::name::{Argument, Known, NameError, read};

pub use average_precision::AveragePrecision;
pub use eer::Eer;
pub use operating_point::{FprAtTpr, FrrAtFar, TprAtFpr};
pub use ordered::{OrderedPairs, ScoredPair};
pub use roc::{Point, Roc};
pub use roc_auc::RocAuc;

/// A metric of pairs.
pub trait PairMetric: Metric {
    /// The value; `None` where there is no pair of a kind that it needs.
    fn of_pairs(&self, roc: &Roc) -> Option<f64>;
}

/// Every name, with what other tools call it.
pub(crate) const KNOWN: &[Known] = &[
    Known { name: "roc-auc", argument: Argument::None, share: true, aka: &["auc", "roc-auc-score"] },
    Known {
        name: "average-precision",
        argument: Argument::None,
        share: true,
        aka: &["pr-auc", "auprc", "average-precision-score"],
    },
    Known { name: "eer", argument: Argument::None, share: true, aka: &["equal-error-rate"] },
    Known { name: "tpr", argument: Argument::Percent("fpr"), share: true, aka: &["tar"] },
    Known { name: "fpr", argument: Argument::Percent("tpr"), share: true, aka: &["fpr95"] },
    Known { name: "frr", argument: Argument::Percent("far"), share: true, aka: &["fnmr"] },
];

/// The metric of a name, such as `roc-auc` or `fpr@95tpr`.
///
/// # Errors
/// If there is no such metric, or its percentage is missing, out of range or not taken.
pub fn parse(text: &str) -> Result<Box<dyn PairMetric>, NameError> {
    let (name, number) = read(text, KNOWN)?;
    let percent = number.percent();
    Ok(match name {
        "roc-auc" => Box::new(RocAuc),
        "average-precision" => Box::new(AveragePrecision),
        "tpr" => Box::new(TprAtFpr { percent }),
        "fpr" => Box::new(FprAtTpr { percent }),
        "frr" => Box::new(FrrAtFar { percent }),
        _ => Box::new(Eer),
    })
}
