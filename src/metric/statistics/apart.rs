//! How far apart the means of two sets of trainings are.

use super::student::t_quantile;
use crate::{MetricError, real};

/// The difference of the means of two sets of trainings, each of which differ in their seed alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanDifference {
    /// The mean of the first less that of the second.
    pub value: f64,
    /// Its interval; `None` for two single trainings, of which no spread is known.
    ///
    /// Of several trainings on both sides by Welch's t (1947), whose degrees of freedom are
    /// `(v1/n1 + v2/n2)^2 / (v1^2 / (n1^2 (n1 - 1)) + v2^2 / (n2^2 (n2 - 1)))`. Where one side is a single training, it is
    /// taken to spread as the other side does: `d -+ t s sqrt(1/n + 1)` with n - 1 degrees of freedom.
    pub interval: Option<(f64, f64)>,
}

impl MeanDifference {
    /// The difference with the interval at a level such as 0.95; `None` where a side has no values.
    ///
    /// # Errors
    /// If a value is not finite, or the level not between 0 and 1.
    pub fn of(one: &[f64], other: &[f64], level: f64) -> Result<Option<Self>, MetricError> {
        if let Some(row) = one.iter().chain(other).position(|value| !value.is_finite()) {
            return Err(MetricError::NotFinite { what: "value", row });
        }
        if !(level > 0.0 && level < 1.0) {
            return Err(MetricError::Range { what: "the level", expected: "above 0 and below 1".to_owned() });
        }
        if one.is_empty() || other.is_empty() {
            return Ok(None);
        }
        let (mean, spread) = moments(one);
        let (other_mean, other_spread) = moments(other);
        let (n, m) = (real(one.len()), real(other.len()));
        let value = mean - other_mean;
        let error = match (spread, other_spread) {
            (None, None) => None,
            (Some(spread), None) => Some((spread * (1.0 / n + 1.0), n - 1.0)),
            (None, Some(spread)) => Some((spread * (1.0 / m + 1.0), m - 1.0)),
            (Some(ones), Some(others)) => {
                let (ones, others) = (ones / n, others / m);
                let below = ones * ones / (n - 1.0) + others * others / (m - 1.0);
                let freedom = if below > 0.0 { (ones + others).powi(2) / below } else { n + m - 2.0 };
                Some((ones + others, freedom))
            }
        };
        let half =
            error.and_then(|(square, freedom)| Some(t_quantile(f64::midpoint(1.0, level), freedom)? * square.sqrt()));
        Ok(Some(Self { value, interval: half.map(|half| (value - half, value + half)) }))
    }
}

/// The mean, and the variance `sum (x - mean)^2 / (n - 1)` where there are several values.
fn moments(values: &[f64]) -> (f64, Option<f64>) {
    let count = real(values.len());
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, (values.len() > 1).then(|| squares / (count - 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_trainings_on_both_sides_have_welchs_interval() {
        // Variances 1e-4 and 14e-4/3: the error is sqrt(1e-4/3 + 14e-4/12) = sqrt(1.5e-4), and the degrees of freedom are
        // 2.25e-8 / ((1e-4/3)^2 / 2 + (14e-4/12)^2 / 3) = 4.418...
        let found = MeanDifference::of(&[0.61, 0.62, 0.63], &[0.55, 0.60, 0.58, 0.59], 0.95).unwrap().unwrap();
        assert!((found.value - 0.04).abs() < 1e-12);
        let freedom = 2.25e-8 / ((1e-4_f64 / 3.0).powi(2) / 2.0 + (14e-4_f64 / 12.0).powi(2) / 3.0);
        let half = t_quantile(0.975, freedom).unwrap() * 1.5e-4_f64.sqrt();
        let (low, high) = found.interval.unwrap();
        assert!((low - (0.04 - half)).abs() < 1e-9 && (high - (0.04 + half)).abs() < 1e-9, "{low} {high} {half}");
        assert!((4.40..4.42).contains(&freedom), "{freedom}");
        let back = MeanDifference::of(&[0.55, 0.60, 0.58, 0.59], &[0.61, 0.62, 0.63], 0.95).unwrap().unwrap();
        assert!((back.interval.unwrap().0 + high).abs() < 1e-12);
    }

    #[test]
    fn a_single_training_is_taken_to_spread_like_the_others() {
        let found = MeanDifference::of(&[0.5], &[0.61, 0.62, 0.63], 0.95).unwrap().unwrap();
        // t of 2 degrees of freedom at 97.5 %, times 0.01 sqrt(4/3).
        let half = 4.302_652_729_749_462 * 0.01 * (4.0_f64 / 3.0).sqrt();
        let (low, high) = found.interval.unwrap();
        assert!((low - (-0.12 - half)).abs() < 1e-9 && (high - (-0.12 + half)).abs() < 1e-9, "{low} {high}");
        assert_eq!(MeanDifference::of(&[0.5], &[0.4], 0.95).unwrap().unwrap().interval, None);
    }

    #[test]
    fn equal_trainings_have_no_spread_and_nothing_has_no_difference() {
        let found = MeanDifference::of(&[0.5, 0.5], &[0.25, 0.25], 0.95).unwrap().unwrap();
        assert_eq!(found.interval, Some((0.25, 0.25)));
        assert_eq!(MeanDifference::of(&[], &[0.4], 0.95).unwrap(), None);
        assert!(MeanDifference::of(&[f64::NAN], &[0.4], 0.95).is_err());
        assert!(MeanDifference::of(&[0.5], &[0.4], 1.0).is_err());
    }
}
