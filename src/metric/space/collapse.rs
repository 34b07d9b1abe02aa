//! Whether a space has collapsed: how far apart rows of one class and of two classes lie.

use super::Space;
use super::pairs::{Kind, Sample};
use crate::metric::statistics::quantile;

/// The shares at which distances are reported.
pub const SHARES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// Euclidean distances at [`SHARES`].
///
/// Where negatives are as near as positives, the space tells no classes apart; where the largest of both are close to 0, it
/// has collapsed to a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distances {
    /// Of pairs of one label; `None` where there are none.
    pub positive: Option<[f64; 5]>,
    /// Of pairs of two labels; `None` where there are none.
    pub negative: Option<[f64; 5]>,
}

/// The quantiles of a space, of all pairs or a sample of them.
#[must_use]
pub fn distances(space: &Space<'_>, sample: &Sample) -> Distances {
    let of = |kind: Kind| {
        let mut distances: Vec<f64> = sample.squares(space, kind).into_iter().map(f64::sqrt).collect();
        distances.sort_unstable_by(f64::total_cmp);
        let mut found = [0.0; 5];
        for (found, share) in found.iter_mut().zip(SHARES) {
            *found = quantile(&distances, share)?;
        }
        Some(found)
    };
    Distances { positive: of(Kind::Positive), negative: of(Kind::Negative) }
}
