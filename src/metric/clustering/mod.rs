//! Metrics of a clustering against labels: one file a metric, each a [`ClusteringMetric`], and the k-means that makes the
//! clustering of embeddings.

mod ami;
mod ari;
mod contingency;
pub mod k_means;
mod nmi;

#[cfg(test)]
mod tests;

use super::Metric;
use super::name::{Argument, Known, NameError, read};

pub use ami::Ami;
pub use ari::Ari;
pub use contingency::Contingency;
pub use k_means::KMeans;
pub use nmi::Nmi;

/// A metric of two partitions of the same rows.
pub trait ClusteringMetric: Metric {
    /// The value; `None` of no rows.
    fn of_clustering(&self, table: &Contingency) -> Option<f64>;
}

/// Every name, with what other tools call it.
pub(crate) const KNOWN: &[Known] = &[
    Known {
        name: "nmi",
        argument: Argument::None,
        share: true,
        aka: &["normalized-mutual-info-score", "normalised-mutual-information"],
    },
    Known {
        name: "ami",
        argument: Argument::None,
        share: false,
        aka: &["adjusted-mutual-info-score", "adjusted-mutual-information"],
    },
    Known { name: "ari", argument: Argument::None, share: false, aka: &["adjusted-rand-score", "adjusted-rand-index"] },
];

/// The metric of a name, such as `nmi`.
///
/// # Errors
/// If there is no such metric.
pub fn parse(text: &str) -> Result<Box<dyn ClusteringMetric>, NameError> {
    let (name, _) = read(text, KNOWN)?;
    Ok(match name {
        "nmi" => Box::new(Nmi),
        "ami" => Box::new(Ami),
        _ => Box::new(Ari),
    })
}
