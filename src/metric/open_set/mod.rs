//! Open-set metrics: queries of known classes are to be found with their label, queries of unknown classes to be
//! rejected, both by the score of their best match. One file a metric, each an [`OpenSetMetric`].

mod auroc;
mod dir_at_far;
mod error_rates;
mod oscr;

#[cfg(test)]
mod tests;

use super::name::{Argument, Known, NameError, read};
use super::{Metric, MetricError};

pub use auroc::Auroc;
pub use dir_at_far::DirAtFar;
pub use error_rates::{ErrorRates, error_rates};
pub use oscr::Oscr;

/// What a query is, and how sure its best match is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probe {
    /// Higher is surer; give a distance negated. A query without any match has negative infinity.
    pub score: f64,
    /// What should become of it.
    pub truth: Truth,
}

/// What should become of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// Its class is in the index, and its best match has its label: to be accepted.
    Right,
    /// Its class is in the index, but its best match has another label: wrong whether accepted or not.
    Wrong,
    /// Its class is not in the index: to be rejected.
    Unknown,
}

/// Queries that a threshold accepts: all whose score is at least it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accepted {
    /// The threshold.
    pub threshold: f64,
    /// Accepted queries with the right label.
    pub right: usize,
    /// Accepted queries of known classes with a wrong label.
    pub wrong: usize,
    /// Accepted queries of unknown classes.
    pub unknown: usize,
}

/// Queries by score: what is accepted at each distinct score, from the strictest.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenSet {
    points: Vec<Accepted>,
    known: usize,
    unknown: usize,
}

impl OpenSet {
    /// The queries in any order; those of equal scores are accepted together.
    ///
    /// # Errors
    /// If a score is NaN.
    pub fn new(probes: &[Probe]) -> Result<Self, MetricError> {
        if let Some(row) = probes.iter().position(|probe| probe.score.is_nan()) {
            return Err(MetricError::NotFinite { what: "score", row });
        }
        // `+ 0.0` leaves one zero.
        let mut sorted: Vec<(f64, Truth)> = probes.iter().map(|probe| (probe.score + 0.0, probe.truth)).collect();
        sorted.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
        let mut points = Vec::new();
        let mut all = Accepted { threshold: f64::INFINITY, right: 0, wrong: 0, unknown: 0 };
        for same in sorted.chunk_by(|one, other| one.0 == other.0) {
            let count = |truth: Truth| same.iter().filter(|probe| probe.1 == truth).count();
            all = Accepted {
                threshold: same[0].0,
                right: all.right + count(Truth::Right),
                wrong: all.wrong + count(Truth::Wrong),
                unknown: all.unknown + count(Truth::Unknown),
            };
            points.push(all);
        }
        Ok(Self { points, known: all.right + all.wrong, unknown: all.unknown })
    }

    /// The points, from the strictest threshold; the last accepts all. Before the first, nothing is accepted.
    #[must_use]
    pub fn points(&self) -> &[Accepted] {
        &self.points
    }

    /// Queries of known classes.
    #[must_use]
    pub const fn known(&self) -> usize {
        self.known
    }

    /// Queries of unknown classes.
    #[must_use]
    pub const fn unknown(&self) -> usize {
        self.unknown
    }

    /// Whether there are queries of both kinds, which every metric needs.
    #[must_use]
    pub const fn has_both(&self) -> bool {
        self.known > 0 && self.unknown > 0
    }
}

/// A metric of queries of known and unknown classes.
pub trait OpenSetMetric: Metric {
    /// The value; `None` unless there are queries of known and of unknown classes.
    fn of_open_set(&self, set: &OpenSet) -> Option<f64>;
}

/// Every name, with what other tools call it.
pub(crate) const KNOWN: &[Known] = &[
    Known { name: "auroc", argument: Argument::None, share: true, aka: &["ood-auroc", "auroc-ood", "novelty-auroc"] },
    Known {
        name: "dir",
        argument: Argument::Percent("far"),
        share: true,
        aka: &["tpir", "detection-and-identification-rate"],
    },
    Known { name: "oscr", argument: Argument::None, share: true, aka: &["auoscr", "open-set-classification-rate"] },
];

/// The metric of a name, such as `auroc` or `dir@1far`.
///
/// # Errors
/// If there is no such metric, or its percentage is missing, out of range or not taken.
pub fn parse(text: &str) -> Result<Box<dyn OpenSetMetric>, NameError> {
    let (name, number) = read(text, KNOWN)?;
    Ok(match name {
        "auroc" => Box::new(Auroc),
        "dir" => Box::new(DirAtFar { percent: number.percent() }),
        _ => Box::new(Oscr),
    })
}
