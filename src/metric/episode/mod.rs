//! Few-shot episodes: classes and examples drawn at random, queries labelled by the few examples that are shown.
//!
//! An episode is a pure function of labels, groups and seed ([`Episodes`]); what labels its queries is an
//! [`EpisodeMetric`], one a file.

mod draw;
mod interval;
mod nearest_neighbour;
mod nearest_prototype;

#[cfg(test)]
mod tests;

use rayon::prelude::*;

use super::name::{Argument, Known, NameError, read};
use super::space::Space;
use super::{Metric, MetricError, real};

pub use draw::{Drawer, Episode, Episodes};
pub use interval::mean_of_episodes;
pub use nearest_neighbour::NearestNeighbour;
pub use nearest_prototype::NearestPrototype;

/// A way to label the queries of an episode.
pub trait EpisodeMetric: Metric {
    /// Which of the episode's classes each query is given, by position among its ways.
    fn label(&self, space: &Space<'_>, episode: &Episode) -> Vec<usize>;

    /// The share of queries that are given their class; `None` of an episode without queries.
    fn of_episode(&self, space: &Space<'_>, episode: &Episode) -> Option<f64> {
        let given = self.label(space, episode);
        let right = given.iter().zip(&episode.queries).filter(|(given, query)| **given == query.0).count();
        (!episode.queries.is_empty()).then(|| real(right) / real(episode.queries.len()))
    }
}

/// The accuracy of each episode, in their order: its mean is the figure that is reported, with an interval over episodes.
///
/// Rows of one group (such as one object from several sides), if there are groups, are never shown and asked in one
/// episode. The bytes do not depend on the number of threads.
///
/// # Errors
/// If there are too few classes with enough examples, or not one group a row.
pub fn accuracies(
    metric: &dyn EpisodeMetric,
    space: &Space<'_>,
    groups: Option<&[u64]>,
    episodes: &Episodes,
) -> Result<Vec<f64>, MetricError> {
    let drawn = episodes.draw(space.labels(), groups)?;
    Ok(drawn.into_par_iter().filter_map(|episode| metric.of_episode(space, &episode)).collect())
}

/// Every name, with what other tools call it.
pub(crate) const KNOWN: &[Known] = &[
    Known {
        name: "nearest-prototype",
        argument: Argument::None,
        share: true,
        aka: &["prototypical", "protonet", "nearest-centroid", "ncm"],
    },
    Known {
        name: "nearest-neighbour",
        argument: Argument::None,
        share: true,
        aka: &["nearest-neighbor", "matching", "1nn", "knn"],
    },
];

/// The metric of a name.
///
/// # Errors
/// If there is no such metric.
pub fn parse(text: &str) -> Result<Box<dyn EpisodeMetric>, NameError> {
    let (name, _) = read(text, KNOWN)?;
    Ok(if name == "nearest-prototype" { Box::new(NearestPrototype) } else { Box::new(NearestNeighbour) })
}
