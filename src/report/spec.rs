//! Reading of the resolved spec where a report shows it. The tables of stages are looked up by kind, for ids are the
//! template's business.

use serde_json::Value as Json;

/// The table of the first stage of a kind, in the spec's order: `stages.ID` or `ID` with `stage = KIND`, else the
/// table whose id is the kind.
#[must_use]
pub fn stage_table<'a>(spec: &'a Json, kind: &str) -> Option<&'a Json> {
    let of_kind = |table: &&Json| table.get("stage").and_then(Json::as_str) == Some(kind);
    let stages = match spec.get("stages") {
        Some(Json::Array(list)) => list.iter().collect::<Vec<&Json>>(),
        Some(Json::Object(tables)) => tables.values().collect(),
        _ => spec.as_object().map_or_else(Vec::new, |tables| tables.values().collect()),
    };
    stages.into_iter().find(of_kind).or_else(|| spec.pointer(&format!("/stages/{kind}"))).or_else(|| spec.get(kind))
}

/// A parameter of the first stage of a kind, whether it stands in the stage's table or in `params` inside it.
pub(super) fn param<'a>(spec: &'a Json, kind: &str, name: &str) -> Option<&'a Json> {
    let table = stage_table(spec, kind)?;
    table.get(name).or_else(|| table.get("params")?.get(name))
}

/// The experiment's seed.
pub(super) fn seed(spec: &Json) -> Option<u64> {
    spec.get("seed")?.as_u64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_found_in_each_layout() {
        let flat = json!({ "match": { "cutpoint": "optimal" } });
        let nested = json!({ "stages": { "search": { "stage": "match", "cutpoint": "optimal" } } });
        let listed = json!({ "stages": [{ "id": "m", "stage": "match", "params": { "cutpoint": "optimal" } }] });
        for spec in [flat, nested, listed] {
            assert_eq!(param(&spec, "match", "cutpoint"), Some(&json!("optimal")), "{spec}");
            assert_eq!(param(&spec, "match", "absent"), None);
            assert_eq!(param(&spec, "train", "cutpoint"), None);
        }
    }
}
