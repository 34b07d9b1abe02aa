//! Files that another program left.

use serde_json::{Value as Json, json};

use super::World;
use simpipe_artifact::{EmbeddingsInfo, read_json, write_json};

/// Changes a file that a stage left.
fn edit(world: &World, stage: &str, file: &str, field: &str, value: Json) {
    let path = world.folder(stage).join(file);
    let mut json: Json = read_json(&path).unwrap();
    json[field] = value;
    write_json(&path, &json).unwrap();
}

#[test]
fn an_index_that_is_to_be_searched_otherwise_is_refused() {
    let world = World::ready();
    for search in [json!("annoy"), json!(""), json!("Exact"), json!("exact (version 2)")] {
        edit(&world, "index", "index.json", "search", search.clone());
        for error in [world.calibrate(&json!({}), "training").unwrap_err(), world.matched(&json!({})).unwrap_err()] {
            let name = search.as_str().unwrap();
            let expected = format!("the index uses the search `{name}`, which this version does not know");
            assert_eq!(error.to_string(), expected);
            assert_eq!(error.help(), Some("use the version of simpipe that made it, or make the index again"));
        }
    }
}

#[test]
fn files_of_a_newer_format_are_refused() {
    for (stage, file) in [("index", "index.json"), ("validation", EmbeddingsInfo::FILE)] {
        let world = World::ready();
        edit(&world, stage, file, "format", json!(2));
        let error = world.matched(&json!({ "leave-one-out": true })).unwrap_err();
        assert!(error.to_string().ends_with("has format 2, this program reads format 1"), "{error}");
        assert_eq!(error.help(), Some("use the version of simpipe that wrote it, or a newer one"));
    }
}
