//! The metrics of ranked neighbours equal those of TensorFlow Similarity and pytorch-metric-learning.

use super::*;
use crate::golden;

/// TensorFlow Similarity's figures: kept as they are, or without the closest neighbour ("drop").
#[test]
fn metrics_are_those_of_tensorflow_similarity() {
    let mut checked = 0;
    let cases = golden("retrieval_metrics");
    for case in cases.as_array().unwrap() {
        let labels: Vec<i32> = serde_json::from_value(case["input"]["query_labels"].clone()).unwrap();
        let found: Vec<Vec<i32>> = serde_json::from_value(case["input"]["lookup_labels"].clone()).unwrap();
        for (key, expected) in case["expected"].as_object().unwrap() {
            let parts: Vec<&str> = key.split(['@', '/']).collect();
            let [name, k, average, nearest] = parts[..] else { panic!("{key}") };
            let first = usize::from(nearest == "drop");
            let k = k.parse::<usize>().unwrap();
            // Its precision and map look at neighbours 2..=k then, its recall and ndcg at 2..=k + 1.
            let metric = match name {
                "recall" => RetrievalMetric::RecallAtK(k),
                "precision" => RetrievalMetric::PrecisionAtK(k - first),
                "map" => RetrievalMetric::MapAtK(MapAtK { k: Some(k - first), clip_at_r: false }),
                "map_clip_at_r" => RetrievalMetric::MapAtK(MapAtK { k: Some(k - first), clip_at_r: true }),
                "ndcg" => RetrievalMetric::NdcgAtK(k),
                _ => panic!("{key}"),
            };
            let value = |(label, found): (&i32, &Vec<i32>)| {
                let hits: Vec<bool> = found[first..].iter().map(|near| near == label).collect();
                let relevant = case["input"]["class_counts_r"][label.to_string()].as_u64().unwrap();
                metric.of_query(&Ranked { hits: &hits, relevant: usize::try_from(relevant).unwrap() - first })
            };
            let values: Vec<Option<f64>> = labels.iter().zip(&found).map(value).collect();
            let average = if average == "micro" { Average::Micro } else { Average::Macro };
            let value = average.of(&values, &labels).unwrap();
            assert!((value - expected.as_f64().unwrap()).abs() < 1e-5, "{key}: {value}, not {expected}");
            checked += 1;
        }
    }
    assert_eq!(checked, 80);
}

/// pytorch-metric-learning's accuracy calculator, with the query itself in the reference and without.
#[test]
fn metrics_are_those_of_pytorch_metric_learning() {
    for case in golden("pml_accuracy").as_array().unwrap() {
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
            for (field, metric, tolerance) in [
                ("precision_at_1", "precision@1", 1e-9),
                ("mean_average_precision_at_r", "map@r", 1e-9),
                ("mean_average_precision", "map", 1e-9),
                ("r_precision", "r-precision", 1e-9),
                // It takes reciprocals in float32.
                ("mean_reciprocal_rank", "mrr", 1e-6),
            ] {
                let metric = RetrievalMetric::parse(metric).unwrap();
                let value = micro_mean((0..queries.len()).map(|query| {
                    let hits = hits(query);
                    let relevant = hits.iter().filter(|hit| **hit).count();
                    metric.of_query(&Ranked { hits: &hits, relevant })
                }));
                let expected = case["expected"][name][field].as_f64().unwrap();
                assert!((value - expected).abs() < tolerance, "{name} {field}: {value}, not {expected}");
            }
        }
    }
}
