//! From values of queries to one figure: over queries (micro), or over classes first (macro).

use std::collections::BTreeMap;

/// What every query of a mean weighs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Average {
    /// Every query the same: a class weighs as much as it has queries.
    #[default]
    Micro,
    /// Every class the same: the mean over classes of the means over each class's queries.
    Macro,
}

impl Average {
    /// The mean of one value a query, those without a value left out; `None` where no query has one.
    ///
    /// Values and labels are taken in pairs; a class none of whose queries has a value is no class of the mean.
    #[must_use]
    pub fn of(self, values: &[Option<f64>], labels: &[i32]) -> Option<f64> {
        values.iter().any(Option::is_some).then(|| match self {
            Self::Micro => micro_mean(values.iter().copied()),
            Self::Macro => macro_mean(labels.iter().copied().zip(values.iter().copied())),
        })
    }
}

/// The mean over queries, those without a value left out; 0 where none has one.
#[must_use]
pub fn micro_mean(values: impl IntoIterator<Item = Option<f64>>) -> f64 {
    let (sum, count) = values.into_iter().flatten().fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count == 0.0 { 0.0 } else { sum / count }
}

/// The mean over labels of the means over each label's queries; those without a value are left out.
#[must_use]
pub fn macro_mean(values: impl IntoIterator<Item = (i32, Option<f64>)>) -> f64 {
    let mut by_label: BTreeMap<i32, Vec<Option<f64>>> = BTreeMap::new();
    for (label, value) in values.into_iter().filter(|(_, value)| value.is_some()) {
        by_label.entry(label).or_default().push(value);
    }
    micro_mean(by_label.into_values().map(|values| Some(micro_mean(values))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_or_classes_weigh_the_same() {
        let (values, labels) = ([Some(1.0), Some(0.0), Some(0.0), None, Some(1.0)], [1, 1, 1, 2, 3]);
        assert_eq!(Average::Micro.of(&values, &labels), Some(0.5));
        assert_eq!(Average::Macro.of(&values, &labels), Some(2.0 / 3.0));
        assert_eq!(Average::Micro.of(&[None], &[1]), None);
        assert_eq!(Average::Macro.of(&[], &[]), None);
        assert_eq!(micro_mean([None]), 0.0);
        assert_eq!(macro_mean([(1, Some(1.0)), (1, Some(0.0)), (2, Some(1.0)), (3, None)]), 0.75);
    }
}
