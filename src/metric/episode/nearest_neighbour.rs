//! Queries go to the class of the nearest row shown.

use super::{Episode, EpisodeMetric};
use crate::Metric;
use crate::space::{Space, square};

/// nearest-neighbour: the class of the nearest row shown, by squared euclidean distance; with one shot the same as
/// [`NearestPrototype`](super::NearestPrototype). Ties go to the row drawn first; 1/ways by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearestNeighbour;

impl Metric for NearestNeighbour {
    fn name(&self) -> String {
        "nearest-neighbour".to_owned()
    }

    fn doc(&self) -> &'static str {
        "The share of queries whose class has the nearest of the examples shown."
    }

    fn unit(&self) -> &'static str {
        "fraction of queries"
    }
}

impl EpisodeMetric for NearestNeighbour {
    fn label(&self, space: &Space<'_>, episode: &Episode) -> Vec<usize> {
        let nearest = |query: &(usize, usize)| {
            let distances =
                episode.support.iter().map(|shown| (shown.1, square(space.row(query.1), space.row(shown.0))));
            distances.reduce(|best, next| if next.1 < best.1 { next } else { best }).map_or(0, |best| best.0)
        };
        episode.queries.iter().map(nearest).collect()
    }
}
