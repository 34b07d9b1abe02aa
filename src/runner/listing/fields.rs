//! The fields of a config by the paths that people write: `train.loss.triplet.margin`, `train.layers[2].conv2d.filters`.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use simpipe_base::path;

/// What stands at the top of a resolved spec and is no table of a stage.
const TOP: [&str; 6] = ["pipeline", "description", "device", "numerics", "seed", "seeds"];

/// Every field of a resolved spec.
///
/// A choice has a field by its own path too, which is the chosen name: `train.loss` is `triplet`. A list of plain values
/// is one field, one of tables a field each.
#[must_use]
pub fn fields(spec: &Json) -> BTreeMap<String, Json> {
    let mut fields = BTreeMap::new();
    for name in TOP {
        if let Some(value) = spec.get(name) {
            add(&mut fields, name.to_owned(), value);
        }
    }
    for (id, stage) in spec["stages"].as_object().into_iter().flatten() {
        for table in ["params", "policy"] {
            for (name, value) in stage[table].as_object().into_iter().flatten() {
                add(&mut fields, path::join(id, name), value);
            }
        }
    }
    fields
}

fn add(fields: &mut BTreeMap<String, Json>, at: String, value: &Json) {
    match value {
        Json::Null => {}
        Json::Object(table) => {
            if let (1, Some(name)) = (table.len(), table.keys().next()) {
                fields.insert(at.clone(), name.as_str().into());
            }
            table.iter().for_each(|(name, value)| add(fields, path::join(&at, name), value));
        }
        Json::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            items.iter().enumerate().for_each(|(index, item)| add(fields, path::at(&at, index), item));
        }
        _ => drop(fields.insert(at, value.clone())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_found_by_the_paths_that_people_write() {
        let spec = json!({
            "pipeline": "x", "name": "n", "seed": 7, "device": "cpu",
            "stages": {
                "train": {
                    "stage": "train", "inputs": { "dataset": "dataset" },
                    "params": {
                        "epochs": 3, "miner": null, "loss": { "triplet": { "margin": 0.2, "distance": "cosine" } },
                        "layers": ["relu", { "conv2d": { "filters": 8, "kernel": 3 } }], "sizes": [1, 2],
                    },
                    "policy": { "retries": 2 },
                },
            },
        });
        let expected = json!({
            "device": "cpu", "pipeline": "x", "seed": 7, "train.epochs": 3,
            "train.layers[0]": "relu", "train.layers[1]": "conv2d", "train.layers[1].conv2d.filters": 8,
            "train.layers[1].conv2d.kernel": 3, "train.loss": "triplet", "train.loss.triplet.distance": "cosine",
            "train.loss.triplet.margin": 0.2, "train.retries": 2, "train.sizes": [1, 2],
        });
        assert_eq!(json!(fields(&spec)), expected);
        assert_eq!(fields(&Json::Null).len(), 0);
    }
}
