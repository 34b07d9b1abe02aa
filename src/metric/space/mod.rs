//! Metrics of where embeddings lie: one file a metric. They say whether a space is used well, not whether a search in it
//! is right.

mod alignment;
mod effective_rank;
pub mod hubness;
pub mod pairs;
mod rows;
mod silhouette;
mod spectrum;
mod uniformity;

#[cfg(test)]
mod tests;

use super::Metric;
use super::name::{Argument, Known, NameError, read};
use simpipe_base::seed::Seed;

pub use alignment::Alignment;
pub use effective_rank::EffectiveRank;
pub use rows::Space;
pub use rows::square;
pub use silhouette::Silhouette;
pub use uniformity::Uniformity;

/// A metric of embeddings with labels.
pub trait SpaceMetric: Metric {
    /// The value; `None` where there are too few rows, pairs or classes for one.
    fn of_space(&self, space: &Space<'_>) -> Option<f64>;
}

/// Every name, with what other tools call it.
pub(crate) const KNOWN: &[Known] = &[
    Known { name: "alignment", argument: Argument::None, share: false, aka: &["align-loss", "tolerance"] },
    Known { name: "uniformity", argument: Argument::None, share: false, aka: &["uniform-loss"] },
    Known { name: "effective-rank", argument: Argument::None, share: false, aka: &["rankme", "erank"] },
    Known {
        name: "silhouette",
        argument: Argument::None,
        share: false,
        aka: &["silhouette-score", "silhouette-coefficient"],
    },
];

/// The metric of a name, such as `uniformity`; `seed` is where pairs are drawn from if there are very many.
///
/// # Errors
/// If there is no such metric.
pub fn parse(text: &str, seed: Seed) -> Result<Box<dyn SpaceMetric>, NameError> {
    let (name, _) = read(text, KNOWN)?;
    Ok(match name {
        "alignment" => Box::new(Alignment),
        "uniformity" => Box::new(Uniformity::new(seed)),
        "silhouette" => Box::new(Silhouette),
        _ => Box::new(EffectiveRank),
    })
}
