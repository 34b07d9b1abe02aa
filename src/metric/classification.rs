//! Metrics of given labels against true ones, such as those of a nearest-neighbour classifier.

use std::collections::BTreeMap;

use super::real;

/// How well labels were given; each figure as scikit-learn defines it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Classification {
    /// The share of right labels; equals micro F1, precision and recall.
    pub accuracy: f64,
    /// The mean over true classes of the share of each that has the right label.
    pub balanced_accuracy: f64,
    /// The mean over classes, true or given, of F1 = `2 tp / (2 tp + fp + fn)`.
    pub macro_f1: f64,
    /// The mean of F1 with each class weighing as much as it has queries.
    pub weighted_f1: f64,
    /// Matthews' correlation coefficient for several classes (Gorodkin, 2004), in [-1, 1]; 0 where it is undefined, because
    /// all labels or all given ones are the same.
    pub mcc: f64,
    /// Cohen's kappa (1960): agreement above chance, in [-1, 1]; `None` where all labels, true and given, are the same.
    pub kappa: Option<f64>,
}

/// The figures of (true, given) labels, in any order; `None` of none.
///
/// ```
/// use simpipe_metric::classification::classification;
/// let figures = classification(&[(0, 0), (0, 1), (1, 1), (1, 1)]).unwrap();
/// assert_eq!((figures.accuracy, figures.kappa), (0.75, Some(0.5)));
/// ```
#[must_use]
pub fn classification(labels: &[(i32, i32)]) -> Option<Classification> {
    if labels.is_empty() {
        return None;
    }
    // For each class: queries of it, queries given it, and those that are both.
    let mut classes: BTreeMap<i32, [usize; 3]> = BTreeMap::new();
    for (label, given) in labels {
        classes.entry(*label).or_default()[0] += 1;
        classes.entry(*given).or_default()[1] += 1;
        classes.entry(*label).or_default()[2] += usize::from(label == given);
    }
    let counts: Vec<[f64; 3]> = classes.into_values().map(|counts| counts.map(real)).collect();
    let sum = |term: &dyn Fn(&[f64; 3]) -> f64| counts.iter().map(term).sum::<f64>();
    let total = real(labels.len());
    let right = sum(&|count| count[2]);
    let f1 = |count: &[f64; 3]| 2.0 * count[2] / (count[0] + count[1]);
    let present = real(counts.iter().filter(|count| count[0] > 0.0).count());
    let by_chance = sum(&|count| count[0] * count[1]);
    let spread =
        (total * total - sum(&|count| count[0] * count[0])) * (total * total - sum(&|count| count[1] * count[1]));
    let beyond = total * total - by_chance;
    Some(Classification {
        accuracy: right / total,
        balanced_accuracy: sum(&|count| if count[0] > 0.0 { count[2] / count[0] } else { 0.0 }) / present,
        macro_f1: sum(&f1) / real(counts.len()),
        weighted_f1: sum(&|count| count[0] * f1(count)) / total,
        mcc: if spread > 0.0 { (right * total - by_chance) / spread.sqrt() } else { 0.0 },
        kappa: (beyond > 0.0).then(|| (right * total - by_chance) / beyond),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    #[test]
    fn figures_are_those_of_scikit_learn() {
        let cases = golden("sklearn_metrics");
        let of_labels = cases.as_array().unwrap().iter().filter(|case| case["input"].get("true").is_some());
        for case in of_labels {
            let labels = |name: &str| serde_json::from_value::<Vec<i32>>(case["input"][name].clone()).unwrap();
            let pairs: Vec<(i32, i32)> = labels("true").into_iter().zip(labels("predicted")).collect();
            let found = classification(&pairs).unwrap();
            for (name, value) in [
                ("accuracy", found.accuracy),
                ("micro_f1", found.accuracy),
                ("balanced_accuracy", found.balanced_accuracy),
                ("macro_f1", found.macro_f1),
                ("weighted_f1", found.weighted_f1),
                ("mcc", found.mcc),
                ("kappa", found.kappa.unwrap()),
            ] {
                let expected = case["expected"][name].as_f64().unwrap();
                assert!((value - expected).abs() < 1e-9, "{name}: {value}, not {expected}");
            }
            // The confusion matrix by the labels that there are.
            let matrix: Vec<Vec<u64>> = serde_json::from_value(case["expected"]["confusion_matrix"].clone()).unwrap();
            let cells = crate::confusion::confusion(pairs.iter().map(|(label, given)| (*label, Some(*given))));
            let mut all: Vec<i32> = pairs.iter().flat_map(|pair| [pair.0, pair.1]).collect();
            all.sort_unstable();
            all.dedup();
            let at = |label: i32| all.binary_search(&label).unwrap();
            let expected: u64 = matrix.iter().flatten().sum();
            assert_eq!(cells.iter().map(|cell| cell.2).sum::<u64>(), expected);
            assert!(cells.iter().all(|(label, given, count)| matrix[at(*label)][at(given.unwrap())] == *count));
        }
    }

    #[test]
    fn limits_are_as_defined() {
        assert_eq!(classification(&[]), None);
        let one = classification(&[(3, 3); 4]).unwrap();
        assert_eq!((one.accuracy, one.macro_f1, one.mcc, one.kappa), (1.0, 1.0, 0.0, None));
        let wrong = classification(&[(0, 1), (1, 0)]).unwrap();
        assert_eq!((wrong.accuracy, wrong.macro_f1, wrong.mcc, wrong.kappa), (0.0, 0.0, -1.0, Some(-1.0)));
    }
}
