//! How sure a figure is: intervals over queries by bootstrap, differences of two runs, and the spread over seeds.

mod apart;
mod bootstrap;
mod paired;
mod resample;
mod spread;
mod student;
mod tallies;

pub use apart::MeanDifference;
pub use bootstrap::{Bootstrap, Column, Interval, Resampling};
pub use paired::Difference;
pub use resample::TwoLevel;
pub use spread::Spread;
pub use student::t_quantile;

/// The quantile of sorted numbers, between two of them on a straight line (type 7 of Hyndman and Fan, 1996, NumPy's
/// default); `None` where there are none.
///
/// `share` is in [0, 1]: 0 is the smallest, 1 the largest.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a position within the numbers")]
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = share.clamp(0.0, 1.0) * super::real(last);
    let below = (at.floor() as usize).min(last);
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    // Equal ends first: two infinities have no difference.
    Some(if low == high { low } else { low + (high - low) * (at - at.floor()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_numpy() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        for (share, expected) in [(0.0, 1.0), (0.25, 1.75), (0.5, 3.0), (0.9, 6.8), (1.0, 8.0)] {
            assert!((quantile(&sorted, share).unwrap() - expected).abs() < 1e-12, "{share}");
        }
        assert_eq!(quantile(&[3.0], 0.975), Some(3.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
