//! What a threshold achieves, as numbers computed from four counts.

use crate::choice;

choice! {
    /// What a threshold achieves. Where a fraction is of nothing (0/0), it is 0.
    pub enum CalibrationMetric {
        /// Harmonic mean of precision and recall, `2 tp / (2 tp + fp + fn)`.
        #[aka("f_score", "f1_score", "f_measure")]
        "f1" => F1,
        /// Share of accepted queries whose label is right, `tp / (tp + fp)`; 1 at the strictest threshold if nothing is
        /// accepted there.
        "precision" => Precision,
        /// Share of queries to be accepted that are, `tp / (tp + fn)`; ends at 1 when counted as `lookup`.
        #[aka("tpr", "sensitivity", "true_positive_rate")]
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

impl Counts {
    /// Accepted queries.
    #[must_use]
    pub const fn accepted(&self) -> u64 {
        self.true_positive + self.false_positive
    }
}

impl CalibrationMetric {
    /// Every metric.
    pub const ALL: [Self; 6] = [Self::F1, Self::Precision, Self::Recall, Self::BinaryAccuracy, Self::Npv, Self::Fpr];

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
            Self::Recall => "fraction of queries to be accepted",
            Self::BinaryAccuracy => "fraction of all queries",
            Self::Npv => "fraction of rejected queries",
            Self::Fpr => "fraction of queries to be rejected",
        }
    }

    /// Whether more is better.
    #[must_use]
    pub const fn higher_is_better(&self) -> bool {
        !matches!(self, Self::Fpr)
    }

    /// Whether it tends to rise as thresholds get laxer: then a target takes the first threshold that reaches it.
    #[must_use]
    pub const fn increasing(&self) -> bool {
        !matches!(self, Self::Precision)
    }

    /// The value for the counts of `queries` queries.
    #[must_use]
    pub fn value(&self, counts: &Counts, queries: u64) -> f64 {
        let Counts { true_positive: tp, false_positive: fp, true_negative: tn, false_negative: missed } = *counts;
        match self {
            Self::F1 => ratio(2 * tp, 2 * tp + fp + missed),
            Self::Precision => ratio(tp, tp + fp),
            Self::Recall => ratio(tp, tp + missed),
            Self::BinaryAccuracy => ratio(tp, queries),
            Self::Npv => ratio(tn, tn + missed),
            Self::Fpr => ratio(fp, fp + tn),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of queries are far below 2^52")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_as_computed_by_hand() {
        let counts = Counts { true_positive: 3, false_positive: 1, true_negative: 4, false_negative: 2 };
        let found = CalibrationMetric::ALL.map(|metric| metric.value(&counts, 10));
        assert_eq!(found, [6.0 / 9.0, 0.75, 0.6, 0.3, 4.0 / 6.0, 0.2]);
        let nothing = CalibrationMetric::ALL.map(|metric| metric.value(&Counts::default(), 0));
        assert_eq!(nothing, [0.0; 6]);
        assert_eq!(CalibrationMetric::BinaryAccuracy.column(), "binary_accuracy");
    }
}
