//! Metrics held against what reference libraries computed: the evaluators of golden files.

mod rerank;
mod umap;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::classification::classification;
use super::clustering::{Ami, Ari, ClusteringMetric, Contingency, Nmi};
use super::confusion::confusion;
use super::pair::{AveragePrecision, PairMetric, Roc, RocAuc};
use super::rank::{MapAtK, Mrr};
use super::space::{self, Space};
use super::{Average, Ranked, RetrievalMetric, macro_mean, micro_mean, real};
use simpipe_base::golden::{Array, Case, CaseError, Comparison, Evaluator, field, fields, number, numbers, value};
use simpipe_base::seed::Seed;

/// What is computed here, by the names of files.
pub const EVALUATORS: &[(&str, Evaluator)] = &[
    ("retrieval_metrics", retrieval),
    ("pml_accuracy", accuracy),
    ("sklearn_metrics", scikit_learn),
    ("clustering", scikit_learn),
    ("rerank", rerank::rerank),
    ("umap", umap::umap),
];

/// TensorFlow Similarity's metrics by `metric@k/average/keep|drop`: with the closest neighbour, or without.
fn retrieval(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let labels: Vec<i32> = value(&case.input, "query_labels")?;
    let found: Vec<Vec<i32>> = value(&case.input, "lookup_labels")?;
    let counts: BTreeMap<i32, usize> = value(&case.input, "class_counts_r")?;
    if labels.len() != found.len() {
        return Err(CaseError::malformed("one row of neighbours a query"));
    }
    for (key, expected) in fields(&case.expected)? {
        let parts: Vec<&str> = key.split(['@', '/']).collect();
        let [name, k, average, nearest] = parts[..] else { return Err(CaseError::malformed(format!("`{key}`"))) };
        let k: usize = k.parse().map_err(|_| CaseError::malformed(format!("`{key}`")))?;
        let first = usize::from(nearest == "drop");
        // Its precision and map look at neighbours 2..=k then, its recall and ndcg at 2..=k + 1.
        let fewer = k.saturating_sub(first);
        let metric = match name {
            "recall" => RetrievalMetric::RecallAtK(k),
            "ndcg" => RetrievalMetric::NdcgAtK(k),
            "precision" => RetrievalMetric::PrecisionAtK(fewer),
            "map" => RetrievalMetric::MapAtK(MapAtK { k: Some(fewer), clip_at_r: false }),
            "map_clip_at_r" => RetrievalMetric::MapAtK(MapAtK { k: Some(fewer), clip_at_r: true }),
            _ => {
                to.unknown(format!("the metric `{name}@{k}`"));
                continue;
            }
        };
        let of_query = |(label, found): (&i32, &Vec<i32>)| {
            let hits: Vec<bool> = found.iter().skip(first).map(|near| near == label).collect();
            let relevant = counts.get(label).copied().unwrap_or_default().saturating_sub(first);
            metric.of_query(&Ranked { hits: &hits, relevant })
        };
        let values: Vec<Option<f64>> = labels.iter().zip(&found).map(of_query).collect();
        let average = if average == "micro" { Average::Micro } else { Average::Macro };
        to.value(key, average.of(&values, &labels).unwrap_or_default(), number(expected)?);
    }
    Ok(())
}

/// pytorch-metric-learning's figures, with the queries as the reference, each without itself, and with another reference.
fn accuracy(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let by_class = case.params.get("avg_of_avgs").and_then(Json::as_bool) == Some(true);
    // How many neighbours it looks at; all unless there is a number.
    let depth = case.params.get("k").and_then(Json::as_u64).and_then(|k| usize::try_from(k).ok());
    let depth = depth.unwrap_or(usize::MAX);
    let labels: Vec<i32> = value(&case.input, "query_labels")?;
    for (name, expected) in fields(&case.expected)? {
        let (own, reference) = match name.as_str() {
            "reference_is_query" => (true, "query"),
            "separate_reference" => (false, "reference"),
            other => return Err(CaseError::unknown(format!("`{other}`"))),
        };
        let all = hits(case, reference, own)?;
        for (figure, expected) in fields(expected)? {
            let metric = match figure.as_str() {
                "precision_at_1" => RetrievalMetric::PrecisionAtK(1),
                "r_precision" => RetrievalMetric::RPrecision,
                "mean_average_precision" => RetrievalMetric::MapAtK(MapAtK { k: None, clip_at_r: false }),
                "mean_average_precision_at_r" => RetrievalMetric::MapAtR,
                "mean_reciprocal_rank" => RetrievalMetric::Mrr(Mrr(None)),
                other => {
                    to.unknown(format!("the figure `{other}`"));
                    continue;
                }
            };
            let values = all.iter().map(|hits| {
                let relevant = hits.iter().filter(|hit| **hit).count();
                let relevant = if metric == RetrievalMetric::RPrecision { relevant.min(depth) } else { relevant };
                metric.of_query(&Ranked { hits: &hits[..depth.min(hits.len())], relevant })
            });
            let value = if by_class { macro_mean(labels.iter().copied().zip(values)) } else { micro_mean(values) };
            to.value(&format!("{name}.{figure}"), value, number(expected)?);
        }
    }
    Ok(())
}

/// Whether each neighbour of each query, nearest first by squared distance, has its label.
fn hits(case: &Case, reference: &str, own: bool) -> Result<Vec<Vec<bool>>, CaseError> {
    let rows = |name: &str| Ok::<_, CaseError>(Array::read(field(&case.input, name)?, 2)?.rows());
    let labels = |name: &str| value::<Vec<i32>>(&case.input, &format!("{name}_labels"));
    let (queries, query_labels) = (rows("query")?, labels("query")?);
    let (keys, key_labels) = (rows(reference)?, labels(reference)?);
    if queries.len() != query_labels.len() || keys.len() != key_labels.len() {
        return Err(CaseError::malformed("one label a row"));
    }
    let of_query = |(at, (query, label)): (usize, (&Vec<f32>, &i32))| {
        let square = |key: &Vec<f32>| -> f64 {
            query.iter().zip(key).map(|(q, k)| (f64::from(*q) - f64::from(*k)).powi(2)).sum()
        };
        let mut order: Vec<(f64, usize)> = keys.iter().map(square).zip(0..).collect();
        order.retain(|near| !own || near.1 != at);
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        order.iter().map(|near| key_labels[near.1] == *label).collect()
    };
    Ok(queries.iter().zip(&query_labels).enumerate().map(of_query).collect())
}

/// scikit-learn's figures of scores, of predicted labels, or of where labelled rows lie.
fn scikit_learn(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let given = |name: &str| case.input.get(name).is_some();
    if given("scores") {
        scores(case, to)
    } else if given("rows") {
        of_rows(case, to)
    } else {
        predictions(case, to)
    }
}

/// Figures of a space, by our names; nothing where one has no value.
fn of_rows(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let rows = Array::read(field(&case.input, "rows")?, 2)?;
    let labels: Vec<i32> = value(&case.input, "labels")?;
    let space = Space::new(&rows.values, rows.shape[1], &labels);
    let space = space.map_err(|error| CaseError::malformed(error.to_string()))?;
    for (name, expected) in fields(&case.expected)? {
        match space::parse(name, Seed::of_stage(0, "eval-golden", None)) {
            Ok(metric) => match (metric.of_space(&space), expected) {
                (Some(found), expected) if !expected.is_null() => to.value(name, found, number(expected)?),
                (found, expected) => to.equal(name, &found.is_none(), &expected.is_null()),
            },
            Err(_) => to.unknown(format!("the metric `{name}`")),
        }
    }
    Ok(())
}

fn scores(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let scores = numbers(field(&case.input, "scores")?)?;
    let labels: Vec<i32> = value(&case.input, "labels")?;
    let of = |wanted: bool| scores.iter().zip(&labels).filter(move |pair| (*pair.1 == 1) == wanted).map(|pair| *pair.0);
    let roc = Roc::new(of(true), of(false)).map_err(|error| CaseError::malformed(error.to_string()))?;
    let Some(rates) = roc.rates() else { return Err(CaseError::malformed("scores of one class alone")) };
    let (fpr, tpr): (Vec<f64>, Vec<f64>) = rates.unzip();
    for (name, expected) in fields(&case.expected)? {
        let found = match name.as_str() {
            "roc_auc" => RocAuc.of_pairs(&roc).into_iter().collect(),
            "average_precision" => AveragePrecision.of_pairs(&roc).into_iter().collect(),
            "fpr" => fpr.clone(),
            "tpr" => tpr.clone(),
            // From the laxest threshold to none at all, where nothing is found and nothing is wrong.
            "precision" => {
                let laxest = roc.points().iter().rev();
                laxest.map(|point| real(point.genuine) / real(point.genuine + point.impostor)).chain([1.0]).collect()
            }
            "recall" => tpr.iter().rev().copied().collect(),
            other => {
                to.unknown(format!("the metric `{other}`"));
                continue;
            }
        };
        to.list(name, found, expected)?;
    }
    Ok(())
}

fn predictions(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let (truth, predicted): (Vec<i32>, Vec<i32>) = (value(&case.input, "true")?, value(&case.input, "predicted")?);
    let pairs: Vec<(i32, i32)> = truth.iter().copied().zip(predicted.iter().copied()).collect();
    let figures = classification(&pairs).ok_or_else(|| CaseError::malformed("no labels"))?;
    // Clusters have numbers from 0 on.
    let known: BTreeSet<i32> = predicted.iter().copied().collect();
    let numbered: BTreeMap<i32, u32> = known.into_iter().zip(0..).collect();
    let clusters: Vec<u32> = predicted.iter().filter_map(|label| numbered.get(label).copied()).collect();
    let table = Contingency::new(&truth, &clusters).map_err(|error| CaseError::malformed(error.to_string()))?;
    for (name, expected) in fields(&case.expected)? {
        let found = match name.as_str() {
            "confusion_matrix" => confusion_matrix(&truth, &predicted),
            "accuracy" | "micro_f1" => vec![figures.accuracy],
            "balanced_accuracy" => vec![figures.balanced_accuracy],
            "macro_f1" => vec![figures.macro_f1],
            "weighted_f1" => vec![figures.weighted_f1],
            "mcc" => vec![figures.mcc],
            "kappa" => figures.kappa.into_iter().collect(),
            "nmi" => Nmi.of_clustering(&table).into_iter().collect(),
            "ami" => Ami.of_clustering(&table).into_iter().collect(),
            "ari" | "adjusted_rand" => Ari.of_clustering(&table).into_iter().collect(),
            other => {
                to.unknown(format!("the metric `{other}`"));
                continue;
            }
        };
        to.list(name, found, expected)?;
    }
    Ok(())
}

/// Counts by true and predicted label, over the labels that there are in either.
fn confusion_matrix(truth: &[i32], predicted: &[i32]) -> Vec<f64> {
    let labels: BTreeMap<i32, usize> = truth
        .iter()
        .chain(predicted)
        .map(|label| (*label, 0))
        .collect::<BTreeMap<_, _>>()
        .into_keys()
        .zip(0..)
        .collect();
    let mut counts = vec![0.0; labels.len() * labels.len()];
    let pairs = truth.iter().copied().zip(predicted.iter().map(|label| Some(*label)));
    for (label, predicted, count) in confusion(pairs) {
        let Some(column) = predicted.and_then(|label| labels.get(&label)) else { continue };
        #[expect(clippy::cast_precision_loss, reason = "counts of queries are far below 2^52")]
        let count = count as f64;
        counts[labels[&label] * labels.len() + column] = count;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use simpipe_base::golden::GoldenFile;

    /// What a file holds of the metrics that there are, and how many values that is.
    fn compared(name: &str) -> (Comparison, usize) {
        let path = format!("{}/../../tests/fixtures/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let file: GoldenFile = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let (_, evaluate) = EVALUATORS.iter().find(|known| known.0 == file.name).unwrap();
        let mut comparison = Comparison::new(file.tolerance);
        file.cases.iter().for_each(|case| evaluate(case, &mut comparison).unwrap());
        (comparison, file.cases.len())
    }

    #[test]
    fn recall_precision_and_map_at_r_are_the_references() {
        for (name, values) in [
            ("retrieval_metrics", 80),
            ("pml_accuracy", 20),
            ("sklearn_metrics", 200),
            ("clustering", 60),
            ("rerank", 1_000),
            ("umap", 6),
        ] {
            let (comparison, _) = compared(name);
            assert_eq!(comparison.wrong(), 0, "{name}: {:?}", comparison.mismatches());
            assert_eq!(comparison.unknown_parts(), [""; 0], "{name}");
            assert!(comparison.compared() >= values, "{name}: {}", comparison.compared());
        }
    }
}
