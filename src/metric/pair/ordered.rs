//! Pairs in the order of their scores, which many resampled curves are made from without sorting again.

use super::{Point, Roc};
use crate::MetricError;

/// A pair of a query and an indexed row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredPair {
    /// Higher means genuine; give a distance negated.
    pub score: f64,
    /// The query.
    pub query: u32,
    /// Whether it is to be accepted: both have one label.
    pub genuine: bool,
}

/// Pairs from the highest score on.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderedPairs(Vec<ScoredPair>);

impl OrderedPairs {
    /// The pairs, given in any order.
    ///
    /// # Errors
    /// If a score is NaN.
    pub fn new(mut pairs: Vec<ScoredPair>) -> Result<Self, MetricError> {
        if let Some(row) = pairs.iter().position(|pair| pair.score.is_nan()) {
            return Err(MetricError::NotFinite { what: "score", row });
        }
        // `+ 0.0` leaves one zero.
        pairs.iter_mut().for_each(|pair| pair.score += 0.0);
        // Pairs that compare equal count alike, so that their order shows nowhere.
        pairs.sort_unstable_by(|one, other| other.score.total_cmp(&one.score));
        Ok(Self(pairs))
    }

    /// The pairs.
    #[must_use]
    pub fn pairs(&self) -> &[ScoredPair] {
        &self.0
    }

    /// The curve where each pair counts as often as `times` says of its query; [`Roc::new`]'s where that is 1.
    ///
    /// ```
    /// use simpipe_metric::pair::{OrderedPairs, Roc, ScoredPair};
    /// let pair = |score, query, genuine| ScoredPair { score, query, genuine };
    /// let pairs = OrderedPairs::new(vec![pair(0.1, 1, false), pair(0.9, 0, true)])?;
    /// assert_eq!(pairs.roc(|query| if query == 0 { 2 } else { 1 }), Roc::new([0.9, 0.9], [0.1])?);
    /// # Ok::<(), simpipe_metric::MetricError>(())
    /// ```
    pub fn roc(&self, times: impl Fn(u32) -> usize) -> Roc {
        let mut points: Vec<Point> = Vec::with_capacity(self.0.len());
        let (mut genuine, mut impostor) = (0, 0);
        for pair in &self.0 {
            let times = times(pair.query);
            if times == 0 {
                continue;
            }
            if pair.genuine {
                genuine += times;
            } else {
                impostor += times;
            }
            match points.last_mut().filter(|point| point.threshold == pair.score) {
                Some(point) => (point.genuine, point.impostor) = (genuine, impostor),
                None => points.push(Point { threshold: pair.score, genuine, impostor }),
            }
        }
        Roc::of_points(points, genuine, impostor)
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_curve_is_that_of_the_pairs_repeated() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        // Few scores, so that many are equal, both zeros among them.
        let score = |of: u32| [-0.0, 0.0, 0.25, -1.5, f64::NEG_INFINITY][of as usize];
        let pairs: Vec<ScoredPair> = (0..200)
            .map(|_| ScoredPair {
                score: score(rng.random_range(0..5)),
                query: rng.random_range(0..9),
                genuine: rng.random_bool(0.4),
            })
            .collect();
        let times = |query: u32| [0, 1, 3, 0, 2, 1, 1, 0, 4][query as usize];
        let scores = |genuine: bool| {
            let of_kind = pairs.iter().filter(move |pair| pair.genuine == genuine);
            of_kind.flat_map(|pair| std::iter::repeat_n(pair.score, times(pair.query))).collect::<Vec<f64>>()
        };
        let ordered = OrderedPairs::new(pairs.clone()).unwrap();
        assert_eq!(ordered.roc(times), Roc::new(scores(true), scores(false)).unwrap());
        let none = ordered.roc(|_| 0);
        assert_eq!((none.points().len(), none.genuine(), none.impostor()), (0, 0, 0));
    }

    #[test]
    fn nan_is_refused_by_position() {
        let pair = |score| ScoredPair { score, query: 0, genuine: true };
        let refused = OrderedPairs::new(vec![pair(1.0), pair(f64::NAN)]).unwrap_err();
        assert_eq!(refused, MetricError::NotFinite { what: "score", row: 1 });
    }
}
