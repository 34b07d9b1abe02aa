//! Queries go to the class whose mean is nearest.

use super::{Episode, EpisodeMetric};
use crate::Metric;
use crate::space::{Space, square};

/// nearest-prototype: the class of the nearest mean of the rows shown, by squared euclidean distance (Snell, Swersky and
/// Zemel, Prototypical Networks, 2017, arXiv:1703.05175). Ties go to the class drawn first; 1/ways by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearestPrototype;

impl Metric for NearestPrototype {
    fn name(&self) -> String {
        "nearest-prototype".to_owned()
    }

    fn doc(&self) -> &'static str {
        "The share of queries whose class has the nearest mean of the examples shown (Snell, Swersky and Zemel, 2017, \
         arXiv:1703.05175)."
    }

    fn unit(&self) -> &'static str {
        "fraction of queries"
    }
}

impl EpisodeMetric for NearestPrototype {
    #[expect(clippy::cast_possible_truncation, reason = "means are kept in the type of the rows")]
    fn label(&self, space: &Space<'_>, episode: &Episode) -> Vec<usize> {
        let mean = |way: usize| -> Vec<f32> {
            let rows: Vec<usize> = episode.support.iter().filter(|shown| shown.1 == way).map(|shown| shown.0).collect();
            let count = crate::real(rows.len().max(1));
            space.sum_of(rows).iter().map(|sum| (sum / count) as f32).collect()
        };
        let means: Vec<Vec<f32>> = (0..episode.ways.len()).map(mean).collect();
        let nearest = |query: &(usize, usize)| {
            let distances = means.iter().map(|mean| square(space.row(query.1), mean)).enumerate();
            distances.reduce(|best, next| if next.1 < best.1 { next } else { best }).map_or(0, |best| best.0)
        };
        episode.queries.iter().map(nearest).collect()
    }
}
