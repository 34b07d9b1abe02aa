//! The process itself: a Matérn 5/2 kernel with a length of its own in each dimension, and what is expected of a point.

use super::super::numeric::dot;

/// What the kernel is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kernel {
    /// Of each dimension: one over the square of its length.
    pub(super) precision: Vec<f64>,
    /// The variance of the values.
    pub(super) scale: f64,
    /// The variance of what is told of a value.
    pub(super) noise: f64,
    /// Dimensions with an order; in the others two values are equal or one apart.
    pub(super) ordered: Vec<bool>,
}

/// Points with their values and a kernel.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) kernel: Kernel,
    pub(super) points: Vec<Vec<f64>>,
    pub(super) values: Vec<f64>,
    /// The Cholesky factor of the covariance, lower, row by row.
    factor: Vec<Vec<f64>>,
    /// The covariance's inverse times the values.
    weights: Vec<f64>,
}

/// What is expected of a point, with the slopes in each coordinate.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) mean: f64,
    pub(super) variance: f64,
    pub(super) mean_slope: Vec<f64>,
    pub(super) variance_slope: Vec<f64>,
}

impl Kernel {
    /// The square of how far two points are apart in a dimension.
    pub(super) fn square(&self, dimension: usize, a: f64, b: f64) -> f64 {
        if self.ordered[dimension] { (a - b).powi(2) } else { f64::from(u8::from((a - b).abs() > 1e-9)) }
    }

    /// The sum over dimensions of precision times square.
    pub(super) fn distance(&self, a: &[f64], b: &[f64]) -> f64 {
        (0..a.len()).map(|at| self.precision[at] * self.square(at, a[at], b[at])).sum()
    }

    /// The covariance of two points at a squared distance (Rasmussen and Williams 2006, equation 4.17).
    pub(super) fn covariance(&self, distance: f64) -> f64 {
        let root = (5.0 * distance).sqrt();
        self.scale * (1.0 + root + 5.0 / 3.0 * distance) * (-root).exp()
    }

    /// Its slope in the squared distance.
    pub(super) fn slope(&self, distance: f64) -> f64 {
        let root = (5.0 * distance).sqrt();
        -5.0 / 6.0 * self.scale * (1.0 + root) * (-root).exp()
    }
}

impl Process {
    /// The process of points and values; `None` where the covariance can't be factored.
    pub(super) fn new(kernel: Kernel, points: Vec<Vec<f64>>, values: Vec<f64>) -> Option<Self> {
        let of_row = |row: usize| -> Vec<f64> {
            let covariance = |column: usize| kernel.covariance(kernel.distance(&points[row], &points[column]));
            (0..=row).map(|column| covariance(column) + if row == column { kernel.noise } else { 0.0 }).collect()
        };
        let factor = cholesky((0..points.len()).map(of_row).collect())?;
        let weights = backward(&factor, &forward(&factor, &values));
        Some(Self { kernel, points, values, factor, weights })
    }

    /// Adds a point with the value that is expected there.
    pub(super) fn believe(&mut self, point: Vec<f64>) {
        let mean = self.expected(&point).mean;
        let (mut points, mut values) = (self.points.clone(), self.values.clone());
        points.push(point);
        values.push(mean);
        if let Some(with) = Self::new(self.kernel.clone(), points, values) {
            *self = with;
        }
    }

    /// What is expected of a point.
    pub(super) fn expected(&self, point: &[f64]) -> Expected {
        let distances: Vec<f64> = self.points.iter().map(|other| self.kernel.distance(point, other)).collect();
        let covariances: Vec<f64> = distances.iter().map(|distance| self.kernel.covariance(*distance)).collect();
        let half = forward(&self.factor, &covariances);
        let variance = (self.kernel.scale - dot(&half, &half)).max(1e-12 * self.kernel.scale);
        let solved = backward(&self.factor, &half);
        let slopes: Vec<f64> = distances.iter().map(|distance| self.kernel.slope(*distance)).collect();
        let mut mean_slope = vec![0.0; point.len()];
        let mut variance_slope = vec![0.0; point.len()];
        for (row, other) in self.points.iter().enumerate() {
            for (at, (x, y)) in point.iter().zip(other).enumerate().filter(|(at, _)| self.kernel.ordered[*at]) {
                let slope = slopes[row] * 2.0 * self.kernel.precision[at] * (x - y);
                mean_slope[at] += slope * self.weights[row];
                variance_slope[at] -= 2.0 * slope * solved[row];
            }
        }
        Expected { mean: dot(&covariances, &self.weights), variance, mean_slope, variance_slope }
    }

    /// A column of the inverse of the factor, from the diagonal down.
    fn inverse_column(&self, at: usize) -> Vec<f64> {
        let mut column = Vec::with_capacity(self.factor.len() - at);
        column.push(1.0 / self.factor[at][at]);
        for row in at + 1..self.factor.len() {
            let done = dot(&self.factor[row][at..row], &column);
            column.push(-done / self.factor[row][row]);
        }
        column
    }

    /// The logarithm of the probability of the values, less its constant.
    pub(super) fn ln_likelihood(&self) -> f64 {
        let determinant: f64 = (0..self.factor.len()).map(|row| self.factor[row][row].ln()).sum();
        -0.5 * dot(&self.values, &self.weights) - determinant
    }

    /// The slope of [`Process::ln_likelihood`] in each element of the covariance, lower half, the symmetric one counted in.
    pub(super) fn likelihood_slope(&self) -> Vec<Vec<f64>> {
        let count = self.values.len();
        // Columns of the factor's inverse from the diagonal down: the inverse is their products (a third of the work of
        // solving for each column of the inverse).
        let columns: Vec<Vec<f64>> = (0..count).map(|at| self.inverse_column(at)).collect();
        let inverse = |row: usize, column: usize| dot(&columns[row], &columns[column][row - column..]);
        let element = |row: usize, column: usize| {
            let twice = if row == column { 1.0 } else { 2.0 };
            0.5 * twice * (self.weights[row] * self.weights[column] - inverse(row, column))
        };
        (0..count).map(|row| (0..=row).map(|column| element(row, column)).collect()).collect()
    }
}

/// The lower factor of a positive definite matrix, given by its lower half.
fn cholesky(mut matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    for row in 0..matrix.len() {
        let (above, below) = matrix.split_at_mut(row);
        let current = &mut below[0];
        for column in 0..=row {
            let done = if column < row {
                dot(&current[..column], &above[column][..column])
            } else {
                dot(&current[..row], &current[..row])
            };
            let left = current[column] - done;
            if column < row {
                current[column] = left / above[column][column];
            } else if left > 0.0 && left.is_finite() {
                current[column] = left.sqrt();
            } else {
                return None;
            }
        }
    }
    Some(matrix)
}

/// x of L x = b.
fn forward(factor: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let mut x = Vec::with_capacity(b.len());
    for (row, b) in factor.iter().zip(b) {
        let at = x.len();
        let left = b - dot(&row[..at], &x);
        x.push(left / row[at]);
    }
    x
}

/// x of L' x = b.
fn backward(factor: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let mut x = b.to_vec();
    for row in (0..b.len()).rev() {
        x[row] /= factor[row][row];
        let value = x[row];
        for (column, of) in factor[row][..row].iter().enumerate() {
            x[column] -= of * value;
        }
    }
    x
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn example() -> Process {
        let kernel = Kernel { precision: vec![4.0, 0.5], scale: 1.3, noise: 1e-3, ordered: vec![true; 2] };
        let points = vec![vec![0.1, 0.2], vec![0.8, 0.3], vec![0.4, 0.9], vec![0.6, 0.5]];
        Process::new(kernel, points, vec![0.5, -1.0, 0.2, 0.3]).unwrap()
    }

    #[test]
    fn what_was_told_is_expected_and_sure() {
        let process = example();
        let told = process.expected(&[0.8, 0.3]);
        assert!((told.mean + 1.0).abs() < 0.01 && told.variance < 0.002, "{told:?}");
        let far = process.expected(&[40.0, 40.0]);
        assert!(far.mean.abs() < 1e-6 && (far.variance - 1.3).abs() < 1e-6, "{far:?}");
    }

    #[test]
    fn slopes_are_differences() {
        let process = example();
        let at = [0.35, 0.6];
        let expected = process.expected(&at);
        for dimension in 0..2 {
            let moved = |step: f64| {
                let mut point = at;
                point[dimension] += step;
                process.expected(&point)
            };
            let (before, after) = (moved(-1e-5), moved(1e-5));
            let close = |slope: f64, low: f64, high: f64| (slope - (high - low) / 2e-5).abs() < 1e-6;
            assert!(close(expected.mean_slope[dimension], before.mean, after.mean));
            assert!(close(expected.variance_slope[dimension], before.variance, after.variance));
        }
    }

    #[test]
    fn a_believed_point_makes_sure_and_changes_no_mean() {
        let mut process = example();
        let before = process.expected(&[0.2, 0.7]);
        process.believe(vec![0.2, 0.7]);
        let after = process.expected(&[0.2, 0.7]);
        assert!((before.mean - after.mean).abs() < 1e-3 && after.variance < 0.1 * before.variance);
    }

    #[test]
    fn what_is_no_covariance_is_not_factored() {
        assert_eq!(cholesky(vec![vec![1.0], vec![2.0, 1.0]]), None);
        assert_eq!(cholesky(vec![vec![f64::NAN]]), None);
        assert_eq!(cholesky(vec![vec![4.0], vec![2.0, 2.0]]), Some(vec![vec![2.0], vec![1.0, 1.0]]));
    }
}
