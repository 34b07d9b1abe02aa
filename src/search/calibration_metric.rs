//! What a threshold achieves, as numbers computed from four counts.

use simpipe_base::choice;

choice! {
    /// What a threshold achieves. A fraction 0/0 is 0.
    pub enum CalibrationMetric {
        /// Harmonic mean of precision and recall, `2 tp / (2 tp + fp + fn)`.
        #[aka("f_score", "f1_score", "f_measure")]
        "f1" => F1,
        /// Share of accepted queries whose label is right, `tp / (tp + fp)`; 1 at the strictest threshold if nothing is
        /// accepted there.
        "precision" => Precision,
        /// Share of queries to be accepted that are, `tp / (tp + fn)`; ends at 1 when counted as `lookup`.
        #[aka("sensitivity")]
        "recall" => Recall,
        /// Share of all queries that are accepted with the right label, `tp / count`: TensorFlow Similarity's name for
        /// it; correct rejections do not count.
        #[aka("acc", "accuracy", "binary_acc")]
        "binary-accuracy" => BinaryAccuracy,
        /// Share of rejected queries that had to be, `tn / (tn + fn)`: the negative predictive value.
        #[aka("negative_predictive_value")]
        "npv" => Npv,
        /// Share of queries to be rejected that are accepted, `fp / (fp + tn)`: the false positive rate.
        #[aka("false_positive_rate", "fallout")]
        "fpr" => Fpr,
        /// Share of queries to be rejected that are accepted: the false acceptance rate. When counted as `open-set` these
        /// are the queries of classes that the index lacks, and without such queries no threshold reaches a target; counted
        /// as `lookup` it is `fpr`.
        #[aka("false_acceptance_rate", "false_accept_rate", "false_alarm_rate", "fmr", "fpir")]
        "far" => Far,
        /// Share of queries to be accepted that are rejected: the false rejection rate. A query that is accepted with a
        /// wrong label is not rejected. Counted as `lookup` it is `1 - recall`.
        #[aka("false_rejection_rate", "false_reject_rate", "fnmr", "fnr", "miss_rate")]
        "frr" => Frr,
        /// Share of queries to be accepted that are, by the name of receiver operating characteristics: the same as `recall`.
        #[aka("true_positive_rate", "hit_rate")]
        "tpr" => Tpr,
        /// Share of the queries of indexed classes that are accepted with the right label, whatever the counting: the
        /// detection and identification rate (Phillips, Grother and Micheals, 2011).
        #[aka("detection_and_identification_rate", "tpir")]
        "dir" => Dir,
    }
}

/// Queries by outcome at one threshold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted, right label.
    pub true_positive: u64,
    /// Accepted, wrong label.
    pub false_positive: u64,
    /// Rejected, and rightly.
    pub true_negative: u64,
    /// Missed.
    pub false_negative: u64,
}

/// The queries that counts are of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Population {
    /// All of them.
    pub queries: u64,
    /// Those whose class is in the index.
    pub indexed: u64,
}

impl Counts {
    /// Accepted queries.
    #[must_use]
    pub const fn accepted(&self) -> u64 {
        self.true_positive + self.false_positive
    }

    /// Queries to be rejected among so many, by either counting: all that are neither accepted rightly nor missed.
    const fn rejectable(&self, queries: u64) -> u64 {
        queries.saturating_sub(self.true_positive + self.false_negative)
    }
}

impl CalibrationMetric {
    /// Every metric.
    pub const ALL: [Self; 10] = [
        Self::F1,
        Self::Precision,
        Self::Recall,
        Self::BinaryAccuracy,
        Self::Npv,
        Self::Fpr,
        Self::Far,
        Self::Frr,
        Self::Tpr,
        Self::Dir,
    ];

    /// The metric of a column's name.
    #[must_use]
    pub fn of_column(column: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.column() == column)
    }

    /// The name in columns and JSON: snake_case.
    #[must_use]
    pub fn column(&self) -> String {
        self.name().replace('-', "_")
    }

    /// What a value is a fraction of.
    #[must_use]
    pub const fn unit(&self) -> &'static str {
        match self {
            Self::F1 => "harmonic mean of two fractions",
            Self::Precision => "fraction of accepted queries",
            Self::Recall | Self::Frr | Self::Tpr => "fraction of queries to be accepted",
            Self::BinaryAccuracy => "fraction of all queries",
            Self::Npv => "fraction of rejected queries",
            Self::Fpr | Self::Far => "fraction of queries to be rejected",
            Self::Dir => "fraction of queries of indexed classes",
        }
    }

    /// Whether more is better.
    #[must_use]
    pub const fn higher_is_better(&self) -> bool {
        !matches!(self, Self::Fpr | Self::Far | Self::Frr)
    }

    /// Whether it tends to rise as thresholds get laxer.
    #[must_use]
    pub const fn increasing(&self) -> bool {
        !matches!(self, Self::Precision | Self::Frr)
    }

    /// The value for the counts of some queries, 0 where it is a fraction of nothing.
    #[must_use]
    pub fn value(&self, counts: &Counts, of: Population) -> f64 {
        self.measured(counts, of).unwrap_or(0.0)
    }

    /// The value for the counts of some queries; `None` where it is a fraction of nothing.
    #[must_use]
    pub fn measured(&self, counts: &Counts, of: Population) -> Option<f64> {
        let Counts { true_positive: tp, false_positive: fp, true_negative: tn, false_negative: missed } = *counts;
        // Of the queries to be rejected, those that are not; all other false positives have a wrong label.
        let to_reject = counts.rejectable(of.queries);
        let falsely_accepted = to_reject.saturating_sub(tn);
        match self {
            Self::F1 => ratio(2 * tp, 2 * tp + fp + missed),
            Self::Precision => ratio(tp, tp + fp),
            Self::Recall | Self::Tpr => ratio(tp, tp + missed),
            Self::BinaryAccuracy => ratio(tp, of.queries),
            Self::Npv => ratio(tn, tn + missed),
            Self::Fpr => ratio(fp, fp + tn),
            Self::Far => ratio(falsely_accepted, to_reject),
            Self::Frr => {
                let mislabelled = fp.saturating_sub(falsely_accepted);
                ratio(missed.saturating_sub(mislabelled), tp + missed)
            }
            Self::Dir => ratio(tp, of.indexed),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of queries are far below 2^52")]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_as_computed_by_hand() {
        let counts = Counts { true_positive: 3, false_positive: 1, true_negative: 4, false_negative: 2 };
        let found = |of: Population| CalibrationMetric::ALL.map(|metric| metric.value(&counts, of));
        // Counted as lookup: 5 of 10 are to be accepted, whether their class is in the index (8) or not.
        let lookup = [6.0 / 9.0, 0.75, 0.6, 0.3, 4.0 / 6.0, 0.2, 0.2, 0.4, 0.6, 3.0 / 8.0];
        assert_eq!(found(Population { queries: 10, indexed: 8 }), lookup);
        // Counted as open-set: 5 are of indexed classes; of the 2 missed one has been accepted with a wrong label.
        let open_set = [6.0 / 9.0, 0.75, 0.6, 3.0 / 9.0, 4.0 / 6.0, 0.2, 0.0, 0.2, 0.6, 0.6];
        assert_eq!(found(Population { queries: 9, indexed: 5 }), open_set);
        let nothing = CalibrationMetric::ALL.map(|metric| metric.value(&Counts::default(), Population::default()));
        assert_eq!(nothing, [0.0; 10]);
        assert_eq!(CalibrationMetric::BinaryAccuracy.column(), "binary_accuracy");
        assert_eq!(CalibrationMetric::of_column("binary_accuracy"), Some(CalibrationMetric::BinaryAccuracy));
    }

    #[test]
    fn every_metric_is_in_the_list_of_all() {
        let names: Vec<&str> = CalibrationMetric::ALL.iter().map(CalibrationMetric::name).collect();
        assert_eq!(names, CalibrationMetric::NAMES);
    }
}
