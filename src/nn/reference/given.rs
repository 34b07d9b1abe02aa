//! Values of parameters as reference libraries write them: words, numbers, and objects of their classes.

use serde_json::{Map, Value as Json, json};

use simpipe_base::golden::CaseError;
use simpipe_base::param;

/// What classes of pytorch-metric-learning are called here.
const CLASSES: &[(&str, &str)] = &[
    ("CosineSimilarity", "inner-product"),
    ("DotProductSimilarity", "inner-product"),
    ("SNRDistance", "snr"),
    ("MeanReducer", "mean"),
    ("SumReducer", "sum"),
    ("AvgNonZeroReducer", "avg-non-zero"),
    ("ThresholdReducer", "threshold"),
    ("DivisorReducer", "divisor"),
    ("ClassWeightedReducer", "class-weighted"),
    ("PerAnchorReducer", "per-anchor"),
];

/// What a distance's object always has here: rows are brought to unit length, and small is near but for a similarity.
const OF_EVERY_DISTANCE: [&str; 3] = ["normalize_embeddings", "is_inverted", "collect_stats"];

/// What a spec writes for a value. An object of a class is its name, `{"LpDistance": {"power": 2}}`, or a table that has
/// its name under `class`, `name` or `type`.
pub(super) fn value(json: &Json) -> Result<Json, CaseError> {
    match json {
        Json::String(text) => object(text, &Map::new()),
        Json::Object(fields) => {
            let named = |key: &str| Some((key.to_owned(), fields.get(key)?.as_str()?));
            if let Some((key, class)) = ["class", "name", "type"].into_iter().find_map(named) {
                let mut params = fields.clone();
                params.remove(&key);
                return object(class, &params);
            }
            match fields.iter().next() {
                Some((class, Json::Object(params))) if fields.len() == 1 => object(class, params),
                _ => Err(CaseError::unknown(format!("the value `{json}`"))),
            }
        }
        // Whole numbers have no point.
        #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number of that size")]
        other => Ok(match other.as_f64() {
            Some(number) if number.fract() == 0.0 && number.abs() < 1e9 => (number as i64).into(),
            _ => other.clone(),
        }),
    }
}

/// A word, or an object of a class with its parameters.
fn object(class: &str, params: &Map<String, Json>) -> Result<Json, CaseError> {
    let ours = CLASSES.iter().find(|known| known.0 == class).map(|known| known.1);
    if class == "LpDistance" || matches!(ours, Some("inner-product" | "snr")) {
        return distance(class, ours, params);
    }
    let word = ours.map_or_else(|| param::kebab(&class.trim().to_lowercase()), str::to_owned);
    if params.is_empty() {
        return Ok(word.into());
    }
    let field = |(name, value): (&String, &Json)| Ok((param::kebab(name), self::value(value)?));
    let given = params.iter().filter(|(name, value)| *name != "collect_stats" && !value.is_null());
    Ok(json!({ word: given.map(field).collect::<Result<Map<String, Json>, CaseError>>()? }))
}

fn distance(class: &str, ours: Option<&'static str>, params: &Map<String, Json>) -> Result<Json, CaseError> {
    let unknown = || CaseError::unknown(format!("`{class}` of {}", Json::Object(params.clone())));
    let unusual = |(name, value): (&String, &Json)| match name.as_str() {
        "p" | "power" => ours.is_some() && value.as_f64() != Some(if name == "p" { 2.0 } else { 1.0 }),
        "normalize_embeddings" => value.as_bool() != Some(true),
        other => !OF_EVERY_DISTANCE.contains(&other),
    };
    if params.iter().any(unusual) {
        return Err(unknown());
    }
    if let Some(ours) = ours {
        return Ok(ours.into());
    }
    let number = |name: &str, usual: f64| params.get(name).map_or(Some(usual), Json::as_f64);
    match (number("p", 2.0), number("power", 1.0)) {
        (Some(2.0), Some(1.0)) => Ok("euclidean".into()),
        (Some(2.0), Some(2.0)) => Ok("squared-euclidean".into()),
        // Another p also brings rows to another length.
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_and_objects_are_what_a_spec_writes() {
        for (theirs, ours) in [
            (json!("semi_hard"), json!("semi-hard")),
            (json!(" SQL2 "), json!("sql2")),
            (json!(64.0), json!(64)),
            (json!(0.25), json!(0.25)),
            (json!(true), json!(true)),
            (json!([0.5, 1.0]), json!([0.5, 1.0])),
            (json!("LpDistance"), json!("euclidean")),
            (json!({ "LpDistance": { "power": 2 } }), json!("squared-euclidean")),
            (json!({ "class": "LpDistance", "p": 2, "normalize_embeddings": true }), json!("euclidean")),
            (json!("CosineSimilarity"), json!("inner-product")),
            (json!({ "SNRDistance": {} }), json!("snr")),
            (json!("MeanReducer"), json!("mean")),
            (json!({ "ThresholdReducer": { "low": 0.1 } }), json!({ "threshold": { "low": 0.1 } })),
            (
                json!({ "name": "ClassWeightedReducer", "weights": [1.0, 2.0] }),
                json!({ "class-weighted": { "weights": [1.0, 2.0] } }),
            ),
        ] {
            assert_eq!(value(&theirs).unwrap(), ours, "{theirs}");
        }
        for other in [
            json!({ "LpDistance": { "p": 1 } }),
            json!({ "LpDistance": { "normalize_embeddings": false } }),
            json!({ "CosineSimilarity": { "power": 2 } }),
            json!({ "a": 1, "b": 2 }),
            json!({}),
        ] {
            assert!(matches!(value(&other), Err(CaseError::Unknown(_))), "{other}");
        }
    }
}
