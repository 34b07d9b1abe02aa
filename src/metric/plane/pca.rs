//! Principal components: the two directions in which embeddings spread most.

use rayon::prelude::*;

use super::{PlaneError, Stop, go_on};
use simpipe_base::eigen::{self, fix_sign};

/// The two principal components of some rows.
///
/// Of centred rows `X` (`[rows, dim]`) these are the unit eigenvectors of the covariance `X'X / rows` with the largest
/// eigenvalues (Pearson, 1901). The sign of each is fixed: its largest entry by magnitude is positive.
#[derive(Debug, Clone, PartialEq)]
pub struct Pca {
    /// Row after row, two coordinates each.
    pub points: Vec<[f64; 2]>,
    /// The share of the total variance that each component explains.
    pub explained: [f64; 2],
}

/// Vectors iterated beside the two wanted: the error shrinks each step by the ratio of the first eigenvalue left
/// out to the second one wanted.
const BLOCK: usize = 12;
/// Steps at most: enough for a ratio of 0.97 to reach the tolerance.
const STEPS: usize = 800;
const TOLERANCE: f64 = 1e-12;

impl Pca {
    /// Fits two components to rows of `dim` numbers each. Rows without any spread give zeros.
    ///
    /// By block power iteration with Rayleigh-Ritz from a fixed start, every sum in a fixed order: the same bytes
    /// for any number of threads. Work: `rows x dim^2` for the covariance and `dim^2` per vector and step; with fewer rows
    /// than dimensions there is no covariance, and `2 rows x dim` per vector and step.
    ///
    /// # Errors
    /// If the user asked to stop.
    pub fn fit(values: &[f32], dim: usize, stop: Stop<'_>) -> Result<Self, PlaneError> {
        let rows = values.len().checked_div(dim).unwrap_or(0);
        if rows == 0 {
            return Ok(Self { points: Vec::new(), explained: [0.0; 2] });
        }
        let centred = centred(values, dim, rows);
        let covariance = Covariance::of(&centred, dim, rows, stop)?;
        let total = covariance.trace();
        if total <= f64::EPSILON * f64::EPSILON {
            return Ok(Self { points: vec![[0.0; 2]; rows], explained: [0.0; 2] });
        }
        let (vectors, eigenvalues) = leading(&covariance, dim, stop)?;
        let explained = [0, 1].map(|at| eigenvalues.get(at).map_or(0.0, |value| (value / total).max(0.0)));
        let point = |row: &[f64]| [0, 1].map(|at| vectors.get(at).map_or(0.0, |vector| dot(row, vector)));
        Ok(Self { points: centred.chunks_exact(dim).map(point).collect(), explained })
    }
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

fn centred(values: &[f32], dim: usize, rows: usize) -> Vec<f64> {
    let mut mean = vec![0.0; dim];
    for row in values.chunks_exact(dim) {
        mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    mean.iter_mut().for_each(|sum| *sum /= rows as f64);
    values
        .chunks_exact(dim)
        .flat_map(|row| row.iter().zip(&mean).map(|(value, mean)| f64::from(*value) - mean))
        .collect()
}

/// The covariance `X'X / rows` of centred rows.
enum Covariance<'a> {
    /// As a matrix of `dim` columns.
    Matrix(Vec<f64>, usize),
    /// As the rows that it is made of, `dim` numbers each: where they are fewer than `dim`, less to hold and to multiply
    /// with.
    Rows(&'a [f64], usize),
}

impl<'a> Covariance<'a> {
    fn of(centred: &'a [f64], dim: usize, rows: usize, stop: Stop<'_>) -> Result<Self, PlaneError> {
        if rows < dim {
            return Ok(Self::Rows(centred, dim));
        }
        Ok(Self::Matrix(covariance(centred, dim, rows, stop)?, dim))
    }

    /// The sum of all variances.
    fn trace(&self) -> f64 {
        match self {
            Self::Matrix(matrix, dim) => (0..*dim).map(|at| matrix[at * dim + at]).sum(),
            Self::Rows(rows, dim) => dot(rows, rows) / (rows.len() / dim) as f64,
        }
    }

    /// Its product with a vector.
    fn times(&self, vector: &[f64]) -> Vec<f64> {
        match self {
            Self::Matrix(matrix, dim) => matrix.chunks_exact(*dim).map(|row| dot(row, vector)).collect(),
            Self::Rows(rows, dim) => {
                let count = (rows.len() / dim) as f64;
                let mut sum = vec![0.0; *dim];
                for row in rows.chunks_exact(*dim) {
                    let weight = dot(row, vector) / count;
                    sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
                }
                sum
            }
        }
    }
}

/// `[dim, dim]`: each row of the result sums over the examples in order, so threads change nothing.
fn covariance(centred: &[f64], dim: usize, rows: usize, stop: Stop<'_>) -> Result<Vec<f64>, PlaneError> {
    let mut covariance = vec![0.0; dim * dim];
    covariance.par_chunks_mut(dim).enumerate().try_for_each(|(at, out)| {
        go_on(stop)?;
        for row in centred.chunks_exact(dim) {
            let factor = row[at];
            out.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value);
        }
        out.iter_mut().for_each(|sum| *sum /= rows as f64);
        Ok(())
    })?;
    Ok(covariance)
}

/// The leading eigenvectors and their eigenvalues, largest first.
fn leading(covariance: &Covariance<'_>, dim: usize, stop: Stop<'_>) -> Result<(Vec<Vec<f64>>, Vec<f64>), PlaneError> {
    let block = BLOCK.min(dim);
    // A fixed start without symmetry: no eigenvector of a real covariance is orthogonal to all of it.
    let start = |vector: usize| (0..dim).map(|at| (1.0 + (at * (2 * vector + 3) + vector) as f64).sin()).collect();
    let mut vectors: Vec<Vec<f64>> = (0..block).map(start).collect();
    orthonormalise(&mut vectors);
    let mut values = vec![0.0; block];
    for _ in 0..STEPS {
        go_on(stop)?;
        let images: Vec<Vec<f64>> = vectors.par_iter().map(|vector| covariance.times(vector)).collect();
        let small: Vec<Vec<f64>> =
            vectors.iter().map(|vector| images.iter().map(|image| dot(vector, image)).collect()).collect();
        let (turn, found) = eigen::of_symmetric(small);
        let moved = found.iter().zip(&values).take(2).map(|(new, old)| (new - old).abs()).fold(0.0, f64::max);
        let scale = found.first().copied().unwrap_or(0.0).abs();
        values = found;
        vectors = turn.iter().map(|weights| combine(&images, weights)).collect();
        orthonormalise(&mut vectors);
        if moved <= TOLERANCE * scale {
            break;
        }
    }
    vectors.iter_mut().for_each(|vector| fix_sign(vector));
    Ok((vectors, values))
}

fn combine(vectors: &[Vec<f64>], weights: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; vectors[0].len()];
    for (vector, weight) in vectors.iter().zip(weights) {
        sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += weight * value);
    }
    sum
}

/// Modified Gram-Schmidt, twice. A vector that depends on those before it becomes zero.
fn orthonormalise(vectors: &mut [Vec<f64>]) {
    for at in 0..vectors.len() {
        let (before, rest) = vectors.split_at_mut(at);
        let vector = &mut rest[0];
        let norm_before = dot(vector, vector).sqrt();
        for other in before.iter().chain(before.iter()) {
            let along = dot(vector, other);
            vector.iter_mut().zip(other).for_each(|(value, other)| *value -= along * other);
        }
        let norm = dot(vector, vector).sqrt();
        let scale = if norm > 1e-12 * norm_before && norm > 0.0 { norm.recip() } else { 0.0 };
        vector.iter_mut().for_each(|value| *value *= scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(values: &[f32], dim: usize) -> Pca {
        Pca::fit(values, dim, &|| false).unwrap()
    }

    #[test]
    fn known_directions_are_found() {
        // Points on (3, 4) with a little of (-4, 3): variances 4 and 0.25, in the ratio 16 to 1.
        let along = [-2.0_f32, 2.0, -2.0, 2.0];
        let across = [-0.5_f32, -0.5, 0.5, 0.5];
        let values: Vec<f32> =
            along.iter().zip(&across).flat_map(|(a, b)| [0.6 * a - 0.8 * b + 7.0, 0.8 * a + 0.6 * b - 1.0]).collect();
        let pca = fit(&values, 2);
        assert!((pca.explained[0] - 16.0 / 17.0).abs() < 1e-6, "{:?}", pca.explained);
        for (point, (a, b)) in pca.points.iter().zip(along.iter().zip(&across)) {
            // The second axis is (0.8, -0.6): its largest entry is positive.
            assert!((point[0] - f64::from(*a)).abs() < 1e-6 && (point[1] + f64::from(*b)).abs() < 1e-6, "{point:?}");
        }
    }

    #[test]
    fn the_components_satisfy_the_eigenvalue_equation() {
        let (rows, dim) = (60, 20);
        let values: Vec<f32> =
            (0..rows * dim).map(|at| ((at * at % 97) as f32 / 97.0) * if at % dim == 3 { 3.0 } else { 1.0 }).collect();
        let centred = centred(&values, dim, rows);
        let covariance = covariance(&centred, dim, rows, &|| false).unwrap();
        let of = Covariance::of(&centred, dim, rows, &|| false).unwrap();
        let (vectors, eigenvalues) = leading(&of, dim, &|| false).unwrap();
        for (vector, value) in vectors.iter().zip(&eigenvalues).take(2) {
            for (row, entry) in covariance.chunks_exact(dim).zip(vector) {
                assert!((dot(row, vector) - value * entry).abs() < 1e-6);
            }
        }
        assert!(dot(&vectors[0], &vectors[1]).abs() < 1e-9);
    }

    #[test]
    fn few_rows_of_many_numbers_need_no_matrix() {
        let (rows, dim) = (9, 30);
        let values: Vec<f32> = (0..rows * dim).map(|at| (at * at % 97) as f32 / 97.0).collect();
        let centred = centred(&values, dim, rows);
        let (by_rows, matrix) = (
            Covariance::of(&centred, dim, rows, &|| false).unwrap(),
            covariance(&centred, dim, rows, &|| false).unwrap(),
        );
        let matrix = Covariance::Matrix(matrix, dim);
        assert!(matches!(by_rows, Covariance::Rows(..)) && (by_rows.trace() - matrix.trace()).abs() < 1e-12);
        let [found, expected] = [&by_rows, &matrix].map(|covariance| leading(covariance, dim, &|| false).unwrap());
        for at in 0..2 {
            assert!((found.1[at] - expected.1[at]).abs() < 1e-9);
            assert!((dot(&found.0[at], &expected.0[at]) - 1.0).abs() < 1e-6);
        }
        // The matrix of these would take 80 GB.
        let wide: Vec<f32> = (0..3 * 100_000).map(|at| (at % 7) as f32).collect();
        assert_eq!(Pca::fit(&wide, 100_000, &|| false).unwrap().points.len(), 3);
    }

    #[test]
    fn threads_change_nothing() {
        let values: Vec<f32> = (0..400 * 32).map(|at| ((at * 7919 % 1013) as f32).sin()).collect();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(&values, 32))
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn rows_without_spread_lie_at_the_origin() {
        assert_eq!(fit(&[1.0; 12], 4).points, [[0.0; 2]; 3]);
        assert_eq!(fit(&[1.0, 2.0], 2).points, [[0.0; 2]]);
        assert!(fit(&[], 0).points.is_empty());
        // One number each: the second coordinate is zero.
        assert_eq!(fit(&[1.0, 3.0], 1).points, [[-1.0, 0.0], [1.0, 0.0]]);
    }
}
