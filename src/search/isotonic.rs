//! How probable it is that a label is right, given its distance: isotonic regression by pooling adjacent violators.
//!
//! The probability falls, or stays, from the nearest to the farthest; nothing else is assumed of its shape. Of all such
//! functions this one is nearest to what was observed, by the sum of squares (Ayer et al., 1955; Zadrozny and Elkan,
//! 2002). Between observed distances it is a straight line, beyond them constant, as scikit-learn's `IsotonicRegression`
//! with `out_of_bounds="clip"`.

use rayon::slice::ParallelSliceMut;

use super::calibration::Judged;
use super::sortable;
use simpipe_artifact::{Distance, Knot};

/// A falling function from distance to probability.
#[derive(Debug, Clone, PartialEq)]
pub struct Isotonic {
    /// Corners from the nearest to the farthest.
    knots: Vec<Knot>,
    larger_is_nearer: bool,
}

/// Queries in a row that share a probability.
struct Block {
    right: u64,
    count: u64,
    first: u32,
    last: u32,
}

impl Isotonic {
    /// Fits the share of right labels to the distances of verdicts; queries without a verdict say nothing.
    #[must_use]
    pub fn fit(judged: &[Judged], distance: Distance) -> Self {
        let larger_is_nearer = distance.larger_is_nearer();
        let sign = if larger_is_nearer { -1.0 } else { 1.0 };
        let observed = |query: &Judged| {
            let distance = query.verdict?.distance;
            // `+ 0.0` leaves one zero.
            distance.is_finite().then(|| sortable::with_kind(sign * distance + 0.0, query.is_right().into()))
        };
        let mut observed: Vec<u64> = judged.iter().filter_map(observed).collect();
        observed.par_sort_unstable();
        let knot = |key: u32, block: &Block| {
            // Back from the key to the distance; a negated zero would print as -0.
            Knot {
                distance: f64::from(sign * sortable::to_f32(key) + 0.0),
                probability: share(block.right, block.count),
            }
        };
        let knots = pooled(&observed).into_iter().flat_map(|block| {
            let last = (block.last != block.first).then(|| knot(block.last, &block));
            std::iter::once(knot(block.first, &block)).chain(last)
        });
        Self { knots: knots.collect(), larger_is_nearer }
    }

    /// The function whose corners a calibration holds.
    #[must_use]
    pub fn of(knots: Vec<Knot>, distance: Distance) -> Self {
        Self { knots, larger_is_nearer: distance.larger_is_nearer() }
    }

    /// The corners, from the nearest to the farthest.
    #[must_use]
    pub fn knots(&self) -> &[Knot] {
        &self.knots
    }

    /// The probability that a label at a distance is right; 0 where there is none, which an infinite distance says, and
    /// where nothing was fitted.
    #[must_use]
    pub fn probability(&self, distance: f32) -> f64 {
        if !distance.is_finite() {
            return 0.0;
        }
        let sign = if self.larger_is_nearer { -1.0 } else { 1.0 };
        let at = sign * f64::from(distance);
        let farther = self.knots.partition_point(|knot| sign * knot.distance <= at);
        match (farther.checked_sub(1).and_then(|near| self.knots.get(near)), self.knots.get(farther)) {
            (Some(near), Some(far)) => {
                let way = (at - sign * near.distance) / (sign * far.distance - sign * near.distance);
                let between = near.probability + (far.probability - near.probability) * way;
                between.clamp(far.probability.min(near.probability), near.probability.max(far.probability))
            }
            (Some(end), None) | (None, Some(end)) => end.probability,
            (None, None) => 0.0,
        }
    }
}

/// Blocks of falling shares, over observations sorted by distance.
fn pooled(observed: &[u64]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for same in observed.chunk_by(|one, next| sortable::parts(*one).0 == sortable::parts(*next).0) {
        let key = sortable::parts(same[0]).0;
        let right = same.iter().filter(|packed| sortable::parts(**packed).1 == 1).count() as u64;
        let mut block = Block { right, count: same.len() as u64, first: key, last: key };
        // Whole numbers, so that which blocks are pooled hangs on no rounding.
        while let Some(before) = blocks.pop_if(|before| before.right * block.count <= block.right * before.count) {
            block = Block {
                right: before.right + block.right,
                count: before.count + block.count,
                first: before.first,
                last: block.last,
            };
        }
        blocks.push(block);
    }
    blocks
}

#[expect(clippy::cast_precision_loss, reason = "counts of queries are far below 2^52")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;

    fn judged(observed: &[(f32, bool)]) -> Vec<Judged> {
        let query = |&(distance, right): &(f32, bool)| Judged {
            label: 1,
            indexed: true,
            verdict: Some(Verdict { label: i32::from(right), distance }),
        };
        observed.iter().map(query).collect()
    }

    fn knots(isotonic: &Isotonic) -> Vec<(f64, f64)> {
        isotonic.knots().iter().map(|knot| (knot.distance, knot.probability)).collect()
    }

    #[test]
    fn violators_are_pooled_as_by_scikit_learn() {
        // IsotonicRegression(increasing=False, out_of_bounds="clip") of x = 1..8 and y = 1 1 0 1 1 0 0 1, by hand: 1, 1,
        // then 0 1 1 pool to 2/3, and 0 0 1 to 1/3.
        let observed = [true, true, false, true, true, false, false, true];
        let observed: Vec<(f32, bool)> = (1_u8..).map(f32::from).zip(observed).collect();
        let fitted = Isotonic::fit(&judged(&observed), Distance::Euclidean);
        let third = 1.0 / 3.0;
        assert_eq!(
            knots(&fitted),
            [(1.0, 1.0), (2.0, 1.0), (3.0, 2.0 / 3.0), (5.0, 2.0 / 3.0), (6.0, third), (8.0, third)]
        );
        let expected =
            [(0.0, 1.0), (1.5, 1.0), (2.5, 5.0 / 6.0), (4.2, 2.0 / 3.0), (5.5, 0.5), (7.0, third), (99.0, third)];
        for (distance, probability) in expected {
            assert!((fitted.probability(distance) - probability).abs() < 1e-12, "{distance}");
        }
        assert_eq!(fitted.probability(f32::INFINITY), 0.0);
        assert_eq!(Isotonic::of(fitted.knots().to_vec(), Distance::Euclidean), fitted);
    }

    #[test]
    fn equal_distances_are_one_observation_and_similarities_fall_too() {
        let fitted =
            Isotonic::fit(&judged(&[(9.0, true), (4.0, false), (4.0, true), (-0.0, false)]), Distance::InnerProduct);
        assert_eq!(knots(&fitted), [(9.0, 1.0), (4.0, 0.5), (0.0, 0.0)]);
        let found = [10.0, 6.5, 4.0, 2.0, -5.0].map(|similarity| fitted.probability(similarity));
        assert_eq!(found, [1.0, 0.75, 0.5, 0.25, 0.0]);
    }

    #[test]
    fn the_worst_order_is_one_block_and_nothing_gives_nothing() {
        let fitted = Isotonic::fit(&judged(&[(1.0, false), (2.0, false), (3.0, true), (4.0, true)]), Distance::Cosine);
        assert_eq!(knots(&fitted), [(1.0, 0.5), (4.0, 0.5)]);
        let nothing = Isotonic::fit(&[Judged { label: 1, indexed: false, verdict: None }], Distance::Cosine);
        assert_eq!((nothing.knots().len(), nothing.probability(0.5)), (0, 0.0));
    }

    #[test]
    fn any_fit_falls_and_keeps_the_sum() {
        use rand::RngExt;
        let mut rng = simpipe_base::seed::Seed::of_stage(1, "test", None).rng("isotonic", &[]);
        let mut random = || rng.random_range(0..60_u8);
        let pairs: Vec<(u8, u8)> = (0..500).map(|_| (random(), random())).collect();
        let observed: Vec<(f32, bool)> = pairs.into_iter().map(|(at, bar)| (f32::from(at), bar >= at)).collect();
        let fitted = Isotonic::fit(&judged(&observed), Distance::Euclidean);
        assert!(
            fitted
                .knots()
                .is_sorted_by(|one, next| one.distance < next.distance && one.probability >= next.probability)
        );
        // What is fitted adds up to what was observed.
        let sum: f64 = observed.iter().map(|(distance, _)| fitted.probability(*distance)).sum();
        let right = observed.iter().filter(|(_, right)| *right).count();
        assert!((sum - f64::from(u32::try_from(right).unwrap())).abs() < 1e-9, "{sum} {right}");
    }
}
