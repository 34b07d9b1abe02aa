//! Intervals of figures that are made of sums over queries, such as a rate or F1 at a threshold.

use rayon::prelude::*;

use super::{Bootstrap, Interval, TwoLevel};
use crate::MetricError;

impl Bootstrap {
    /// The interval of a figure of the sums of what each query counts; `figure` says `None` where it is undefined.
    ///
    /// As [`figure`](Self::figure), for queries that are too many to be listed in each draw. `stop` is asked between draws:
    /// the interval is then that of the draws made, or none.
    ///
    /// # Errors
    /// If there is not one row of numbers a label, there are no draws, or the level is not between 0 and 1.
    pub fn of_sums<const N: usize>(
        &self,
        labels: &[i32],
        counted: &[[u32; N]],
        figure: impl Fn(&[u64; N]) -> Option<f64> + Sync,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Interval>, MetricError> {
        self.check()?;
        if counted.len() != labels.len() {
            let (ones, others) = (counted.len(), labels.len());
            return Err(MetricError::Lengths { one: "counts", ones, other: "labels", others });
        }
        let finite = |sums: &[u64; N]| figure(sums).filter(|value| value.is_finite());
        let mut all = [0; N];
        counted.iter().for_each(|row| add(&mut all, row));
        let Some(value) = finite(&all) else { return Ok(None) };
        let two_level = TwoLevel::new(labels);
        // In the order of the draws, so that those of a class lie together.
        let rows: Vec<[u32; N]> = two_level.order().iter().map(|query| counted[*query as usize]).collect();
        let one = |draw: usize| {
            if stop() {
                return None;
            }
            let mut sums = [0; N];
            let place = |sums: &mut [u64; N], place: usize| add(sums, &rows[place]);
            two_level.draw(self.seed, draw as u64, &mut sums, place, |_| ());
            finite(&sums)
        };
        let mut drawn: Vec<f64> = (0..self.draws).into_par_iter().filter_map(one).collect();
        drawn.sort_unstable_by(f64::total_cmp);
        Ok(self.interval(value, &drawn))
    }
}

fn add<const N: usize>(sums: &mut [u64; N], row: &[u32; N]) {
    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += u64::from(*value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::seed::Seed;

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn the_interval_of_a_share_is_that_of_its_mean() {
        let labels: Vec<i32> = (0..60).map(|at| at % 6).collect();
        let right: Vec<bool> = (0..60).map(|at| at % 4 != 0 || at > 40).collect();
        let bootstrap = Bootstrap { draws: 400, ..Bootstrap::new(Seed::of_stage(0, "match", None)) };
        let counted: Vec<[u32; 2]> = right.iter().map(|right| [u32::from(*right), 1]).collect();
        let share = |sums: &[u64; 2]| (sums[1] > 0).then(|| sums[0] as f64 / sums[1] as f64);
        let found = bootstrap.of_sums(&labels, &counted, share, &|| false).unwrap().unwrap();
        let of_list = |queries: &[u32]| {
            let hits = queries.iter().filter(|query| right[**query as usize]).count();
            Some(hits as f64 / queries.len() as f64)
        };
        assert_eq!(found, bootstrap.figure(&labels, of_list).unwrap().unwrap());
        assert!(found.low < found.value && found.value < found.high);
    }

    #[test]
    fn nothing_to_measure_is_no_interval() {
        let bootstrap = Bootstrap::new(Seed::of_stage(0, "match", None));
        assert_eq!(bootstrap.of_sums(&[1, 2], &[[0], [0]], |_| None, &|| false), Ok(None));
        assert_eq!(bootstrap.of_sums(&[1, 2], &[[1], [1]], |_| Some(1.0), &|| true), Ok(None));
        assert!(bootstrap.of_sums(&[1], &[[1], [1]], |_| Some(1.0), &|| false).is_err());
    }
}
