//! The six distances between rows of numbers, computed exactly. Owns no search.
//!
//! Every distance is summed in `f64` in one fixed order and rounded to `f32` once, so that a value never depends on
//! where its row stands or on how many threads there are.

use super::SearchError;
use super::wide::widest;
use simpipe_artifact::Distance;

/// Squared euclidean distances below this are taken as 0, as TensorFlow Similarity does.
pub(super) const EUCLIDEAN_ZERO: f64 = 1e-18;

/// Finite vectors of one length, row after row.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    values: &'a [f32],
    dim: usize,
}

impl<'a> Rows<'a> {
    /// The vectors in `values`, `dim` numbers each.
    ///
    /// # Errors
    /// If `values` is no whole number of rows, or holds NaN or an infinity.
    pub fn new(values: &'a [f32], dim: usize) -> Result<Self, SearchError> {
        if values.is_empty() {
            return Ok(Self { values, dim });
        }
        if dim == 0 || !values.len().is_multiple_of(dim) {
            return Err(SearchError::Ragged { numbers: values.len(), dim });
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(SearchError::NotFinite { position: at / dim }),
            None => Ok(Self { values, dim }),
        }
    }

    /// Vectors that [`Rows::new`] would take: they come from such. Their numbers are not looked at.
    #[must_use]
    pub const fn checked(values: &'a [f32], dim: usize) -> Self {
        Self { values, dim }
    }

    /// Number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.dim).unwrap_or(0)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Length of a vector.
    #[must_use]
    pub const fn dim(&self) -> usize {
        self.dim
    }

    /// One vector.
    #[must_use]
    pub fn row(&self, row: usize) -> &'a [f32] {
        &self.values[row * self.dim..(row + 1) * self.dim]
    }

    /// All numbers, row after row.
    pub(super) const fn all(&self) -> &'a [f32] {
        self.values
    }

    /// The numbers of some vectors in a row.
    pub(super) fn span(&self, rows: std::ops::Range<usize>) -> &'a [f32] {
        &self.values[rows.start * self.dim..rows.end * self.dim]
    }
}

/// How far `key` is from `query`, in the unit of `distance`.
///
/// - cosine: `max(0, 1 - q.k)` of rows of unit length, as [`Vectors`](super::Vectors) makes them
/// - inner product: `q.k`, a similarity
/// - euclidean: `|q - k|`, 0 where its square is below 1e-18
/// - squared euclidean: `|q - k|^2`
/// - manhattan: `sum |q_i - k_i|`
/// - snr: `var(q - k) / var(q)` (Yuan et al., 2019: the power of the noise over that of the signal); a query
///   without variance is at 0 from keys that differ by a constant and infinitely far from all others
///
/// ```
/// use simpipe_artifact::Distance;
/// use simpipe_search::distance::between;
/// assert_eq!(between(Distance::Euclidean, &[0.0, 3.0], &[4.0, 0.0]), 5.0);
/// assert_eq!(between(Distance::Cosine, &[0.6, 0.8], &[0.8, -0.6]), 1.0);
/// ```
#[must_use]
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the one rounding to the artifact's float type")]
pub fn between(distance: Distance, query: &[f32], key: &[f32]) -> f32 {
    let value = match distance {
        Distance::Cosine => (1.0 - dot(query, key)).max(0.0),
        Distance::InnerProduct => dot(query, key),
        Distance::SquaredEuclidean => sum(query, key, |q, k| (q - k) * (q - k)),
        Distance::Euclidean => {
            let square = sum(query, key, |q, k| (q - k) * (q - k));
            if square < EUCLIDEAN_ZERO { 0.0 } else { square.sqrt() }
        }
        Distance::Manhattan => sum(query, key, |q, k| (q - k).abs()),
        Distance::Snr => signal_to_noise(query, key),
    };
    value as f32
}

/// The distances of one query to many rows, appended to `out` in the order of the rows.
pub fn to_rows(distance: Distance, query: &[f32], rows: &Rows<'_>, out: &mut Vec<f32>) {
    widest(|| out.extend((0..rows.len()).map(|row| between(distance, query, rows.row(row)))));
}

/// `q.k`.
#[inline(always)]
pub(super) fn dot(query: &[f32], key: &[f32]) -> f64 {
    sum(query, key, |q, k| q * k)
}

/// `|q|^2`.
pub(super) fn square_norm(row: &[f32]) -> f64 {
    dot(row, row)
}

/// `sum f(q_i, k_i)` in eight interleaved partial sums, which compilers turn into vector instructions.
#[inline(always)]
fn sum(query: &[f32], key: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    let (queries, keys) = (query.chunks_exact(8), key.chunks_exact(8));
    let tail = queries.remainder().iter().zip(keys.remainder()).map(|(&q, &k)| term(q.into(), k.into())).sum::<f64>();
    for (q, k) in queries.zip(keys) {
        // Fixed lengths, so that no bound is checked.
        let (q, k): (&[f32; 8], &[f32; 8]) = (q.try_into().expect("chunks of 8"), k.try_into().expect("chunks of 8"));
        for lane in 0..8 {
            lanes[lane] += term(q[lane].into(), k[lane].into());
        }
    }
    lanes.iter().sum::<f64>() + tail
}

fn signal_to_noise(query: &[f32], key: &[f32]) -> f64 {
    let signal = variance(query.iter().map(|&q| f64::from(q)));
    let noise = variance(query.iter().zip(key).map(|(&q, &k)| f64::from(q) - f64::from(k)));
    match (signal > 0.0, noise > 0.0) {
        (true, _) => noise / signal,
        (false, true) => f64::INFINITY,
        (false, false) => 0.0,
    }
}

/// The variance over a row (divided by its length), in two passes.
#[expect(clippy::cast_precision_loss, reason = "a row has far fewer than 2^52 numbers")]
fn variance(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    values.map(|value| (value - mean) * (value - mean)).sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_distance_is_as_computed_by_hand() {
        let (query, key) = ([1.0, 2.0, 3.0], [2.0, 0.0, 5.0]);
        let found = Distance::ALL.map(|distance| between(distance, &query, &key));
        // dot 17 clips cosine at 0; differences -1, 2, -2 have mean -1/3 and variance 26/9; the query's is 2/3.
        assert_eq!(found, [0.0, 17.0, 3.0, 9.0, 5.0, 13.0 / 3.0]);
    }

    #[test]
    fn a_constant_query_has_no_signal() {
        assert_eq!(between(Distance::Snr, &[1.0, 1.0], &[2.0, 2.0]), 0.0);
        assert_eq!(between(Distance::Snr, &[1.0, 1.0], &[2.0, 0.0]), f32::INFINITY);
    }

    #[test]
    fn vectors_that_are_not_finite_are_refused() {
        let refused = Rows::new(&[0.0, 1.0, f32::NAN, 0.0], 2).unwrap_err();
        assert_eq!(refused, SearchError::NotFinite { position: 1 });
        assert!(Rows::new(&[f32::INFINITY], 1).is_err());
        assert_eq!(Rows::new(&[1.0; 3], 2).unwrap_err(), SearchError::Ragged { numbers: 3, dim: 2 });
        assert_eq!(Rows::new(&[], 0).unwrap().len(), 0);
    }
}
