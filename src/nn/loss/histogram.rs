//! The histogram loss.

use burn::tensor::Tensor;

use super::host::{Grid, Slope};
use super::pairs::{Around, Triplets};
use super::{Embedded, Loss, Needs, zero};
use crate::layer::Cx;
use simpipe_artifact::Distance;
use simpipe_base::check;
use simpipe_base::params;

params! {
    /// Histogram loss (Ustinova and Lempitsky, 2016, arXiv:1611.00822): how probable it is that a negative pair is more
    /// similar than a positive one, `sum_r h-(r) sum_(q <= r) h+(q)`, by histograms of the cosine similarities from -1 to 1.
    /// A similarity counts at the two nodes next to it, linearly. Each pair of rows counts once, whichever is the anchor.
    ///
    /// # Shapes
    ///
    /// `[batch, dim]` embeddings, taken at unit length, become one number.
    pub struct Histogram {
        /// Bins from -1 to 1, between one more nodes.
        #[aka("num_bins", "bins", "delta")]
        n_bins: usize = 100 => check::between(1, 65_536),
    }
}

impl Loss for Histogram {
    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn needs(&self) -> Needs {
        Needs::pairs()
    }

    fn takes_miner(&self) -> bool {
        true
    }

    fn takes_directions(&self) -> bool {
        true
    }

    fn forward(&self, batch: &Embedded<'_>, _: &mut Cx<'_>) -> Tensor<1> {
        let (positives, negatives) = pairs_of(&batch.triplets(None, None), batch.labels.len());
        if positives.is_empty() {
            return zero(batch);
        }
        let far = batch.unit_distances(Distance::Cosine);
        let grid = Grid::of(&far);
        let (positive, negative) = (self.density(&positives, &grid), self.density(&negatives, &grid));
        let so_far = running(positive.iter());
        let loss = negative.iter().zip(&so_far).map(|(at, so_far)| at * so_far).sum();
        // The slope by a node of the positives is the sum of the negatives from it on.
        let mut from_here = running(negative.iter().rev());
        from_here.reverse();
        let mut slope = Slope::of(&grid);
        self.descend(&positives, &grid, &from_here, &mut slope);
        self.descend(&negatives, &grid, &so_far, &mut slope);
        slope.into_loss(far, loss, 1.0)
    }
}

impl Histogram {
    /// The node below a similarity, and the share of the one above.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a position between 0 and the number of bins"
    )]
    fn node(&self, grid: &Grid, [row, column]: [u32; 2]) -> (usize, f64) {
        // The similarity and 1, from 0 to 2.
        let at = (2.0 - f64::from(grid.at(row as usize, column as usize))).max(0.0) / 2.0 * self.n_bins as f64;
        let node = (at as usize).min(self.n_bins - 1);
        (node, at - node as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 pairs")]
    fn density(&self, pairs: &[[u32; 2]], grid: &Grid) -> Vec<f64> {
        let mut density = vec![0.0; self.n_bins + 1];
        for pair in pairs {
            let (node, share) = self.node(grid, *pair);
            density[node] += 1.0 - share;
            density[node + 1] += share;
        }
        density.iter_mut().for_each(|at| *at /= pairs.len() as f64);
        density
    }

    /// Adds the slopes of pairs, whose nodes have these slopes.
    #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 pairs")]
    fn descend(&self, pairs: &[[u32; 2]], grid: &Grid, of_node: &[f64], slope: &mut Slope) {
        let by_distance = -(self.n_bins as f64) / 2.0 / pairs.len() as f64;
        for [row, column] in pairs {
            let (node, _) = self.node(grid, [*row, *column]);
            let rise = (of_node[node + 1] - of_node[node]) * by_distance;
            slope.add(*row as usize, *column as usize, rise);
        }
    }
}

/// The positive and the negative pairs of triplets, each once: of two of the first `rows` the lower one first.
fn pairs_of(triplets: &Triplets<'_>, rows: usize) -> (Vec<[u32; 2]>, Vec<[u32; 2]>) {
    let pair = |anchor: usize, other: usize| {
        let swapped = other < anchor && other < rows;
        let (one, other) = if swapped { (other, anchor) } else { (anchor, other) };
        [one, other].map(|at| u32::try_from(at).unwrap_or(u32::MAX))
    };
    let (mut positives, mut negatives) = (Vec::new(), Vec::new());
    match triplets {
        Triplets::Combined(around) => {
            let both = |(_, of): &(usize, &Around)| !of.positives.is_empty() && !of.negatives.is_empty();
            for (anchor, around) in around.iter().enumerate().filter(both) {
                positives.extend(around.positives.iter().map(|other| pair(anchor, *other as usize)));
                negatives.extend(around.negatives.iter().map(|other| pair(anchor, *other as usize)));
            }
        }
        Triplets::Listed(_) => triplets.for_each(|anchor, positive, negative| {
            positives.push(pair(anchor, positive));
            negatives.push(pair(anchor, negative));
        }),
    }
    for list in [&mut positives, &mut negatives] {
        list.sort_unstable();
        list.dedup();
    }
    (positives, negatives)
}

/// The sum of all numbers up to each.
fn running<'a>(values: impl Iterator<Item = &'a f64>) -> Vec<f64> {
    let mut sum = 0.0;
    let mut add = |value: &f64| {
        sum += value;
        sum
    };
    values.map(&mut add).collect()
}
