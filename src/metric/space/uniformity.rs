//! How evenly rows fill the sphere.

use super::pairs::{Kind, Sample};
use super::{Space, SpaceMetric};
use crate::{Metric, real};
use simpipe_base::seed::Seed;

/// uniformity: `ln E exp(-t |x - y|^2)` over pairs of any two rows, t = 2 (Wang and Isola, 2020, arXiv:2005.10242).
///
/// At most 0 (all rows equal), at least -8 for rows of unit length; for rows spread evenly over a sphere of many
/// dimensions about -4. Smaller is better. Over all pairs up to a million, else over a million drawn ones. `None` of fewer
/// than two rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uniformity {
    /// What distances are weighed with.
    pub t: f64,
    /// How many pairs are looked at.
    pub sample: Sample,
}

impl Uniformity {
    /// Its usual form.
    #[must_use]
    pub const fn new(seed: Seed) -> Self {
        Self { t: 2.0, sample: Sample::new(seed) }
    }
}

impl Metric for Uniformity {
    fn name(&self) -> String {
        "uniformity".to_owned()
    }

    fn doc(&self) -> &'static str {
        "`ln E exp(-2 |x - y|^2)` over pairs of embeddings (Wang and Isola, 2020, arXiv:2005.10242): 0 where all are equal, \
         about -4 where unit rows are spread evenly in many dimensions. Above a million pairs, over a million drawn ones."
    }

    fn unit(&self) -> &'static str {
        "logarithm"
    }

    fn higher_is_better(&self) -> bool {
        false
    }
}

impl SpaceMetric for Uniformity {
    fn of_space(&self, space: &Space<'_>) -> Option<f64> {
        let squares = self.sample.squares(space, Kind::All);
        // Relative to the nearest pair, so that the sum is at least 1 however far rows lie apart.
        let nearest = squares.iter().copied().reduce(f64::min)?;
        let sum: f64 = squares.iter().map(|square| (-self.t * (square - nearest)).exp()).sum();
        Some((sum / real(squares.len())).ln() - self.t * nearest)
    }
}
