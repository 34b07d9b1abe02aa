//! The spread of a figure over seeds.

use super::student::t_quantile;
use crate::{MetricError, real};

/// A figure over several trainings that differ in their seed alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of one training, `sqrt(sum (x - mean)^2 / (n - 1))`; `None` for a single one.
    pub std: Option<f64>,
    /// The interval of the mean by Student's t with n - 1 degrees of freedom, `mean -+ t std / sqrt(n)`; `None` for a
    /// single training, of which no spread is known.
    pub interval: Option<(f64, f64)>,
}

impl Spread {
    /// The spread of one value a seed, with the interval at a level such as 0.95; `None` of no values.
    ///
    /// # Errors
    /// If a value is not finite, or the level not between 0 and 1.
    pub fn of(values: &[f64], level: f64) -> Result<Option<Self>, MetricError> {
        if let Some(row) = values.iter().position(|value| !value.is_finite()) {
            return Err(MetricError::NotFinite { what: "value", row });
        }
        if !(level > 0.0 && level < 1.0) {
            return Err(MetricError::Range { what: "the level", expected: "above 0 and below 1".to_owned() });
        }
        if values.is_empty() {
            return Ok(None);
        }
        let count = real(values.len());
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let std = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        let half = std.and_then(|std| Some(t_quantile(f64::midpoint(1.0, level), count - 1.0)? * std / count.sqrt()));
        Ok(Some(Self { mean, std, interval: half.map(|half| (mean - half, mean + half)) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_scipy() {
        // scipy.stats.t.interval(0.95, 2, 0.62, sem([0.61, 0.62, 0.63])).
        let found = Spread::of(&[0.61, 0.62, 0.63], 0.95).unwrap().unwrap();
        let (low, high) = found.interval.unwrap();
        assert!((found.mean - 0.62).abs() < 1e-15 && (found.std.unwrap() - 0.01).abs() < 1e-15);
        assert!(
            (low - 0.595_158_622_882_496_7).abs() < 1e-12 && (high - 0.644_841_377_117_503_3).abs() < 1e-12,
            "{low} {high}"
        );
    }

    #[test]
    fn one_seed_has_no_spread_and_equal_ones_none_either() {
        let one = Spread::of(&[0.5], 0.95).unwrap().unwrap();
        assert_eq!((one.mean, one.std, one.interval), (0.5, None, None));
        let equal = Spread::of(&[0.5; 3], 0.95).unwrap().unwrap();
        assert_eq!((equal.std, equal.interval), (Some(0.0), Some((0.5, 0.5))));
        assert_eq!(Spread::of(&[], 0.95).unwrap(), None);
        assert_eq!(Spread::of(&[0.5, f64::NAN], 0.95).unwrap_err(), MetricError::NotFinite { what: "value", row: 1 });
        assert!(Spread::of(&[0.5], 1.0).is_err());
    }
}
