//! The difference of two runs over the same queries.

use super::bootstrap::{NEVER, two_sided};
use super::{Bootstrap, Column, Interval};
use crate::{Average, MetricError};

/// How much more the first run has than the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The difference of the means, with its interval: one that holds 0 is no difference that these queries can show.
    pub interval: Interval,
    /// The two-sided p-value: how often a resampled difference is on the rarer side of 0 or at 0, doubled, at most 1.
    ///
    /// `2 (min(#{d <= 0}, #{d >= 0}) + 1) / (draws + 1)` (Davison and Hinkley, 1997, 4.2): never 0, which no number of draws
    /// could show.
    pub p: f64,
    /// Queries that have a value in both runs.
    pub queries: usize,
}

impl Bootstrap {
    /// The paired bootstrap: the same queries are drawn for both runs, so what is hard for both cancels, and a difference
    /// shows that two intervals side by side would hide.
    ///
    /// A query that has a value in only one run is left out; `None` where no query has both.
    ///
    /// # Errors
    /// As [`means`](Self::means).
    pub fn paired(
        &self,
        labels: &[i32],
        one: &[Option<f64>],
        other: &[Option<f64>],
        average: Average,
    ) -> Result<Option<Difference>, MetricError> {
        if one.len() != other.len() {
            let (ones, others) = (one.len(), other.len());
            return Err(MetricError::Lengths { one: "values", ones, other: "values of the other run", others });
        }
        let less = |(one, other): (&Option<f64>, &Option<f64>)| Some((*one)? - (*other)?);
        let differences: Vec<Option<f64>> = one.iter().zip(other).map(less).collect();
        let column = Column { values: &differences, average };
        let drawn = self.drawn(NEVER, labels, &[column])?.pop().unwrap_or_default();
        let interval = average.of(&differences, labels).and_then(|value| self.interval(value, &drawn));
        let queries = differences.iter().flatten().count();
        Ok(interval.map(|interval| Difference { interval, p: two_sided(&drawn), queries }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::seed::Seed;

    fn paired(one: &[Option<f64>], other: &[Option<f64>]) -> Option<Difference> {
        let labels: Vec<i32> = (0..i32::try_from(one.len()).unwrap()).map(|query| query / 4).collect();
        Bootstrap::new(Seed::of_stage(3, "compare", None)).paired(&labels, one, other, Average::Micro).unwrap()
    }

    #[test]
    fn a_small_steady_difference_shows_and_its_reverse_is_its_negative() {
        let other: Vec<Option<f64>> = (0..200).map(|query| Some(f64::from(query % 7))).collect();
        let one: Vec<Option<f64>> =
            (0..).zip(&other).map(|(at, value)| Some(value.unwrap() + f64::from(at % 3) / 10.0)).collect();
        let (forth, back) = (paired(&one, &other).unwrap(), paired(&other, &one).unwrap());
        assert!(forth.interval.low > 0.0 && forth.p <= 2.0 / 2001.0 + 1e-12, "{forth:?}");
        assert_eq!((forth.p, forth.queries), (back.p, 200));
        assert!((forth.interval.value + back.interval.value).abs() < 1e-12);
        assert!((forth.interval.low + back.interval.high).abs() < 1e-12);
    }

    #[test]
    fn no_difference_has_p_1_and_holds_0() {
        let values = vec![Some(0.5); 40];
        let found = paired(&values, &values).unwrap();
        assert_eq!((found.interval.value, found.interval.low, found.interval.high, found.p), (0.0, 0.0, 0.0, 1.0));
        let turned: Vec<Option<f64>> = (0..40).map(|query| Some(f64::from(query % 2))).collect();
        let found = paired(&turned, &values).unwrap();
        assert!(found.interval.low < 0.0 && found.interval.high > 0.0 && found.p > 0.3, "{found:?}");
    }

    #[test]
    fn queries_without_both_values_are_left_out() {
        let found = paired(&[Some(1.0), None, Some(0.5)], &[Some(0.5), Some(1.0), None]).unwrap();
        assert_eq!((found.interval.value, found.queries), (0.5, 1));
        assert_eq!(paired(&[None], &[Some(1.0)]), None);
        let bootstrap = Bootstrap::new(Seed::of_stage(3, "compare", None));
        assert!(bootstrap.paired(&[0], &[Some(1.0)], &[], Average::Micro).is_err());
    }

    #[test]
    fn under_no_true_difference_p_is_seldom_small() {
        use rand::{RngExt, SeedableRng};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
        let mut small = 0;
        for _ in 0..200 {
            let mut draw = || (0..60).map(|_| Some(f64::from(rng.random_bool(0.6)))).collect::<Vec<_>>();
            let (one, other) = (draw(), draw());
            let labels: Vec<i32> = (0..60).collect();
            let bootstrap = Bootstrap { draws: 200, ..Bootstrap::new(Seed::of_stage(5, "compare", None)) };
            let found = bootstrap.paired(&labels, &one, &other, Average::Micro).unwrap().unwrap();
            small += usize::from(found.p < 0.05);
        }
        assert!(small < 22, "{small} of 200 are called different, 10 are expected");
    }
}
