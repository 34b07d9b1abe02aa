//! What is sent to an MLflow server: a run's parameters, figures and tags within the limits of its REST API (2.0).
//!
//! Pure functions of the run's record. The limits are those of `mlflow.utils.validation` of MLflow 3.17: names may have
//! letters, digits and `_ - . / space`, at most 250 of them; values of parameters have at most 6,000 characters, those of
//! tags 8,000; one request takes 1,000 figures, 100 parameters and 100 tags.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

const LONGEST_NAME: usize = 250;
const LONGEST_PARAM: usize = 6000;
const LONGEST_TAG: usize = 8000;
const MOST_METRICS: usize = 1000;
const MOST_PARAMS: usize = 100;

/// A figure at a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub(super) name: String,
    pub(super) step: u64,
    pub(super) value: f64,
}

/// A name that MLflow takes: `match.map@r` is `match.map_at_r`.
pub(super) fn name(ours: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_-./ ".contains(c) { c } else { '_' };
    ours.replace('@', "_at_").chars().map(plain).take(LONGEST_NAME).collect()
}

/// Text of at most so many characters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.to_owned()
    } else {
        text.chars().take(most - 2).chain("..".chars()).collect()
    }
}

/// Every value of a resolved spec by its path: `train.optimizer.adam.learning-rate`; lists by position.
pub(super) fn params(spec: &Json) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for key in ["pipeline", "seed", "seeds", "device", "numerics"] {
        if let Some(value) = spec.get(key) {
            found.insert(key.to_owned(), leaf(value));
        }
    }
    for (id, stage) in spec["stages"].as_object().into_iter().flatten() {
        add(id, &stage["params"], &mut found);
    }
    found
}

fn add(at: &str, value: &Json, found: &mut BTreeMap<String, String>) {
    match value {
        Json::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(key, value)| add(&format!("{at}.{key}"), value, found));
        }
        // What is a plain list in a spec is read as one.
        Json::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            items.iter().enumerate().for_each(|(index, item)| add(&format!("{at}.{index}"), item, found));
        }
        value => drop(found.insert(name(at), leaf(value))),
    }
}

fn leaf(value: &Json) -> String {
    cut(&value.as_str().map_or_else(|| value.to_string(), str::to_owned), LONGEST_PARAM)
}

/// What the run says of itself, in the order of the record.
pub(super) fn tags(record: &Json) -> Vec<(String, String)> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let mut tags = vec![
        ("simpipe.run".to_owned(), text(&record["run"])),
        ("simpipe.config".to_owned(), text(&record["config"])),
        ("mlflow.source.name".to_owned(), "simpipe".to_owned()),
        ("mlflow.source.type".to_owned(), "LOCAL".to_owned()),
    ];
    if let Some(commit) = record["git"]["commit"].as_str() {
        tags.push(("mlflow.source.git.commit".to_owned(), commit.to_owned()));
        tags.push(("simpipe.git.dirty".to_owned(), record["git"]["dirty"].to_string()));
    }
    let description = text(&record["spec"]["description"]);
    if !description.is_empty() {
        tags.push(("mlflow.note.content".to_owned(), cut(&description, LONGEST_TAG)));
    }
    for (key, value) in record["versions"].as_object().into_iter().flatten() {
        tags.push((name(&format!("simpipe.version.{key}")), cut(&text(value), LONGEST_TAG)));
    }
    for stage in record["stages"].as_array().into_iter().flatten().filter(|stage| stage["seed"].is_null()) {
        tags.push((name(&format!("simpipe.key.{}", text(&stage["id"]))), text(&stage["key"])));
    }
    tags
}

/// As the API lists keys with values.
pub(super) fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<Json> {
    pairs.into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

/// The bodies of `runs/log-batch` for all parameters and figures of a run. MLflow has no figure that is not finite.
pub(super) fn batches(run: &str, params: &BTreeMap<String, String>, points: &[Point], timestamp: u64) -> Vec<Json> {
    let params = pairs(params);
    let points: Vec<&Point> = points.iter().filter(|point| point.value.is_finite()).collect();
    let metrics = points.chunks(MOST_METRICS).map(|chunk| {
        let one = |point: &&Point| {
            json!({ "key": name(&point.name), "value": point.value, "timestamp": timestamp, "step": point.step })
        };
        json!({ "run_id": run, "metrics": chunk.iter().map(one).collect::<Vec<_>>() })
    });
    let params = params.chunks(MOST_PARAMS).map(|chunk| json!({ "run_id": run, "params": chunk }));
    params.chain(metrics).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_the_server_takes() {
        assert_eq!(name("match.map@r"), "match.map_at_r");
        assert_eq!(name("evaluate.recall@1.low"), "evaluate.recall_at_1.low");
        assert_eq!(name("a[3]:ü"), "a_3___");
        assert_eq!(name(&"x".repeat(300)).len(), 250);
    }

    #[test]
    fn every_value_of_a_spec_is_a_parameter() {
        let spec = json!({
            "seed": 7, "device": "auto", "name": "x",
            "stages": { "train": { "params": {
                "epochs": 2, "loss": { "triplet": { "margin": 0.2 } }, "layers": ["flatten", { "dense": { "units": 3 } }],
                "slices": [1, 2], "none": {},
            } } },
        });
        let expected = [
            ("device", "auto"),
            ("seed", "7"),
            ("train.epochs", "2"),
            ("train.layers.0", "flatten"),
            ("train.layers.1.dense.units", "3"),
            ("train.loss.triplet.margin", "0.2"),
            ("train.none", "{}"),
            ("train.slices", "[1,2]"),
        ];
        let found = params(&spec);
        let found: Vec<(&str, &str)> = found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn requests_are_no_longer_than_the_server_takes() {
        let params: BTreeMap<String, String> = (0..250).map(|at| (format!("p{at}"), "x".to_owned())).collect();
        let point = |step| Point { name: "train.loss".to_owned(), step, value: if step == 3 { f64::NAN } else { 0.5 } };
        let points: Vec<Point> = (0..2002).map(point).collect();
        let batches = batches("r", &params, &points, 5);
        let count = |batch: &Json, key: &str| batch[key].as_array().map_or(0, Vec::len);
        let sizes: Vec<_> = batches.iter().map(|batch| (count(batch, "params"), count(batch, "metrics"))).collect();
        assert_eq!(sizes, [(100, 0), (100, 0), (50, 0), (0, 1000), (0, 1000), (0, 1)]);
        assert_eq!(cut(&"y".repeat(7000), LONGEST_PARAM).len(), LONGEST_PARAM);
    }
}
