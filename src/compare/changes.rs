//! Fields of two resolved specs that differ, by the paths that people write.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value as Json;

use simpipe_base::path;
use simpipe_plan::diff::leaves;

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// Its path, such as `train.loss` or `train.layers[3].conv2d.filters`.
    pub path: String,
    /// What the first run has; `null` where it has no such field.
    pub old: Option<Json>,
    /// What the second run has.
    pub new: Option<Json>,
}

/// Every difference of two resolved specs. Another alternative of a choice is one difference, whatever its parameters.
#[must_use]
pub fn field_changes(old: &Json, new: &Json) -> Vec<FieldChange> {
    let mut found = Vec::new();
    both_keys(old, new).into_iter().filter(|name| *name != "stages").for_each(|name| {
        changes(name, old.get(name), new.get(name), &mut found);
    });
    let (before, now) = (&old["stages"], &new["stages"]);
    for id in both_keys(before, now) {
        let (Some(one), Some(other)) = (before.get(id), now.get(id)) else {
            let kind = |stages: &Json| Some(stages.get(id)?["stage"].clone());
            found.push(FieldChange { path: id.clone(), old: kind(before), new: kind(now) });
            continue;
        };
        for (table, path) in [("stage", format!("{id}.stage")), ("inputs", format!("{id}.inputs"))] {
            changes(&path, one.get(table), other.get(table), &mut found);
        }
        for table in ["params", "policy"] {
            for name in both_keys(&one[table], &other[table]) {
                changes(&path::join(id, name), one[table].get(name), other[table].get(name), &mut found);
            }
        }
    }
    found
}

/// The keys of two tables, in order and each once.
fn both_keys<'a>(one: &'a Json, other: &'a Json) -> BTreeSet<&'a String> {
    [one, other].into_iter().filter_map(Json::as_object).flat_map(serde_json::Map::keys).collect()
}

fn changes(at: &str, old: Option<&Json>, new: Option<&Json>, found: &mut Vec<FieldChange>) {
    leaves(at, old, new, &mut |path, old, new| {
        found.push(FieldChange { path: path.to_owned(), old: old.cloned(), new: new.cloned() });
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(train: &Json) -> Json {
        json!({ "name": "x", "seed": 1, "stages": { "train": { "stage": "train", "inputs": {}, "params": train } } })
    }

    fn paths(old: &Json, new: &Json) -> Vec<String> {
        let change = |change: FieldChange| {
            let text = |value: Option<Json>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
            format!("{}: {} -> {}", change.path, text(change.old), text(change.new))
        };
        field_changes(old, new).into_iter().map(change).collect()
    }

    #[test]
    fn only_what_differs_is_told_at_its_path() {
        let old = spec(&json!({
            "epochs": 3, "loss": { "triplet": { "margin": 0.2, "soft": false } }, "sizes": [1, 2],
            "layers": ["relu", { "conv2d": { "filters": 8 } }],
        }));
        let mut new = old.clone();
        new["seed"] = json!(2);
        let params = &mut new["stages"]["train"]["params"];
        params["epochs"] = json!(4);
        params["loss"]["triplet"]["margin"] = json!(0.3);
        params["sizes"] = json!([1, 3]);
        params["layers"] = json!(["relu", { "conv2d": { "filters": 16 } }, "flatten"]);
        let expected = [
            "seed: 1 -> 2",
            "train.epochs: 3 -> 4",
            "train.layers[1].conv2d.filters: 8 -> 16",
            "train.layers[2]: - -> \"flatten\"",
            "train.loss.triplet.margin: 0.2 -> 0.3",
            "train.sizes[1]: 2 -> 3",
        ];
        assert_eq!(paths(&old, &new), expected);
        assert_eq!(paths(&old, &old), [""; 0]);
    }

    #[test]
    fn another_alternative_and_another_stage_are_one_difference() {
        let old = spec(&json!({ "loss": { "triplet": { "margin": 0.2 } } }));
        let mut new = spec(&json!({ "loss": { "pn": { "margin": 1.0 } } }));
        assert_eq!(paths(&old, &new), [r#"train.loss: {"triplet":{"margin":0.2}} -> {"pn":{"margin":1.0}}"#]);
        new = old.clone();
        new["stages"]["evaluate"] = json!({ "stage": "evaluate", "inputs": {}, "params": { "draws": 1 } });
        assert_eq!(paths(&old, &new), ["evaluate: - -> \"evaluate\""]);
    }
}
