//! Figures of merit: one file a metric, and [`RetrievalMetric`] that lists those of ranked neighbours.
//!
//! Knows relevance and labels, not vectors, files or stages. A metric of one query is `None` where nothing relevant is
//! in the index; such queries are left out of means, as in pytorch-metric-learning, and counted apart.

pub mod confusion;
pub mod map_at_r;
pub mod precision_at_k;
pub mod recall_at_k;

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

    /// The metric of a name, as [`RetrievalMetric::name`] gives it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let metric = match name.split_once('@')? {
            ("recall", k) => Self::RecallAtK(k.parse().ok()?),
            ("precision", k) => Self::PrecisionAtK(k.parse().ok()?),
            ("map", "r") => Self::MapAtR,
            _ => return None,
        };
        let some = !matches!(metric, Self::RecallAtK(0) | Self::PrecisionAtK(0));
        (some && metric.name() == name).then_some(metric)
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
        for name in names {
            assert_eq!(RetrievalMetric::parse(&name).unwrap().name(), name);
        }
        for name in ["recall", "recall@0", "recall@01", "recall@+1", "recall@r", "map@5", "map@r ", "mrr", ""] {
            assert_eq!(RetrievalMetric::parse(name), None, "{name}");
        }
    }

    /// TensorFlow Similarity's figures: kept as they are, or without the closest neighbour ("drop").
    #[test]
    fn recall_and_precision_are_those_of_tensorflow_similarity() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/golden/retrieval_metrics.json");
        let file: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut checked = 0;
        for case in file["cases"].as_array().unwrap() {
            let labels: Vec<i32> = serde_json::from_value(case["input"]["query_labels"].clone()).unwrap();
            let found: Vec<Vec<i32>> = serde_json::from_value(case["input"]["lookup_labels"].clone()).unwrap();
            for (key, expected) in case["expected"].as_object().unwrap() {
                let parts: Vec<&str> = key.split(['@', '/']).collect();
                let [name, k, average, nearest] = parts[..] else { panic!("{key}") };
                let first = usize::from(nearest == "drop");
                let k = k.parse::<usize>().unwrap();
                let metric = match name {
                    "recall" => RetrievalMetric::RecallAtK(k),
                    // Its precision looks at neighbours 2..=k then, its recall at 2..=k + 1.
                    "precision" => RetrievalMetric::PrecisionAtK(k - first),
                    _ => continue,
                };
                let values = labels.iter().zip(&found).map(|(&label, found)| {
                    let hits: Vec<bool> = found[first..].iter().map(|&near| near == label).collect();
                    (label, metric.of_query(&Ranked { hits: &hits, relevant: 10 }))
                });
                let value =
                    if average == "micro" { micro_mean(values.map(|value| value.1)) } else { macro_mean(values) };
                assert!((value - expected.as_f64().unwrap()).abs() < 1e-5, "{key}: {value}, not {expected}");
                checked += 1;
            }
        }
        assert_eq!(checked, 40);
    }

    /// pytorch-metric-learning's accuracy calculator, with the query itself in the reference and without.
    #[test]
    fn precision_at_1_and_map_at_r_are_those_of_pytorch_metric_learning() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/golden/pml_accuracy.json");
        let file: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for case in file["cases"].as_array().unwrap() {
            for (name, own, reference) in
                [("reference_is_query", true, "query"), ("separate_reference", false, "reference")]
            {
                let rows = |name: &str| serde_json::from_value::<Vec<Vec<f64>>>(case["input"][name].clone()).unwrap();
                let labels = |name: &str| {
                    serde_json::from_value::<Vec<i32>>(case["input"][format!("{name}_labels")].clone()).unwrap()
                };
                let (queries, keys) = (rows("query"), rows(reference));
                let (query_labels, key_labels) = (labels("query"), labels(reference));
                let hits = |query: usize| {
                    let square = |key: &Vec<f64>| queries[query].iter().zip(key).map(|(q, k)| (q - k).powi(2)).sum();
                    let mut order: Vec<(f64, usize)> = keys.iter().map(square).zip(0..).collect();
                    order.retain(|near| !own || near.1 != query);
                    order.sort_by(|a, b| a.0.total_cmp(&b.0));
                    order.iter().map(|near| key_labels[near.1] == query_labels[query]).collect::<Vec<bool>>()
                };
                for (field, metric) in [
                    ("precision_at_1", RetrievalMetric::PrecisionAtK(1)),
                    ("mean_average_precision_at_r", RetrievalMetric::MapAtR),
                ] {
                    let value = micro_mean((0..queries.len()).map(|query| {
                        let hits = hits(query);
                        let relevant = hits.iter().filter(|hit| **hit).count();
                        metric.of_query(&Ranked { hits: &hits, relevant })
                    }));
                    let expected = case["expected"][name][field].as_f64().unwrap();
                    assert!((value - expected).abs() < 1e-9, "{name} {field}: {value}, not {expected}");
                }
            }
        }
    }
}
