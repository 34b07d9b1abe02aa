//! A random forest (Breiman 2001): trees of rows drawn with replacement, and what they say of rows that they have not seen.

use rand::RngExt as _;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::tree::{Data, Tree};
use simpipe_base::seed::Seed;

/// Trees of a forest.
const TREES: u64 = 64;

/// Trees, each with how often it has seen each row.
pub(super) struct Forest {
    trees: Vec<(Tree, Vec<bool>)>,
}

impl Forest {
    /// Each tree draws from a stream of its own, so threads don't change it.
    pub(super) fn grow(data: &Data, seed: Seed) -> Self {
        let count = data.rows.len();
        let tree = |number: u64| {
            let mut random = seed.rng("forest", &[number]);
            let sample: Vec<usize> = (0..count).map(|_| random.random_range(0..count)).collect();
            let mut seen = vec![false; count];
            sample.iter().for_each(|row| seen[*row] = true);
            (Tree::grow(data, sample), seen)
        };
        Self { trees: (0..TREES).into_par_iter().map(tree).collect() }
    }

    /// Its trees.
    pub(super) fn trees(&self) -> impl Iterator<Item = &Tree> {
        self.trees.iter().map(|(tree, _)| tree)
    }

    /// The mean over all trees.
    pub(super) fn at(&self, place: &[f64]) -> f64 {
        self.trees().map(|tree| tree.at(place)).sum::<f64>() / self.trees.len() as f64
    }

    /// `1 - sum (y - f)^2 / sum (y - mean)^2`, where f is the mean over the trees that have not seen the row.
    pub(super) fn r2(&self, data: &Data) -> f64 {
        let (mut errors, mut whole) = (0.0, 0.0);
        for (row, place) in data.rows.iter().enumerate() {
            let unseen: Vec<f64> =
                self.trees.iter().filter(|(_, seen)| !seen[row]).map(|(tree, _)| tree.at(place)).collect();
            if unseen.is_empty() {
                continue;
            }
            let predicted = unseen.iter().sum::<f64>() / unseen.len() as f64;
            errors += (data.values[row] - predicted).powi(2);
            whole += data.values[row].powi(2); // their mean is 0
        }
        if whole > 0.0 { 1.0 - errors / whole } else { 0.0 }
    }
}
