//! Vectors made ready for a distance: the cosine distance compares directions, so its rows are scaled to unit length.

use std::borrow::Cow;

use rayon::prelude::*;

use super::SearchError;
use super::distance::{Rows, square_norm};
use simpipe_artifact::Distance;

/// How far the square of a row's length may be from 1 for it to be left as it is: what rounding to `f32` leaves of a row
/// that a network has normalised. It moves a distance by as much at most.
const UNIT_TOLERANCE: f64 = 1e-5;

/// Vectors that a distance can compare.
///
/// For the cosine distance every row that is not of unit length is divided by its length, computed in `f64`, so that
/// neither large nor tiny numbers overflow; rows of unit length keep their bits. Each row is judged by itself: the same
/// vector becomes the same one in an index and in a query, whatever stands beside it. Other distances take rows as they
/// are.
#[derive(Debug, Clone)]
pub struct Vectors<'a> {
    values: Cow<'a, [f32]>,
    dim: usize,
}

impl<'a> Vectors<'a> {
    /// The vectors in `values`, `dim` numbers each, for a distance.
    ///
    /// ```
    /// use simpipe_artifact::Distance;
    /// use simpipe_search::Vectors;
    /// let vectors = Vectors::new(&[3.0, 4.0, 0.0, 1.0], 2, Distance::Cosine)?;
    /// assert_eq!((vectors.rows().row(0), vectors.rows().row(1)), (&[0.6, 0.8][..], &[0.0, 1.0][..]));
    /// assert!(vectors.scaled());
    /// # Ok::<(), simpipe_search::SearchError>(())
    /// ```
    ///
    /// # Errors
    /// If `values` is no whole number of rows, holds NaN or an infinity, or, for the cosine distance, a row of zeros.
    pub fn new(values: &'a [f32], dim: usize, distance: Distance) -> Result<Self, SearchError> {
        if are_comparable(values, dim, distance)? {
            return Ok(Self { values: Cow::Borrowed(values), dim });
        }
        let mut scaled = values.to_vec();
        to_unit_length(&mut scaled, dim);
        Ok(Self { values: Cow::Owned(scaled), dim })
    }

    /// The same of vectors that are kept, for whoever searches among them more than once.
    ///
    /// # Errors
    /// As [`Vectors::new`].
    pub fn owning(mut values: Vec<f32>, dim: usize, distance: Distance) -> Result<Vectors<'static>, SearchError> {
        make_comparable(&mut values, dim, distance)?;
        Ok(Vectors { values: Cow::Owned(values), dim })
    }

    /// The vectors.
    #[must_use]
    pub fn rows(&self) -> Rows<'_> {
        Rows::checked(&self.values, self.dim)
    }

    /// Whether any row was scaled; vectors that are [kept](Self::owning) don't say.
    #[must_use]
    pub const fn scaled(&self) -> bool {
        matches!(self.values, Cow::Owned(_))
    }

    /// The numbers of all rows, where any was scaled.
    #[must_use]
    pub fn into_scaled(self) -> Option<Vec<f32>> {
        match self.values {
            Cow::Owned(values) => Some(values),
            Cow::Borrowed(_) => None,
        }
    }
}

/// Whether a distance can compare vectors as they are; for the cosine distance all must be of unit length.
fn are_comparable(values: &[f32], dim: usize, distance: Distance) -> Result<bool, SearchError> {
    let rows = Rows::new(values, dim)?;
    if distance != Distance::Cosine || rows.is_empty() {
        return Ok(true);
    }
    let square = |row: usize| square_norm(rows.row(row));
    match (0..rows.len()).into_par_iter().position_first(|row| square(row) == 0.0) {
        Some(position) => Err(SearchError::Zero { position }),
        None => Ok((0..rows.len()).into_par_iter().all(|row| is_unit(square(row)))),
    }
}

/// Scales vectors where a distance asks for that, in place: there may be no room for a second copy of them. Says whether it did.
///
/// # Errors
/// As [`Vectors::new`].
pub fn make_comparable(values: &mut [f32], dim: usize, distance: Distance) -> Result<bool, SearchError> {
    let as_they_are = are_comparable(values, dim, distance)?;
    if !as_they_are {
        to_unit_length(values, dim);
    }
    Ok(!as_they_are)
}

/// Scales every row of `dim` numbers to unit length; rows of zeros, and those of unit length already, stay as they are.
pub fn to_unit_length(values: &mut [f32], dim: usize) {
    values.par_chunks_exact_mut(dim.max(1)).for_each(|row| {
        let square = square_norm(row);
        if !is_unit(square) {
            divide_by_length(row, square);
        }
    });
}

/// Divides a row by its length, given the square of it; a row of zeros stays.
pub fn divide_by_length(row: &mut [f32], square: f64) {
    if square > 0.0 {
        let length = square.sqrt();
        #[expect(clippy::cast_possible_truncation, reason = "the one rounding to the artifact's float type")]
        row.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
    }
}

fn is_unit(square: f64) -> bool {
    (square - 1.0).abs() <= UNIT_TOLERANCE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ExactSearch, Hit};

    fn cosine(values: &[f32], dim: usize) -> Vectors<'_> {
        Vectors::new(values, dim, Distance::Cosine).unwrap()
    }

    #[test]
    fn rows_of_unit_length_keep_their_bits() {
        // 0.6 and 0.8 are rounded: the square of their length is not 1 to the last bit.
        let unit = [0.6, 0.8, 1.0, 0.0, 0.6 * 1.000_001, 0.8 * 1.000_001];
        assert!(!cosine(&unit, 2).scaled() && cosine(&unit, 2).into_scaled().is_none());
        let mixed = [0.6, 0.8, 2.0, 0.0];
        assert_eq!(cosine(&mixed, 2).into_scaled().unwrap(), [0.6, 0.8, 1.0, 0.0]);
        for distance in Distance::ALL.into_iter().filter(|distance| *distance != Distance::Cosine) {
            assert!(!Vectors::new(&[3.0, 4.0, 0.0, 0.0], 2, distance).unwrap().scaled(), "{}", distance.name());
        }
    }

    #[test]
    fn the_largest_and_the_smallest_numbers_have_directions() {
        let (large, tiny) = (f32::MAX, f32::from_bits(1));
        let rows = [large, large, tiny, tiny, -large, tiny, 0.0, tiny];
        let half = 0.5_f32.sqrt();
        assert_eq!(cosine(&rows, 2).into_scaled().unwrap(), [half, half, half, half, -1.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn a_row_without_direction_is_refused() {
        let refused = |values: &[f32]| Vectors::new(values, 2, Distance::Cosine).unwrap_err();
        assert_eq!(refused(&[1.0, 0.0, 0.0, -0.0, 0.0, 0.0]), SearchError::Zero { position: 1 });
        assert_eq!(refused(&[0.0, 0.0, f32::NAN, 0.0]), SearchError::NotFinite { position: 1 });
        assert_eq!(refused(&[1.0; 3]), SearchError::Ragged { numbers: 3, dim: 2 });
        assert_eq!(Vectors::new(&[], 0, Distance::Cosine).unwrap().rows().len(), 0);
    }

    #[test]
    fn the_nearest_is_the_nearest_in_direction() {
        // Unscaled, 1 - q.k is below 0 for every row, so all are at 0 and the first wins.
        let index = [5.0, 0.0, 4.0, 3.0, 0.0, 2.0];
        let (rows, asked) = (cosine(&index, 2), cosine(&[0.5, 7.0], 2));
        let found = ExactSearch::new(rows.rows(), Distance::Cosine).nearest(asked.rows(), 3).unwrap();
        assert_eq!(found[0].iter().map(|hit| hit.row).collect::<Vec<_>>(), [2, 1, 0]);
        let expected = 1.0 - 7.0 / (0.5_f64 * 0.5 + 49.0).sqrt();
        assert!((f64::from(found[0][0].distance) - expected).abs() < 1e-7, "{found:?}");
    }

    proptest! {
        /// Against `1 - q.k / (|q| |k|)` of the numbers as they are, one pair at a time.
        #[test]
        fn distances_are_those_of_the_angles(
            values in proptest::collection::vec(-1.0_f32..1.0, 8 * 5), lengths in proptest::collection::vec(-30..30_i32, 8),
        ) {
            let stretched: Vec<f32> =
                values.chunks(5).zip(&lengths).flat_map(|(row, n)| row.iter().map(|x| x * 2_f32.powi(*n))).collect();
            prop_assume!(stretched.chunks(5).all(|row| square_norm(row) > 0.0));
            let vectors = cosine(&stretched, 5);
            let hits = ExactSearch::new(vectors.rows(), Distance::Cosine).nearest(vectors.rows(), 8).unwrap();
            for (query, hits) in stretched.chunks(5).zip(hits) {
                for Hit { row, distance } in hits {
                    let key = &stretched[row as usize * 5..][..5];
                    let dot: f64 = query.iter().zip(key).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
                    let angle = dot / (square_norm(query).sqrt() * square_norm(key).sqrt());
                    prop_assert!((f64::from(distance) - (1.0 - angle).max(0.0)).abs() < 1.1e-5);
                }
            }
            let mut again = vectors.rows().span(0..8).to_vec();
            to_unit_length(&mut again, 5);
            prop_assert_eq!(again.as_slice(), vectors.rows().span(0..8), "scaling twice is scaling once");
        }
    }
}
