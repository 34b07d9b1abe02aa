//! Genuine and impostor pairs by score, and what every threshold accepts of them.

use crate::{MetricError, real};

/// What a threshold accepts: all pairs whose score is at least it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The threshold.
    pub threshold: f64,
    /// Genuine pairs accepted.
    pub genuine: usize,
    /// Impostor pairs accepted.
    pub impostor: usize,
}

/// The receiver operating characteristic: one point for each distinct score, from the strictest.
///
/// A genuine pair is one to be accepted (two images of one class), an impostor pair one to be rejected. Higher scores
/// mean genuine; give a distance negated. Pairs of equal scores are accepted together, so no figure depends on their
/// order.
#[derive(Debug, Clone, PartialEq)]
pub struct Roc {
    points: Vec<Point>,
    genuine: usize,
    impostor: usize,
}

impl Roc {
    /// The curve of two lists of scores. Infinite scores are allowed: they have an order.
    ///
    /// ```
    /// use simpipe_metric::pair::Roc;
    /// let roc = Roc::new([0.9, 0.4], [0.4, 0.1])?;
    /// assert_eq!(roc.points().len(), 3);
    /// # Ok::<(), simpipe_metric::MetricError>(())
    /// ```
    ///
    /// # Errors
    /// If a score is NaN.
    pub fn new(
        genuine: impl IntoIterator<Item = f64>,
        impostor: impl IntoIterator<Item = f64>,
    ) -> Result<Self, MetricError> {
        let mut scores = tagged("genuine score", genuine, true)?;
        let genuine = scores.len();
        scores.extend(tagged("impostor score", impostor, false)?);
        let impostor = scores.len() - genuine;
        scores.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
        let mut points: Vec<Point> = Vec::new();
        let mut accepted = Point { threshold: f64::INFINITY, genuine: 0, impostor: 0 };
        for same in scores.chunk_by(|one, other| one.0 == other.0) {
            let of_genuine = same.iter().filter(|score| score.1).count();
            accepted = Point {
                threshold: same[0].0,
                genuine: accepted.genuine + of_genuine,
                impostor: accepted.impostor + same.len() - of_genuine,
            };
            points.push(accepted);
        }
        Ok(Self { points, genuine, impostor })
    }

    /// The curve of points as [`points`](Self::points) gives them.
    pub(super) const fn of_points(points: Vec<Point>, genuine: usize, impostor: usize) -> Self {
        Self { points, genuine, impostor }
    }

    /// The points, from the strictest threshold; the last accepts all. Before the first, nothing is accepted.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Genuine pairs in all.
    #[must_use]
    pub const fn genuine(&self) -> usize {
        self.genuine
    }

    /// Impostor pairs in all.
    #[must_use]
    pub const fn impostor(&self) -> usize {
        self.impostor
    }

    /// Rates as (false positive, true positive), starting at (0, 0); `None` without a genuine or without an impostor pair.
    pub fn rates(&self) -> Option<impl Iterator<Item = (f64, f64)>> {
        self.has_both().then(|| std::iter::once((0.0, 0.0)).chain(self.points.iter().map(|point| self.rates_at(point))))
    }

    /// Whether there is a genuine and an impostor pair: without, most figures are not defined.
    pub(super) const fn has_both(&self) -> bool {
        self.genuine > 0 && self.impostor > 0
    }

    /// The rates of one of its points; not a number without a genuine or without an impostor pair.
    pub(super) fn rates_at(&self, point: &Point) -> (f64, f64) {
        (real(point.impostor) / real(self.impostor), real(point.genuine) / real(self.genuine))
    }

    /// The laxest point whose false positive rate is at most `rate`; `None` where even the strictest threshold exceeds it.
    #[must_use]
    pub fn within(&self, rate: f64) -> Option<Point> {
        let allowed = |point: &&Point| real(point.impostor) <= rate * real(self.impostor) * (1.0 + 1e-12);
        self.points.iter().take_while(allowed).last().copied()
    }
}

fn tagged(
    what: &'static str,
    scores: impl IntoIterator<Item = f64>,
    genuine: bool,
) -> Result<Vec<(f64, bool)>, MetricError> {
    let one = |(row, score): (usize, f64)| {
        // `+ 0.0` leaves one zero.
        if score.is_nan() { Err(MetricError::NotFinite { what, row }) } else { Ok((score + 0.0, genuine)) }
    };
    scores.into_iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_are_one_point() {
        let roc = Roc::new([1.0, 0.5, 0.0], [0.5, -0.0]).unwrap();
        let points: Vec<_> =
            roc.points().iter().map(|point| (point.threshold, point.genuine, point.impostor)).collect();
        assert_eq!(points, [(1.0, 1, 0), (0.5, 2, 1), (0.0, 3, 2)]);
        assert_eq!(roc.within(0.5).unwrap().threshold, 0.5);
        assert_eq!(roc.within(0.4).unwrap().threshold, 1.0);
        assert_eq!(Roc::new([0.0], [1.0]).unwrap().within(0.5), None);
    }

    #[test]
    fn nan_is_refused_by_position_and_infinity_is_a_score() {
        let refused = Roc::new([1.0, f64::NAN], []).unwrap_err();
        assert_eq!(refused, MetricError::NotFinite { what: "genuine score", row: 1 });
        assert_eq!(refused.to_string(), "the genuine score at position 1 is not finite");
        assert_eq!(Roc::new([f64::INFINITY], [f64::NEG_INFINITY]).unwrap().points().len(), 2);
    }
}
