//! Pairs of rows, all of them or a seeded sample: distances of very many pairs are known well enough from a million.

use rand::RngExt;
use rayon::prelude::*;

use super::{Space, square};
use simpipe_base::seed::Seed;

/// Which pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of any two rows.
    All,
    /// Of two rows of one label.
    Positive,
}

impl Kind {
    const fn purpose(self) -> &'static str {
        match self {
            Self::All => "pairs",
            Self::Positive => "positive-pairs",
        }
    }
}

/// How many pairs are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// All pairs if there are at most so many, else so many drawn with replacement.
    pub most: usize,
    /// Where they are drawn from.
    pub seed: Seed,
}

impl Sample {
    /// At most a million pairs: a share of them is then known to 0.1 points (two standard errors).
    #[must_use]
    pub const fn new(seed: Seed) -> Self {
        Self { most: 1_000_000, seed }
    }

    /// The pairs of a kind, each drawn with the same probability.
    #[must_use]
    pub fn pairs(&self, space: &Space<'_>, kind: Kind) -> Vec<(usize, usize)> {
        let partners = Partners::new(space, kind);
        let ordered = partners.count();
        if ordered / 2 <= self.most as u64 {
            return (0..ordered).map(|at| partners.pair(at)).filter(|(one, other)| one < other).collect();
        }
        let mut rng = self.seed.rng(kind.purpose(), &[]);
        (0..self.most).map(|_| partners.pair(rng.random_range(0..ordered))).collect()
    }

    /// The squared euclidean distances of those pairs.
    #[must_use]
    pub fn squares(&self, space: &Space<'_>, kind: Kind) -> Vec<f64> {
        let pairs = self.pairs(space, kind);
        pairs.into_par_iter().map(|(one, other)| square(space.row(one), space.row(other))).collect()
    }
}

/// Ordered pairs, numbered: row after row, each with all its partners, in the order of labels.
struct Partners {
    /// Rows, those of a label together.
    order: Vec<usize>,
    /// For each place in `order`: the places of its label.
    class: Vec<(usize, usize)>,
    /// Pairs of the places before each, and of all.
    before: Vec<u64>,
    kind: Kind,
}

impl Partners {
    fn new(space: &Space<'_>, kind: Kind) -> Self {
        let (mut order, mut class) = (Vec::with_capacity(space.len()), Vec::with_capacity(space.len()));
        for rows in space.by_label().into_values() {
            let places = (order.len(), order.len() + rows.len());
            class.extend(rows.iter().map(|_| places));
            order.extend(rows);
        }
        let mut before = vec![0];
        for (start, end) in &class {
            let partners = match kind {
                Kind::All => space.len() - 1,
                Kind::Positive => end - start - 1,
            };
            before.push(before[before.len() - 1] + partners as u64);
        }
        Self { order, class, before, kind }
    }

    fn count(&self) -> u64 {
        self.before[self.before.len() - 1]
    }

    #[expect(clippy::cast_possible_truncation, reason = "a partner is one of the rows")]
    fn pair(&self, at: u64) -> (usize, usize) {
        let place = self.before.partition_point(|before| *before <= at) - 1;
        let partner = (at - self.before[place]) as usize;
        let (start, _) = self.class[place];
        let other = match self.kind {
            Kind::All => partner + usize::from(partner >= place),
            Kind::Positive => start + partner + usize::from(start + partner >= place),
        };
        (self.order[place], self.order[other])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn sample(most: usize) -> Sample {
        Sample { most, seed: Seed::of_stage(1, "evaluate", None) }
    }

    #[test]
    fn all_pairs_of_each_kind_are_there_once() {
        let labels = [3, 1, 3, 2, 1, 3];
        let space = Space::new(&[0.0; 6], 1, &labels).unwrap();
        for (kind, count) in [(Kind::All, 15), (Kind::Positive, 4)] {
            let pairs = sample(100).pairs(&space, kind);
            let distinct: BTreeSet<_> = pairs.iter().map(|pair| (pair.0.min(pair.1), pair.0.max(pair.1))).collect();
            assert_eq!((pairs.len(), distinct.len()), (count, count), "{kind:?}");
            let drawn = sample(3).pairs(&space, kind);
            assert_eq!(drawn.len(), 3);
            for (one, other) in pairs.into_iter().chain(drawn) {
                let same = labels[one] == labels[other];
                assert!(one != other && (kind == Kind::All || same == (kind == Kind::Positive)), "{kind:?}");
            }
        }
    }

    #[test]
    fn pairs_are_drawn_evenly() {
        let labels = [0, 0, 0, 0, 1, 1, 2];
        let space = Space::new(&[0.0; 7], 1, &labels).unwrap();
        let partners = Partners::new(&space, Kind::Positive);
        let all: BTreeSet<_> = (0..partners.count()).map(|at| partners.pair(at)).collect();
        assert_eq!(all.len() as u64, partners.count());
    }

    #[test]
    fn there_may_be_no_pair() {
        for (labels, kind) in [(&[][..], Kind::All), (&[1], Kind::All), (&[1, 2], Kind::Positive)] {
            let values = vec![0.0; labels.len()];
            assert!(sample(9).pairs(&Space::new(&values, 1, labels).unwrap(), kind).is_empty());
        }
    }
}
