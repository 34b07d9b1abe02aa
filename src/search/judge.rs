//! From the neighbours of one query to its answer: label, acceptance, probability. Whoever answers queries does it here, so
//! that a picture that is asked about gets the answer that the same picture gets in a table of matches.

use super::distance::{Rows, square_norm};
use super::isotonic::Isotonic;
use super::knn::Hit;
use super::matcher::{Matcher, Verdict};
use simpipe_artifact::{Distance, IndexRows, Neighbour};

/// How queries are judged.
#[derive(Debug, Clone)]
pub struct Judge {
    matcher: Matcher,
    distance: Distance,
    /// The farthest distance, or the smallest similarity, at which a label is believed.
    cutpoint: f64,
    probability: Isotonic,
}

/// What is said of one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The matcher's label and its distance; `None` if there was no neighbour.
    pub verdict: Option<Verdict>,
    /// Whether the label is believed: else the query is Unknown.
    pub accepted: bool,
    /// How probable it is that the label is right; 0 if there was no neighbour or nothing was calibrated.
    pub probability: f64,
    /// Nearest first.
    pub neighbours: Vec<Neighbour>,
}

/// How far an embedding may lie from the same one of another batch, whose sums were made in another order, as a share of its
/// length: several times what was seen on networks of every kind of layer.
const LAST_BITS: f64 = 1e-5;

impl Judge {
    /// By a matcher, a threshold and a calibrated probability.
    #[must_use]
    pub const fn new(matcher: Matcher, distance: Distance, cutpoint: f64, probability: Isotonic) -> Self {
        Self { matcher, distance, cutpoint, probability }
    }

    /// How many neighbours it needs to see, of which `kept` are told.
    #[must_use]
    pub fn depth(&self, kept: usize) -> usize {
        kept.max(self.matcher.k())
    }

    /// How probable it is that an answer's label is right, where the calibration knows that.
    #[must_use]
    pub fn probability(&self, answer: &Answer) -> Option<f64> {
        (!self.probability.knots().is_empty()).then_some(answer.probability)
    }

    /// The answer to a query with these neighbours, nearest first, of which `kept` are told.
    #[must_use]
    pub fn answer(&self, index: &IndexRows, hits: &[Hit], kept: usize) -> Answer {
        let near: Vec<(i32, f32)> =
            hits.iter().take(self.matcher.k()).map(|hit| (index.label[hit.row as usize], hit.distance)).collect();
        let verdict = self.matcher.decide(&near);
        let neighbour = |(rank, hit): (u32, &Hit)| Neighbour {
            rank,
            example_id: index.example_id[hit.row as usize],
            label: index.label[hit.row as usize],
            distance: hit.distance,
        };
        Answer {
            verdict,
            accepted: verdict.is_some_and(|verdict| verdict.within(self.distance, self.cutpoint)),
            probability: verdict.map_or(0.0, |verdict| self.probability.probability(verdict.distance)),
            neighbours: (1..).zip(hits).take(kept).map(neighbour).collect(),
        }
    }

    /// Whether answers hang on more than the order of distances and the side of a threshold that they are on, so that any bit
    /// of an embedding may change them: sums of weights do, and shares of a variance that may be next to none.
    #[must_use]
    pub const fn hangs_on_every_bit(&self) -> bool {
        matches!(self.matcher, Matcher::WeightedVote(_)) || matches!(self.distance, Distance::Snr)
    }

    /// Whether the answer to a query is the same whatever the last bits of its embedding are: no two neighbours in a row are so
    /// near each other that they could change places, and the label's distance is not so near the threshold that it could
    /// change sides. `hits` must be one deeper than [`depth`](Self::depth), as far as there are rows.
    #[must_use]
    pub fn is_settled(&self, rows: &Rows<'_>, query: &[f32], hits: &[Hit], answer: &Answer) -> bool {
        if self.hangs_on_every_bit() {
            return false;
        }
        let longest = hits.iter().map(|hit| square_norm(rows.row(hit.row as usize))).fold(0.0, f64::max).sqrt();
        let near = |one: f64, other: f64| (one - other).abs() <= self.slack(query, longest, one.abs().max(other.abs()));
        // Copies of one vector are equally far however that is computed.
        let swap = |pair: &[Hit]| {
            near(pair[0].distance.into(), pair[1].distance.into())
                && rows.row(pair[0].row as usize) != rows.row(pair[1].row as usize)
        };
        let at_threshold = answer.verdict.is_some_and(|verdict| near(verdict.distance.into(), self.cutpoint));
        !at_threshold && !hits.windows(2).any(swap)
    }

    /// How far a distance may be off, given the query and the length of the longest row that it is compared with.
    #[expect(clippy::cast_precision_loss, reason = "a dimension is far below 2^52")]
    fn slack(&self, query: &[f32], longest: f64, distance: f64) -> f64 {
        let length = square_norm(query).sqrt().max(1.0);
        let moved = LAST_BITS * length;
        match self.distance {
            Distance::Cosine => LAST_BITS,
            Distance::InnerProduct => moved * longest.max(1.0),
            Distance::Euclidean => moved,
            Distance::SquaredEuclidean => moved * (2.0 * distance.sqrt()).max(1.0) + moved * moved,
            Distance::Manhattan => moved * (query.len() as f64).sqrt(),
            Distance::Snr => f64::INFINITY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::Vote;
    use simpipe_artifact::Knot;

    fn index() -> IndexRows {
        IndexRows {
            example_id: vec![10, 11, 12, 13],
            label: vec![0, 1, 1, 0],
            digest: vec![String::new(); 4],
            vectors: vec![0.0, 0.25, 0.5, 0.5].into(),
            dim: 1,
            ..IndexRows::default()
        }
    }

    fn hits(distances: &[f32]) -> Vec<Hit> {
        (0..).zip(distances).map(|(row, &distance)| Hit { row, distance }).collect()
    }

    fn judge(matcher: Matcher, cutpoint: f64) -> Judge {
        let knot = |distance, probability| Knot { distance, probability };
        let probability = Isotonic::of(vec![knot(0.0, 1.0), knot(1.0, 0.0)], Distance::Euclidean);
        Judge::new(matcher, Distance::Euclidean, cutpoint, probability)
    }

    #[test]
    fn neighbours_are_told_whether_the_label_is_believed_or_not() {
        for (cutpoint, accepted) in [(0.3, true), (0.25, true), (0.2, false)] {
            let answer = judge(Matcher::Nearest, cutpoint).answer(&index(), &hits(&[0.25, 0.5, 0.75]), 2);
            assert_eq!(answer.verdict, Some(Verdict { label: 0, distance: 0.25 }));
            assert_eq!((answer.accepted, answer.probability), (accepted, 0.75), "at the threshold itself too");
            let told: Vec<_> = answer.neighbours.iter().map(|near| (near.rank, near.example_id, near.label)).collect();
            assert_eq!(told, [(1, 10, 0), (2, 11, 1)]);
        }
        let none = judge(Matcher::Nearest, 0.3).answer(&index(), &[], 2);
        assert_eq!((none.verdict, none.accepted, none.probability, none.neighbours.len()), (None, false, 0.0, 0));
    }

    #[test]
    fn a_probability_that_was_not_calibrated_is_none() {
        let near = hits(&[0.25, 0.5, 0.75]);
        let (calibrated, not) = (
            judge(Matcher::Nearest, 0.3),
            Judge::new(Matcher::Nearest, Distance::Euclidean, 0.3, Isotonic::of(Vec::new(), Distance::Euclidean)),
        );
        assert_eq!(calibrated.probability(&calibrated.answer(&index(), &near, 2)), Some(0.75));
        let answer = not.answer(&index(), &near, 2);
        assert_eq!((answer.accepted, not.probability(&answer)), (true, None), "and not 0, which would be a doubt");
    }

    #[test]
    fn an_answer_is_settled_where_no_last_bit_can_change_it() {
        let index = index();
        let rows = Rows::new(&index.vectors, 1).unwrap();
        let settled = |matcher: Matcher, cutpoint: f64, distances: &[f32]| {
            let (judge, hits) = (judge(matcher, cutpoint), hits(distances));
            judge.is_settled(&rows, &[0.0], &hits, &judge.answer(&index, &hits, 3))
        };
        let vote = |k| Matcher::MajorityVote(Vote { k });
        assert!(settled(Matcher::Nearest, 0.3, &[0.25, 0.5, 0.75]));
        assert!(!settled(Matcher::Nearest, 0.250_001, &[0.25, 0.5, 0.75]), "at the threshold");
        assert!(!settled(vote(2), 0.9, &[0.25, 0.250_001, 0.75]), "two that could change places");
        assert!(settled(vote(2), 0.9, &[0.1, 0.25, 0.5, 0.5]), "two copies, of which the first comes first");
        assert!(!settled(Matcher::WeightedVote(Vote { k: 2 }), 0.9, &[0.25, 0.5]));
    }

    #[test]
    fn the_longer_an_embedding_the_farther_its_last_bits_reach() {
        // 1000 long: a hundredth is what its last bits are worth, and more of a square or a product.
        let index = IndexRows { vectors: vec![1000.0, 1001.0, 1003.0, 1010.0].into(), ..index() };
        let rows = Rows::new(&index.vectors, 1).unwrap();
        let settled = |distance, query: f32, distances: &[f32]| {
            let judge = Judge::new(Matcher::Nearest, distance, 1e9, Isotonic::of(Vec::new(), distance));
            let hits = hits(distances);
            judge.is_settled(&rows, &[query], &hits, &judge.answer(&index, &hits, 3))
        };
        for (distance, apart, near) in [
            (Distance::Euclidean, [3.0, 3.02], [3.0, 3.005]),
            (Distance::Manhattan, [3.0, 3.02], [3.0, 3.005]),
            (Distance::SquaredEuclidean, [9.0, 9.1], [9.0, 9.05]),
            (Distance::InnerProduct, [1e6, 1e6 - 20.0], [1e6, 1e6 - 5.0]),
        ] {
            assert!(settled(distance, 1000.0, &apart) && !settled(distance, 1000.0, &near), "{}", distance.name());
        }
        assert!(settled(Distance::Euclidean, 1.0, &[3.0, 3.005]), "a short one's do not");
        assert!(!settled(Distance::Snr, 1.0, &[0.1, 0.9]));
    }
}
