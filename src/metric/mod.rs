//! Figures of merit: one file a metric, and [`RetrievalMetric`] that lists those of ranked neighbours.
//!
//! Knows relevance and labels, not vectors, files or stages. A metric of one query is `None` where nothing relevant is
//! in the index; such queries are left out of means, as in pytorch-metric-learning, and counted apart.

pub mod confusion;
pub mod map_at_r;
pub mod precision_at_k;
pub mod recall_at_k;
pub mod reference;

use std::collections::BTreeMap;

/// The neighbours of one query, by what they are worth.
#[derive(Debug, Clone, Copy)]
pub struct Ranked<'a> {
    /// Whether each neighbour has the query's label, nearest first.
    pub hits: &'a [bool],
    /// Items of the query's label in the whole index: R.
    pub relevant: usize,
}

/// The metrics of ranked neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetrievalMetric {
    /// [`recall_at_k`].
    RecallAtK(usize),
    /// [`precision_at_k`].
    PrecisionAtK(usize),
    /// [`map_at_r`].
    MapAtR,
}

impl RetrievalMetric {
    /// The name in JSON: `recall@5`, `map@r`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::RecallAtK(k) => format!("recall@{k}"),
            Self::PrecisionAtK(k) => format!("precision@{k}"),
            Self::MapAtR => "map@r".to_owned(),
        }
    }

    /// What it measures, with its definition and source.
    #[must_use]
    pub const fn doc(&self) -> &'static str {
        match self {
            Self::RecallAtK(_) => {
                "Whether any of the k nearest has the query's label: recall as metric learning uses the word (Jegou, \
                 Douze and Schmid, 2011), not the share of relevant items that are found."
            }
            Self::PrecisionAtK(_) => {
                "The share of the k nearest that have the query's label; divided by k also where the index holds fewer."
            }
            Self::MapAtR => {
                "`1/R sum_{i=1..R} P(i) rel(i)`: R is the number of relevant items, `P(i)` the precision of the i \
                 nearest, `rel(i)` 1 if the i-th is relevant (Musgrave, Belongie and Lim, 2020, arXiv:2003.08505)."
            }
        }
    }

    /// What a value is a fraction of.
    #[must_use]
    pub const fn unit(&self) -> &'static str {
        match self {
            Self::RecallAtK(_) => "fraction of queries",
            Self::PrecisionAtK(_) => "fraction of neighbours",
            Self::MapAtR => "mean precision",
        }
    }

    /// Whether more is better.
    #[must_use]
    pub const fn higher_is_better(&self) -> bool {
        true
    }

    /// Neighbours that it needs where `relevant` items have the query's label.
    #[must_use]
    pub const fn depth(&self, relevant: usize) -> usize {
        match self {
            Self::RecallAtK(k) | Self::PrecisionAtK(k) => *k,
            Self::MapAtR => relevant,
        }
    }

    /// The value for one query, in [0, 1]; `None` where nothing is relevant.
    #[must_use]
    pub fn of_query(&self, ranked: &Ranked<'_>) -> Option<f64> {
        if ranked.relevant == 0 {
            return None;
        }
        Some(match self {
            Self::RecallAtK(k) => recall_at_k::of_query(ranked, *k),
            Self::PrecisionAtK(k) => precision_at_k::of_query(ranked, *k),
            Self::MapAtR => map_at_r::of_query(ranked),
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
    fn queries_without_relevant_items_are_left_out() {
        let lone = Ranked { hits: &[false, false], relevant: 0 };
        let found = Ranked { hits: &[true, false], relevant: 1 };
        for metric in [RetrievalMetric::RecallAtK(1), RetrievalMetric::PrecisionAtK(1), RetrievalMetric::MapAtR] {
            assert_eq!(micro_mean([metric.of_query(&lone), metric.of_query(&found)]), 1.0, "{}", metric.name());
        }
        assert_eq!(micro_mean([None]), 0.0);
        assert_eq!(macro_mean([(1, Some(1.0)), (1, Some(0.0)), (2, Some(1.0)), (3, None)]), 0.75);
    }

    #[test]
    fn names_are_those_of_the_contract() {
        let names = [RetrievalMetric::RecallAtK(1), RetrievalMetric::PrecisionAtK(1), RetrievalMetric::MapAtR]
            .map(|metric| metric.name());
        assert_eq!(names, ["recall@1", "precision@1", "map@r"]);
    }
}
