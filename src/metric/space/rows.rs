//! Embeddings with labels, checked once.

use std::collections::BTreeMap;

use crate::MetricError;

/// Finite rows of one length, each with a label.
#[derive(Debug, Clone, Copy)]
pub struct Space<'a> {
    values: &'a [f32],
    dim: usize,
    labels: &'a [i32],
}

impl<'a> Space<'a> {
    /// The rows in `values`, `dim` numbers each, with a label a row.
    ///
    /// # Errors
    /// If numbers and labels do not fit, or a row holds NaN or an infinity.
    pub fn new(values: &'a [f32], dim: usize, labels: &'a [i32]) -> Result<Self, MetricError> {
        if labels.len().checked_mul(dim) != Some(values.len()) {
            let (ones, others) = (values.len(), labels.len());
            return Err(MetricError::Lengths { one: "numbers", ones, other: "labels", others });
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(MetricError::NotFinite { what: "embedding", row: at / dim }),
            None => Ok(Self { values, dim, labels }),
        }
    }

    /// Number of rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Length of a row.
    #[must_use]
    pub const fn dim(&self) -> usize {
        self.dim
    }

    /// The labels.
    #[must_use]
    pub const fn labels(&self) -> &'a [i32] {
        self.labels
    }

    /// One row.
    #[must_use]
    pub fn row(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.dim..(row + 1) * self.dim]
    }

    /// The rows of each label, in increasing order.
    #[must_use]
    pub fn by_label(&self) -> BTreeMap<i32, Vec<usize>> {
        let mut rows: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
        for (row, label) in self.labels.iter().enumerate() {
            rows.entry(*label).or_default().push(row);
        }
        rows
    }

    /// The sum of some rows.
    pub(crate) fn sum_of(&self, rows: impl IntoIterator<Item = usize>) -> Vec<f64> {
        let mut sum = vec![0.0; self.dim];
        for row in rows {
            sum.iter_mut().zip(self.row(row)).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        sum
    }
}

/// `|one - other|^2`, summed in `f64` in eight interleaved partial sums, which compilers turn into vector instructions.
pub fn square(one: &[f32], other: &[f32]) -> f64 {
    let mut lanes = [0.0; 8];
    let (ones, others) = (one.chunks_exact(8), other.chunks_exact(8));
    let tail = ones.remainder().iter().zip(others.remainder());
    let tail: f64 = tail.map(|(one, other)| (f64::from(*one) - f64::from(*other)).powi(2)).sum();
    for (one, other) in ones.zip(others) {
        for (lane, (one, other)) in lanes.iter_mut().zip(one.iter().zip(other)) {
            let less = f64::from(*one) - f64::from(*other);
            *lane += less * less;
        }
    }
    lanes.iter().sum::<f64>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Space::new(&[0.0; 3], 2, &[0]).is_err());
        assert!(Space::new(&[], usize::MAX, &[0, 0]).is_err());
        let refused = Space::new(&[0.0, 1.0, f32::NAN, 0.0], 2, &[0, 0]).unwrap_err();
        assert_eq!(refused, MetricError::NotFinite { what: "embedding", row: 1 });
        let space = Space::new(&[], 4, &[]).unwrap();
        assert!(space.is_empty());
        assert_eq!(square(&[1.0; 9], &[3.0; 9]), 36.0);
    }
}
