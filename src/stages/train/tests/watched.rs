//! Metrics of the validation pool that a training looks at.

use serde_json::json;

use super::stopping::stopping;
use super::*;

/// recall@1 and map@r of the validation pool, by a model that was written.
fn looked_up(lab: &Lab, model: &str, output: &str) -> [f64; 2] {
    use simpipe_metric::{Ranked, RetrievalMetric, micro_mean};
    use simpipe_search::distance::between;
    let embedded = lab.embed("sample-validation", model, output).unwrap();
    let value = |metric: RetrievalMetric| {
        micro_mean((0..embedded.len()).map(|query| {
            let mut near: Vec<(f32, usize)> = (0..embedded.len())
                .filter(|other| *other != query && embedded.digest[*other] != embedded.digest[query])
                .map(|other| (between(Distance::Cosine, embedded.row(query), embedded.row(other)), other))
                .collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0));
            let hits: Vec<bool> =
                near.iter().map(|(_, other)| embedded.label[*other] == embedded.label[query]).collect();
            metric.of_query(&Ranked { hits: &hits, relevant: hits.iter().filter(|hit| **hit).count() })
        }))
    };
    [RetrievalMetric::RecallAtK(1), RetrievalMetric::MapAtR].map(value)
}

#[test]
fn a_metric_of_the_validation_pool_is_that_of_the_finished_model() {
    for more in [json!({}), json!({ "ema": { "decay": 0.5 } }), json!({ "lookahead": { "steps": 3 } })] {
        let mut more = more;
        more["early-stopping"] = json!({ "metric": "recall@1", "patience": 9 });
        more["keep-best"] = json!("map@r");
        let lab = Lab::new();
        let metrics = lab.train(&with(3, more), "model").unwrap();
        let [recall, map] = looked_up(&lab, "model", "embeddings");
        assert_eq!((metrics["recall@1"], metrics["map@r"]), (recall, map));
        let History(rows) = History::read(&lab.folder.path().join("model/history.parquet")).unwrap();
        let measured: Vec<u64> =
            rows.iter().filter(|row| row.logged.contains_key("recall@1")).map(|row| row.step).collect();
        assert_eq!(measured, [5, 10, 15]);
        let best = rows.iter().filter_map(|row| row.logged.get("map@r")).copied().fold(0.0, f64::max);
        assert_eq!(best, map, "the best epoch's weights are kept");
        let said = lab.seen.lock().unwrap().iter().map(|seen| seen.message.clone()).collect::<Vec<_>>();
        assert!(said.iter().any(|said| said.contains(", recall@1 ") && said.contains(", map@r ")), "{said:?}");
        assert!(said.iter().any(|said| said.ends_with("(highest map@r)")), "{said:?}");
    }
}

#[test]
fn a_training_that_watches_a_metric_goes_on_to_the_same_bytes() {
    let watched = || {
        with(
            3,
            json!({ "early-stopping": { "metric": "recall@1", "patience": 9 }, "keep-best": true, "validate-every": 2 }),
        )
    };
    let whole = Lab::new();
    whole.train(&watched(), "model").unwrap();
    for stop_at in [3, 5, 10, 12] {
        let mut lab = Lab::new();
        lab.stop_at = stop_at;
        assert!(matches!(lab.train(&watched(), "stopped"), Err(StageError::Interrupted)));
        lab.cancel.store(false, Ordering::Relaxed);
        lab.stop_at = u64::MAX;
        lab.train(&watched(), "model").unwrap();
        assert!(lab.files("model") == whole.files("model"), "stopped at {stop_at}");
    }
    let key = |params: &TrainParams| Train::resume_params(params).unwrap();
    assert_ne!(key(&watched()), key(&stopping(3, true)), "they share no checkpoints");
}

#[test]
fn how_often_a_metric_is_measured_is_in_the_key_only_where_one_is() {
    let key = |more| Train::key_params(&with(3, more));
    assert_eq!(key(json!({ "validate-every": 2 })), key(json!({})));
    let watched = |every: usize| json!({ "keep-best": "recall@1", "validate-every": every });
    assert_ne!(key(watched(2)), key(watched(1)));
    assert_eq!(key(json!({ "keep-best": false })), key(json!({})));
    assert_eq!(key(json!({ "keep-best": true }))["keep-best"], json!(true));
    assert_ne!(key(json!({ "clip-norm": 1.0 })), key(json!({})));
}

#[test]
fn a_metric_without_anything_to_find_is_refused_at_its_place() {
    let lab = Lab::new();
    pool(lab.folder.path(), "lone", 40..44, 1);
    let ports = [("dataset", ""), ("sampler", "sample"), ("validation", "lone")];
    let run = |more| lab.run::<Train>(&with(1, more), &ports, "model");
    for (more, place) in [
        (json!({ "early-stopping": { "metric": "recall@1" } }), "early-stopping.metric"),
        (json!({ "keep-best": "map@r" }), "keep-best"),
    ] {
        let Err(StageError::Param(issue)) = run(more) else { panic!("a pool of lone images") };
        let Issue { path, message, .. } = *issue;
        assert_eq!(path, place);
        assert!(message.contains("no image of the validation pool has another image of its class"), "{message}");
    }
    run(json!({})).unwrap();
}
