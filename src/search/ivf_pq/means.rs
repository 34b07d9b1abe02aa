//! k-means (Lloyd, 1982), from drawn vectors and in a fixed number of steps: the same from any number of threads.

use rayon::prelude::*;
use simpipe_kernel::product_tile;

use super::super::SearchError;
use super::super::drawn::mixed;

/// Means that are compared at once: a multiple of what the kernel takes.
const TILE: usize = 256;
/// Vectors that are compared with a tile at once.
const VECTORS: usize = 256;
/// What the kernel takes a multiple of.
const STEP: usize = 16;

/// Means of one length.
#[derive(Debug)]
pub(super) struct Means {
    values: Vec<f32>,
    dim: usize,
    /// All of them in tiles, side by side; zeros at the end.
    turned: Vec<f32>,
    /// `|m|^2` of each, and of the zeros more than anything.
    squares: Vec<f32>,
}

impl Means {
    fn new(values: Vec<f32>, dim: usize) -> Self {
        let count = values.len() / dim.max(1);
        let padded = count.next_multiple_of(STEP);
        let mut turned = vec![0.0; padded * dim];
        let mut squares = vec![f32::INFINITY; padded];
        for (at, row) in values.chunks_exact(dim.max(1)).enumerate() {
            let (first, columns) = (at / TILE * TILE, TILE.min(padded - at / TILE * TILE));
            for (i, value) in row.iter().enumerate() {
                turned[first * dim + i * columns + at - first] = *value;
            }
            squares[at] = row.iter().fold(0.0, |sum, value| sum + value * value);
        }
        Self { values, dim, turned, squares }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len() / self.dim.max(1)
    }

    pub(super) fn all(&self) -> &[f32] {
        &self.values
    }

    pub(super) fn row(&self, row: u32) -> &[f32] {
        &self.values[row as usize * self.dim..][..self.dim]
    }

    /// The nearest of these to each of some vectors, the first of those that are equally near.
    fn nearest_of(&self, vectors: &[f32], scores: &mut Vec<f32>) -> Vec<u32> {
        let count = vectors.len() / self.dim.max(1);
        let mut best = vec![(f32::INFINITY, 0_u32); count];
        for first in (0..self.squares.len()).step_by(TILE) {
            let columns = TILE.min(self.squares.len() - first);
            scores.resize(count * columns, 0.0);
            let tile = &self.turned[first * self.dim..(first + columns) * self.dim];
            product_tile(vectors, tile, self.dim, columns, scores);
            let squares = &self.squares[first..first + columns];
            for (best, scores) in best.iter_mut().zip(scores.chunks_exact(columns)) {
                for ((score, square), at) in scores.iter().zip(squares).zip(first..) {
                    let far = square - 2.0 * score;
                    if far < best.0 {
                        *best = (far, u32::try_from(at).unwrap_or(u32::MAX));
                    }
                }
            }
        }
        best.into_iter().map(|(_, at)| at).collect()
    }
}

/// The nearest mean to each of some vectors.
pub(super) fn nearest(vectors: &[f32], means: &Means) -> Vec<u32> {
    let chunks = vectors.par_chunks(VECTORS * means.dim.max(1));
    chunks.map_init(Vec::new, |room, some| means.nearest_of(some, room)).flatten_iter().collect()
}

/// Up to `count` means of some vectors.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the one rounding to the type of vectors"
)]
pub(super) fn found(
    vectors: &[f32],
    dim: usize,
    count: usize,
    steps: usize,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Means, SearchError> {
    let there = vectors.len() / dim.max(1);
    let count = count.min(there);
    let row = |row: usize| &vectors[row * dim..(row + 1) * dim];
    // Vectors are drawn already, in no order.
    let mut means = Means::new(vectors[..count * dim].to_vec(), dim);
    for step in 0..steps {
        if stop() {
            return Err(SearchError::Stopped);
        }
        let of = nearest(vectors, &means);
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); count];
        of.iter().zip(0_u32..).for_each(|(mean, vector)| members[*mean as usize].push(vector));
        let mean = |(at, members): (usize, &Vec<u32>)| -> Vec<f32> {
            if members.is_empty() {
                // Another of the vectors takes its place.
                return row(usize::try_from(mixed((step * count + at) as u64) % there as u64).unwrap_or(0)).to_vec();
            }
            let mut sums = vec![0.0_f64; dim];
            for member in members {
                sums.iter_mut().zip(row(*member as usize)).for_each(|(sum, value)| *sum += f64::from(*value));
            }
            let share = 1.0 / members.len() as f64;
            sums.into_iter().map(|sum| (sum * share) as f32).collect()
        };
        let values: Vec<Vec<f32>> = members.par_iter().enumerate().map(mean).collect();
        means = Means::new(values.concat(), dim);
    }
    Ok(means)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_those_of_their_groups() {
        // Two groups on a line, whose means are 1 and 11.
        let vectors = [0.0, 10.0, 2.0, 12.0, 1.0, 11.0];
        let means = found(&vectors, 1, 2, 5, &|| false).unwrap();
        assert_eq!(means.all(), [1.0, 11.0]);
        assert_eq!(nearest(&[5.9, 6.1, -3.0], &means), [0, 1, 0]);
        assert_eq!(nearest(&[6.0], &means), [0], "the first of two that are equally near");
        assert_eq!(found(&vectors, 1, 9, 5, &|| false).unwrap().len(), 6, "no more than there are vectors");
        assert_eq!(found(&vectors, 1, 2, 5, &|| true).unwrap_err(), SearchError::Stopped);
        let none = found(&[], 3, 2, 5, &|| false).unwrap();
        assert_eq!((none.len(), nearest(&[], &none).len()), (0, 0));
    }

    #[test]
    fn many_means_in_tiles_are_compared_as_one_by_one() {
        let numbers = crate::drawn::numbers(300 * 5 + 40 * 5);
        let (values, vectors) = numbers.split_at(300 * 5);
        let means = Means::new(values.to_vec(), 5);
        let by_hand = |vector: &[f32]| {
            let far = |mean: u32| -> f64 {
                means.row(mean).iter().zip(vector).map(|(m, v)| (f64::from(*m) - f64::from(*v)).powi(2)).sum()
            };
            (0..300).min_by(|one, other| far(*one).total_cmp(&far(*other))).unwrap()
        };
        let expected: Vec<u32> = vectors.chunks(5).map(by_hand).collect();
        assert_eq!(nearest(vectors, &means), expected);
    }
}
