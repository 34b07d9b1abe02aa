//! Percentile bootstrap intervals of means over queries (Efron, 1979), resampled in [two levels](super::TwoLevel).

use rayon::prelude::*;

use super::{TwoLevel, quantile};
use crate::{Average, MetricError, real};
use simpipe_base::seed::Seed;

/// How intervals are computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// Number of resamples; 2,000 determine the ends of a 95 % interval to about a twentieth of its width.
    pub draws: usize,
    /// The share of resampled values within the interval.
    pub level: f64,
    /// Where the random numbers come from.
    pub seed: Seed,
}

/// One value a query, and the mean that is made of them.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// The values; queries without one are left out of means, also of those of resampled queries.
    pub values: &'a [Option<f64>],
    /// What a query weighs.
    pub average: Average,
}

/// A figure with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The figure of all queries.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What is drawn with replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resampling {
    /// Classes, then queries of each: the interval holds for other classes too.
    ClassesThenQueries,
    /// Queries of each class, the classes as they are: for figures of the classes' own structure, which copies of whole
    /// classes would change. The interval holds for these classes. Copies of queries still raise agreement a little, so the
    /// draws are moved until their mean is the figure of all queries.
    WithinClasses,
}

/// For those who never stop.
pub(super) const NEVER: &(dyn Fn() -> bool + Sync) = &|| false;

impl Bootstrap {
    /// 95 % intervals of 2,000 draws.
    #[must_use]
    pub const fn new(seed: Seed) -> Self {
        Self { draws: 2_000, level: 0.95, seed }
    }

    /// The interval of each column's mean, all from the same draws; `None` where no query has a value.
    ///
    /// The interval is from the quantile `(1 - level) / 2` of the resampled means to that of `(1 + level) / 2`. Draws in
    /// which no query has a value are left out. With one class, that class is drawn each time: the interval then says
    /// nothing of other classes. The bytes do not depend on the number of threads. Work: `draws x queries x columns`.
    ///
    /// # Errors
    /// If a column has not one value a label, or holds a number that is not finite; if there are no draws, or the level is
    /// not between 0 and 1.
    pub fn means(&self, labels: &[i32], columns: &[Column<'_>]) -> Result<Vec<Option<Interval>>, MetricError> {
        self.means_unless(NEVER, labels, columns)
    }

    /// The same, given up soon after `stop` says so; it must not take that back.
    ///
    /// # Errors
    /// As [`means`](Self::means), and [`MetricError::Stopped`].
    pub fn means_unless(
        &self,
        stop: &(dyn Fn() -> bool + Sync),
        labels: &[i32],
        columns: &[Column<'_>],
    ) -> Result<Vec<Option<Interval>>, MetricError> {
        let drawn = self.drawn(stop, labels, columns)?;
        let interval = |(column, drawn): (&Column<'_>, Vec<f64>)| {
            let value = column.average.of(column.values, labels)?;
            self.interval(value, &drawn)
        };
        Ok(columns.iter().zip(drawn).map(interval).collect())
    }

    /// The interval of any figure of queries, such as an area under a curve: `figure` is given the queries drawn, some of
    /// them several times, and says `None` where it is undefined for them.
    ///
    /// # Errors
    /// As [`means`](Self::means).
    pub fn figure(
        &self,
        labels: &[i32],
        figure: impl Fn(&[u32]) -> Option<f64> + Sync,
    ) -> Result<Option<Interval>, MetricError> {
        let resampling = Resampling::ClassesThenQueries;
        let found = self.figures_unless(NEVER, resampling, labels, 1, |queries| vec![figure(queries)])?;
        Ok(found.into_iter().flatten().next())
    }

    /// The intervals of `count` figures that are computed together, such as several of one curve; given up soon after
    /// `stop` says so, which it must not take back. Draws for which a figure is undefined are left out of its interval.
    ///
    /// # Errors
    /// As [`means`](Self::means), and [`MetricError::Stopped`].
    pub fn figures_unless(
        &self,
        stop: &(dyn Fn() -> bool + Sync),
        resampling: Resampling,
        labels: &[i32],
        count: usize,
        figures: impl Fn(&[u32]) -> Vec<Option<f64>> + Sync,
    ) -> Result<Vec<Option<Interval>>, MetricError> {
        self.check()?;
        let two_level = TwoLevel::new(labels);
        let one = |draw: usize| {
            if stop() {
                return Vec::new();
            }
            let mut queries = Vec::with_capacity(labels.len());
            let place = |queries: &mut Vec<u32>, place: usize| queries.push(two_level.order()[place]);
            match resampling {
                Resampling::ClassesThenQueries => {
                    two_level.draw(self.seed, draw as u64, &mut queries, place, |_| ());
                }
                Resampling::WithinClasses => two_level.draw_within(self.seed, draw as u64, &mut queries, place),
            }
            figures(&queries)
        };
        let all: Vec<u32> = (0..).zip(labels).map(|(query, _)| query).collect();
        let values = figures(&all);
        let drawn: Vec<Vec<Option<f64>>> = (0..self.draws).into_par_iter().map(one).collect();
        if stop() {
            return Err(MetricError::Stopped);
        }
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        let interval = |at: usize| {
            let of = |figures: &Vec<Option<f64>>| finite(figures.get(at).copied().flatten());
            let value = of(&values)?;
            let mut drawn: Vec<f64> = drawn.iter().filter_map(of).collect();
            drawn.sort_unstable_by(f64::total_cmp);
            if resampling == Resampling::WithinClasses && !drawn.is_empty() {
                let beside = value - drawn.iter().sum::<f64>() / real(drawn.len());
                drawn.iter_mut().for_each(|drawn| *drawn += beside);
            }
            self.interval(value, &drawn)
        };
        Ok((0..count).map(interval).collect())
    }

    /// The resampled means of each column, sorted.
    pub(super) fn drawn(
        &self,
        stop: &(dyn Fn() -> bool + Sync),
        labels: &[i32],
        columns: &[Column<'_>],
    ) -> Result<Vec<Vec<f64>>, MetricError> {
        self.check()?;
        for column in columns {
            check_column(column, labels.len())?;
        }
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let two_level = TwoLevel::new(labels);
        let table = Table::new(&two_level, columns);
        let one = |draw: usize| if stop() { Vec::new() } else { table.means(self.seed, draw as u64) };
        let draws: Vec<Vec<Option<f64>>> = (0..self.draws).into_par_iter().map(one).collect();
        if stop() {
            return Err(MetricError::Stopped);
        }
        let column = |at: usize| {
            let mut means: Vec<f64> = draws.iter().filter_map(|means| means[at]).collect();
            means.sort_unstable_by(f64::total_cmp);
            means
        };
        Ok((0..columns.len()).map(column).collect())
    }

    pub(super) fn interval(&self, value: f64, sorted: &[f64]) -> Option<Interval> {
        let low = quantile(sorted, (1.0 - self.level) / 2.0)?;
        let high = quantile(sorted, f64::midpoint(1.0, self.level))?;
        Some(Interval { value, low, high })
    }

    pub(super) fn check(&self) -> Result<(), MetricError> {
        if self.draws == 0 {
            return Err(MetricError::Range { what: "the number of draws", expected: "at least 1".to_owned() });
        }
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(MetricError::Range { what: "the level", expected: "above 0 and below 1".to_owned() });
        }
        Ok(())
    }
}

fn check_column(column: &Column<'_>, labels: usize) -> Result<(), MetricError> {
    let values = column.values;
    if values.len() != labels {
        return Err(MetricError::Lengths { one: "values", ones: values.len(), other: "labels", others: labels });
    }
    match values.iter().position(|value| value.is_some_and(|value| !value.is_finite())) {
        Some(row) => Err(MetricError::NotFinite { what: "value", row }),
        None => Ok(()),
    }
}

/// The values of all columns, query after query in the order of [`TwoLevel`], so that a draw of one query reads one short
/// run of memory.
struct Table<'a> {
    two_level: &'a TwoLevel,
    averages: Vec<Average>,
    /// For each column, where its count of values stands in a row: columns whose values are of the same queries share one.
    counts: Vec<usize>,
    /// Numbers in a row: the values, 0 where there is none, then the counts, 1 or 0.
    width: usize,
    rows: Vec<f64>,
}

/// What a draw adds up.
struct Sums {
    class: Vec<f64>,
    all: Vec<f64>,
    /// For each column: the sum of the means of classes, and how many there are.
    of_classes: Vec<(f64, f64)>,
}

impl<'a> Table<'a> {
    fn new(two_level: &'a TwoLevel, columns: &[Column<'_>]) -> Self {
        let mut counted: Vec<&[Option<f64>]> = Vec::new();
        let mut counts = Vec::new();
        for column in columns {
            let alike = |other: &&[Option<f64>]| {
                other.iter().zip(column.values).all(|(other, value)| other.is_some() == value.is_some())
            };
            let at = counted.iter().position(alike).unwrap_or(counted.len());
            if at == counted.len() {
                counted.push(column.values);
            }
            counts.push(columns.len() + at);
        }
        let row = |query: &u32| {
            let query = *query as usize;
            let values = columns.iter().map(move |column| column.values[query].unwrap_or(0.0));
            let present = |values: &&[Option<f64>]| if values[query].is_some() { 1.0 } else { 0.0 };
            values.chain(counted.iter().map(present)).collect::<Vec<f64>>()
        };
        let rows = two_level.order().iter().flat_map(row).collect();
        let averages = columns.iter().map(|column| column.average).collect();
        Self { two_level, averages, counts, width: columns.len() + counted.len(), rows }
    }

    fn means(&self, seed: Seed, draw: u64) -> Vec<Option<f64>> {
        let columns = self.averages.len();
        let none = || vec![0.0; self.width];
        let mut sums = Sums { class: none(), all: none(), of_classes: vec![(0.0, 0.0); columns] };
        let place = |sums: &mut Sums, place: usize| {
            let row = &self.rows[place * self.width..(place + 1) * self.width];
            sums.class.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        };
        self.two_level.draw(seed, draw, &mut sums, place, |sums| self.end_class(sums));
        let mean = |column: usize| {
            let (sum, count) = match self.averages[column] {
                Average::Micro => (sums.all[column], sums.all[self.counts[column]]),
                Average::Macro => sums.of_classes[column],
            };
            (count > 0.0).then(|| sum / count)
        };
        (0..columns).map(mean).collect()
    }

    fn end_class(&self, sums: &mut Sums) {
        for (column, (sum, count)) in sums.of_classes.iter_mut().enumerate() {
            let values = sums.class[self.counts[column]];
            if values > 0.0 {
                *sum += sums.class[column] / values;
                *count += 1.0;
            }
        }
        sums.all.iter_mut().zip(&sums.class).for_each(|(all, class)| *all += class);
        sums.class.fill(0.0);
    }
}

/// The share of resampled figures that are on the rarer side of 0, doubled, the figure itself counted with them.
pub(super) fn two_sided(sorted: &[f64]) -> f64 {
    let below = real(sorted.iter().filter(|value| **value <= 0.0).count());
    let above = real(sorted.iter().filter(|value| **value >= 0.0).count());
    (2.0 * (below.min(above) + 1.0) / (real(sorted.len()) + 1.0)).min(1.0)
}

#[cfg(test)]
#[path = "bootstrap_tests.rs"]
mod tests;
