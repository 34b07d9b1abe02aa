//! Whether what is near on a map is of one class.

use crate::error::go_on;
use crate::{ReportError, Stop};

/// The share of points whose nearest other point has their label; ties by position.
pub(super) fn agreement(points: &[[f64; 2]], labels: &[i32], stop: Stop<'_>) -> Result<f64, ReportError> {
    if points.len() < 2 {
        return Ok(0.0);
    }
    let agrees = |at: usize| -> Result<bool, ReportError> {
        go_on(stop)?;
        let mut best = (f64::INFINITY, at);
        for (other, point) in points.iter().enumerate() {
            let apart = (point[0] - points[at][0]).powi(2) + (point[1] - points[at][1]).powi(2);
            if other != at && apart < best.0 {
                best = (apart, other);
            }
        }
        Ok(labels[best.1] == labels[at])
    };
    let mut right = 0;
    for at in 0..points.len() {
        right += usize::from(agrees(at)?);
    }
    Ok(right as f64 / points.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_counts_nearest_points_of_the_same_class() {
        let points = [[0.0, 0.0], [1.0, 0.0], [1.5, 0.0], [9.0, 0.0]];
        // Nearest of each: 1, 2, 1, 2.
        assert_eq!(agreement(&points, &[0, 0, 0, 1], &|| false).unwrap(), 0.75);
        assert_eq!(agreement(&points[..1], &[0], &|| false).unwrap(), 0.0);
        assert!(matches!(agreement(&points, &[0, 0, 0, 1], &|| true), Err(ReportError::Stopped)));
    }
}
