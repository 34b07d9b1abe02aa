//! Distance thresholds and what each of them achieves on queries of known labels. Owns no file and no neighbour search.

use rayon::slice::ParallelSliceMut;

use super::calibration_metric::{CalibrationMetric, Counts, Population};
use super::matcher::{Verdict, rounded};
use super::sortable;
use simpipe_artifact::Distance;
use simpipe_base::choice;

choice! {
    /// Which queries are right, wrong and missed.
    pub enum Counting {
        /// TensorFlow Similarity's: accepted queries are true or false positives by their label; rejected ones are
        /// misses if the label was right, else true negatives. A wrong label is never a miss, so recall ends at 1.
        "lookup" => Lookup,
        /// A query whose class is in the index is a miss unless it is accepted with the right label; one of another
        /// class must be rejected. Accepted with a wrong label, a query of an indexed class is a false positive *and*
        /// a miss, so the counts may add up to more than the queries; recall is the detection and identification rate.
        "open-set" => OpenSet,
    }
}

/// A query of a known label and what a matcher said of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// The true label.
    pub label: i32,
    /// Whether the index holds an example of that label, other than the query itself.
    pub indexed: bool,
    /// The matcher's verdict; `None` without any neighbour: such a query is never accepted.
    pub verdict: Option<Verdict>,
}

impl Judged {
    /// Whether the verdict has the right label.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.verdict.is_some_and(|verdict| verdict.label == self.label)
    }

    /// What this query alone counts as, accepted at a threshold or not; the counts of queries are the sums of theirs.
    #[must_use]
    pub fn counts(&self, accepted: bool, counting: &Counting) -> Counts {
        let mut kinds = [0_u64; 3];
        if let Some(verdict) = self.verdict.filter(|_| accepted) {
            kinds[Accepted::new(self, verdict) as usize] = 1;
        }
        Tally::new(std::slice::from_ref(self), counting).counts(&kinds)
    }
}

/// Thresholds from the strictest to the laxest, with their counts.
///
/// The strictest is the smallest distance, or for a similarity the largest value; a query is accepted at a distance at
/// most (a similarity at least) the threshold. Everything said of first and last thresholds so holds for both.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The thresholds: rounded to 8 decimals, each once.
    pub thresholds: Vec<f32>,
    /// The outcome at each.
    pub counts: Vec<Counts>,
    /// Queries in all, and those whose class is in the index.
    pub population: Population,
}

impl Curve {
    /// The curve of all distinct neighbour distances, in `O(n log n)`: distances and verdicts are sorted, as whole numbers
    /// and by all threads, and the counts are sums over the sorted verdicts.
    ///
    /// `neighbour_distances` holds those of every neighbour that the matcher looked at, of all queries; infinite ones
    /// give no threshold.
    #[must_use]
    pub fn new(
        judged: &[Judged],
        neighbour_distances: impl IntoIterator<Item = f32>,
        distance: Distance,
        counting: &Counting,
    ) -> Self {
        let sign = if distance.larger_is_nearer() { -1.0 } else { 1.0 };
        // `+ 0.0` leaves one zero.
        let key = |value: f32| sign * value + 0.0;
        let keys = neighbour_distances.into_iter().map(|value| key(rounded(value)));
        let mut thresholds: Vec<u32> = keys.filter(|key| key.is_finite()).map(sortable::of_f32).collect();
        thresholds.par_sort_unstable();
        thresholds.dedup();

        let tally = Tally::new(judged, counting);
        let accepted = |query: &Judged| {
            let verdict = query.verdict?;
            Some(sortable::with_kind(key(verdict.distance), Accepted::new(query, verdict) as u8))
        };
        let mut verdicts: Vec<u64> = judged.iter().filter_map(accepted).collect();
        verdicts.par_sort_unstable();
        let (mut next, mut accepted) = (0, [0_u64; 3]);
        let counts = thresholds
            .iter()
            .map(|threshold| {
                while let Some((_, kind)) = verdicts
                    .get(next)
                    .map(|verdict| sortable::parts(*verdict))
                    .filter(|verdict| verdict.0 <= *threshold)
                {
                    accepted[usize::from(kind)] += 1;
                    next += 1;
                }
                tally.counts(&accepted)
            })
            .collect();
        // Back from keys to distances; a negated zero would print as -0.
        let thresholds = thresholds.into_iter().map(|key| sign * sortable::to_f32(key) + 0.0).collect();
        let indexed = judged.iter().filter(|query| query.indexed).count() as u64;
        Self { thresholds, counts, population: Population { queries: judged.len() as u64, indexed } }
    }

    /// A metric at every threshold.
    #[must_use]
    pub fn values(&self, metric: &CalibrationMetric) -> Vec<f64> {
        let mut values: Vec<f64> = self.counts.iter().map(|counts| metric.value(counts, self.population)).collect();
        if let (CalibrationMetric::Precision, Some(first), Some(counts)) =
            (metric, values.first_mut(), self.counts.first())
            && counts.accepted() == 0
        {
            *first = 1.0;
        }
        values
    }

    /// The last threshold of the best value; `None` if there are no thresholds.
    #[must_use]
    pub fn optimal(&self, metric: &CalibrationMetric) -> Option<usize> {
        let sense = if metric.higher_is_better() { 1.0 } else { -1.0 };
        // `max_by` takes the last of equal values.
        let values = self.values(metric).into_iter().map(|value| sense * value).enumerate();
        values.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
    }

    /// The threshold of a target; `None` if none reaches it.
    ///
    /// At least `target`: the first such threshold for a metric that rises with laxer thresholds, the last for one that
    /// falls (the most queries accepted at that precision). For a metric of which less is better the target is a bound
    /// from above: the last threshold within it is taken of one that rises (the most queries accepted at that rate of
    /// false ones), the first of one that falls. A rate of false acceptances or rejections of no query is no rate, and
    /// reaches nothing.
    #[must_use]
    pub fn target(&self, metric: &CalibrationMetric, target: f64) -> Option<usize> {
        let rate = matches!(metric, CalibrationMetric::Far | CalibrationMetric::Frr);
        let any = self.counts.first()?;
        if rate && metric.measured(any, self.population).is_none() {
            return None;
        }
        let values = self.values(metric);
        match (metric.higher_is_better(), metric.increasing()) {
            (true, true) => values.iter().position(|value| *value >= target),
            (true, false) => values.iter().rposition(|value| *value >= target),
            (false, true) => values.iter().rposition(|value| *value <= target),
            (false, false) => values.iter().position(|value| *value <= target),
        }
    }
}

/// What accepting a query means.
#[derive(Clone, Copy)]
enum Accepted {
    Right,
    WrongIndexed,
    WrongForeign,
}

impl Accepted {
    fn new(query: &Judged, verdict: Verdict) -> Self {
        match (query.label == verdict.label, query.indexed) {
            (true, _) => Self::Right,
            (false, true) => Self::WrongIndexed,
            (false, false) => Self::WrongForeign,
        }
    }
}

/// Queries by what they could become.
enum Tally {
    Lookup { right: u64, wrong: u64 },
    OpenSet { indexed: u64, foreign: u64 },
}

impl Tally {
    fn new(judged: &[Judged], counting: &Counting) -> Self {
        let count = |test: fn(&Judged) -> bool| judged.iter().filter(|query| test(query)).count() as u64;
        match counting {
            Counting::Lookup => {
                let right = count(|query| query.verdict.is_some_and(|verdict| verdict.label == query.label));
                Self::Lookup { right, wrong: judged.len() as u64 - right }
            }
            Counting::OpenSet => {
                let indexed = count(|query| query.indexed);
                Self::OpenSet { indexed, foreign: judged.len() as u64 - indexed }
            }
        }
    }

    fn counts(&self, accepted: &[u64; 3]) -> Counts {
        let [right, wrong_indexed, wrong_foreign] = *accepted;
        let (true_positive, false_positive) = (right, wrong_indexed + wrong_foreign);
        let (true_negative, false_negative) = match *self {
            Self::Lookup { right: all_right, wrong } => (wrong - false_positive, all_right - true_positive),
            Self::OpenSet { indexed, foreign } => (foreign - wrong_foreign, indexed - true_positive),
        };
        Counts { true_positive, false_positive, true_negative, false_negative }
    }
}

#[cfg(test)]
#[path = "calibration_tests.rs"]
mod tests;
