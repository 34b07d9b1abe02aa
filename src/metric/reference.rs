//! Metrics of ranked neighbours held against what reference libraries computed: the evaluators of golden files.

use std::collections::BTreeMap;

use super::confusion::confusion;
use super::{Ranked, RetrievalMetric, macro_mean, micro_mean};
use crate::base::golden::{Array, Case, CaseError, Comparison, Evaluator, field, fields, number, value};

/// What is computed here, by the names of files.
pub const EVALUATORS: &[(&str, Evaluator)] =
    &[("retrieval_metrics", retrieval), ("pml_accuracy", accuracy), ("sklearn_metrics", classification)];

/// TensorFlow Similarity's metrics by `metric@k/average/keep|drop`: with the closest neighbour, or without.
fn retrieval(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    let labels: Vec<i32> = value(&case.input, "query_labels")?;
    let found: Vec<Vec<i32>> = value(&case.input, "lookup_labels")?;
    if labels.len() != found.len() {
        return Err(CaseError::malformed("one row of neighbours a query"));
    }
    for (key, expected) in fields(&case.expected)? {
        let parts: Vec<&str> = key.split(['@', '/']).collect();
        let [name, k, average, nearest] = parts[..] else { return Err(CaseError::malformed(format!("`{key}`"))) };
        let k: usize = k.parse().map_err(|_| CaseError::malformed(format!("`{key}`")))?;
        let first = usize::from(nearest == "drop");
        let metric = match name {
            "recall" => RetrievalMetric::RecallAtK(k),
            // Its precision looks at neighbours 2..=k then, its recall at 2..=k + 1.
            "precision" => RetrievalMetric::PrecisionAtK(k.saturating_sub(first)),
            _ => {
                to.unknown(format!("the metric `{name}@{k}`"));
                continue;
            }
        };
        let values = labels.iter().zip(&found).map(|(&label, found)| {
            let hits: Vec<bool> = found.iter().skip(first).map(|&near| near == label).collect();
            // It asks for no count of what is relevant: every query counts.
            (label, metric.of_query(&Ranked { hits: &hits, relevant: usize::MAX }))
        });
        let value = if average == "micro" { micro_mean(values.map(|value| value.1)) } else { macro_mean(values) };
        to.value(key, value, number(expected)?);
    }
    Ok(())
}

/// pytorch-metric-learning's figures, with the queries as the reference, each without itself, and with another reference.
fn accuracy(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
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
                "mean_average_precision_at_r" => RetrievalMetric::MapAtR,
                other => {
                    to.unknown(format!("the figure `{other}`"));
                    continue;
                }
            };
            let value = micro_mean(all.iter().map(|hits| {
                let relevant = hits.iter().filter(|hit| **hit).count();
                metric.of_query(&Ranked { hits, relevant })
            }));
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

/// scikit-learn's figures of predicted labels; those of scores are not computed.
fn classification(case: &Case, to: &mut Comparison) -> Result<(), CaseError> {
    for (name, expected) in fields(&case.expected)? {
        match name.as_str() {
            "confusion_matrix" => to.list(name, confusion_matrix(case)?, expected)?,
            other => to.unknown(format!("the metric `{other}`")),
        }
    }
    Ok(())
}

/// Counts by true and predicted label, over the labels that there are in either.
fn confusion_matrix(case: &Case) -> Result<Vec<f64>, CaseError> {
    let (truth, predicted): (Vec<i32>, Vec<i32>) = (value(&case.input, "true")?, value(&case.input, "predicted")?);
    let labels: BTreeMap<i32, usize> = truth
        .iter()
        .chain(&predicted)
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
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::golden::GoldenFile;

    /// What a file holds of the metrics that there are, and how many values that is.
    fn compared(name: &str) -> (Comparison, usize) {
        let path = format!("{}/tests/fixtures/golden/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let file: GoldenFile = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let (_, evaluate) = EVALUATORS.iter().find(|known| known.0 == file.name).unwrap();
        let mut comparison = Comparison::new(file.tolerance);
        file.cases.iter().for_each(|case| evaluate(case, &mut comparison).unwrap());
        (comparison, file.cases.len())
    }

    #[test]
    fn recall_precision_and_map_at_r_are_the_references() {
        for (name, values) in [("retrieval_metrics", 40), ("pml_accuracy", 8)] {
            let (comparison, _) = compared(name);
            assert_eq!(comparison.wrong(), 0, "{name}: {:?}", comparison.mismatches());
            assert!(comparison.compared() >= values, "{name}: {}", comparison.compared());
        }
    }
}
